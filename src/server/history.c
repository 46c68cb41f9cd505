/*
 * history.c
 *	  Reads rows of finished runs. These statements run with whatever
 *	  search_path the session has: every name and operator is qualified.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "utils/builtins.h"
#include "utils/snapmgr.h"
#include "utils/tuplestore.h"

#include "server/history.h"
#include "server/installation.h"

#define BK_HISTORY_COLUMNS 10	/* at most, of what is returned as rows */

static void bk_history_rows(const char *format, int64 run, ReturnSetInfo *result);
static void bk_history_query(const char *format, int64 run);
static char *bk_history_value(int column);

bool
bk_history_outcome(int64 run, BkOutcome *outcome)
{
	bool		found;

	SPI_connect();
	bk_history_query("SELECT r.state, r.sqlstate, r.message, r.detail, r.hint"
					 " FROM %s.backup_run_data AS r"
					 " WHERE r.run OPERATOR(pg_catalog.=) $1", run);
	found = SPI_processed == 1;
	if (found && strcmp(bk_history_value(1), "done") == 0)
		bk_outcome_succeed(outcome, NULL);
	else if (found && bk_history_value(2) == NULL)
		bk_outcome_fail(outcome, ERRCODE_ADMIN_SHUTDOWN,
						"run " INT64_FORMAT " was cut off by a restart of the server", run);
	else if (found)
		bk_outcome_from_program(outcome, bk_history_value(2), bk_history_value(3),
								bk_history_value(4), bk_history_value(5));
	SPI_finish();
	return found;
}

void
bk_history_checks(int64 run, ReturnSetInfo *result)
{
	bk_history_rows("SELECT c.name, c.ok, c.detail, c.hint"
					" FROM %s.backup_run_data AS r,"
					" LATERAL pg_catalog.jsonb_to_recordset(r.result OPERATOR(pg_catalog.->) 'checks')"
					" AS c (name text, ok boolean, detail text, hint text)"
					" WHERE r.run OPERATOR(pg_catalog.=) $1", run, result);
}

void
bk_history_decisions(int64 run, ReturnSetInfo *result)
{
	bk_history_rows("SELECT c.repository, c.id, c.kind, c.database, c.schedule, c.action, c.reason,"
					" c.finished_at, c.stored_size, c.delete_after"
					" FROM %s.backup_run_data AS r,"
					" LATERAL pg_catalog.jsonb_to_recordset(r.result OPERATOR(pg_catalog.->) 'decisions')"
					" AS c (repository integer, id text, kind text, database text, schedule text,"
					" action text, reason text, finished_at timestamptz, stored_size bigint,"
					" delete_after timestamptz)"
					" WHERE r.run OPERATOR(pg_catalog.=) $1", run, result);
}

/* Adds the rows that a query about a run has. */
static void
bk_history_rows(const char *format, int64 run, ReturnSetInfo *result)
{
	uint64		i;

	SPI_connect();
	bk_history_query(format, run);
	for (i = 0; i < SPI_processed; i++)
	{
		Datum		values[BK_HISTORY_COLUMNS];
		bool		nulls[BK_HISTORY_COLUMNS];
		int			column;

		for (column = 0; column < result->setDesc->natts; column++)
			values[column] = SPI_getbinval(SPI_tuptable->vals[i],
										   SPI_tuptable->tupdesc, column + 1,
										   &nulls[column]);
		tuplestore_putvalues(result->setResult, result->setDesc, values, nulls);
	}
	SPI_finish();
}

/* Executes a query with the schema as "%s" and the run as $1. */
static void
bk_history_query(const char *format, int64 run)
{
	BkInstallation installation;
	BkActor		before;
	const char *place = strstr(format, "%s");
	char	   *sql;
	SPIPlanPtr	plan;
	Oid			types[1] = {INT8OID};
	Datum		values[1] = {Int64GetDatum(run)};
	int			code = SPI_ERROR_ARGUMENT;

	bk_installation_need(&installation);
	sql = psprintf("%.*s%s%s", (int) (place - format), format,
				   installation.schema, place + 2);

	bk_installation_act(&installation, "backup_run_data", &before);
	plan = SPI_prepare(sql, 1, types);
	if (plan != NULL)
		code = SPI_execute_snapshot(plan, values, NULL, GetLatestSnapshot(),
									InvalidSnapshot, true, false, 0);
	bk_installation_act_end(&before);
	if (code != SPI_OK_SELECT)
		elog(ERROR, "history query failed: %s", SPI_result_code_string(code));
}

static char *
bk_history_value(int column)
{
	return SPI_getvalue(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, column);
}
