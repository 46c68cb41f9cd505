/*
 * writer.c
 *	  Look up and register clusters and places.
 */
#include "repo/writer.h"

#include <string.h>

#include "core/clock.h"
#include "repo/layout.h"

#define RECORD_MAX_SIZE	(64 * 1024)

typedef struct ClusterWalk
{
	BkRepositoryVisit visit;
	void	   *arg;
} ClusterWalk;

static bool check_fence(const BkServer *server, BkError *err);
static bool check_cluster(BkRepository *repo, const BkServer *server,
						  BkError *err);
static bool check_place(BkRepository *repo, const BkServer *server,
						BkError *err);
static bool register_cluster(BkRepository *repo, const BkServer *server,
							 BkError *err);
static bool register_place(BkRepository *repo, const BkServer *server,
						   BkWriterHow how, BkError *err);
static bool cluster_found(void *arg, const char *key,
						  const BkObjectStat *stat, BkError *err);
static bool has_record(BkRepository *repo, const char *key, bool *exists,
					   BkError *err);
static bool put_record(BkRepository *repo, const BkServer *server,
					   const char *key, BkJson *json, BkError *err);

bool
bk_writer_check(BkRepository *repo, const BkServer *server, BkError *err)
{
	return check_fence(server, err) &&
		bk_layout_check_cluster(server->system_identifier, err) &&
		check_cluster(repo, server, err) &&
		check_place(repo, server, err);
}

bool
bk_writer_register(BkRepository *repo, const BkServer *server,
				   BkWriterHow how, BkError *err)
{
	if (!bk_layout_check_cluster(server->system_identifier, err))
		return false;
	if (how == BK_WRITER_STREAMED
		? !check_cluster(repo, server, err)
		: !register_cluster(repo, server, err))
		return false;
	return server->place == NULL || register_place(repo, server, how, err);
}

bool
bk_writer_clusters(BkRepository *repo, BkRepositoryVisit visit, void *arg,
				   BkError *err)
{
	ClusterWalk walk = {.visit = visit, .arg = arg};

	return bk_storage_list(repo->storage, BK_LAYOUT_CLUSTERS, cluster_found,
						   &walk, err);
}

static bool
check_fence(const BkServer *server, BkError *err)
{
	if (server->fence == NULL || server->fence[0] == '\0')
		return true;
	bk_error(err, BK_STATE_WRONG_STATE,
			 "this server is fenced: it may not write into the repository");
	bk_error_detail(err, "backup_ext.fence is \"%.500s\".", server->fence);
	return bk_error_hint(err, "If it is to take over from the server that it was copied from, and that one is gone for good, run: SELECT backup_adopt(%s);",
						 strncmp(server->fence, BK_FENCE_CLONE, strlen(BK_FENCE_CLONE)) == 0
						 ? "force => true" : "");
}

static bool
check_cluster(BkRepository *repo, const BkServer *server, BkError *err)
{
	char		key[BK_KEY_SIZE];
	bool		exists;

	bk_layout_cluster(key, server->system_identifier);
	if (!has_record(repo, key, &exists, err))
		return false;
	if (exists)
		return true;
	bk_error(err, BK_STATE_WRONG_STATE,
			 "this cluster may not write into the repository \"%s\"",
			 repo->url);
	bk_error_detail(err, "The repository belongs to other clusters: it has no record of system identifier %s.",
					server->system_identifier);
	return bk_error_hint(err, "If this cluster is to take it over, run: SELECT backup_adopt(); otherwise set backup_ext.repository to a place of its own.");
}

static bool
check_place(BkRepository *repo, const BkServer *server, BkError *err)
{
	const BkPlace *place = server->place;
	char		key[BK_KEY_SIZE];
	bool		exists;

	if (place == NULL)
		return true;
	bk_layout_writer(key, server->system_identifier, place->id);
	if (!has_record(repo, key, &exists, err))
		return false;
	if (exists)
		return true;
	bk_error(err, BK_STATE_WRONG_STATE,
			 "this copy of the cluster may not write into the repository \"%s\"",
			 repo->url);
	bk_error_detail(err, "The cluster is known there, but not with data directory \"%.1000s\" on machine \"%s\": this may be a copy, and the original may still be writing.",
					place->data_directory, place->hostname);
	return bk_error_hint(err, "If this server has taken over from the original, or was moved, run: SELECT backup_adopt(); otherwise set backup_ext.repository to a place of its own.");
}

static bool
register_cluster(BkRepository *repo, const BkServer *server, BkError *err)
{
	char		key[BK_KEY_SIZE];
	bool		exists;

	bk_layout_cluster(key, server->system_identifier);
	return has_record(repo, key, &exists, err) &&
		(exists || put_record(repo, server, key, bk_json_object(), err));
}

static bool
register_place(BkRepository *repo, const BkServer *server, BkWriterHow how,
			   BkError *err)
{
	static const char *const words[] = {
		[BK_WRITER_CREATED] = "created",
		[BK_WRITER_ADOPTED] = "adopted",
		[BK_WRITER_STREAMED] = "streamed",
	};
	const BkPlace *place = server->place;
	char		key[BK_KEY_SIZE];
	bool		exists;
	BkJson	   *json;

	bk_layout_writer(key, server->system_identifier, place->id);
	if (!has_record(repo, key, &exists, err))
		return false;
	if (exists)
		return true;
	json = bk_json_object();
	bk_json_put_string(json, "place", place->id);
	bk_json_put_words(json, "hostname", place->hostname);
	bk_json_put_words(json, "machine_id", place->machine_id);
	bk_json_put_words(json, "data_directory", place->data_directory);
	bk_json_put_string(json, "how", words[how]);
	return put_record(repo, server, key, json, err);
}

static bool
cluster_found(void *arg, const char *key, const BkObjectStat *stat,
			  BkError *err)
{
	ClusterWalk *walk = arg;
	char		identifier[BK_LAYOUT_CLUSTER_SIZE];

	(void) stat;
	return !bk_layout_cluster_id(key, identifier) ||
		walk->visit(walk->arg, identifier, err);
}

/* A record must be intact to count. */
static bool
has_record(BkRepository *repo, const char *key, bool *exists, BkError *err)
{
	BkObjectStat stat;
	BkJson	   *json;

	if (!bk_storage_stat(repo->storage, key, &stat, err))
		return false;
	*exists = stat.exists;
	if (!stat.exists)
		return true;
	json = bk_repository_get_json(repo, key, RECORD_MAX_SIZE,
								  BK_SEAL_INTACT, err);
	bk_json_free(json);
	return json != NULL;
}

/*
 * What all records have. Somebody else may register the same at this moment,
 * with another time: then that record is as good.
 */
static bool
put_record(BkRepository *repo, const BkServer *server, const char *key,
		   BkJson *json, BkError *err)
{
	char		now[BK_CLOCK_TEXT_SIZE];
	bool		exists = false;

	bk_clock_format(bk_clock_now(), now);
	bk_json_put_string(json, "repository_id", repo->id);
	bk_json_put_string(json, "system_identifier", server->system_identifier);
	bk_json_put_string(json, "registered_at", now);
	if (bk_repository_put_json(repo, key, json, err))
		return true;
	return bk_error_is(err, BK_STATE_DUP_OBJECT) &&
		has_record(repo, key, &exists, err) && exists;
}
