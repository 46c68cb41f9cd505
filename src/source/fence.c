/*
 * fence.c
 *	  Lift the fence with ALTER SYSTEM.
 */
#include "source/fence.h"

#include "core/clock.h"
#include "source/database.h"

#define RELOAD_PATIENCE	10000	/* milliseconds */
#define RELOAD_LOOK		"SELECT pg_sleep(0.05)"

static bool require_cluster(BkPg *pg, const char *system_identifier,
							BkError *err);
static bool reset(BkPg *pg, BkError *err);
static bool wait_reload(BkPg *pg, const BkHost *host, BkError *err);
static bool explain(BkPg *pg, BkError *err);

bool
bk_fence_lift(BkPg *pg, const char *system_identifier, const BkHost *host,
			  BkError *err)
{
	return require_cluster(pg, system_identifier, err) &&
		reset(pg, err) &&
		bk_pg_run(pg, "SELECT pg_reload_conf()", err) &&
		wait_reload(pg, host, err);
}

static bool
require_cluster(BkPg *pg, const char *system_identifier, BkError *err)
{
	BkJson	   *position = bk_database_position(pg, err);
	bool		ok = position != NULL &&
		bk_database_require_cluster(position, system_identifier, err);

	bk_json_free(position);
	return ok;
}

/* The names are of our own choice, so they need no quotes. */
static bool
reset(BkPg *pg, BkError *err)
{
	static const char sql[] =
		"SELECT DISTINCT name FROM pg_file_settings"
		" WHERE sourcefile = current_setting('data_directory') || '/postgresql.auto.conf'"
		" AND (name = 'backup_ext.fence'"
		"  OR name IN ('archive_command', 'archive_library') AND setting = '')";
	BkPgRows   *rows = bk_pg_query(pg, sql, 0, NULL, err);
	bool		ok = rows != NULL;

	for (int i = 0; ok && i < bk_pg_count(rows); i++)
		ok = bk_pg_runf(pg, err, "ALTER SYSTEM RESET %s", bk_pg_field(rows, i, 0));
	bk_pg_free(rows);
	return ok;
}

/*
 * Processes that start from now on must not see the fence any more: the
 * postmaster tells its children after it has read the files itself.
 */
static bool
wait_reload(BkPg *pg, const BkHost *host, BkError *err)
{
	int64_t		until = bk_clock_monotonic_ms() + RELOAD_PATIENCE;
	bool		up = true;

	while (up && bk_clock_monotonic_ms() < until)
	{
		if (!bk_go_on(host, err) ||
			!bk_pg_has(pg, "SELECT 1 WHERE current_setting('backup_ext.fence', true) <> ''",
					   NULL, &up, err) ||
			(up && !bk_pg_run(pg, RELOAD_LOOK, err)))
			return false;
	}
	return !up || explain(pg, err);
}

static bool
explain(BkPg *pg, BkError *err)
{
	static const char sql[] =
		"SELECT sourcefile, sourceline FROM pg_file_settings"
		" WHERE name = 'backup_ext.fence' AND setting <> '' ORDER BY seqno DESC LIMIT 1";
	BkPgRows   *rows = bk_pg_query(pg, sql, 0, NULL, err);

	if (rows == NULL)
		return false;
	bk_error(err, BK_STATE_WRONG_STATE, "the fence is still up");
	if (bk_pg_count(rows) == 1)
	{
		bk_error_detail(err, "backup_ext.fence is set in \"%s\", line %s.",
						bk_pg_field(rows, 0, 0), bk_pg_field(rows, 0, 1));
		bk_error_hint(err, "Take it out there, and run again: SELECT backup_adopt();");
	}
	bk_pg_free(rows);
	return false;
}
