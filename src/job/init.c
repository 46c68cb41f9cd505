/*
 * init.c
 *	  Start a repository, or register a cluster in one.
 */
#include "job/common.h"
#include "job/verbs.h"

bool
bk_job_init(const BkRequest *request, const BkHost *host, BkError *err)
{
	BkRepositoryTarget target = {
		.url = request->repository,
	};
	char		cluster[BK_COMMON_CLUSTER_SIZE];
	BkRepository *repo;

	if (!bk_common_need(request->repository, "repository", err) ||
		!bk_common_cluster(request, host, cluster, err))
		return false;
	target.system_identifier = cluster;
	repo = bk_repository_create(&target, err);
	if (repo == NULL)
		return false;
	bk_common_report_repository(repo, host);
	bk_repository_close(repo);
	return true;
}

bool
bk_job_adopt(const BkRequest *request, const BkHost *host, BkError *err)
{
	char		cluster[BK_COMMON_CLUSTER_SIZE];
	BkRepository *repo;
	bool		ok;

	if (!bk_common_cluster(request, host, cluster, err))
		return false;
	repo = bk_common_open(request, err);
	if (repo == NULL)
		return false;
	ok = bk_repository_adopt(repo, cluster, err);
	if (ok)
		bk_common_report_repository(repo, host);
	bk_repository_close(repo);
	return ok;
}
