/*
 * prune.c
 *	  Takes out old rows, some at a time and not in every look: the statement
 *	  reads the whole history.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "utils/timestamp.h"

#include "server/prune.h"
#include "server/settings.h"
#include "server/statement.h"
#include "server/wake.h"

#define BK_PRUNE_ROWS 1000
#define BK_PRUNE_PAUSE USECS_PER_HOUR
#define BK_PRUNE_SOON (10 * USECS_PER_SEC)

/* What has gone is still counted, for backup_metrics. */
static const char bk_sql_prune[] =
"WITH gone AS ("
"DELETE FROM %s.backup_run_data WHERE run IN"
" (SELECT o.run FROM"
" (SELECT r.run, r.requested_at, r.state,"
" pg_catalog.max(r.requested_at) OVER (PARTITION BY r.verb, r.kind, r.database, r.schedule)"
" AS last_attempt,"
" pg_catalog.max(CASE WHEN r.state = 'done' THEN r.requested_at END)"
" OVER (PARTITION BY r.verb, r.kind, r.database, r.schedule) AS last_success"
" FROM %s.backup_run_data AS r) AS o"
" WHERE o.requested_at < $1 AND o.requested_at < o.last_attempt"
" AND o.state NOT IN ('queued', 'running')"
" AND (o.state <> 'done' OR o.requested_at < o.last_success)"
" LIMIT $2)"
" RETURNING verb, state"
"), counted AS ("
"INSERT INTO %s.backup_run_count_data AS c (verb, state, runs)"
" SELECT g.verb, g.state, pg_catalog.count(*) FROM gone AS g GROUP BY g.verb, g.state"
" ON CONFLICT (verb, state) DO UPDATE SET runs = c.runs + EXCLUDED.runs"
") SELECT FROM gone";

TimestampTz
bk_prune_history(TimestampTz now)
{
	BkValues	values = {0};
	MemoryContext caller;
	uint64		count;

	/* a clock that was set back gives a negative distance */
	if (bk_setting_history == 0 ||
		llabs(now - bk_wake_pruned_at()) < BK_PRUNE_PAUSE)
		return 0;
	caller = bk_statement_begin();
	bk_values_add_time(&values, now - bk_setting_history * USECS_PER_MINUTE);
	bk_values_add(&values, INT4OID, Int32GetDatum(BK_PRUNE_ROWS), false);
	bk_statement_execute(bk_sql_prune, &values);
	count = SPI_processed;
	bk_statement_commit(caller);

	if (count == BK_PRUNE_ROWS)
		return now + BK_PRUNE_SOON;
	bk_wake_set_pruned_at(now);
	return 0;
}
