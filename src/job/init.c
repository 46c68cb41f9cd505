/*
 * init.c
 *	  Start a repository, or register a server in one.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "job/common.h"
#include "job/verbs.h"
#include "source/database.h"
#include "source/fence.h"

static bool find_asker(const BkRequest *request, const BkHost *host,
					   BkAsker *asker, BkError *err);
static bool require_no_clone(const BkRequest *request, const BkAsker *asker,
							 BkError *err);
static bool lift_fence(const BkRequest *request, const BkHost *host,
					   const BkAsker *asker, BkError *err);
static bool require_standby(const BkRequest *request, BkError *err);
static bool create(const BkRequest *request, const BkHost *host,
				   const BkAsker *asker, BkError *err);
static bool require_ours(const BkRequest *request, const BkHost *host,
						 const BkAsker *asker, BkError *err);
static bool enter_all(const BkRequest *request, const BkHost *host,
					  const BkUrls *urls, const BkAsker *asker,
					  BkWriterHow how, BkError *err);

/*
 * Where there are several, one that this server may write into already is left
 * as it is, so that another one can be added.
 */
bool
bk_job_init(const BkRequest *request, const BkHost *host, BkError *err)
{
	size_t		made = 0;
	BkUrls		urls;
	BkAsker		asker;
	bool		ok;

	ok = bk_common_urls(request, &urls, err) &&
		find_asker(request, host, &asker, err);
	for (size_t i = 0; ok && i < urls.count; i++)
	{
		BkRequest	one = bk_common_at(request, &urls, i);
		BkError		problem;

		if (create(&one, host, &asker, &problem))
			made++;
		else if (!bk_error_is(&problem, BK_STATE_DUP_OBJECT) || urls.count == 1 ||
				 (i + 1 == urls.count && made == 0))
		{
			*err = problem;
			ok = false;
		}
		else
			ok = require_ours(&one, host, &asker, err);
	}
	bk_urls_free(&urls);
	return ok;
}

bool
bk_job_adopt(const BkRequest *request, const BkHost *host, BkError *err)
{
	BkUrls		urls;
	BkAsker		asker;
	bool		ok;

	/* The fence goes last: while it stands, nothing is written. */
	ok = bk_common_urls(request, &urls, err) &&
		find_asker(request, host, &asker, err) &&
		require_no_clone(request, &asker, err) &&
		enter_all(request, host, &urls, &asker, BK_WRITER_ADOPTED, err) &&
		lift_fence(request, host, &asker, err);
	bk_urls_free(&urls);
	return ok;
}

bool
bk_job_register(const BkRequest *request, const BkHost *host, BkError *err)
{
	BkUrls		urls = {.count = 0};
	BkAsker		asker;
	bool		ok;

	ok = bk_common_need(request->system_identifier, "system_identifier", err) &&
		bk_common_need(request->data_directory, "data_directory", err) &&
		require_standby(request, err) &&
		bk_common_asker(request, NULL, &asker, err) &&
		bk_common_urls(request, &urls, err) &&
		enter_all(request, host, &urls, &asker, BK_WRITER_STREAMED, err);
	/* A restored standby that streams is a replica of the one that writes. */
	if (ok && strncmp(asker.fence, BK_FENCE_STANDBY, strlen(BK_FENCE_STANDBY)) == 0)
		ok = lift_fence(request, host, &asker, err);
	bk_urls_free(&urls);
	return ok;
}

static bool
create(const BkRequest *request, const BkHost *host, const BkAsker *asker,
	   BkError *err)
{
	BkRepositoryTarget target = bk_common_place(request, host);
	BkRepository *repo = bk_repository_create(&target, err);
	bool		ok;

	if (repo == NULL)
		return false;
	bk_common_report_check(host, "store", true, repo->abilities, NULL);
	ok = bk_writer_register(repo, &asker->server, BK_WRITER_CREATED, err);
	if (ok)
		bk_common_report_repository(repo, host);
	bk_repository_close(repo);
	return ok;
}

