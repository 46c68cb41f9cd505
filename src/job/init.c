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

bool
bk_job_init(const BkRequest *request, const BkHost *host, BkError *err)
{
	BkRepositoryTarget target = bk_common_place(request, host);
	BkRepository *repo;
	BkAsker		asker;
	bool		ok;

	if (!bk_common_need(request->repository, "repository", err) ||
		!find_asker(request, host, &asker, err))
		return false;
	repo = bk_repository_create(&target, err);
	if (repo == NULL)
		return false;
	ok = bk_writer_register(repo, &asker.server, BK_WRITER_CREATED, err);
	if (ok)
		bk_common_report_repository(repo, host);
	bk_repository_close(repo);
	return ok;
}

bool
bk_job_adopt(const BkRequest *request, const BkHost *host, BkError *err)
{
	BkRepository *repo;
	BkAsker		asker;
	bool		ok;

	if (!find_asker(request, host, &asker, err) ||
		!require_no_clone(request, &asker, err))
		return false;
	repo = bk_common_open(request, host, err);
	if (repo == NULL)
		return false;
	/* The fence goes last: while it stands, nothing is written. */
	ok = bk_writer_register(repo, &asker.server, BK_WRITER_ADOPTED, err) &&
		lift_fence(request, host, &asker, err);
	if (ok)
		bk_common_report_repository(repo, host);
	bk_repository_close(repo);
	return ok;
}

bool
bk_job_register(const BkRequest *request, const BkHost *host, BkError *err)
{
	BkRepository *repo;
	BkAsker		asker;
	bool		ok;

	if (!bk_common_need(request->system_identifier, "system_identifier", err) ||
		!bk_common_need(request->data_directory, "data_directory", err) ||
		!require_standby(request, err) ||
		!bk_common_asker(request, NULL, &asker, err))
		return false;
	repo = bk_common_open(request, host, err);
	ok = repo != NULL &&
		bk_writer_register(repo, &asker.server, BK_WRITER_STREAMED, err);
	/* A restored standby that streams is a replica of the one that writes. */
	if (ok && strncmp(asker.fence, BK_FENCE_STANDBY, strlen(BK_FENCE_STANDBY)) == 0)
		ok = lift_fence(request, host, &asker, err);
	bk_repository_close(repo);
	return ok;
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
