/*
 * clone.c
 *	  A copy of the cluster, at a point in time, running beside it.
 *
 * A clone has a mark of its own, with the path it was made at. Only what has
 * it is ever removed; it goes last, so that a removal can be repeated.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "job/common.h"
#include "job/recover.h"
#include "job/verbs.h"
#include "job/walwait.h"
#include "source/instance.h"
#include "source/online.h"
#include "source/uproot.h"

/* How long a clone waits for what was written a moment ago. */
#define RECENT_WAL_MS	15000

static bool archive_recent(const BkRequest *request, const BkHost *host,
						   BkError *err);
static bool wait_for_recent(const BkRequest *request, const BkHost *host,
							BkPg *pg, BkError *err);
static bool check_tablespaces(const BkRecover *r, BkError *err);
static bool start(BkRecover *r, BkError *err);
static void report(const BkRecover *r);
static void clean_up(BkRecover *r, const BkInstance *instance);
static bool open_clone(BkDestination *clone, const char *directory,
					   BkError *err);
static bool remove_clone(BkDestination *clone, const BkHost *host,
						 BkError *err);
static bool never(void *ctx);

bool
bk_job_clone(const BkRequest *request, const BkHost *host, BkError *err)
{
	BkRequest	restore = *request;
	BkRecover	r;
	BkInstance	instance = {.bindir = request->bindir, .host = host};
	bool		ok;

	if (!bk_common_need(request->directory, "directory", err))
		return false;
	if (request->port == 0)
		return bk_error(err, BK_STATE_BAD_ARGUMENT, "argument \"port\" is missing");
	restore.target = request->directory;
	restore.clone = true;
	restore.target_action = "promote";
	if (!archive_recent(request, host, err))
		return false;
	ok = bk_recover_prepare(&r, &restore, host, err) && check_tablespaces(&r, err);
	if (ok)
	{
		instance.directory = r.data.path;
		ok = bk_recover_write(&r, err) && start(&r, err);
		if (ok)
			report(&r);
		else
			clean_up(&r, &instance);
	}
	bk_recover_free(&r);
	return ok;
}

bool
bk_job_clone_drop(const BkRequest *request, const BkHost *host, BkError *err)
{
	BkInstance	instance = {
		.bindir = request->bindir, .directory = request->directory, .host = host,
	};
	BkDestination clone;
	BkJson	   *record;
	bool		ok;

	if (!bk_common_need(request->directory, "directory", err))
		return false;
	ok = open_clone(&clone, request->directory, err);
	if (ok)
		ok = bk_instance_stop(&instance, err) && remove_clone(&clone, host, err);
	else if (bk_error_is(err, BK_STATE_MISSING_FILE) && !clone.exists)
	{
		/* Somebody was faster; then it is gone, as was asked. */
		bk_log(host, BK_LOG_WARNING, "%s", err->message);
		ok = true;
	}
	bk_destination_close(&clone);
	if (!ok)
		return false;
	record = bk_json_object();
	bk_json_put_words(record, "directory", request->directory);
	host->record(host->ctx, "dropped", record);
	bk_json_free(record);
	return true;
}

/*
 * A moment ago can be reached only if its WAL is archived, and on a quiet
 * server the segment that has it may stay open for long. Where archiving
 * fails, what is there may still be enough: the plan will tell.
 */
static bool
archive_recent(const BkRequest *request, const BkHost *host, BkError *err)
{
	BkPgTarget	target = bk_common_target(request, host, bk_common_maintenance_database(request));
	BkPg	   *pg;
	bool		ok;

	if (request->system_identifier == NULL)
		return true;
	bk_progress(host, "archive", "", 0, 0);
	pg = bk_pg_connect(&target, err);
	ok = pg != NULL && wait_for_recent(request, host, pg, err);
	bk_pg_close(pg);
	if (ok || !bk_error_is(err, BK_STATE_WRONG_STATE))
		return ok;
	bk_log(host, BK_LOG_WARNING, "the newest WAL is not archived: %s", err->message);
	return true;
}

