/*
 * mark.c
 *	  Set a named restore point, and write down where it is.
 */
#include <stdio.h>
#include <stdlib.h>

#include "core/clock.h"
#include "job/common.h"
#include "job/verbs.h"
#include "repo/mark.h"
#include "source/database.h"

static bool keep_bytes(BkPg *pg, BkError *err);
static bool require_archiving(BkPg *pg, BkError *err);
static void copy_mark(const BkRequest *request, const BkHost *host,
					  const BkAsker *asker, const BkMark *mark);
static bool set_mark(BkPg *pg, BkRepository *repo, const BkHost *host,
					 BkMark *mark, char *lsn, BkError *err);

bool
bk_job_mark(const BkRequest *request, const BkHost *host, BkError *err)
{
	BkPgTarget	target = bk_common_target(request, host, bk_common_maintenance_database(request));
	BkRepository *repo = NULL;
	BkJson	   *position = NULL;
	BkPg	   *pg = NULL;
	BkAsker		asker;
	BkMark		mark;
	char		lsn[BK_LSN_SIZE];
	char		now[BK_CLOCK_TEXT_SIZE];
	bool		ok;

	ok = bk_common_need(request->name, "name", err) &&
		bk_mark_check_name(request->name, err) &&
		/* Find the server, and a repository that takes its marks. */
		(pg = bk_pg_connect(&target, err)) != NULL &&
		(position = bk_database_position(pg, err)) != NULL &&
		bk_database_require_cluster(position, request->system_identifier, err) &&
		require_archiving(pg, err) &&
		keep_bytes(pg, err) &&
		(repo = bk_common_open(request, host, err)) != NULL &&
		bk_common_asker(request, position, &asker, err) &&
		bk_writer_check(repo, &asker.server, err) &&
		bk_repository_require_keys(repo, err) &&
		bk_mark_require_new(repo, host, asker.system_identifier, request->name, err);
	if (ok)
	{
		bk_clock_format(bk_clock_now(), now);
		mark.system_identifier = asker.system_identifier;
		mark.name = request->name;
		mark.at = now;
		ok = set_mark(pg, repo, host, &mark, lsn, err);
	}
	if (ok)
	{
		bk_common_report_mark(repo, &mark, host);
		copy_mark(request, host, &asker, &mark);
	}
	bk_json_free(position);
	bk_pg_close(pg);
	bk_repository_close(repo);
	return ok;
}

/* Into the other repositories; what fails is made up for by replication. */
static void
copy_mark(const BkRequest *request, const BkHost *host, const BkAsker *asker,
		  const BkMark *mark)
{
	BkError		problem;
	BkUrls		urls;
	bool		known = bk_common_urls(request, &urls, &problem);

	for (size_t i = 1; known && i < urls.count; i++)
	{
		BkRequest	one = bk_common_at(request, &urls, i);
		BkRepository *repo = bk_common_open(&one, host, &problem);

		if (repo != NULL && bk_writer_check(repo, &asker->server, &problem) &&
			bk_mark_put(repo, host, mark, &problem))
			bk_common_report_mark(repo, mark, host);
		else
			bk_log(host, BK_LOG_WARNING, "the mark is not in \"%s\" yet: %s",
				   urls.urls[i], problem.message);
		bk_repository_close(repo);
	}
	bk_urls_free(&urls);
}

/*
 * A recovery looks for the very bytes of the name, and reads them from a file
 * in UTF-8: so they must not be converted on their way into the WAL.
 */
static bool
keep_bytes(BkPg *pg, BkError *err)
{
	return bk_pg_run(pg, "SET client_encoding = 'SQL_ASCII'", err);
}

/* Without an archive no recovery can ever get there. */
static bool
require_archiving(BkPg *pg, BkError *err)
{
	bool		off;

	if (!bk_pg_has(pg, "SELECT 1 WHERE current_setting('archive_mode') = 'off'",
				   NULL, &off, err))
		return false;
	if (!off)
		return true;
	bk_error(err, BK_STATE_WRONG_STATE, "the server does not archive its WAL");
	bk_error_detail(err, "A recovery to the mark needs the WAL up to it.");
	return bk_error_hint(err, "Run this and restart the server: ALTER SYSTEM SET archive_mode = on; ALTER SYSTEM SET archive_library = 'backup_ext';");
}

static bool
set_mark(BkPg *pg, BkRepository *repo, const BkHost *host, BkMark *mark,
		 char *lsn, BkError *err)
{
	static const char sql[] =
		"SELECT p.lsn, ('x' || left(pg_walfile_name(p.lsn), 8))::bit(32)::bigint"
		" FROM pg_create_restore_point($1) AS p (lsn)";
	const char *values[] = {mark->name};
	BkPgRows   *rows = bk_pg_query(pg, sql, 1, values, err);
	bool		ok = rows != NULL;

	if (!ok)
		return false;
	snprintf(lsn, BK_LSN_SIZE, "%s", bk_pg_field(rows, 0, 0));
	mark->lsn = lsn;
	mark->timeline = strtoll(bk_pg_field(rows, 0, 1), NULL, 10);
	bk_pg_free(rows);
	ok = bk_mark_put(repo, host, mark, err);
	if (ok || bk_error_is(err, BK_STATE_DUP_OBJECT))
		return ok;
	bk_error_detail(err, "The restore point is in the WAL at %s, but its name is not in the repository.",
					mark->lsn);
	return bk_error_hint(err, "Use another name when you try again: a recovery stops at the first restore point of a name.");
}
