/*
 * monitor.c
 *	  Write a status as a table, as Nagios has it, and as OpenMetrics.
 */
#include "cli/monitor.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/words.h"

#define COUNTER_SUFFIX	"_total"

/* Of plugins for Nagios */
#define NAGIOS_CRITICAL	2
#define NAGIOS_UNKNOWN	3

static int	column_width(const BkJson *rows, const char *key);
static void print_padded(const char *text, int width);
static void print_time(const BkJson *row, const char *key);
static void append_performance(BkBuf *line, const BkJson *row);
static void print_nagios(BkBuf *line);
static void replace(char *text, const char *what, char by);
static void append_family(BkBuf *text, const BkJson *metric);
static void append_sample(BkBuf *text, const BkJson *metric);
static size_t family_length(const BkJson *metric);
static void append_escaped(BkBuf *text, const char *value);
static const char *member(const BkJson *body, const char *key);

void
bk_monitor_table(const BkJson *status)
{
	const BkJson *rows = bk_json_get(status, "rows");
	int			width = column_width(rows, "what");

	print_padded("WHAT", width);
	printf("  %-8s  %-20s  %-20s  REASON\n", "STATE", "LAST SUCCESS", "NEXT RUN");
	for (size_t i = 0; i < bk_json_length(rows); i++)
	{
		const BkJson *row = bk_json_at(rows, i);

		print_padded(member(row, "what"), width);
		printf("  %-8s  ", member(row, "state"));
		print_time(row, "last_success_at");
		print_time(row, "next_run_at");
		bk_words_print(stdout, member(row, "reason"));
		putchar('\n');
	}
	printf("\n%s: ", member(status, "state"));
	bk_words_print(stdout, member(status, "reason"));
	putchar('\n');
}

int
bk_monitor_nagios(const BkJson *status)
{
	static const char *const states[] = {"ok", "warning", "critical"};
	static const char *const words[] = {"OK", "WARNING", "CRITICAL"};
	const BkJson *rows = bk_json_get(status, "rows");
	int			code = NAGIOS_CRITICAL;
	BkBuf		line;

	while (code > 0 && strcmp(states[code], member(status, "state")) != 0)
		code--;
	bk_buf_init(&line);
	bk_buf_printf(&line, "BACKUP %s - ", words[code]);
	bk_words_append(&line, member(status, "reason"));
	/* A bar ends the text. */
	if (line.len > 0)
		replace(line.data, "|", '/');
	bk_buf_printf(&line, " | critical=%lld;;0 warning=%lld;0",
				  (long long) bk_json_int(bk_json_get(status, "critical"), 0),
				  (long long) bk_json_int(bk_json_get(status, "warning"), 0));
	for (size_t i = 0; i < bk_json_length(rows); i++)
		append_performance(&line, bk_json_at(rows, i));
	print_nagios(&line);
	return code;
}

int
bk_monitor_nagios_failed(const BkError *err)
{
	bool		usage = bk_error_is(err, BK_STATE_BAD_ARGUMENT);
	BkBuf		line;

	bk_buf_init(&line);
	bk_buf_printf(&line, "BACKUP %s - the status could not be read: ",
				  usage ? "UNKNOWN" : "CRITICAL");
	bk_words_append(&line, err->message);
	if (line.len > 0)
		replace(line.data, "|", '/');
	print_nagios(&line);
	return usage ? NAGIOS_UNKNOWN : NAGIOS_CRITICAL;
}

/* The series of a family stand together: they come sorted by name. */
void
bk_monitor_openmetrics(const BkJson *metrics)
{
	const BkJson *list = bk_json_get(metrics, "metrics");
	const char *name = "";
	BkBuf		text;

	bk_buf_init(&text);
	for (size_t i = 0; i < bk_json_length(list); i++)
	{
		const BkJson *metric = bk_json_at(list, i);

		if (strcmp(name, member(metric, "name")) != 0)
			append_family(&text, metric);
		name = member(metric, "name");
		append_sample(&text, metric);
	}
	bk_buf_append_string(&text, "# EOF\n");
	/* Half of it would pass for all of it. */
	if (!text.failed)
		fputs(text.data, stdout);
	bk_buf_free(&text);
}

