/*
 * schedule_functions.c
 *	  The SQL functions of schedules. What they change is the caller's
 *	  transaction; the keeper sees it when that is committed.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "fmgr.h"
#include "mb/pg_wchar.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/datetime.h"
#include "utils/timestamp.h"

#include "server/arguments.h"
#include "server/call.h"
#include "server/cron.h"
#include "server/ready.h"
#include "server/schedule_part.h"
#include "server/slots.h"
#include "server/statement.h"

#define BK_SCHEDULE_RETRIES_MAX 20

/* The arguments of backup_schedule(), by their number. */
enum
{
	BK_ARG_NAME, BK_ARG_SCHEDULE, BK_ARG_KIND, BK_ARG_DATABASE, BK_ARG_CONTENT,
	BK_ARG_LEVEL, BK_ARG_TIMEZONE, BK_ARG_CATCH_UP, BK_ARG_JITTER,
	BK_ARG_MAX_DURATION, BK_ARG_RETRIES, BK_ARG_LATE_AFTER, BK_ARG_KEEP_LAST,
	BK_ARG_KEEP_WITHIN, BK_ARG_KEEP_DAILY, BK_ARG_KEEP_WEEKLY,
	BK_ARG_KEEP_MONTHLY, BK_ARG_KEEP_YEARLY, BK_ARG_ENABLED
};

static const char *const bk_kinds[] = {"logical", "base", "verify", "expire", "replicate", NULL};
static const char *const bk_contents[] = {"all", "schema", "data", NULL};
static const char *const bk_levels[] = {"readable", "stored", NULL};
static const char *const bk_catch_ups[] = {"once", "skip", NULL};

/* Those that say how long backups are kept. */
static const struct
{
	int			number;
	const char *name;
	Oid			type;
}			bk_keeps[] =
{
	{BK_ARG_KEEP_LAST, "keep_last", INT4OID},
	{BK_ARG_KEEP_WITHIN, "keep_within", INTERVALOID},
	{BK_ARG_KEEP_DAILY, "keep_daily", INT4OID},
	{BK_ARG_KEEP_WEEKLY, "keep_weekly", INT4OID},
	{BK_ARG_KEEP_MONTHLY, "keep_monthly", INT4OID},
	{BK_ARG_KEEP_YEARLY, "keep_yearly", INT4OID}
};

/* What was said before is replaced; when it was said first stays. */
static const char bk_sql_put_schedule[] =
"INSERT INTO %s.backup_schedule_data AS s (name, schedule, timezone, kind, database,"
" content, level, catch_up, jitter, max_duration, retries, late_after,"
" keep_last, keep_within, keep_daily, keep_weekly, keep_monthly, keep_yearly,"
" enabled, system_identifier, created_at, changed_at, changed_by)"
" VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16,"
" $17, $18, $19, $20, $21, $21, $22)"
" ON CONFLICT (name) DO UPDATE SET schedule = excluded.schedule,"
" timezone = excluded.timezone, kind = excluded.kind, database = excluded.database,"
" content = excluded.content, level = excluded.level, catch_up = excluded.catch_up,"
" jitter = excluded.jitter, max_duration = excluded.max_duration,"
" retries = excluded.retries, late_after = excluded.late_after,"
" keep_last = excluded.keep_last, keep_within = excluded.keep_within,"
" keep_daily = excluded.keep_daily, keep_weekly = excluded.keep_weekly,"
" keep_monthly = excluded.keep_monthly, keep_yearly = excluded.keep_yearly,"
" enabled = excluded.enabled, system_identifier = excluded.system_identifier,"
" changed_at = excluded.changed_at, changed_by = excluded.changed_by"
" RETURNING s.created_at <> s.changed_at";

static const char bk_sql_audit[] =
"INSERT INTO %s.backup_run_data (run, verb, kind, database, state, requested_by,"
" requested_at, started_at, finished_at, schedule)"
" VALUES ($1, $2, $3, $4, 'done', $5, $6, $6, $6, $7)";

PG_FUNCTION_INFO_V1(bk_next_run);
PG_FUNCTION_INFO_V1(bk_schedule);
PG_FUNCTION_INFO_V1(bk_unschedule);

static void bk_schedule_cron(FunctionCallInfo fcinfo, int number, BkCron *cron);
static pg_tz *bk_schedule_zone(FunctionCallInfo fcinfo, int number);
static bool bk_schedule_put(FunctionCallInfo fcinfo, TimestampTz now);
static char *bk_schedule_database(FunctionCallInfo fcinfo, const char *kind);
static char *bk_schedule_content(FunctionCallInfo fcinfo, const char *kind);
static char *bk_schedule_level(FunctionCallInfo fcinfo, const char *kind);
static void bk_schedule_refuse(const char *name, const char *kind);
static void bk_schedule_add_interval(FunctionCallInfo fcinfo, BkValues *values,
									 int number, const char *name, bool may_be_zero);
