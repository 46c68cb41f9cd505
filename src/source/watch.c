/*
 * watch.c
 *	  Look for sessions that wait for a lock of the dump.
 */
#include "source/watch.h"

#include <stdlib.h>

#include "core/clock.h"

#define LOOK_EVERY	1000		/* milliseconds */

/*
 * Who has waited longest for a lock that a session of the dump holds. Who
 * waits for the end of its transaction (virtualxid), as CREATE INDEX
 * CONCURRENTLY does, keeps nobody else waiting.
 */
static const char longest_wait[] =
	"SELECT l.pid, coalesce(c.relname, l.locktype),"
	" (extract(epoch FROM clock_timestamp() - l.waitstart) * 1000)::bigint"
	" FROM pg_catalog.pg_locks l"
	" LEFT JOIN pg_catalog.pg_class c ON c.oid = l.relation"
	" AND l.database = (SELECT oid FROM pg_catalog.pg_database"
	" WHERE datname = pg_catalog.current_database())"
	" WHERE NOT l.granted AND l.waitstart IS NOT NULL"
	" AND l.locktype <> 'virtualxid'"
	" AND pg_catalog.pg_blocking_pids(l.pid) && ARRAY("
	"SELECT a.pid FROM pg_catalog.pg_stat_activity a"
	" WHERE a.application_name = $1)"
	" ORDER BY l.waitstart LIMIT 1";

void
bk_watch_init(BkWatch *watch, BkPg *pg, const char *application,
			  int64_t limit)
{
	watch->pg = pg;
	watch->application = application;
	watch->limit = limit;
	watch->next = bk_clock_monotonic_ms() + LOOK_EVERY;
}

bool
bk_watch_look(BkWatch *watch, BkError *err)
{
	int64_t		now = bk_clock_monotonic_ms();
	const char *values[] = {watch->application};
	BkPgRows   *rows;
	bool		ok = true;

	if (watch->limit == 0 || now < watch->next)
		return true;
	watch->next = now + LOOK_EVERY;
	rows = bk_pg_query(watch->pg, longest_wait, 1, values, err);
	if (rows == NULL)
		return false;
	if (bk_pg_count(rows) > 0 &&
		strtoll(bk_pg_field(rows, 0, 2), NULL, 10) > watch->limit)
	{
		bk_error(err, BK_STATE_LOCKED, "the dump gave way to a session that waited for it");
		bk_error_detail(err, "Process %s waited %s ms for a lock on \"%s\"; others may have queued behind it.",
						bk_pg_field(rows, 0, 0), bk_pg_field(rows, 0, 2),
						bk_pg_field(rows, 0, 1));
		bk_error_hint(err, "Run the backup when no schema change is under way, or raise backup_ext.blocking_limit.");
		ok = false;
	}
	bk_pg_free(rows);
	return ok;
}
