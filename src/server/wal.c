/*
 * wal.c
 *	  The SQL function that serves the view backup_wal.
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "catalog/pg_authid.h"
#include "fmgr.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/pg_lsn.h"
#include "utils/timestamp.h"

#include "server/column.h"
#include "server/message.h"
#include "server/wal_state.h"

#define BK_WAL_COLUMNS 30

PG_FUNCTION_INFO_V1(bk_wal_state);

static void bk_wal_what(const BkWalState *state, Datum *v, bool *n);
static void bk_wal_progress(const BkWalState *state, Datum *v, bool *n);
static void bk_wal_failure(const BkWalState *state, Datum *v, bool *n);
static void bk_wal_program(const BkWalState *state, Datum *v, bool *n);
static void bk_wal_disk(const BkWalState *state, Datum *v, bool *n);

/* The columns are those of the function in the extension's script, in order. */
Datum
bk_wal_state(PG_FUNCTION_ARGS)
{
	BkWalState *state = palloc(sizeof(BkWalState));
	BkWalCatalogue catalogue;
	char	   *reason = NULL;
	const char *verdict;
	TupleDesc	row;
	Datum		v[BK_WAL_COLUMNS];
	bool		n[BK_WAL_COLUMNS] = {0};

	if (get_call_result_type(fcinfo, NULL, &row) != TYPEFUNC_COMPOSITE)
		elog(ERROR, "return type must be a row type");
	catalogue.has_base_backups = PG_GETARG_BOOL(0);
	catalogue.gaps = PG_ARGISNULL(1) ? 0 : PG_GETARG_INT64(1);
	catalogue.conflicts = PG_ARGISNULL(2) ? 0 : PG_GETARG_INT64(2);
	bk_wal_state_read(state);
	verdict = bk_wal_state_judge(state, &catalogue, &reason);

	bk_wal_what(state, v, n);
	bk_column_text(&v[3], &n[3], verdict);
	bk_column_text(&v[4], &n[4], verdict == NULL ? NULL : reason);
	bk_wal_progress(state, v + 5, n + 5);
	bk_wal_failure(state, v + 14, n + 14);
	bk_wal_program(state, v + 20, n + 20);
	v[26] = Int64GetDatum(catalogue.gaps);
	n[26] = PG_ARGISNULL(1);
	bk_wal_disk(state, v + 27, n + 27);
	PG_RETURN_DATUM(HeapTupleGetDatum(heap_form_tuple(BlessTupleDesc(row), v, n)));
}

/* archive_mode, archive_library, archive_command */
static void
bk_wal_what(const BkWalState *state, Datum *v, bool *n)
{
	bool		may_read_texts = has_privs_of_role(GetUserId(),
												   ROLE_PG_READ_ALL_STATS);

	bk_column_text(&v[0], &n[0], state->mode);
	bk_column_text(&v[1], &n[1], state->library);
	bk_column_text(&v[2], &n[2], may_read_texts ? state->command : NULL);
}

/*
 * timeline, last_archived_wal, last_archived_lsn, last_archived_at, waiting,
 * oldest_waiting_wal, oldest_waiting_since, wal_directory_bytes, disk_used
 */
static void
bk_wal_progress(const BkWalState *state, Datum *v, bool *n)
{
	bk_column_size(&v[0], &n[0], state->timeline == 0 ? -1 : (int64) state->timeline);
	bk_column_text(&v[1], &n[1], state->last_wal);
	v[2] = LSNGetDatum(state->last_lsn);
	n[2] = state->last_wal[0] == '\0';
	bk_column_time(&v[3], &n[3], state->last_at);
	v[4] = Int64GetDatum(state->waiting);
	bk_column_text(&v[5], &n[5], state->oldest_wal);
	bk_column_time(&v[6], &n[6], state->oldest_since);
	v[7] = Int64GetDatum(state->directory_size);
	v[8] = Int32GetDatum(state->disk_used);
	n[8] = state->disk_used < 0;
}

/*
 * archived_count, failed_count, last_failed_wal, last_failed_at, failure,
 * failure_hint
 */
static void
bk_wal_failure(const BkWalState *state, Datum *v, bool *n)
{
	const BkOutcome *failure = &state->stats.failure;
	bool		show = state->has_stats && state->failing &&
		has_privs_of_role(GetUserId(), ROLE_PG_READ_ALL_STATS);

	v[0] = Int64GetDatum(state->archived);
	v[1] = Int64GetDatum(state->failed);
	bk_column_text(&v[2], &n[2], state->failed_wal);
	bk_column_time(&v[3], &n[3], state->failed_at);
	bk_column_text(&v[4], &n[4], !show ? NULL :
				   psprintf("%s: %s%s%s", failure->sqlstate,
							bk_message_repair(failure->message),
							failure->detail[0] == '\0' ? "" : ": ",
							bk_message_repair(failure->detail)));
	bk_column_text(&v[5], &n[5], !show ? NULL : bk_message_repair(failure->hint));
}

/*
 * bytes_per_second, segments_per_minute, plain_size, stored_size,
 * counted_since, program_pid
 */
static void
bk_wal_program(const BkWalState *state, Datum *v, bool *n)
{
	double		bytes = 0;
	double		segments = 0;
	int			i;

	if (state->has_stats)
		bk_wal_state_rate(&state->stats, &bytes, &segments);
	v[0] = Int64GetDatum((int64) bytes);
	v[1] = Float8GetDatum(segments * 60);
	v[2] = Int64GetDatum(state->stats.plain_size);
	v[3] = Int64GetDatum(state->stats.stored_size);
	v[4] = TimestampTzGetDatum(state->stats.since);
	v[5] = Int32GetDatum(state->stats.child_pid);
	for (i = 0; i < 6; i++)
		n[i] = !state->has_stats;
	n[5] = n[5] || state->stats.child_pid == 0;
}

/* disk_free, disk_total, full_at */
static void
bk_wal_disk(const BkWalState *state, Datum *v, bool *n)
{
	bool		known = state->disk_total > 0;

	bk_column_size(&v[0], &n[0], known ? state->disk_free : -1);
	bk_column_size(&v[1], &n[1], known ? state->disk_total : -1);
	bk_column_time(&v[2], &n[2], state->full_at);
}