static void bk_schedule_add_retries(FunctionCallInfo fcinfo, BkValues *values);
static void bk_schedule_add_keeps(FunctionCallInfo fcinfo, BkValues *values,
								  const char *kind);
static void bk_schedule_audit(const char *verb, const char *name, const char *kind,
							  const char *database);
static char *bk_schedule_actor(void);

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

Datum
bk_schedule(PG_FUNCTION_ARGS)
{
	char	   *name = bk_argument_schedule(fcinfo, BK_ARG_NAME);
	TimestampTz now = GetCurrentTimestamp();
	TimestampTz next;
	BkSchedule *schedule;

	bk_ready_require_home();
	SPI_connect();
	if (bk_schedule_put(fcinfo, now))
		ereport(NOTICE,
				(errmsg("schedule \"%s\" is replaced", name)));

	/* plan it here, so that what is shown is right at once */
	schedule = bk_schedule_lock(name);
	bk_part_drop_waiting(schedule);
	if (schedule->is_ours)
		bk_slots_plan(schedule, now);
	else
		bk_slots_forget(schedule);
	bk_schedule_save(schedule);
	bk_schedule_audit("schedule", name, schedule->kind, schedule->database);
	next = schedule->next_run_at;
	SPI_finish();
	if (next == 0)
		PG_RETURN_NULL();
	PG_RETURN_TIMESTAMPTZ(next);
}

Datum
bk_unschedule(PG_FUNCTION_ARGS)
{
	char	   *name = bk_argument_text(fcinfo, 0, "name");
	bool		found;

	bk_ready_require_home();
	SPI_connect();
	found = bk_schedule_remove(name);
	if (found)
		bk_schedule_audit("unschedule", name, NULL, NULL);
	SPI_finish();
	if (!found)
		ereport(WARNING,
				(errmsg("schedule \"%.*s\" does not exist",
						pg_mbcliplen(name, strlen(name), NAMEDATALEN - 1), name)));
	PG_RETURN_BOOL(found);
}

/* Writes what was said; returns whether something was said before. */
static bool
bk_schedule_put(FunctionCallInfo fcinfo, TimestampTz now)
{
	char	   *kind = bk_argument_word(fcinfo, BK_ARG_KIND, "kind", bk_kinds);
	BkValues	values = {0};
	BkCron		cron;
	bool		is_null;

	bk_schedule_cron(fcinfo, BK_ARG_SCHEDULE, &cron);
	bk_values_add_text(&values, bk_argument_schedule(fcinfo, BK_ARG_NAME));
	bk_values_add_text(&values, bk_argument_text(fcinfo, BK_ARG_SCHEDULE, "schedule"));
	bk_values_add_text(&values, pg_get_timezone_name(bk_schedule_zone(fcinfo, BK_ARG_TIMEZONE)));
	bk_values_add_text(&values, kind);
	bk_values_add_text(&values, bk_schedule_database(fcinfo, kind));
	bk_values_add_text(&values, bk_schedule_content(fcinfo, kind));
	bk_values_add_text(&values, bk_schedule_level(fcinfo, kind));
	bk_values_add_text(&values, bk_argument_word(fcinfo, BK_ARG_CATCH_UP, "catch_up", bk_catch_ups));
	bk_argument_needed(fcinfo, BK_ARG_JITTER, "jitter");
	bk_schedule_add_interval(fcinfo, &values, BK_ARG_JITTER, "jitter", true);
	bk_schedule_add_interval(fcinfo, &values, BK_ARG_MAX_DURATION, "max_duration", false);
	bk_schedule_add_retries(fcinfo, &values);
	bk_schedule_add_interval(fcinfo, &values, BK_ARG_LATE_AFTER, "late_after", false);
	bk_schedule_add_keeps(fcinfo, &values, kind);
	bk_values_add(&values, BOOLOID,
				  BoolGetDatum(bk_argument_bool(fcinfo, BK_ARG_ENABLED, "enabled")), false);
	bk_values_add_text(&values, bk_schedule_cluster());
	bk_values_add_time(&values, now);
	bk_values_add_text(&values, bk_schedule_actor());
	bk_statement_execute(bk_sql_put_schedule, &values);
	return DatumGetBool(SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc,
									  1, &is_null));
}

/*
 * A name or a pattern. A logical backup is of a database that there is, since a
 * name that is misspelled would only fail at night.
 */
static char *
bk_schedule_database(FunctionCallInfo fcinfo, const char *kind)
{
	char	   *database;
	Oid			oid;

	if (PG_ARGISNULL(BK_ARG_DATABASE))
		return NULL;
	if (strcmp(kind, "logical") != 0 && strcmp(kind, "verify") != 0)
		bk_schedule_refuse("database", kind);
	database = bk_argument_text(fcinfo, BK_ARG_DATABASE, "database");
	if (strcmp(kind, "logical") == 0 && strpbrk(database, "*?") == NULL)
		return bk_argument_database(fcinfo, BK_ARG_DATABASE, &oid);
	if (database[0] == '\0' || strlen(database) >= NAMEDATALEN)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("invalid value for argument \"%s\"", "database"),
				 errdetail("A pattern of names has 1 to %d bytes.", NAMEDATALEN - 1)));
	return database;
}

