/*
 * cron_next.c
 *	  Finds the slots of a schedule in a time zone. Every loop is bounded by a
 *	  number of dates, or by the minutes of one.
 */
#include "postgres.h"

#include "utils/datetime.h"

#include "server/cron.h"

#define BK_CRON_HORIZON_DAYS (50 * 366)

static TimestampTz bk_cron_next_interval(const BkCron *cron, TimestampTz after);
static TimestampTz bk_cron_next_dates(const BkCron *cron, pg_tz *zone, pg_time_t after);
static TimestampTz bk_cron_next_fixed(const BkCron *cron, pg_tz *zone, pg_time_t after);
static pg_time_t bk_cron_fixed_on(const BkCron *cron, pg_tz *zone, int date,
								  pg_time_t after);
static TimestampTz bk_cron_next_by_clock(const BkCron *cron, pg_tz *zone, pg_time_t after);
static bool bk_cron_has_time(const BkCron *cron, const struct pg_tm *tm);
static pg_time_t bk_cron_instant(pg_tz *zone, int date, int minute);
static int	bk_cron_date_of(const struct pg_tm *tm);
static pg_time_t bk_cron_seconds(TimestampTz time);

bool
bk_cron_takes(TimestampTz time)
{
	/* a day away from both ends, so that no zone goes beyond them */
	return time > (TimestampTz) (date2j(1, 1, 2) - POSTGRES_EPOCH_JDATE) * USECS_PER_DAY &&
		time < (TimestampTz) (date2j(9999, 12, 31) - POSTGRES_EPOCH_JDATE) * USECS_PER_DAY;
}

TimestampTz
bk_cron_next(const BkCron *cron, pg_tz *zone, TimestampTz after)
{
	if (cron->seconds > 0)
		return bk_cron_next_interval(cron, after);
	if (cron->days > 0)
		return bk_cron_next_dates(cron, zone, bk_cron_seconds(after));
	if (cron->follows_clock)
		return bk_cron_next_by_clock(cron, zone, bk_cron_seconds(after));
	return bk_cron_next_fixed(cron, zone, bk_cron_seconds(after));
}

/* Looks back further and further, so that few slots are gone through. */
TimestampTz
bk_cron_last(const BkCron *cron, pg_tz *zone, TimestampTz after,
			 TimestampTz until)
{
	int64		back = USECS_PER_HOUR;
	TimestampTz last = DT_NOBEGIN;
	TimestampTz from;

	do
	{
		TimestampTz slot;

		from = Max(after, until - back);
		for (slot = bk_cron_next(cron, zone, from); slot <= until;
			 slot = bk_cron_next(cron, zone, slot))
			last = slot;
		back *= 10;
	} while (last == DT_NOBEGIN && from > after);
	return last;
}

bool
bk_cron_has_date(const BkCron *cron, int julian_day)
{
	int			year;
	int			month;
	int			day;
	int			tomorrow;
	int			ignored;
	bool		in_month;
	bool		in_week;

	j2date(julian_day, &year, &month, &day);
	if (((cron->months >> month) & 1) == 0)
		return false;
	j2date(julian_day + 1, &ignored, &ignored, &tomorrow);
	in_month = ((cron->month_days >> day) & 1) != 0 ||
		(cron->last_day && tomorrow == 1);
	in_week = ((cron->week_days >> j2day(julian_day)) & 1) != 0;
	return cron->both_days ? in_month && in_week : in_month || in_week;
}

static TimestampTz
bk_cron_next_interval(const BkCron *cron, TimestampTz after)
{
	int64		period = cron->seconds * USECS_PER_SEC;
	int64		count = after / period;

	/* a division truncates towards zero */
	if (after < 0 && after % period != 0)
		count--;
	return (count + 1) * period;
}

/* Dates whose distance from 2000-01-01 is a multiple. */
static TimestampTz
bk_cron_next_dates(const BkCron *cron, pg_tz *zone, pg_time_t after)
{
	int			date = bk_cron_date_of(pg_localtime(&after, zone)) - POSTGRES_EPOCH_JDATE;
	int			rest = ((date % cron->days) + cron->days) % cron->days;
	int			tries;
	pg_time_t	slot;

	/* where a date comes twice, its midnight is behind already */
	for (date -= rest, tries = 0; tries < 4; tries++, date += cron->days)
	{
		slot = bk_cron_instant(zone, date + POSTGRES_EPOCH_JDATE, 0);
		if (slot > after)
			return time_t_to_timestamptz(slot);
	}
	return DT_NOEND;
}

