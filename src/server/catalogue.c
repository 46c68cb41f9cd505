/*
 * catalogue.c
 *	  The statements that write what the program reports into the tables.
 */
#include "postgres.h"

#include "access/xact.h"
#include "catalog/pg_type.h"
#include "commands/extension.h"
#include "executor/spi.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/guc.h"
#include "utils/timestamp.h"

#include "server/catalogue.h"
#include "server/compat.h"
#include "server/installation.h"
#include "server/statement.h"

/*
 * Commits need not wait for the disk: the row of a run, which is written last,
 * does, and by then all that came before is on disk too.
 */
static const char *const bk_session_settings[][2] =
{
	{"search_path", "pg_catalog, pg_temp"},
	{"lock_timeout", "30s"},
	{"statement_timeout", "0"},
	{"idle_in_transaction_session_timeout", "0"},
	BK_TRANSACTION_TIMEOUT_OFF
	{"default_transaction_read_only", "off"},
	{"default_transaction_isolation", "read committed"},
	{"synchronous_commit", "off"},
	{"session_replication_role", "origin"},
	{"client_min_messages", "warning"}
};

/* --- the statements --- */

/*
 * The number of a run may have been used before, if the sequence was set back:
 * then nothing of the old row stays. That a run is queued is said by somebody
 * who may be late, and must not hide what its worker has said.
 */
static const char bk_sql_write_run[] =
"INSERT INTO %s.backup_run_data AS r (run, verb, kind, database, backup_id, state,"
" requested_by, requested_at, started_at, finished_at, plain_size, stored_size,"
" sqlstate, message, detail, hint, result, reason, schedule, slot_at, attempt)"
" VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12,"
" $13, $14, $15, $16, $17::pg_catalog.jsonb, $18, $19, $20, $21)"
" ON CONFLICT (run) DO UPDATE SET verb = excluded.verb,"
" kind = excluded.kind, database = excluded.database,"
" backup_id = excluded.backup_id, state = excluded.state,"
" requested_by = excluded.requested_by, requested_at = excluded.requested_at,"
" started_at = excluded.started_at, finished_at = excluded.finished_at,"
" plain_size = excluded.plain_size, stored_size = excluded.stored_size,"
" sqlstate = excluded.sqlstate, message = excluded.message,"
" detail = excluded.detail, hint = excluded.hint, result = excluded.result,"
" reason = excluded.reason, schedule = excluded.schedule,"
" slot_at = excluded.slot_at, attempt = excluded.attempt"
" WHERE excluded.state <> 'queued' OR r.requested_at <> excluded.requested_at";

static const char bk_sql_close_lost_runs[] =
"UPDATE %s.backup_run_data SET state = 'failed', sqlstate = $1, message = $2,"
" finished_at = pg_catalog.clock_timestamp()"
" WHERE state IN ('queued', 'running')"
" AND NOT run IN (SELECT s.run FROM %s.backup_run_slots() AS s)";

static const char bk_sql_find_repository[] =
"SELECT id FROM %s.backup_repository_data WHERE url = $1";

static const char bk_sql_count_backups[] =
"SELECT pg_catalog.count(DISTINCT c.id) FROM %s.backup_catalogue_data AS c"
" WHERE %s.backup_repository_number(c.repository) IS NOT NULL"
" AND c.state <> 'missing'";

static const char bk_sql_forget_other_repository[] =
"DELETE FROM %s.backup_catalogue_data AS c"
" USING %s.backup_repository_data AS r"
" WHERE c.repository = $1 AND r.url = $1 AND r.id <> $2 ->> 'id'";

static const char bk_sql_forget_other_marks[] =
"DELETE FROM %s.backup_mark_data AS m"
" USING %s.backup_repository_data AS r"
" WHERE m.repository = $1 AND r.url = $1 AND r.id <> $2 ->> 'id'";

static const char bk_sql_forget_other_ranges[] =
"DELETE FROM %s.backup_wal_range_data AS m"
" USING %s.backup_repository_data AS r"
" WHERE m.repository = $1 AND r.url = $1 AND r.id <> $2 ->> 'id'";

