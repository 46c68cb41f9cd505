/*
 * cron.c
 *	  Reads schedules. Whatever is refused is refused with its place.
 */
#include "postgres.h"

#include <ctype.h>

#include "utils/datetime.h"

#include "server/cron.h"

#define BK_CRON_LENGTH 200
#define BK_CRON_FIELDS 5
#define BK_CRON_LAST 32			/* stands for the last day of the month */
#define BK_CRON_INTERVAL_MAX ((int64) 366 * SECS_PER_DAY)

typedef struct BkCronField
{
	const char *name;
	int			low;
	int			high;
	const char *const *words;	/* for low, low + 1 and so on; NULL: none */
} BkCronField;

static const char *const bk_month_words[] =
{
	"jan", "feb", "mar", "apr", "may", "jun",
	"jul", "aug", "sep", "oct", "nov", "dec", NULL
};

static const char *const bk_day_words[] =
{
	"sun", "mon", "tue", "wed", "thu", "fri", "sat", NULL
};

enum
{
	BK_FIELD_MINUTE, BK_FIELD_HOUR, BK_FIELD_DAY, BK_FIELD_MONTH, BK_FIELD_WEEK_DAY
};

static const BkCronField bk_cron_fields[BK_CRON_FIELDS] =
{
	{"minute", 0, 59, NULL},
	{"hour", 0, 23, NULL},
	{"day of month", 1, 31, NULL},
	{"month", 1, 12, bk_month_words},
	{"day of week", 0, 7, bk_day_words}
};

static const struct
{
	const char *name;
	const char *means;
}			bk_cron_names[] =
{
	{"@hourly", "0 * * * *"},
	{"@daily", "0 0 * * *"},
	{"@midnight", "0 0 * * *"},
	{"@weekly", "0 0 * * 0"},
	{"@monthly", "0 0 1 * *"},
	{"@yearly", "0 0 1 1 *"},
	{"@annually", "0 0 1 1 *"}
};

static const struct
{
	const char *name;			/* "s" may follow */
	int64		seconds;
}			bk_cron_units[] =
{
	{"second", 1}, {"sec", 1},
	{"minute", SECS_PER_MINUTE}, {"min", SECS_PER_MINUTE},
	{"hour", SECS_PER_HOUR},
	{"day", SECS_PER_DAY},
	{"week", 7 * SECS_PER_DAY}
};

/* Where in a text the reader is. */
typedef struct BkCronReader
{
	const char *text;
	const char *at;
	const BkCronField *field;	/* the one that is read; NULL: none */
	BkOutcome  *problem;
} BkCronReader;

static bool bk_cron_check_text(const char *text, BkOutcome *problem);
static bool bk_cron_parse_name(BkCronReader *reader, BkCron *cron);
static bool bk_cron_parse_fields(BkCronReader *reader, BkCron *cron);
static bool bk_cron_count_fields(BkCronReader *reader);
static bool bk_cron_parse_field(BkCronReader *reader, uint64 *set);
static bool bk_cron_parse_item(BkCronReader *reader, uint64 *set);
static bool bk_cron_parse_step(BkCronReader *reader, int low, int high,
							   bool is_range, int *step);
static bool bk_cron_parse_value(BkCronReader *reader, int *value);
static bool bk_cron_parse_word(BkCronReader *reader, int *value);
static bool bk_cron_comes(BkCronReader *reader, const BkCron *cron);
static bool bk_cron_parse_interval(BkCronReader *reader, BkCron *cron);
static bool bk_cron_parse_part(BkCronReader *reader, int64 *seconds, bool *has_time);
static int64 bk_cron_number(BkCronReader *reader);
static const char *bk_cron_word(BkCronReader *reader);
static void bk_cron_skip_blanks(BkCronReader *reader);
static bool bk_cron_refuse(BkCronReader *reader, const char *format,...) pg_attribute_printf(2, 3);

bool
bk_cron_parse(const char *text, BkCron *cron, BkOutcome *problem)
{
	BkCronReader reader = {0};

	memset(cron, 0, sizeof(BkCron));
	if (!bk_cron_check_text(text, problem))
		return false;
	reader.text = text;
	reader.at = text;
	reader.problem = problem;
	bk_cron_skip_blanks(&reader);
	if (*reader.at == '@')
		return bk_cron_parse_name(&reader, cron);
	if (pg_strncasecmp(reader.at, "every", strlen("every")) == 0)
		return bk_cron_parse_interval(&reader, cron);
	return bk_cron_parse_fields(&reader, cron);
}