/* Slots on dates; a jump of the clock can bring one of yesterday today. */
static TimestampTz
bk_cron_next_fixed(const BkCron *cron, pg_tz *zone, pg_time_t after)
{
	int			first = bk_cron_date_of(pg_localtime(&after, zone)) - 1;
	int			date;

	for (date = first; date < first + BK_CRON_HORIZON_DAYS; date++)
	{
		pg_time_t	slot;

		if (!bk_cron_has_date(cron, date))
			continue;
		slot = bk_cron_fixed_on(cron, zone, date, after);
		if (slot != 0)
			return time_t_to_timestamptz(slot);
	}
	return DT_NOEND;
}

/* The first slot of a date after a time; 0: there is none. */
static pg_time_t
bk_cron_fixed_on(const BkCron *cron, pg_tz *zone, int date, pg_time_t after)
{
	int			hour;
	int			minute;

	/* most often the whole date is over */
	if (bk_cron_instant(zone, date + 1, 0) < after)
		return 0;
	for (hour = 0; hour < HOURS_PER_DAY; hour++)
	{
		if (((cron->hours >> hour) & 1) == 0)
			continue;
		for (minute = 0; minute < MINS_PER_HOUR; minute++)
		{
			pg_time_t	slot;

			if (((cron->minutes >> minute) & 1) == 0)
				continue;
			slot = bk_cron_instant(zone, date, hour * MINS_PER_HOUR + minute);
			if (slot > after)
				return slot;
		}
	}
	return 0;
}

/* Goes through the minutes as they pass, and over dates that do not belong. */
static TimestampTz
bk_cron_next_by_clock(const BkCron *cron, pg_tz *zone, pg_time_t after)
{
	pg_time_t	t = after + 1;
	int			dates = 0;
	int			minutes = 0;

	while (dates < BK_CRON_HORIZON_DAYS && minutes < BK_CRON_HORIZON_DAYS)
	{
		struct pg_tm *tm = pg_localtime(&t, zone);
		int			date = bk_cron_date_of(tm);
		pg_time_t	next;

		if (tm->tm_sec != 0)
		{
			t += SECS_PER_MINUTE - tm->tm_sec;
			continue;
		}
		if (bk_cron_has_date(cron, date))
		{
			if (bk_cron_has_time(cron, tm))
				return time_t_to_timestamptz(t);
			minutes++;
			t += SECS_PER_MINUTE;
			continue;
		}
		dates++;
		next = bk_cron_instant(zone, date + 1, 0);
		/* a date that comes twice has its end before it */
		t = next > t ? next : t + SECS_PER_MINUTE;
	}
	return DT_NOEND;
}

static bool
bk_cron_has_time(const BkCron *cron, const struct pg_tm *tm)
{
	return ((cron->hours >> tm->tm_hour) & 1) != 0 &&
		((cron->minutes >> tm->tm_min) & 1) != 0;
}

/*
 * When a clock of the zone shows a minute of a date: for the first time, if it
 * does so twice; if it never does, when it jumps over that.
 */
static pg_time_t
bk_cron_instant(pg_tz *zone, int date, int minute)
{
	pg_time_t	shown = (pg_time_t) (date - UNIX_EPOCH_JDATE) * SECS_PER_DAY +
		minute * SECS_PER_MINUTE;
	pg_time_t	from = shown - 2 * SECS_PER_DAY;	/* no zone is that far off */

	for (;;)
	{
		long		offset;
		long		next_offset;
		int			is_dst;
		pg_time_t	change;
		int			found = pg_next_dst_boundary(&from, &offset, &is_dst, &change,
												 &next_offset, &is_dst, zone);

		if (found <= 0 || shown - offset < change)
			return Max(shown - offset, from);
		from = change;
	}
}

static int
bk_cron_date_of(const struct pg_tm *tm)
{
	return date2j(tm->tm_year + 1900, tm->tm_mon + 1, tm->tm_mday);
}

/* Whole seconds since 1970, rounded down. */
static pg_time_t
bk_cron_seconds(TimestampTz time)
{
	int64		seconds = time / USECS_PER_SEC;

	if (time % USECS_PER_SEC < 0)
		seconds--;
	return (pg_time_t) seconds +
		(POSTGRES_EPOCH_JDATE - UNIX_EPOCH_JDATE) * (pg_time_t) SECS_PER_DAY;
}
