/*
 * reports.c
 *	  The SQL functions that return rows or wait, and those that serve the
 *	  views.
 */
#include "postgres.h"

#include "catalog/pg_authid.h"
#include "executor/spi.h"
#include "fmgr.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "nodes/parsenodes.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/timestamp.h"
#include "utils/tuplestore.h"

#include "server/archive_check.h"
#include "server/arguments.h"
#include "server/call.h"
#include "server/column.h"
#include "server/history.h"
#include "server/ready.h"
#include "server/request.h"
#include "server/settings.h"
#include "server/urls.h"

#define BK_SLOT_COLUMNS 26

PG_FUNCTION_INFO_V1(bk_verify);
PG_FUNCTION_INFO_V1(bk_check);
PG_FUNCTION_INFO_V1(bk_s3_lifecycle);
PG_FUNCTION_INFO_V1(bk_wait);
PG_FUNCTION_INFO_V1(bk_run_slots);
PG_FUNCTION_INFO_V1(bk_repository_number);
PG_FUNCTION_INFO_V1(bk_repository_count);
PG_FUNCTION_INFO_V1(bk_installed);

static const char *const bk_levels[] = {"readable", "stored", NULL};

static bool bk_check_conditions(ReturnSetInfo *result,
								const BkCondition *condition);
static void bk_check_run(ReturnSetInfo *result);
static void bk_check_line(ReturnSetInfo *result, const char *name,
						  const BkOutcome *outcome);
static TimestampTz bk_wait_until(FunctionCallInfo fcinfo);
static void bk_run_slots_row(ReturnSetInfo *result, const BkRun *run,
							 bool may_read_texts);

Datum
bk_verify(PG_FUNCTION_ARGS)
{
	char	   *id = bk_argument_id(fcinfo, 0);
	char	   *level = bk_argument_word(fcinfo, 1, "level", bk_levels);
	BkRun	   *run = bk_request_new("verify");

	bk_text_copy(run->backup_id, sizeof(run->backup_id), id);
	bk_request_add_text(run, "id", id);
	bk_request_add_text(run, "level", level);
	InitMaterializedSRF(fcinfo, 0);
	bk_call(run, true);
	bk_history_checks(run->run, (ReturnSetInfo *) fcinfo->resultinfo);
	return (Datum) 0;
}

/* --- backup_s3_lifecycle --- */

Datum
bk_s3_lifecycle(PG_FUNCTION_ARGS)
{
	static const struct
	{
		int			number;
		const char *name;
	}			days[] = {
		{0, "transition_days"}, {2, "expiration_days"}, {3, "noncurrent_days"},
		{4, "abort_days"},
	};
	bool		remove = bk_argument_bool(fcinfo, 5, "remove");
	BkRun	   *run = bk_request_new("s3_lifecycle");
	size_t		i;

	for (i = 0; i < lengthof(days); i++)
	{
		int			number = days[i].number;

		if (PG_ARGISNULL(number))
			continue;
		if (PG_GETARG_INT32(number) < 1)
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					 errmsg("argument \"%s\" must be at least 1", days[i].name)));
		bk_request_add_number(run, days[i].name, PG_GETARG_INT32(number));
	}
	if (!PG_ARGISNULL(1))
		bk_request_add_text(run, "transition_class",
							text_to_cstring(PG_GETARG_TEXT_PP(1)));
	bk_request_add_bool(run, "remove", remove);
	InitMaterializedSRF(fcinfo, 0);
	bk_call(run, true);
	bk_history_checks(run->run, (ReturnSetInfo *) fcinfo->resultinfo);
	return (Datum) 0;
}

/* --- backup_check --- */

Datum
bk_check(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *result = (ReturnSetInfo *) fcinfo->resultinfo;
	bool		ready;

	InitMaterializedSRF(fcinfo, 0);
	ready = bk_check_conditions(result, bk_ready_conditions());
	bk_check_conditions(result, bk_archive_check_conditions());
	if (ready)
		bk_check_run(result);
	return (Datum) 0;
}