pg_tz *
bk_cron_zone(const char *name)
{
	pg_tz	   *zone = strlen(name) <= TZ_STRLEN_MAX ? pg_tzset(name) : NULL;

	return zone != NULL && pg_tz_acceptable(zone) ? zone : NULL;
}

/* What is shown in messages is short and plain. */
static bool
bk_cron_check_text(const char *text, BkOutcome *problem)
{
	Size		length = strlen(text);
	Size		i;

	if (length > BK_CRON_LENGTH)
	{
		bk_outcome_fail(problem, ERRCODE_INVALID_PARAMETER_VALUE,
						"the schedule is too long");
		bk_outcome_detail(problem, "It has %zu bytes; at most %d are allowed.",
						  length, BK_CRON_LENGTH);
		return false;
	}
	for (i = 0; i < length; i++)
	{
		if (text[i] == '\t' || (text[i] >= ' ' && text[i] <= '~'))
			continue;
		bk_outcome_fail(problem, ERRCODE_INVALID_PARAMETER_VALUE,
						"invalid schedule");
		bk_outcome_detail(problem, "The byte at position %zu is not a printable ASCII character.",
						  i + 1);
		return false;
	}
	return true;
}

static bool
bk_cron_parse_name(BkCronReader *reader, BkCron *cron)
{
	int			i;

	for (i = 0; i < (int) lengthof(bk_cron_names); i++)
	{
		Size		length = strlen(bk_cron_names[i].name);

		if (pg_strncasecmp(reader->at, bk_cron_names[i].name, length) == 0 &&
			reader->at[length + strspn(reader->at + length, " \t")] == '\0')
			return bk_cron_parse(bk_cron_names[i].means, cron, reader->problem);
	}
	bk_cron_refuse(reader, "this is not one of the names");
	bk_outcome_hint(reader->problem, "Names are @hourly, @daily, @midnight, @weekly, @monthly, @yearly and @annually; an interval is written as in: every 15 minutes.");
	return false;
}

/* --- five fields --- */

static bool
bk_cron_parse_fields(BkCronReader *reader, BkCron *cron)
{
	uint64		sets[BK_CRON_FIELDS] = {0};
	bool		stars[BK_CRON_FIELDS];
	int			i;

	if (!bk_cron_count_fields(reader))
		return false;
	for (i = 0; i < BK_CRON_FIELDS; i++)
	{
		bk_cron_skip_blanks(reader);
		reader->field = &bk_cron_fields[i];
		stars[i] = *reader->at == '*';
		if (!bk_cron_parse_field(reader, &sets[i]))
			return false;
	}
	cron->minutes = sets[BK_FIELD_MINUTE];
	cron->hours = sets[BK_FIELD_HOUR];
	cron->last_day = (sets[BK_FIELD_DAY] >> BK_CRON_LAST) & 1;
	cron->month_days = sets[BK_FIELD_DAY];
	cron->months = sets[BK_FIELD_MONTH];
	/* Sunday is 0 and 7 */
	cron->week_days = (sets[BK_FIELD_WEEK_DAY] | sets[BK_FIELD_WEEK_DAY] >> 7) & 0x7f;
	cron->follows_clock = stars[BK_FIELD_MINUTE] || stars[BK_FIELD_HOUR];
	cron->both_days = stars[BK_FIELD_DAY] || stars[BK_FIELD_WEEK_DAY];
	return bk_cron_comes(reader, cron);
}

static bool
bk_cron_count_fields(BkCronReader *reader)
{
	const char *c;
	int			count = 0;

	for (c = reader->at; *c != '\0'; c++)
	{
		if (!isblank((unsigned char) *c) &&
			(c == reader->at || isblank((unsigned char) c[-1])))
			count++;
	}
	if (count == BK_CRON_FIELDS)
		return true;
	bk_cron_refuse(reader, "the number of fields is %d, not %d", count, BK_CRON_FIELDS);
	bk_outcome_hint(reader->problem, "The fields are minute, hour, day of month, month and day of week: 30 2 * * mon-fri. Other ways to write a schedule are @daily and: every 15 minutes.");
	return false;
}

