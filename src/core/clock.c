/*
 * clock.c
 *	  Time: UTC seconds, their two texts, and a clock that never jumps.
 *
 * Reading a text is checked by writing the result again: only what comes out
 * the same is accepted, so the two directions cannot disagree.
 */
#include "core/clock.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#define CLOCK_FIRST		INT64_C(-62167219200)	/* 0000-01-01T00:00:00Z */
#define CLOCK_LAST		INT64_C(253402300799)	/* 9999-12-31T23:59:59Z */

typedef enum ClockField
{
	CLOCK_YEAR,
	CLOCK_MONTH,
	CLOCK_DAY,
	CLOCK_HOUR,
	CLOCK_MINUTE,
	CLOCK_SECOND,
	CLOCK_FIELDS
} ClockField;

static void split(int64_t time, unsigned field[CLOCK_FIELDS]);
static bool read_fields(const char *text, const int offset[CLOCK_FIELDS],
						int64_t *time);
static bool read_digits(const char *text, int count, int *value);

int64_t
bk_clock_now(void)
{
	return (int64_t) time(NULL);
}

int64_t
bk_clock_monotonic_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t) now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

void
bk_clock_format(int64_t time, char text[BK_CLOCK_TEXT_SIZE])
{
	unsigned	field[CLOCK_FIELDS];

	split(time, field);
	snprintf(text, BK_CLOCK_TEXT_SIZE, "%04u-%02u-%02uT%02u:%02u:%02uZ",
			 field[CLOCK_YEAR] % 10000, field[CLOCK_MONTH] % 100,
			 field[CLOCK_DAY] % 100, field[CLOCK_HOUR] % 100,
			 field[CLOCK_MINUTE] % 100, field[CLOCK_SECOND] % 100);
}

void
bk_clock_format_compact(int64_t time, char text[BK_CLOCK_COMPACT_SIZE])
{
	unsigned	field[CLOCK_FIELDS];

	split(time, field);
	snprintf(text, BK_CLOCK_COMPACT_SIZE, "%04u%02u%02uT%02u%02u%02uZ",
			 field[CLOCK_YEAR] % 10000, field[CLOCK_MONTH] % 100,
			 field[CLOCK_DAY] % 100, field[CLOCK_HOUR] % 100,
			 field[CLOCK_MINUTE] % 100, field[CLOCK_SECOND] % 100);
}

bool
bk_clock_parse(const char *text, int64_t *time)
{
	static const int offset[CLOCK_FIELDS] = {0, 5, 8, 11, 14, 17};
	char		again[BK_CLOCK_TEXT_SIZE];
	int64_t		value;

	if (strlen(text) != BK_CLOCK_TEXT_SIZE - 1 ||
		!read_fields(text, offset, &value))
		return false;
	bk_clock_format(value, again);
	if (strcmp(text, again) != 0)
		return false;
	*time = value;
	return true;
}

bool
bk_clock_parse_compact(const char *text, int64_t *time)
{
	static const int offset[CLOCK_FIELDS] = {0, 4, 6, 9, 11, 13};
	char		again[BK_CLOCK_COMPACT_SIZE];
	int64_t		value;

	if (strlen(text) != BK_CLOCK_COMPACT_SIZE - 1 ||
		!read_fields(text, offset, &value))
		return false;
	bk_clock_format_compact(value, again);
	if (strcmp(text, again) != 0)
		return false;
	*time = value;
	return true;
}

static void
split(int64_t time, unsigned field[CLOCK_FIELDS])
{
	struct tm	tm = {0};
	time_t		inside = (time_t) time;

	if (time < CLOCK_FIRST)
		inside = (time_t) CLOCK_FIRST;
	if (time > CLOCK_LAST)
		inside = (time_t) CLOCK_LAST;
	gmtime_r(&inside, &tm);
	field[CLOCK_YEAR] = (unsigned) (tm.tm_year + 1900);
	field[CLOCK_MONTH] = (unsigned) (tm.tm_mon + 1);
	field[CLOCK_DAY] = (unsigned) tm.tm_mday;
	field[CLOCK_HOUR] = (unsigned) tm.tm_hour;
	field[CLOCK_MINUTE] = (unsigned) tm.tm_min;
	field[CLOCK_SECOND] = (unsigned) tm.tm_sec;
}

static bool
read_fields(const char *text, const int offset[CLOCK_FIELDS], int64_t *time)
{
	int			value[CLOCK_FIELDS];
	struct tm	tm = {0};

	for (int i = 0; i < CLOCK_FIELDS; i++)
	{
		if (!read_digits(text + offset[i], i == CLOCK_YEAR ? 4 : 2, &value[i]))
			return false;
	}
	tm.tm_year = value[CLOCK_YEAR] - 1900;
	tm.tm_mon = value[CLOCK_MONTH] - 1;
	tm.tm_mday = value[CLOCK_DAY];
	tm.tm_hour = value[CLOCK_HOUR];
	tm.tm_min = value[CLOCK_MINUTE];
	tm.tm_sec = value[CLOCK_SECOND];
	*time = (int64_t) timegm(&tm);
	return true;
}

static bool
read_digits(const char *text, int count, int *value)
{
	*value = 0;
	for (int i = 0; i < count; i++)
	{
		if (text[i] < '0' || text[i] > '9')
			return false;
		*value = *value * 10 + (text[i] - '0');
	}
	return true;
}
