/*
 * cron.h
 *	  Times as people write them: five fields of cron, names for usual ones, and
 *	  intervals. Knows no tables; needs no transaction.
 *
 * A time at which something is due is a slot. Rules at a change of the clock
 * are those of Vixie cron: where hour or minute begins with "*", slots follow
 * the time that has passed; other slots are met once: one that a jump forward
 * has skipped comes right after it, and an hour that comes twice counts once.
 *
 * An interval of days or weeks is counted in dates of the zone, from Saturday,
 * 1 January 2000, and due at midnight. Any other is counted in seconds from
 * 2000-01-01 00:00 UTC, so that slots are the same after a restart.
 */
#ifndef BK_SERVER_CRON_H
#define BK_SERVER_CRON_H

#include "datatype/timestamp.h"
#include "pgtime.h"

#include "server/outcome.h"

/* Each set has a bit for a number; a day of the week is 0 (Sunday) to 6. */
typedef struct BkCron
{
	int64		seconds;		/* of an interval; 0: it is none */
	int			days;			/* of an interval of dates; 0: it is none */
	uint64		minutes;
	uint32		hours;
	uint32		month_days;
	bool		last_day;		/* of the month */
	uint32		months;
	uint32		week_days;
	bool		follows_clock;	/* hour or minute begins with "*" */
	bool		both_days;		/* a date must be in both sets of days, not in one */
} BkCron;

/*
 * Reads a schedule. Returns false and sets the problem (22023, with the place
 * and the reason) if it is not one, or never comes.
 */
extern bool bk_cron_parse(const char *text, BkCron *cron, BkOutcome *problem);

/* Is a time in the years 1 to 9999, which are those that slots are known of? */
extern bool bk_cron_takes(TimestampTz time);

/*
 * Returns the first slot after a time that is taken; DT_NOEND if there is none
 * within half a century.
 */
extern TimestampTz bk_cron_next(const BkCron *cron, pg_tz *zone, TimestampTz after);

/* Returns the last slot after one time and not after another; DT_NOBEGIN: none. */
extern TimestampTz bk_cron_last(const BkCron *cron, pg_tz *zone, TimestampTz after,
								TimestampTz until);

/* Does a date, as a Julian day, belong to the schedule? Not for intervals. */
extern bool bk_cron_has_date(const BkCron *cron, int julian_day);

/* Looks up a time zone by its name; NULL: there is none. */
extern pg_tz *bk_cron_zone(const char *name);

#endif							/* BK_SERVER_CRON_H */