/* A list of items with commas between. */
static bool
bk_cron_parse_field(BkCronReader *reader, uint64 *set)
{
	for (;;)
	{
		if (!bk_cron_parse_item(reader, set))
			return false;
		if (*reader->at == '\0' || isblank((unsigned char) *reader->at))
			return true;
		if (*reader->at != ',')
			return bk_cron_refuse(reader, "\"%c\" does not belong here", *reader->at);
		reader->at++;
	}
}

/* "*", a value, or a range; a step may follow. */
static bool
bk_cron_parse_item(BkCronReader *reader, uint64 *set)
{
	const BkCronField *field = reader->field;
	const char *begin = reader->at;
	bool		is_range = true;
	int			low = field->low;
	int			high = field->high;
	int			step;

	if (*reader->at == '*')
	{
		reader->at++;
		/* 7 is a second name of Sunday, not an eighth day */
		high = Min(high, field == &bk_cron_fields[BK_FIELD_WEEK_DAY] ? 6 : high);
	}
	else
	{
		if (!bk_cron_parse_value(reader, &low))
			return false;
		high = low;
		is_range = *reader->at == '-';
		if (is_range)
		{
			reader->at++;
			if (!bk_cron_parse_value(reader, &high))
				return false;
		}
	}
	if (field == &bk_cron_fields[BK_FIELD_WEEK_DAY] && high == 0 && low > 0)
		high = 7;
	/* the last day of a month is not always behind the beginning of a range */
	if (low > high ||
		(is_range && field == &bk_cron_fields[BK_FIELD_DAY] && high == BK_CRON_LAST))
	{
		reader->at = begin;
		return bk_cron_refuse(reader, "this range has no end behind its beginning");
	}
	if (!bk_cron_parse_step(reader, low, high, is_range, &step))
		return false;
	for (; low <= high; low += step)
		*set |= UINT64CONST(1) << low;
	return true;
}

static bool
bk_cron_parse_step(BkCronReader *reader, int low, int high, bool is_range,
				   int *step)
{
	const char *begin = reader->at + 1;
	int64		number;

	*step = 1;
	if (*reader->at != '/')
		return true;
	if (!is_range)
		return bk_cron_refuse(reader, "a step follows \"*\" or a range");
	reader->at++;
	number = bk_cron_number(reader);
	if (number < 0)
		return bk_cron_refuse(reader, "a step is a number");
	if (number < 1 || number > Max(high - low, 1))
	{
		reader->at = begin;
		return bk_cron_refuse(reader, "a step of " INT64_FORMAT " is not between 1 and %d",
							  number, Max(high - low, 1));
	}
	*step = number;
	return true;
}

static bool
bk_cron_parse_value(BkCronReader *reader, int *value)
{
	const BkCronField *field = reader->field;
	const char *begin = reader->at;
	int64		number;

	if (field == &bk_cron_fields[BK_FIELD_DAY] &&
		(*reader->at == '$' || *reader->at == 'L' || *reader->at == 'l'))
	{
		reader->at++;
		*value = BK_CRON_LAST;
		return true;
	}
	if (isalpha((unsigned char) *reader->at))
		return bk_cron_parse_word(reader, value);
	number = bk_cron_number(reader);
	if (number < 0)
		return bk_cron_refuse(reader, "a number is missing");
	if (number < field->low || number > field->high)
	{
		reader->at = begin;
		return bk_cron_refuse(reader, INT64_FORMAT " is not between %d and %d",
							  number, field->low, field->high);
	}
	*value = number;
	return true;
}

static bool
bk_cron_parse_word(BkCronReader *reader, int *value)
{
	const BkCronField *field = reader->field;
	const char *begin = reader->at;
	const char *word = bk_cron_word(reader);
	int			i;

	for (i = 0; field->words != NULL && field->words[i] != NULL; i++)
	{
		if (strcmp(word, field->words[i]) == 0)
		{
			*value = field->low + i;
			return true;
		}
	}
	reader->at = begin;
	return bk_cron_refuse(reader, "\"%s\" is not the name of a %s", word, field->name);
}