static const char bk_sql_put_repository[] =
"INSERT INTO %s.backup_repository_data (url, id, created_at, format)"
" SELECT $1, e.id, e.created_at, e.format"
" FROM pg_catalog.jsonb_to_record($2)"
" AS e (id text, created_at timestamptz, format integer)"
" ON CONFLICT (url) DO UPDATE SET id = excluded.id,"
" created_at = excluded.created_at, format = excluded.format";

static const char bk_sql_insert_backup[] =
"INSERT INTO %s.backup_catalogue_data"
" SELECT $1, pg_catalog.clock_timestamp(), e.*"
" FROM pg_catalog.jsonb_to_record($2)"
" AS e (id text, kind text, database text, database_oid oid, content text,"
" label text, state text, started_at timestamptz, finished_at timestamptz,"
" system_identifier text, server_version integer, compression text,"
" objects bigint, plain_size bigint, stored_size bigint,"
" verified_at timestamptz, verified_level text, problem text,"
" timeline bigint, start_lsn pg_lsn, stop_lsn pg_lsn, corrupt_pages bigint,"
" encrypted boolean, schedule text, pinned_until timestamptz,"
" emptied_tables bigint, shrunk_tables bigint)"
" ON CONFLICT (repository, id) DO NOTHING";

static const char bk_sql_replace_backup[] =
"DELETE FROM %s.backup_catalogue_data"
" WHERE repository = $1 AND id = $2 ->> 'id'";

static const char bk_sql_list_again[] =
"DELETE FROM %s.backup_expired_data"
" WHERE repository = $1 AND id = $2 ->> 'id'";

static const char bk_sql_remove_backup[] =
"DELETE FROM %s.backup_catalogue_data"
" WHERE repository = $1 AND id = $2";

static const char bk_sql_begin_deletion[] =
"UPDATE %s.backup_catalogue_data SET deleting = true"
" WHERE repository = $1 AND id = $2";

/*
 * What nobody began to delete here and is not listed any more has been lost,
 * or somebody has taken it away or hides it: a person is to know, and says so.
 */
static const char bk_sql_miss_unseen[] =
"UPDATE %s.backup_catalogue_data AS c SET state = 'missing',"
" problem = 'it has vanished from the repository, and was not deleted here'"
" WHERE c.repository = $1 AND c.seen_at < $2 AND NOT c.deleting";

static const char bk_sql_remove_unseen[] =
"DELETE FROM %s.backup_catalogue_data"
" WHERE repository = $1 AND seen_at < $2 AND ($3 OR state <> 'missing')";

static const char bk_sql_forget_missing[] =
"DELETE FROM %s.backup_catalogue_data AS c"
" WHERE c.id = $1 AND c.state = 'missing'"
" AND %s.backup_repository_number(c.repository) IS NOT NULL";

static const char bk_sql_put_mark[] =
"INSERT INTO %s.backup_mark_data (repository, system_identifier, name, lsn, timeline, at, seen_at)"
" SELECT $1, e.system_identifier, e.name, e.lsn, e.timeline, e.at, pg_catalog.clock_timestamp()"
" FROM pg_catalog.jsonb_to_record($2)"
" AS e (system_identifier text, name text, lsn pg_lsn, timeline bigint, at timestamptz)"
" ON CONFLICT (repository, system_identifier, name) DO UPDATE SET lsn = excluded.lsn,"
" timeline = excluded.timeline, at = excluded.at, seen_at = excluded.seen_at";

static const char bk_sql_remove_unseen_marks[] =
"DELETE FROM %s.backup_mark_data"
" WHERE repository = $1 AND seen_at < $2";

/*
 * WAL that has become less is remembered until somebody accepts it. What was
 * seen by a sync that began later than this one is no measure.
 */