/* Adds a line for each; returns whether those hold that are needed for a run. */
static bool
bk_check_conditions(ReturnSetInfo *result, const BkCondition *condition)
{
	bool		ready = true;

	for (; condition->name != NULL; condition++)
	{
		BkOutcome	outcome;

		bk_outcome_succeed(&outcome, NULL);
		if (!condition->holds(&outcome) && condition->needed)
			ready = false;
		bk_check_line(result, condition->name, &outcome);
	}
	return ready;
}

/* Adds what the program finds; if it cannot look, that is a line too. */
static void
bk_check_run(ReturnSetInfo *result)
{
	BkRun	   *run = bk_request_new("check");
	BkOutcome	outcome;

	bk_call_outcome(run, &outcome);
	outcome.result[0] = '\0';
	bk_check_line(result, "backup program works", &outcome);
	bk_history_checks(run->run, result);
}

static void
bk_check_line(ReturnSetInfo *result, const char *name, const BkOutcome *outcome)
{
	Datum		values[4];
	bool		nulls[4] = {0};
	char	   *detail = pstrdup(outcome->result);

	if (!outcome->ok)
		detail = outcome->detail[0] == '\0' ? pstrdup(outcome->message) :
			psprintf("%s: %s", outcome->message, outcome->detail);
	values[0] = CStringGetTextDatum(name);
	values[1] = BoolGetDatum(outcome->ok);
	bk_column_text(&values[2], &nulls[2], detail);
	bk_column_text(&values[3], &nulls[3], outcome->hint);
	tuplestore_putvalues(result->setResult, result->setDesc, values, nulls);
}

/* --- backup_wait --- */

/*
 * A procedure, since it gives up its transaction before it waits: a snapshot
 * that is held for hours would keep VACUUM from its work.
 */
Datum
bk_wait(PG_FUNCTION_ARGS)
{
	int64		run;
	TimestampTz until;
	BkOutcome	outcome;

	bk_argument_needed(fcinfo, 0, "run");
	run = PG_GETARG_INT64(0);
	until = bk_wait_until(fcinfo);
	bk_ready_require_home();
	if (fcinfo->context == NULL || !IsA(fcinfo->context, CallContext) ||
		((CallContext *) fcinfo->context)->atomic)
		ereport(ERROR,
				(errcode(ERRCODE_ACTIVE_SQL_TRANSACTION),
				 errmsg("backup_wait cannot be called within a transaction block"),
				 errhint("Run COMMIT first, and call it as a statement of its own.")));

	SPI_connect_ext(SPI_OPT_NONATOMIC);
	SPI_commit();
	SPI_finish();
	if (!bk_call_join(run, until, &outcome) &&
		!bk_history_outcome(run, &outcome))
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_OBJECT),
				 errmsg("run " INT64_FORMAT " does not exist", run)));
	if (!outcome.ok)
		bk_outcome_report(&outcome, ERROR);
	return (Datum) 0;
}

/* Returns when waiting ends; 0: never. */
static TimestampTz
bk_wait_until(FunctionCallInfo fcinfo)
{
	if (PG_ARGISNULL(1))
		return 0;
	return DatumGetTimestampTz(DirectFunctionCall2(timestamptz_pl_interval,
												   TimestampTzGetDatum(GetCurrentTimestamp()),
												   PG_GETARG_DATUM(1)));
}

/* --- for the views --- */

Datum
bk_run_slots(PG_FUNCTION_ARGS)
{
	BkRun	   *run = palloc(sizeof(BkRun));
	bool		may_read_texts = has_privs_of_role(GetUserId(),
												   ROLE_PG_READ_ALL_STATS);
	int			slot;

	InitMaterializedSRF(fcinfo, 0);
	/* elsewhere the texts may be of another encoding */
	if (!bk_shared_available() || !bk_ready_is_home())
		return (Datum) 0;
	for (slot = 0; slot < BK_SLOTS; slot++)
	{
		if (bk_shared_read(slot, run))
			bk_run_slots_row((ReturnSetInfo *) fcinfo->resultinfo, run,
							 may_read_texts);
	}
	return (Datum) 0;
}

