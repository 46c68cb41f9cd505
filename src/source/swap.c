/*
 * swap.c
 *	  Swap two databases by name.
 *
 * ALTER DATABASE ... RENAME locks the database against new sessions and then
 * waits a few seconds for the old ones to go (RenameDatabase and
 * CountOtherDBBackends in the server). While it waits, the helper ends them.
 */
#include "source/swap.h"

#include <stdlib.h>

#include "core/buf.h"
#include "source/property.h"

static const char blockers_sql[] =
	"SELECT 'prepared transaction', gid FROM pg_prepared_xacts WHERE database = $1"
	" UNION ALL SELECT 'logical replication slot', slot_name::text"
	" FROM pg_replication_slots WHERE database = $1"
	" UNION ALL SELECT 'subscription', subname::text FROM pg_subscription s"
	" JOIN pg_database d ON d.oid = s.subdbid WHERE d.datname = $1"
	" LIMIT 1";

static const char end_sessions_sql[] =
	"SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
	" WHERE datname = $1 AND pid <> pg_backend_pid()";

static bool name_taken(const char *name, BkError *err);
static bool end_sessions(BkPg *helper, const char *database, BkError *err);
static char *rename_sql(BkPg *pg, const char *from, const char *to);

bool
bk_swap_check(BkPg *pg, const char *live, BkError *err)
{
	const char *values[] = {live};
	BkPgRows   *rows = bk_pg_query(pg, blockers_sql, 1, values, err);
	bool		ok;

	if (rows == NULL)
		return false;
	ok = bk_pg_count(rows) == 0;
	if (!ok)
	{
		bk_error(err, BK_STATE_IN_USE, "database \"%s\" cannot be replaced", live);
		bk_error_detail(err, "It has the %s \"%s\".", bk_pg_field(rows, 0, 0),
						bk_pg_field(rows, 0, 1));
		bk_error_hint(err, "End or drop it, or restore into a new database.");
	}
	bk_pg_free(rows);
	return ok;
}

bool
bk_swap_rename(BkPg *pg, BkPg *helper, const char *from, const char *to,
			   const BkHost *host, BkError *err)
{
	char	   *sql = rename_sql(pg, from, to);
	bool		done = false;
	bool		ok;

	if (sql == NULL)
		return bk_error_memory(err);
	ok = bk_pg_start_async(pg, sql, err);
	free(sql);
	if (!ok)
		return false;

	/* The server itself gives up after five seconds. */
	while (ok && !done)
		ok = bk_pg_wait_async(pg, 100, &done, err) &&
			(done || (end_sessions(helper, from, err) &&
					  bk_go_on(host, err)));
	if (ok)
		return bk_pg_finish_async(pg, err) || name_taken(to, err);
	bk_pg_cancel_async(pg);
	return false;
}

bool
bk_swap_run(BkPg *pg, BkPg *helper, const BkSwap *swap, const BkHost *host,
			BkError *err)
{
	BkJson	   *properties = bk_property_read(pg, swap->live, err);
	BkPropertyRoles all = {.owner = true, .privileges = true};
	BkError		ignored;
	bool		ok;

	ok = properties != NULL && bk_pg_run(pg, "BEGIN", err);
	if (ok)
	{
		ok = bk_property_apply(pg, swap->restored, properties, all, host, err) &&
			bk_swap_check(pg, swap->live, err) &&
			bk_swap_rename(pg, helper, swap->live, swap->kept, host, err) &&
			bk_swap_rename(pg, helper, swap->restored, swap->live, host, err) &&
			bk_pg_run(pg, "COMMIT", err);
		if (!ok)
		{
			bk_pg_insist(pg);
			(void) bk_pg_run(pg, "ROLLBACK", &ignored);
		}
	}
	bk_json_free(properties);
	return ok;
}

/* Of two that take a name at the same moment, one hears of the index only. */
static bool
name_taken(const char *name, BkError *err)
{
	return bk_error_is(err, BK_STATE_DUP_KEY) &&
		bk_error(err, BK_STATE_DUP_DATABASE, "database \"%s\" already exists", name);
}

static bool
end_sessions(BkPg *helper, const char *database, BkError *err)
{
	const char *values[] = {database};
	BkPgRows   *rows = bk_pg_query(helper, end_sessions_sql, 1, values, err);

	bk_pg_free(rows);
	return rows != NULL;
}

static char *
rename_sql(BkPg *pg, const char *from, const char *to)
{
	char	   *quoted_from = bk_pg_identifier(pg, from);
	char	   *quoted_to = bk_pg_identifier(pg, to);
	BkBuf		sql;
	BkError		ignored;

	bk_buf_init(&sql);
	if (quoted_from == NULL || quoted_to == NULL)
		sql.failed = true;
	else
		bk_buf_printf(&sql, "ALTER DATABASE %s RENAME TO %s", quoted_from,
					  quoted_to);
	free(quoted_from);
	free(quoted_to);
	return bk_buf_take(&sql, &ignored);
}