static int
column_width(const BkJson *rows, const char *key)
{
	int			width = (int) strlen(key);

	for (size_t i = 0; i < bk_json_length(rows); i++)
	{
		int			length = bk_words_width(member(bk_json_at(rows, i), key));

		if (length > width)
			width = length;
	}
	return width;
}

static void
print_padded(const char *text, int width)
{
	bk_words_print(stdout, text);
	printf("%*s", width - bk_words_width(text), "");
}

/* PostgreSQL's JSON has 2026-11-21T10:15:00.123+00:00; the zone is ours. */
static void
print_time(const BkJson *row, const char *key)
{
	const char *text = member(row, key);

	if (strlen(text) > 19)
		printf("%.19sZ  ", text);
	else
		printf("%-20s  ", text[0] == '\0' ? "-" : text);
}

/* The age of the last success: 'label'=value, in seconds. */
static void
append_performance(BkBuf *line, const BkJson *row)
{
	const BkJson *age = bk_json_get(row, "last_success_age_seconds");
	size_t		start;

	if (age == NULL)
		return;
	bk_buf_append_string(line, " '");
	start = line->len;
	bk_words_append(line, member(row, "what"));
	if (!line->failed)
		replace(line->data + start, "'=|", '_');
	bk_buf_printf(line, "'=%llds;;;0", (long long) bk_json_int(age, 0));
}

static void
print_nagios(BkBuf *line)
{
	puts(line->failed ? "BACKUP CRITICAL - out of memory" : line->data);
	bk_buf_free(line);
}

static void
replace(char *text, const char *what, char by)
{
	for (; *(text += strcspn(text, what)) != '\0'; text++)
		*text = by;
}

/* A unit is the end of the family's name. */
static void
append_family(BkBuf *text, const BkJson *metric)
{
	static const char *const units[] = {"seconds", "bytes", "ratio"};
	const char *name = member(metric, "name");
	int			length = (int) family_length(metric);

	bk_buf_printf(text, "# TYPE %.*s %s\n", length, name, member(metric, "type"));
	for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++)
	{
		int			rest = length - (int) strlen(units[i]);

		if (rest > 0 && name[rest - 1] == '_' &&
			strncmp(name + rest, units[i], strlen(units[i])) == 0)
			bk_buf_printf(text, "# UNIT %.*s %s\n", length, name, units[i]);
	}
	bk_buf_printf(text, "# HELP %.*s ", length, name);
	append_escaped(text, member(metric, "help"));
	bk_buf_append_string(text, "\n");
}

static void
append_sample(BkBuf *text, const BkJson *metric)
{
	const BkJson *labels = bk_json_get(metric, "labels");
	const char *before = "{";

	bk_buf_append_string(text, member(metric, "name"));
	for (void *at = bk_json_first(labels); at != NULL; at = bk_json_next(labels, at))
	{
		bk_buf_printf(text, "%s%s=\"", before, bk_json_key(at));
		append_escaped(text, bk_json_string(bk_json_value(at), ""));
		bk_buf_append_string(text, "\"");
		before = ",";
	}
	bk_buf_printf(text, "%s %s\n", before[0] == ',' ? "}" : "", member(metric, "value"));
}

/* Of a counter, the series have a suffix that their family has not. */
static size_t
family_length(const BkJson *metric)
{
	const char *name = member(metric, "name");
	size_t		length = strlen(name);
	size_t		suffix = strlen(COUNTER_SUFFIX);

	if (strcmp(member(metric, "type"), "counter") == 0 && length > suffix &&
		strcmp(name + length - suffix, COUNTER_SUFFIX) == 0)
		return length - suffix;
	return length;
}

static void
append_escaped(BkBuf *text, const char *value)
{
	for (; *value != '\0'; value++)
	{
		if (*value == '\n')
			bk_buf_append_string(text, "\\n");
		else if (*value == '\\' || *value == '"')
			bk_buf_printf(text, "\\%c", *value);
		else
			bk_buf_append(text, value, 1);
	}
}

static const char *
member(const BkJson *body, const char *key)
{
	return bk_json_string(bk_json_get(body, key), "");
}
