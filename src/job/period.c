/*
 * period.c
 *	  Days, weeks, months and years of local time.
 */
#include "job/period.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/clock.h"

#define DAY		(24 * 60 * 60)
#define MONDAY	3				/* the first of January 1970 was a Thursday */

static int64_t day_number(int64_t local);
static int64_t year_number(int64_t local);
static void week_name(int64_t week, char name[BK_PERIOD_NAME_SIZE]);

int64_t
bk_period_number(BkPeriod period, int64_t local)
{
	char		text[BK_CLOCK_TEXT_SIZE];

	switch (period)
	{
		case BK_PERIOD_DAY:
			break;
		case BK_PERIOD_WEEK:
			return (day_number(local) + MONDAY) / 7;
		case BK_PERIOD_MONTH:
			bk_clock_format(local, text);
			return year_number(local) * 12 + (text[5] - '0') * 10 + text[6] - '0';
		case BK_PERIOD_YEAR:
			return year_number(local);
	}
	return day_number(local);
}

void
bk_period_name(BkPeriod period, int64_t local, char name[BK_PERIOD_NAME_SIZE])
{
	static const int lengths[] = {
		[BK_PERIOD_DAY] = sizeof("2026-11-21"),
		[BK_PERIOD_MONTH] = sizeof("2026-11"),
		[BK_PERIOD_YEAR] = sizeof("2026"),
	};
	char		text[BK_CLOCK_TEXT_SIZE];

	bk_clock_format(local, text);
	if (period == BK_PERIOD_WEEK)
		week_name(bk_period_number(period, local), name);
	else
		snprintf(name, (size_t) lengths[period], "%s", text);
}

static int64_t
day_number(int64_t local)
{
	return local >= 0 ? local / DAY : (local - DAY + 1) / DAY;
}

static int64_t
year_number(int64_t local)
{
	char		text[BK_CLOCK_TEXT_SIZE];

	bk_clock_format(local, text);
	return strtol(text, NULL, 10);
}

/* A week belongs to the year that has its Thursday (ISO 8601). */
static void
week_name(int64_t week, char name[BK_PERIOD_NAME_SIZE])
{
	int64_t		thursday = week * 7 - MONDAY + 3;
	char		january[BK_CLOCK_TEXT_SIZE];
	int64_t		first;

	bk_clock_format(thursday * DAY, january);
	snprintf(name, BK_PERIOD_NAME_SIZE, "%.4s", january);
	memcpy(january + 4, "-01-01T00:00:00Z", sizeof("-01-01T00:00:00Z"));
	if (bk_clock_parse(january, &first))
		snprintf(name + 4, BK_PERIOD_NAME_SIZE - 4, "-W%02d",
				 (int) ((thursday - first / DAY) / 7 + 1));
}