static const char bk_sql_put_wal_range[] =
"INSERT INTO %s.backup_wal_range_data AS r"
" SELECT $1, pg_catalog.clock_timestamp(), e.*"
" FROM pg_catalog.jsonb_to_record($2)"
" AS e (system_identifier text, timeline bigint, parent bigint, switch_lsn pg_lsn,"
" first_wal text, last_wal text, segments bigint, gaps bigint, first_gap text,"
" gaps_end pg_lsn, conflicts bigint, last_archived_at timestamptz)"
" ON CONFLICT (repository, system_identifier, timeline) DO UPDATE SET"
" seen_at = excluded.seen_at, parent = excluded.parent,"
" switch_lsn = excluded.switch_lsn, first_wal = excluded.first_wal,"
" last_wal = excluded.last_wal, segments = excluded.segments,"
" gaps = excluded.gaps, first_gap = excluded.first_gap,"
" gaps_end = excluded.gaps_end, conflicts = excluded.conflicts, last_archived_at = excluded.last_archived_at,"
" loss = CASE WHEN r.loss IS NOT NULL OR r.seen_at >= $3 THEN r.loss"
" WHEN excluded.first_wal COLLATE \"C\" > r.first_wal THEN pg_catalog.concat('it began with ', r.first_wal)"
" WHEN excluded.last_wal COLLATE \"C\" < r.last_wal THEN pg_catalog.concat('it ended with ', r.last_wal)"
" WHEN excluded.segments < r.segments THEN pg_catalog.concat('it had ', r.segments, ' segments') END";

static const char bk_sql_lose_unseen_ranges[] =
"UPDATE %s.backup_wal_range_data SET first_wal = NULL, last_wal = NULL, segments = 0,"
" gaps = 0, first_gap = NULL, gaps_end = NULL, conflicts = 0,"
" loss = COALESCE(loss, pg_catalog.concat('it had ', segments, ' segments'))"
" WHERE repository = $1 AND seen_at < $2 AND segments > 0";

static const char bk_sql_remove_unseen_ranges[] =
"DELETE FROM %s.backup_wal_range_data"
" WHERE repository = $1 AND seen_at < $2 AND ($3 OR loss IS NULL)";

static const char bk_sql_accept_loss[] =
"UPDATE %s.backup_wal_range_data SET loss = NULL"
" WHERE repository = $1 AND $3 AND loss IS NOT NULL AND seen_at >= $2";

static const char bk_sql_put_clone[] =
"INSERT INTO %s.backup_clone_data (directory, backup, target, timeline, port,"
" socket_directory, created_at, created_by)"
" SELECT e.directory, e.backup, e.target, e.timeline, e.port, e.socket_directory,"
" pg_catalog.clock_timestamp(), $2"
" FROM pg_catalog.jsonb_to_record($1)"
" AS e (directory text, backup text, target text, timeline bigint, port integer,"
" socket_directory text)"
" ON CONFLICT (directory) DO UPDATE SET backup = excluded.backup,"
" target = excluded.target, timeline = excluded.timeline, port = excluded.port,"
" socket_directory = excluded.socket_directory, created_at = excluded.created_at,"
" created_by = excluded.created_by";

static const char bk_sql_remove_clone[] =
"DELETE FROM %s.backup_clone_data WHERE directory = $1";


void
bk_catalogue_prepare_session(void)
{
	int			i;

	for (i = 0; i < (int) lengthof(bk_session_settings); i++)
		SetConfigOption(bk_session_settings[i][0], bk_session_settings[i][1],
						PGC_SUSET, PGC_S_SESSION);
}

bool
bk_catalogue_is_installed(void)
{
	MemoryContext caller = bk_statement_begin();
	bool		installed = OidIsValid(get_extension_oid("backup_ext", true));

	bk_statement_commit(caller);
	return installed;
}