static bool
wait_for_recent(const BkRequest *request, const BkHost *host, BkPg *pg,
				BkError *err)
{
	BkOnlinePoint last;
	BkWalWait	wait = {
		.host = host,
		.pg = pg,
		.cluster = request->system_identifier,
		.start = &last,
		.stop = &last,
		.timeout = RECENT_WAL_MS,
	};
	bool		ok;

	if (!bk_online_switch(pg, &last, &wait.segment_size, err))
		return false;
	wait.repo = bk_common_open(request, host, err);
	ok = wait.repo != NULL && bk_walwait_run(&wait, err);
	bk_repository_close(wait.repo);
	return ok;
}

/*
 * Recovery makes a tablespace where the original has it, also on the machine
 * of the original. One that is younger than the backup would get the files of
 * both.
 */
static bool
check_tablespaces(const BkRecover *r, BkError *err)
{
	BkPgTarget	target = bk_common_target(&r->request, r->host,
										  bk_common_maintenance_database(&r->request));
	BkPg	   *pg = bk_pg_connect(&target, err);
	BkPgRows   *rows = NULL;
	bool		ok = pg != NULL &&
		(rows = bk_pg_query(pg, "SELECT oid, spcname FROM pg_catalog.pg_tablespace "
							"WHERE pg_tablespace_location(oid) LIKE '/%'",
							0, NULL, err)) != NULL;

	for (int i = 0; ok && i < bk_pg_count(rows); i++)
	{
		uint32_t	oid = (uint32_t) strtoul(bk_pg_field(rows, i, 0), NULL, 10);
		bool		known = false;

		for (size_t k = 0; k < r->tablespace_count; k++)
			known |= r->tablespaces[k].oid == oid;
		if (known)
			continue;
		ok = bk_error(err, BK_STATE_WRONG_STATE,
					  "tablespace \"%s\" was made after backup \"%s\"",
					  bk_pg_field(rows, i, 1), r->plan.backup->id);
		bk_error_detail(err, "Recovery of a clone on this machine would write into its directory.");
		bk_error_hint(err, "Take a new base backup, and clone from that: SELECT backup_now('base');");
	}
	bk_pg_free(rows);
	bk_pg_close(pg);
	return ok;
}

static bool
start(BkRecover *r, BkError *err)
{
	BkInstance	instance = {
		.bindir = r->request.bindir, .directory = r->data.path, .host = r->host,
	};

	return bk_instance_start(&instance, err);
}

static void
report(const BkRecover *r)
{
	BkJson	   *record = bk_recover_record(r);

	bk_json_put_int(record, "port", r->request.port);
	if (bk_recover_socket_fits(r->data.path))
		bk_json_put_words(record, "socket_directory", r->data.path);
	r->host->record(r->host->ctx, "restored", record);
	bk_json_free(record);
}

/* What was made goes, whatever stopped us. */
static void
clean_up(BkRecover *r, const BkInstance *instance)
{
	BkHost		host = *r->host;
	BkInstance	stopped = *instance;
	BkError		problem;

	if (r->data.root < 0)
		return;
	/* The wish to stop does not end the cleaning up. */
	host.stop = never;
	stopped.host = &host;
	if (!bk_instance_stop(&stopped, &problem) ||
		!remove_clone(&r->data, &host, &problem))
		bk_log(r->host, BK_LOG_WARNING, "could not remove the unfinished clone \"%s\": %s",
			   r->data.path, problem.message);
}

/* Is it a clone, made by us and here? */
static bool
open_clone(BkDestination *clone, const char *directory, BkError *err)
{
	char	   *mark;
	bool		good;

	if (!bk_destination_check_other(clone, directory, err))
		return false;
	if (!clone->exists)
		return bk_error(err, BK_STATE_MISSING_FILE, "there is no directory \"%s\"", directory);
	if (!bk_destination_open(clone, false, err))
		return false;
	mark = bk_destination_text(clone, BK_DESTINATION_CLONE, err);
	if (mark == NULL)
		return false;
	good = strcmp(mark, directory) == 0;
	free(mark);
	return good ||
		bk_error(err, BK_STATE_WRONG_STATE, "directory \"%s\" is not a clone that was made there",
				 directory);
}

static bool
remove_clone(BkDestination *clone, const BkHost *host, BkError *err)
{
	return bk_uproot(clone->root, BK_DESTINATION_CLONE, host, err) &&
		(rmdir(clone->path) == 0 ||
		 bk_error_errno(err, "could not remove directory \"%s\"", clone->path));
}

static bool
never(void *ctx)
{
	(void) ctx;
	return false;
}
