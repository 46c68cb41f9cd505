/*
 * limits.c
 *	  From which time on a schedule is late: serves the view backup_status. A
 *	  monitor's view never fails, so what cannot be understood here is NULL.
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "fmgr.h"
#include "funcapi.h"
#include "utils/builtins.h"
#include "utils/timestamp.h"

#include "server/column.h"
#include "server/cron.h"

/* For schedules of a few minutes: a backup takes time, too. */
#define BK_LIMITS_LEAST (5 * 60 * USECS_PER_SEC)

/* Where nothing comes after the last slot of all. */
#define BK_LIMITS_PERIOD USECS_PER_DAY

/* An interval that is longer is none. */
#define BK_LIMITS_YEARS 1000

typedef struct BkLimits
{
	TimestampTz next;			/* first slot after the time */
	TimestampTz late;
	TimestampTz too_late;
} BkLimits;

PG_FUNCTION_INFO_V1(bk_schedule_limits);

static bool bk_limits_find(FunctionCallInfo fcinfo, BkLimits *limits);
static TimestampTz bk_limits_add(FunctionCallInfo fcinfo, int number,
								 TimestampTz time);

/*
 * schedule, timezone, after, jitter, late_after: next_at, late_at, too_late_at.
 * After a success, the next slot is late when half a period has passed since,
 * or when the success is older than "late_after"; a period later, too late.
 */
Datum
bk_schedule_limits(PG_FUNCTION_ARGS)
{
	BkLimits	limits = {0};
	TupleDesc	row;
	Datum		v[3];
	bool		n[3];

	if (get_call_result_type(fcinfo, NULL, &row) != TYPEFUNC_COMPOSITE)
		elog(ERROR, "return type must be a row type");
	if (!bk_limits_find(fcinfo, &limits))
		memset(&limits, 0, sizeof(limits));
	bk_column_time(&v[0], &n[0], limits.next);
	bk_column_time(&v[1], &n[1], limits.late);
	bk_column_time(&v[2], &n[2], limits.too_late);
	PG_RETURN_DATUM(HeapTupleGetDatum(heap_form_tuple(BlessTupleDesc(row), v, n)));
}

static bool
bk_limits_find(FunctionCallInfo fcinfo, BkLimits *limits)
{
	BkOutcome	problem;
	BkCron		cron;
	pg_tz	   *zone;
	TimestampTz after;
	TimestampTz second;
	int64		period;

	if (PG_ARGISNULL(0) || PG_ARGISNULL(1) || PG_ARGISNULL(2))
		return false;
	after = PG_GETARG_TIMESTAMPTZ(2);
	zone = bk_cron_zone(text_to_cstring(PG_GETARG_TEXT_PP(1)));
	if (zone == NULL || !bk_cron_takes(after) ||
		!bk_cron_parse(text_to_cstring(PG_GETARG_TEXT_PP(0)), &cron, &problem))
		return false;
	limits->next = bk_cron_next(&cron, zone, after);
	if (limits->next == DT_NOEND)
		return false;
	second = bk_cron_next(&cron, zone, limits->next);
	period = second == DT_NOEND ? BK_LIMITS_PERIOD : second - limits->next;
	limits->late = PG_ARGISNULL(4) ?
		bk_limits_add(fcinfo, 3, limits->next + Max(period / 2, BK_LIMITS_LEAST)) :
		bk_limits_add(fcinfo, 4, after);
	if (limits->late != 0)
		limits->too_late = limits->late + period;
	return true;
}

/*
 * Adds the interval of an argument, if it is given. One that leads out of the
 * years that are known means never, which is 0.
 */
static TimestampTz
bk_limits_add(FunctionCallInfo fcinfo, int number, TimestampTz time)
{
	const Interval *interval;

	if (PG_ARGISNULL(number))
		return time;
	interval = PG_GETARG_INTERVAL_P(number);
	if (interval->month > BK_LIMITS_YEARS * MONTHS_PER_YEAR ||
		interval->day > BK_LIMITS_YEARS * DAYS_PER_YEAR ||
		interval->time > (int64) (BK_LIMITS_YEARS * DAYS_PER_YEAR) * USECS_PER_DAY)
		return 0;
	return DatumGetTimestampTz(DirectFunctionCall2(timestamptz_pl_interval,
												   TimestampTzGetDatum(time),
												   PG_GETARG_DATUM(number)));
}