static void
bk_run_slots_row(ReturnSetInfo *result, const BkRun *run, bool may_read_texts)
{
	const BkOutcome *outcome = &run->outcome;
	bool		failed = run->state == BK_RUN_DONE && !outcome->ok;
	bool		show_texts = failed && may_read_texts;
	Datum		v[BK_SLOT_COLUMNS];
	bool		n[BK_SLOT_COLUMNS] = {0};

	v[0] = Int64GetDatum(run->run);
	bk_column_text(&v[1], &n[1], run->verb);
	bk_column_text(&v[2], &n[2], run->kind);
	bk_column_text(&v[3], &n[3], run->database);
	bk_column_text(&v[4], &n[4], run->backup_id);
	bk_column_text(&v[5], &n[5], bk_run_state_name(run));
	bk_column_text(&v[6], &n[6], run->requested_by);
	bk_column_time(&v[7], &n[7], run->requested_at);
	bk_column_time(&v[8], &n[8], run->started_at);
	bk_column_time(&v[9], &n[9], run->finished_at);
	bk_column_size(&v[10], &n[10], run->plain_size);
	bk_column_size(&v[11], &n[11], run->stored_size);
	bk_column_text(&v[12], &n[12], failed ? outcome->sqlstate : NULL);
	bk_column_text(&v[13], &n[13], show_texts ? outcome->message : NULL);
	bk_column_text(&v[14], &n[14], show_texts ? outcome->detail : NULL);
	bk_column_text(&v[15], &n[15], show_texts ? outcome->hint : NULL);
	bk_column_text(&v[16], &n[16], run->progress.phase);
	bk_column_text(&v[17], &n[17], run->progress.object);
	v[18] = Int64GetDatum(run->progress.done);
	bk_column_size(&v[19], &n[19],
				   run->progress.total > 0 ? run->progress.total : -1);
	bk_column_time(&v[20], &n[20], run->progress.updated_at);
	v[21] = Int32GetDatum(run->worker_pid);
	n[21] = run->worker_pid == 0;
	bk_column_text(&v[22], &n[22], run->reason);
	bk_column_text(&v[23], &n[23], run->schedule);
	bk_column_time(&v[24], &n[24], run->slot_at);
	v[25] = Int32GetDatum(run->attempt);
	tuplestore_putvalues(result->setResult, result->setDesc, v, n);
}

/* Where does this URL stand in the setting? Whoever asks must know it already. */
Datum
bk_repository_number(PG_FUNCTION_ARGS)
{
	int			number = bk_urls_number(bk_setting_repository,
										text_to_cstring(PG_GETARG_TEXT_PP(0)));

	if (number == 0)
		PG_RETURN_NULL();
	PG_RETURN_INT32(number);
}

/* How many repositories are set? */
Datum
bk_repository_count(PG_FUNCTION_ARGS)
{
	const char *list = bk_setting_repository;
	Size		length;
	int			count = 0;

	while (bk_urls_next(&list, &length) != NULL)
		count++;
	PG_RETURN_INT32(count);
}

/* Called once, by CREATE EXTENSION, which shows nothing below a warning. */
Datum
bk_installed(PG_FUNCTION_ARGS)
{
	if (!bk_ready_is_home())
		ereport(WARNING,
				(errmsg("backup_ext works in database \"%s\", not in this one",
						bk_setting_database),
				 errhint("To make this database its home: %s",
						 bk_ready_home_statements())));
	if (!bk_shared_available())
		ereport(WARNING,
				(errmsg("backup_ext must be loaded when the server starts"),
				 errhint("The function backup_check() says what to do.")));
	PG_RETURN_VOID();
}