/* A date like 30 February never comes; whatever comes does within 40 years. */
static bool
bk_cron_comes(BkCronReader *reader, const BkCron *cron)
{
	int			first = date2j(2000, 1, 1);
	int			last = date2j(2040, 1, 1);
	int			day;

	for (day = first; day < last; day++)
	{
		if (bk_cron_has_date(cron, day))
			return true;
	}
	bk_outcome_fail(reader->problem, ERRCODE_INVALID_PARAMETER_VALUE,
					"schedule \"%s\" never comes", reader->text);
	bk_outcome_detail(reader->problem, "No month of the field \"month\" has such a day.");
	return false;
}

/* --- intervals --- */

/* "every" and parts like "15 minutes"; the number of a single part may be missing. */
static bool
bk_cron_parse_interval(BkCronReader *reader, BkCron *cron)
{
	const char *begin;
	int64		seconds = 0;
	bool		has_time = false;

	reader->at += strlen("every");
	bk_cron_skip_blanks(reader);
	begin = reader->at;
	do
	{
		if (!bk_cron_parse_part(reader, &seconds, &has_time))
			return false;
		bk_cron_skip_blanks(reader);
	} while (*reader->at != '\0');
	reader->at = begin;
	if (seconds < SECS_PER_MINUTE)
		return bk_cron_refuse(reader, "an interval is at least one minute");
	if (has_time)
		cron->seconds = seconds;
	else
		cron->days = seconds / SECS_PER_DAY;
	return true;
}

static bool
bk_cron_parse_part(BkCronReader *reader, int64 *seconds, bool *has_time)
{
	const char *begin = reader->at;
	int64		number = bk_cron_number(reader);
	const char *word;
	int			i;

	bk_cron_skip_blanks(reader);
	word = bk_cron_word(reader);
	for (i = 0; i < (int) lengthof(bk_cron_units); i++)
	{
		Size		length = strlen(bk_cron_units[i].name);

		if (strncmp(word, bk_cron_units[i].name, length) != 0 ||
			strcmp(word + length, word[length] == 's' ? "s" : "") != 0)
			continue;
		*seconds += (number < 0 ? 1 : number) * bk_cron_units[i].seconds;
		if (bk_cron_units[i].seconds < SECS_PER_DAY)
			*has_time = true;
		if (*seconds <= BK_CRON_INTERVAL_MAX)
			return true;
		reader->at = begin;
		return bk_cron_refuse(reader, "an interval is at most 366 days");
	}
	reader->at = begin;
	bk_cron_refuse(reader, "a number and a unit are expected");
	bk_outcome_hint(reader->problem, "Units are seconds, minutes, hours, days and weeks: every 1 hour 30 minutes. For months, write as in: 0 0 1 */3 *.");
	return false;
}

/* --- the reader --- */

/* Reads digits; -1: there are none. A number that is too large stays so. */
static int64
bk_cron_number(BkCronReader *reader)
{
	int64		number = -1;

	for (; isdigit((unsigned char) *reader->at); reader->at++)
		number = Min(Max(number, 0) * 10 + (*reader->at - '0'), 999999999);
	return number;
}

/* Reads letters, and returns them in lower case; valid until the next call. */
static const char *
bk_cron_word(BkCronReader *reader)
{
	static char word[BK_CRON_LENGTH + 1];
	int			length = 0;

	for (; isalpha((unsigned char) *reader->at); reader->at++)
		word[length++] = pg_tolower((unsigned char) *reader->at);
	word[length] = '\0';
	return word;
}

static void
bk_cron_skip_blanks(BkCronReader *reader)
{
	reader->at += strspn(reader->at, " \t");
}

/* Sets the problem with the place where the reader is; always returns false. */
static bool
bk_cron_refuse(BkCronReader *reader, const char *format,...)
{
	char		reason[BK_CRON_LENGTH + 100];
	int			place = reader->at - reader->text + 1;
	va_list		args;

	va_start(args, format);
	vsnprintf(reason, sizeof(reason), format, args);
	va_end(args);
	bk_outcome_fail(reader->problem, ERRCODE_INVALID_PARAMETER_VALUE,
					"invalid schedule \"%s\"", reader->text);
	if (reader->field != NULL)
		bk_outcome_detail(reader->problem, "In field %d (%s), at character %d: %s.",
						  (int) (reader->field - bk_cron_fields) + 1,
						  reader->field->name, place, reason);
	else
		bk_outcome_detail(reader->problem, "At character %d: %s.", place, reason);
	return false;
}