void
bk_catalogue_write_run(const BkRun *run, const char *checks)
{
	const BkOutcome *outcome = &run->outcome;
	bool		failed = run->state == BK_RUN_DONE && !outcome->ok;
	MemoryContext caller = bk_statement_begin();
	BkValues	values = {0};

	(void) set_config_option("synchronous_commit", "local", PGC_USERSET,
							 PGC_S_SESSION, GUC_ACTION_LOCAL, true, 0, false);
	bk_values_add(&values, INT8OID, Int64GetDatum(run->run), false);
	bk_values_add_text(&values, run->verb);
	bk_values_add_text(&values, run->kind);
	bk_values_add_text(&values, run->database);
	bk_values_add_text(&values, run->backup_id);
	bk_values_add_text(&values, bk_run_state_name(run));
	bk_values_add_text(&values, run->requested_by);
	bk_values_add_time(&values, run->requested_at);
	bk_values_add_time(&values, run->started_at);
	bk_values_add_time(&values, run->finished_at);
	bk_values_add_size(&values, run->plain_size);
	bk_values_add_size(&values, run->stored_size);
	bk_values_add_text(&values, failed ? outcome->sqlstate : NULL);
	bk_values_add_text(&values, failed ? outcome->message : NULL);
	bk_values_add_text(&values, failed ? outcome->detail : NULL);
	bk_values_add_text(&values, failed ? outcome->hint : NULL);
	bk_values_add_text(&values, checks);
	bk_values_add_text(&values, run->reason);
	bk_values_add_text(&values, run->schedule);
	bk_values_add_time(&values, run->slot_at);
	bk_values_add(&values, INT4OID, Int32GetDatum(run->attempt), false);
	bk_statement_execute(bk_sql_write_run, &values);
	bk_statement_commit(caller);
}

/*
 * The slots are looked at after the snapshot was taken, since a run has its
 * slot before its row: no run that has just begun is taken for a lost one.
 */
void
bk_catalogue_close_lost_runs(void)
{
	MemoryContext caller = bk_statement_begin();
	BkValues	values = {0};

	bk_values_add_text(&values, "57P01");
	bk_values_add_text(&values, "the server was restarted while this run was in progress");
	bk_statement_execute(bk_sql_close_lost_runs, &values);
	bk_statement_commit(caller);
}

void
bk_catalogue_find_repository(BkRepository *repository)
{
	MemoryContext caller = bk_statement_begin();
	const char *list = repository->url;
	const char *url;
	Size		length;
	StringInfoData ids;

	initStringInfo(&ids);
	while ((url = bk_urls_next(&list, &length)) != NULL)
	{
		BkValues	values = {0};
		char	   *id = NULL;

		bk_values_add_text(&values, pnstrdup(url, length));
		bk_statement_execute(bk_sql_find_repository, &values);
		if (SPI_processed == 1)
			id = SPI_getvalue(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1);
		appendStringInfo(&ids, "%s%s", ids.len == 0 ? "" : " ", id == NULL ? "-" : id);
	}
	bk_text_copy(repository->id, sizeof(repository->id), ids.data);
	bk_statement_commit(caller);
}

int64
bk_catalogue_count_backups(void)
{
	MemoryContext caller = bk_statement_begin();
	BkValues	values = {0};
	int64		count;

	bk_statement_execute(bk_sql_count_backups, &values);
	count = pg_strtoint64(SPI_getvalue(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1));
	bk_statement_commit(caller);
	return count;
}

void
bk_catalogue_put_repository(const char *url, Jsonb *event)
{
	MemoryContext caller = bk_statement_begin();
	BkValues	values = {0};

	bk_values_add_text(&values, url);
	bk_values_add(&values, JSONBOID, JsonbPGetDatum(event), false);
	bk_statement_execute(bk_sql_forget_other_repository, &values);
	bk_statement_execute(bk_sql_forget_other_marks, &values);
	bk_statement_execute(bk_sql_forget_other_ranges, &values);
	bk_statement_execute(bk_sql_put_repository, &values);
	bk_statement_commit(caller);
}

/* Another session may put the same backup at this moment: one row is enough. */
void
bk_catalogue_put_backup(const char *url, Jsonb *event)
{
	MemoryContext caller = bk_statement_begin();
	BkValues	values = {0};

	bk_values_add_text(&values, url);
	bk_values_add(&values, JSONBOID, JsonbPGetDatum(event), false);
	bk_statement_execute(bk_sql_replace_backup, &values);
	bk_statement_execute(bk_sql_list_again, &values);
	bk_statement_execute(bk_sql_insert_backup, &values);
	bk_statement_commit(caller);
}

