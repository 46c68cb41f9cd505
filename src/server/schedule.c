/*
 * schedule.c
 *	  The SQL functions of schedules.
 */
#include "postgres.h"

#include "fmgr.h"
#include "mb/pg_wchar.h"
#include "utils/datetime.h"
#include "utils/timestamp.h"

#include "server/arguments.h"
#include "server/cron.h"

PG_FUNCTION_INFO_V1(bk_next_run);

static void bk_schedule_cron(FunctionCallInfo fcinfo, int number, BkCron *cron);
static pg_tz *bk_schedule_zone(FunctionCallInfo fcinfo, int number);

/* When is a schedule due after a time? */
Datum
bk_next_run(PG_FUNCTION_ARGS)
{
	BkCron		cron;
	pg_tz	   *zone;
	TimestampTz after;
	TimestampTz next;

	bk_schedule_cron(fcinfo, 0, &cron);
	zone = bk_schedule_zone(fcinfo, 1);
	bk_argument_needed(fcinfo, 2, "after");
	after = PG_GETARG_TIMESTAMPTZ(2);
	if (!bk_cron_takes(after))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("invalid value for argument \"%s\"", "after"),
				 errdetail("It is a time of the years 1 to 9999.")));
	next = bk_cron_next(&cron, zone, after);
	if (next == DT_NOEND)
		PG_RETURN_NULL();
	PG_RETURN_TIMESTAMPTZ(next);
}

/* Reads the argument "schedule". */
static void
bk_schedule_cron(FunctionCallInfo fcinfo, int number, BkCron *cron)
{
	BkOutcome	problem;

	if (!bk_cron_parse(bk_argument_text(fcinfo, number, "schedule"), cron, &problem))
		bk_outcome_report(&problem, ERROR);
}

/* Returns the time zone of an argument; NULL stands for that of the session. */
static pg_tz *
bk_schedule_zone(FunctionCallInfo fcinfo, int number)
{
	char	   *name;
	pg_tz	   *zone;

	if (PG_ARGISNULL(number))
		return session_timezone;
	name = bk_argument_text(fcinfo, number, "timezone");
	zone = bk_cron_zone(name);
	if (zone == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("time zone \"%.*s\" not recognized",
						pg_mbcliplen(name, strlen(name), 100), name),
				 errhint("The view pg_timezone_names shows the names.")));
	return zone;
}
