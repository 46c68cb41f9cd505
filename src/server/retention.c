/*
 * retention.c
 *	  The SQL functions about what is kept of the backups.
 */
#include "postgres.h"

#include "fmgr.h"
#include "utils/builtins.h"
#include "utils/timestamp.h"

#include "server/arguments.h"
#include "server/call.h"
#include "server/request.h"

PG_FUNCTION_INFO_V1(bk_pin);
PG_FUNCTION_INFO_V1(bk_unpin);

static BkRun *bk_retention_request(FunctionCallInfo fcinfo, const char *verb);
static char *bk_retention_utc(TimestampTz time);

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