void
bk_catalogue_put_mark(const char *url, Jsonb *event)
{
	MemoryContext caller = bk_statement_begin();
	BkValues	values = {0};

	bk_values_add_text(&values, url);
	bk_values_add(&values, JSONBOID, JsonbPGetDatum(event), false);
	bk_statement_execute(bk_sql_put_mark, &values);
	bk_statement_commit(caller);
}

void
bk_catalogue_put_wal_range(const char *url, Jsonb *event, TimestampTz since)
{
	MemoryContext caller = bk_statement_begin();
	BkValues	values = {0};

	bk_values_add_text(&values, url);
	bk_values_add(&values, JSONBOID, JsonbPGetDatum(event), false);
	bk_values_add_time(&values, since);
	bk_statement_execute(bk_sql_put_wal_range, &values);
	bk_statement_commit(caller);
}

void
bk_catalogue_put_clone(Jsonb *event, const char *created_by)
{
	MemoryContext caller = bk_statement_begin();
	BkValues	values = {0};

	bk_values_add(&values, JSONBOID, JsonbPGetDatum(event), false);
	bk_values_add_text(&values, created_by);
	bk_statement_execute(bk_sql_put_clone, &values);
	bk_statement_commit(caller);
}

void
bk_catalogue_remove_clone(const char *directory)
{
	MemoryContext caller = bk_statement_begin();
	BkValues	values = {0};

	bk_values_add_text(&values, directory);
	bk_statement_execute(bk_sql_remove_clone, &values);
	bk_statement_commit(caller);
}

void
bk_catalogue_begin_deletion(const char *url, const char *id)
{
	MemoryContext caller = bk_statement_begin();
	BkValues	values = {0};

	bk_values_add_text(&values, url);
	bk_values_add_text(&values, id);
	bk_statement_execute(bk_sql_begin_deletion, &values);
	bk_statement_commit(caller);
}

void
bk_catalogue_remove_backup(const char *url, const char *id)
{
	MemoryContext caller = bk_statement_begin();
	BkValues	values = {0};

	bk_values_add_text(&values, url);
	bk_values_add_text(&values, id);
	bk_statement_execute(bk_sql_remove_backup, &values);
	bk_statement_commit(caller);
}

bool
bk_catalogue_forget_missing(const char *id)
{
	MemoryContext caller = bk_statement_begin();
	BkValues	values = {0};
	bool		found;

	bk_values_add_text(&values, id);
	bk_statement_execute(bk_sql_forget_missing, &values);
	found = SPI_processed > 0;
	bk_statement_commit(caller);
	return found;
}

void
bk_catalogue_remove_unseen(const char *url, TimestampTz since, bool accept)
{
	MemoryContext caller = bk_statement_begin();
	BkValues	values = {0};

	bk_values_add_text(&values, url);
	bk_values_add_time(&values, since);
	bk_values_add(&values, BOOLOID, BoolGetDatum(accept), false);
	bk_statement_execute(bk_sql_miss_unseen, &values);
	bk_statement_execute(bk_sql_remove_unseen, &values);
	bk_statement_execute(bk_sql_remove_unseen_marks, &values);
	bk_statement_execute(bk_sql_lose_unseen_ranges, &values);
	bk_statement_execute(bk_sql_remove_unseen_ranges, &values);
	bk_statement_execute(bk_sql_accept_loss, &values);
	bk_statement_commit(caller);
}

void
bk_catalogue_catch(BkOutcome *outcome, MemoryContext context)
{
	ErrorData  *error;

	HOLD_INTERRUPTS();
	MemoryContextSwitchTo(context);
	error = CopyErrorData();
	error_context_stack = NULL;
	EmitErrorReport();
	FlushErrorState();
	AbortCurrentTransaction();
	MemoryContextSwitchTo(context);
	bk_outcome_from_error(outcome, error);
	FreeErrorData(error);
	RESUME_INTERRUPTS();
}