static char *
bk_schedule_content(FunctionCallInfo fcinfo, const char *kind)
{
	bool		is_logical = strcmp(kind, "logical") == 0;

	if (PG_ARGISNULL(BK_ARG_CONTENT))
		return is_logical ? "all" : NULL;
	if (!is_logical)
		bk_schedule_refuse("content", kind);
	return bk_argument_word(fcinfo, BK_ARG_CONTENT, "content", bk_contents);
}

static char *
bk_schedule_level(FunctionCallInfo fcinfo, const char *kind)
{
	bool		verifies = strcmp(kind, "verify") == 0;

	if (PG_ARGISNULL(BK_ARG_LEVEL))
		return verifies ? "readable" : NULL;
	if (!verifies)
		bk_schedule_refuse("level", kind);
	return bk_argument_word(fcinfo, BK_ARG_LEVEL, "level", bk_levels);
}

/* Raises the error for an argument that has no meaning for this kind. */
static void
bk_schedule_refuse(const char *name, const char *kind)
{
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("argument \"%s\" has no meaning for kind \"%s\"", name, kind),
			 errhint("Leave it out.")));
}

/* NULL stays NULL. */
static void
bk_schedule_add_interval(FunctionCallInfo fcinfo, BkValues *values, int number,
						 const char *name, bool may_be_zero)
{
	Interval	zero = {0};
	bool		is_null = PG_ARGISNULL(number);
	int			sign;

	if (!is_null)
	{
		sign = DatumGetInt32(DirectFunctionCall2(interval_cmp, PG_GETARG_DATUM(number),
												 IntervalPGetDatum(&zero)));
		if (sign < 0 || (sign == 0 && !may_be_zero))
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					 errmsg("invalid value for argument \"%s\"", name),
					 errdetail(may_be_zero ? "It must not be negative." :
							   "It must be longer than nothing."),
					 errhint("Leave it out to have none.")));
	}
	bk_values_add(values, INTERVALOID, is_null ? (Datum) 0 : PG_GETARG_DATUM(number), is_null);
}

static void
bk_schedule_add_retries(FunctionCallInfo fcinfo, BkValues *values)
{
	bk_argument_needed(fcinfo, BK_ARG_RETRIES, "retries");
	if (PG_GETARG_INT32(BK_ARG_RETRIES) < 0 ||
		PG_GETARG_INT32(BK_ARG_RETRIES) > BK_SCHEDULE_RETRIES_MAX)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("invalid value for argument \"%s\"", "retries"),
				 errdetail("It can be 0 to %d.", BK_SCHEDULE_RETRIES_MAX)));
	bk_values_add(values, INT4OID, PG_GETARG_DATUM(BK_ARG_RETRIES), false);
}

/* To keep nothing is never what somebody wants to say. */
static void
bk_schedule_add_keeps(FunctionCallInfo fcinfo, BkValues *values, const char *kind)
{
	int			i;

	for (i = 0; i < (int) lengthof(bk_keeps); i++)
	{
		int			number = bk_keeps[i].number;
		bool		is_null = PG_ARGISNULL(number);

		if (!is_null && strcmp(kind, "logical") != 0 && strcmp(kind, "base") != 0)
			bk_schedule_refuse(bk_keeps[i].name, kind);
		if (bk_keeps[i].type == INTERVALOID)
		{
			bk_schedule_add_interval(fcinfo, values, number, bk_keeps[i].name, false);
			continue;
		}
		if (!is_null && PG_GETARG_INT32(number) <= 0)
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					 errmsg("invalid value for argument \"%s\"", bk_keeps[i].name),
					 errdetail("It is the number of backups to be kept, and at least 1."),
					 errhint("Leave it out to keep none for this reason.")));
		bk_values_add(values, INT4OID, is_null ? (Datum) 0 : PG_GETARG_DATUM(number), is_null);
	}
}

/* Who has changed what is wanted is a row of the history. */
static void
bk_schedule_audit(const char *verb, const char *name, const char *kind,
				  const char *database)
{
	BkValues	values = {0};

	bk_values_add(&values, INT8OID, Int64GetDatum(bk_call_next_number()), false);
	bk_values_add_text(&values, verb);
	bk_values_add_text(&values, kind);
	bk_values_add_text(&values, database);
	bk_values_add_text(&values, bk_schedule_actor());
	bk_values_add_time(&values, GetCurrentTimestamp());
	bk_values_add_text(&values, name);
	bk_statement_execute(bk_sql_audit, &values);
}

/* Whoever called, also through functions that act as their owner. */
static char *
bk_schedule_actor(void)
{
	return GetUserNameFromId(GetOuterUserId(), false);
}