/* A repository that is there already has to take this server. */
static bool
require_ours(const BkRequest *request, const BkHost *host,
			 const BkAsker *asker, BkError *err)
{
	BkRepository *repo = bk_common_open(request, host, err);
	bool		ok = repo != NULL && bk_writer_check(repo, &asker->server, err);

	if (ok)
	{
		bk_log(host, BK_LOG_INFO, "\"%s\" is a repository of this server already", repo->url);
		bk_common_report_repository(repo, host);
	}
	bk_repository_close(repo);
	return ok;
}

/*
 * Register in every repository that can be reached; the first failure is the
 * error. Somebody who adopts gets to know where he has.
 */
static bool
enter_all(const BkRequest *request, const BkHost *host, const BkUrls *urls,
		  const BkAsker *asker, BkWriterHow how, BkError *err)
{
	bool		failed = false;

	for (size_t i = 0; i < urls->count; i++)
	{
		BkRequest	one = bk_common_at(request, urls, i);
		BkError		problem;
		BkRepository *repo = bk_common_open(&one, host, &problem);
		bool		ok = repo != NULL &&
			bk_writer_register(repo, &asker->server, how, &problem);

		if (ok && how == BK_WRITER_ADOPTED)
			bk_common_report_repository(repo, host);
		bk_repository_close(repo);
		if (!ok && !failed)
			*err = problem;
		failed = failed || !ok;
	}
	return !failed;
}

/* What the request does not say is asked of the server. */
static bool
find_asker(const BkRequest *request, const BkHost *host, BkAsker *asker,
		   BkError *err)
{
	BkPgTarget	target = bk_common_target(request, host, bk_common_maintenance_database(request));
	BkJson	   *position = NULL;
	BkPg	   *pg;
	bool		ok;

	if (request->system_identifier == NULL)
	{
		pg = bk_pg_connect(&target, err);
		position = pg == NULL ? NULL : bk_database_position(pg, err);
		bk_pg_close(pg);
		if (position == NULL)
			return false;
	}
	ok = bk_common_asker(request, position, asker, err);
	bk_json_free(position);
	return ok;
}

/* A clone stands beside a living original: two would write one history. */
static bool
require_no_clone(const BkRequest *request, const BkAsker *asker, BkError *err)
{
	if (request->force ||
		strncmp(asker->fence, BK_FENCE_CLONE, strlen(BK_FENCE_CLONE)) != 0)
		return true;
	bk_error(err, BK_STATE_WRONG_STATE, "this server is a clone");
	bk_error_detail(err, "backup_ext.fence is \"%.500s\". Two servers that archive as one cluster spoil each other's archive.",
					asker->fence);
	return bk_error_hint(err, "Only if the original is gone for good, run: SELECT backup_adopt(force => true);");
}

static bool
lift_fence(const BkRequest *request, const BkHost *host, const BkAsker *asker,
		   BkError *err)
{
	BkPgTarget	target = bk_common_target(request, host, bk_common_maintenance_database(request));
	BkPg	   *pg;
	bool		ok;

	if (asker->fence[0] == '\0')
		return true;
	pg = bk_pg_connect(&target, err);
	ok = pg != NULL && bk_fence_lift(pg, asker->system_identifier, host, err);
	bk_pg_close(pg);
	return ok;
}

static bool
require_standby(const BkRequest *request, BkError *err)
{
	char		path[BK_PLACE_PATH_SIZE + 32];

	snprintf(path, sizeof(path), "%s/standby.signal", request->data_directory);
	if (access(path, F_OK) == 0)
		return true;
	if (errno != ENOENT)
		return bk_error_errno(err, "could not look at \"%s\"", path);
	bk_error(err, BK_STATE_WRONG_STATE, "this server is not a standby");
	return bk_error_hint(err, "To let a server that is no standby write there, run: SELECT backup_adopt();");
}
