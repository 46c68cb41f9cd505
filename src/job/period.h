/*
 * period.h
 *	  Days, weeks, months and years of local time.
 */
#ifndef BK_JOB_PERIOD_H
#define BK_JOB_PERIOD_H

#include <stdint.h>

/* Room for the name of a period, with its NUL. */
#define BK_PERIOD_NAME_SIZE	32

typedef enum BkPeriod
{
	BK_PERIOD_DAY,
	BK_PERIOD_WEEK,				/* from Monday (ISO 8601) */
	BK_PERIOD_MONTH,
	BK_PERIOD_YEAR
} BkPeriod;

/* The number of the period in which a local time is; it grows by time. */
extern int64_t bk_period_number(BkPeriod period, int64_t local);

/* Its name: 2026-11-21, 2026-W47, 2026-11, 2026. */
extern void bk_period_name(BkPeriod period, int64_t local,
						   char name[BK_PERIOD_NAME_SIZE]);

#endif
