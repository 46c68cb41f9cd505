/*
 * retention.c
 *	  What is kept of the backups: the SQL functions, and what a run needs.
 */
#include "postgres.h"

#include "access/xact.h"
#include "fmgr.h"
#include "funcapi.h"
#include "pgtime.h"
#include "utils/builtins.h"
#include "utils/timestamp.h"

#include "server/arguments.h"
#include "server/call.h"
#include "server/catalogue.h"
#include "server/history.h"
#include "server/request.h"
#include "server/retention.h"
#include "server/retention_store.h"
#include "server/settings.h"

PG_FUNCTION_INFO_V1(bk_pin);
PG_FUNCTION_INFO_V1(bk_unpin);
PG_FUNCTION_INFO_V1(bk_expire);
PG_FUNCTION_INFO_V1(bk_unexpire);

static BkRun *bk_retention_request(FunctionCallInfo fcinfo, const char *verb);
static char *bk_retention_utc(TimestampTz time);
static bool bk_retention_is_queued(void);
static void bk_retention_queue(void);
static void bk_retention_add_number(StringInfo arguments, const char *name,
									int64 number);

Datum
bk_pin(PG_FUNCTION_ARGS)
{
	BkRun	   *run = bk_retention_request(fcinfo, "pin");

	if (!PG_ARGISNULL(1) && !TIMESTAMP_IS_NOEND(PG_GETARG_TIMESTAMPTZ(1)))
	{
		TimestampTz until = PG_GETARG_TIMESTAMPTZ(1);

		if (until <= GetCurrentTimestamp())
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					 errmsg("invalid value for argument \"%s\"", "until"),
					 errdetail("This time is in the past.")));
		bk_request_add_text(run, "until", bk_retention_utc(until));
	}
	bk_call(run, true);
	PG_RETURN_BOOL(true);
}

Datum
bk_unpin(PG_FUNCTION_ARGS)
{
	bk_call(bk_retention_request(fcinfo, "unpin"), true);
	PG_RETURN_BOOL(true);
}

Datum
bk_expire(PG_FUNCTION_ARGS)
{
	bool		dry_run = bk_argument_bool(fcinfo, 0, "dry_run");
	BkRun	   *run = bk_request_new("expire");

	bk_request_add_bool(run, "dry_run", dry_run);
	InitMaterializedSRF(fcinfo, 0);
	bk_call(run, true);
	bk_history_decisions(run->run, (ReturnSetInfo *) fcinfo->resultinfo);
	return (Datum) 0;
}

Datum
bk_unexpire(PG_FUNCTION_ARGS)
{
	bk_call(bk_retention_request(fcinfo, "unexpire"), true);
	PG_RETURN_BOOL(true);
}

/* Returns a request about the backup that is the first argument. */
static BkRun *
bk_retention_request(FunctionCallInfo fcinfo, const char *verb)
{
	char	   *id = bk_argument_id(fcinfo, 0);
	BkRun	   *run = bk_request_new(verb);

	bk_text_copy(run->backup_id, sizeof(run->backup_id), id);
	bk_request_add_text(run, "id", id);
	return run;
}

/* As the protocol has times; seconds are rounded up. */
static char *
bk_retention_utc(TimestampTz time)
{
	struct pg_tm tm;
	fsec_t		fraction;

	time += USECS_PER_SEC - 1;
	if (timestamp2tm(time, NULL, &tm, &fraction, NULL, NULL) != 0 || tm.tm_year > 9999)
		ereport(ERROR,
				(errcode(ERRCODE_DATETIME_VALUE_OUT_OF_RANGE),
				 errmsg("timestamp out of range")));
	return psprintf("%04d-%02d-%02dT%02d:%02d:%02dZ", tm.tm_year, tm.tm_mon,
					tm.tm_mday, tm.tm_hour, tm.tm_min, tm.tm_sec);
}

/* --- for the worker of a run --- */

char *
bk_retention_arguments(void)
{
	char	   *policies = bk_retention_policies();
	StringInfoData arguments;

	initStringInfo(&arguments);
	/* encodings are looked up in catalogs */
	StartTransactionCommand();
	bk_request_text(&arguments, "policies", policies);
	bk_request_text(&arguments, "timezone", pg_get_timezone_name(session_timezone));
	CommitTransactionCommand();
	bk_retention_add_number(&arguments, "keep_last", bk_setting_keep_last);
	bk_retention_add_number(&arguments, "keep_within", (int64) bk_setting_keep_within * 1000);
	bk_retention_add_number(&arguments, "keep_daily", bk_setting_keep_daily);
	bk_retention_add_number(&arguments, "keep_weekly", bk_setting_keep_weekly);
	bk_retention_add_number(&arguments, "keep_monthly", bk_setting_keep_monthly);
	bk_retention_add_number(&arguments, "keep_yearly", bk_setting_keep_yearly);
	bk_retention_add_number(&arguments, "minimum_good", bk_setting_minimum_good);
	bk_retention_add_number(&arguments, "expire_grace", (int64) bk_setting_expire_grace * 1000);
	bk_retention_add_number(&arguments, "recovery_window", bk_setting_recovery_window < 0 ? -1 :
							(int64) bk_setting_recovery_window * 1000);
	return arguments.data;
}

static void
bk_retention_add_number(StringInfo arguments, const char *name, int64 number)
{
	appendStringInfo(arguments, ", \"%s\": " INT64_FORMAT, name, number);
}

/* The backup is what it is, whatever happens here. */
void
bk_retention_follow(void)
{
	MemoryContext context = CurrentMemoryContext;
	BkOutcome	ignored;

	PG_TRY();
	{
		if (!bk_retention_is_queued() && bk_retention_is_set())
			bk_retention_queue();
	}
	PG_CATCH();
	{
		bk_catalogue_catch(&ignored, context);
	}
	PG_END_TRY();
}

/*
 * Runs begin in order, so one that is queued comes after all backups that wait
 * already. One that has begun may have looked before the new backup was there.
 */
static bool
bk_retention_is_queued(void)
{
	BkRun	   *run = palloc(sizeof(BkRun));
	bool		found = false;
	int			slot;

	for (slot = 0; slot < BK_SLOTS && !found; slot++)
		found = bk_shared_read(slot, run) && run->state == BK_RUN_QUEUED &&
			strcmp(run->verb, "expire") == 0;
	pfree(run);
	return found;
}

/* Where all slots are taken, the next backup will ask again. */
static void
bk_retention_queue(void)
{
	BkRun	   *run;

	StartTransactionCommand();
	run = bk_request_new("expire");
	bk_text_copy(run->reason, sizeof(run->reason), "retention");
	run->run = bk_call_next_number();
	if (bk_shared_queue(run) < 0)
		ereport(LOG,
				(errmsg("too many runs are waiting for one that expires backups")));
	CommitTransactionCommand();
}
