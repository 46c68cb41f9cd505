/*
 * bases.c
 *	  The base backups of one cluster.
 *
 * The name in the id of a base backup is "base". Databases may have this
 * name, too, so the manifest decides.
 */
#include "job/bases.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/walname.h"
#include "repo/mark.h"
#include "repo/note.h"

#define BASE_NAME		"base"
#define NAMES_MAX		1000	/* bytes of known names in an error */

typedef struct Walk
{
	BkRepository *repo;
	const BkRequest *request;
	const BkHost *host;
	BkBases    *bases;
	BkBuf		clusters;		/* that have base backups, each but once */
	int			cluster_count;
} Walk;

typedef struct MarkSearch
{
	BkTarget   *target;
	bool		found;
	BkBuf	   *names;
} MarkSearch;

static bool visit(void *arg, const char *id, BkError *err);
static bool add(BkBases *bases, BkRepository *repo, BkManifest *manifest,
				BkPlanBackup *backup, BkError *err);
static bool fill(BkPlanBackup *backup, const BkManifest *manifest,
				 BkError *err);
static void note_cluster(Walk *walk, const char *cluster);
static bool decide_cluster(Walk *walk, BkError *err);
static void keep_cluster(BkBases *bases, const char *cluster);
static bool visit_mark(void *arg, const BkMark *mark, BkError *err);

bool
bk_bases_read(BkRepository *repo, const BkRequest *request,
			  const BkHost *host, BkBases *bases, BkError *err)
{
	Walk		walk = {.repo = repo, .request = request, .host = host, .bases = bases};
	bool		ok;

	memset(bases, 0, sizeof(*bases));
	bk_buf_init(&walk.clusters);
	ok = bk_repository_walk(repo, visit, &walk, err) && decide_cluster(&walk, err);
	bk_buf_free(&walk.clusters);
	return ok;
}

const BkManifest *
bk_bases_manifest(const BkBases *bases, const BkPlanBackup *backup)
{
	return bases->manifests[backup - bases->backups];
}

bool
bk_bases_mark(BkRepository *repo, const BkHost *host, const BkBases *bases,
			  BkTarget *target, bool *found, BkBuf *names, BkError *err)
{
	MarkSearch	search = {.target = target, .names = names};
	bool		ok;

	ok = bk_mark_walk(repo, host, bases->system_identifier, visit_mark, &search, err);
	*found = search.found;
	return ok;
}

void
bk_bases_free(BkBases *bases)
{
	for (size_t i = 0; i < bases->count; i++)
		bk_manifest_free(bases->manifests[i]);
	free(bases->manifests);
	free(bases->backups);
	memset(bases, 0, sizeof(*bases));
}

static bool
visit(void *arg, const char *id, BkError *err)
{
	Walk	   *walk = arg;
	const char *wanted = walk->request->system_identifier;
	bool		named = walk->request->id != NULL && strcmp(id, walk->request->id) == 0;
	char		name[64];
	BkPlanBackup backup = {0};
	BkManifest *manifest;
	BkError		problem;

	bk_label_name(id, name);
	if (!bk_go_on(walk->host, err))
		return false;
	if (strcmp(name, BASE_NAME) != 0)
		return true;
	manifest = bk_repository_manifest(walk->repo, id, &problem);
	if (manifest != NULL && strcmp(manifest->kind, BASE_NAME) == 0 &&
		!fill(&backup, manifest, &problem))
	{
		bk_manifest_free(manifest);
		manifest = NULL;
	}
	if (manifest == NULL && named)
	{
		*err = problem;
		return false;
	}
	if (manifest == NULL)
	{
		bk_log(walk->host, BK_LOG_WARNING, "backup \"%s\" is left out: %s", id,
			   problem.message);
		return true;
	}
	if (strcmp(manifest->kind, BASE_NAME) != 0 ||
		(wanted != NULL && strcmp(wanted, manifest->system_identifier) != 0))
	{
		bk_manifest_free(manifest);
		return true;
	}
	note_cluster(walk, manifest->system_identifier);
	if (named)
		snprintf(walk->bases->system_identifier, sizeof(walk->bases->system_identifier),
				 "%s", manifest->system_identifier);
	if (add(walk->bases, walk->repo, manifest, &backup, err))
		return true;
	bk_manifest_free(manifest);
	return false;
}

static bool
add(BkBases *bases, BkRepository *repo, BkManifest *manifest,
	BkPlanBackup *backup, BkError *err)
{
	size_t		count = bases->count + 1;
	BkPlanBackup *backups = realloc(bases->backups, count * sizeof(*backups));
	BkManifest **manifests;
	BkVerdict	verdict;

	if (backups == NULL)
		return bk_error_memory(err);
	bases->backups = backups;
	manifests = realloc(bases->manifests, count * sizeof(*manifests));
	if (manifests == NULL)
		return bk_error_memory(err);
	bases->manifests = manifests;
	if (!bk_note_read(repo, manifest->id, &verdict, err))
		return false;
	backup->bad = verdict.known && !verdict.good;
	backups[count - 1] = *backup;
	manifests[count - 1] = manifest;
	bases->count = count;
	return true;
}

static bool
fill(BkPlanBackup *backup, const BkManifest *manifest, BkError *err)
{
	const char *start;
	const char *stop;
	int64_t		timeline;

	if (!bk_json_need_string(manifest->json, "start_lsn", manifest->id, &start, err) ||
		!bk_json_need_string(manifest->json, "stop_lsn", manifest->id, &stop, err) ||
		!bk_json_need_int(manifest->json, "timeline", manifest->id, &timeline, err))
		return false;
	backup->id = manifest->id;
	backup->timeline = (uint32_t) timeline;
	backup->finished_at = manifest->finished_at;
	return (bk_lsn_parse(start, &backup->start_lsn) &&
			bk_lsn_parse(stop, &backup->stop_lsn) && timeline > 0) ||
		bk_error(err, BK_STATE_CORRUPT,
				 "the manifest of backup \"%s\" has no valid WAL positions",
				 manifest->id);
}

static void
note_cluster(Walk *walk, const char *cluster)
{
	if (walk->clusters.data != NULL && strstr(walk->clusters.data, cluster) != NULL)
		return;
	bk_buf_printf(&walk->clusters, "%s%s", walk->cluster_count == 0 ? "" : ", ", cluster);
	walk->cluster_count++;
}

static bool
decide_cluster(Walk *walk, BkError *err)
{
	BkBases    *bases = walk->bases;

	if (walk->request->id != NULL && bases->system_identifier[0] == '\0')
		return bk_error(err, BK_STATE_NO_OBJECT,
						"there is no base backup \"%s\" of this cluster",
						walk->request->id);
	if (bases->system_identifier[0] != '\0')
	{
		keep_cluster(bases, bases->system_identifier);
		return true;
	}
	if (walk->cluster_count <= 1)
	{
		snprintf(bases->system_identifier, sizeof(bases->system_identifier), "%s",
				 walk->cluster_count == 1 ? walk->clusters.data : "");
		return true;
	}
	bk_error(err, BK_STATE_WRONG_STATE,
			 "the repository has base backups of %d clusters", walk->cluster_count);
	bk_error_detail(err, "Their system identifiers are %s.", walk->clusters.data);
	return bk_error_hint(err, "Say which one is meant with --system-identifier, or name a backup.");
}

/* Drop the backups of all others. */
static void
keep_cluster(BkBases *bases, const char *cluster)
{
	size_t		kept = 0;

	for (size_t i = 0; i < bases->count; i++)
	{
		if (strcmp(bases->manifests[i]->system_identifier, cluster) != 0)
		{
			bk_manifest_free(bases->manifests[i]);
			continue;
		}
		bases->manifests[kept] = bases->manifests[i];
		bases->backups[kept++] = bases->backups[i];
	}
	bases->count = kept;
}

static bool
visit_mark(void *arg, const BkMark *mark, BkError *err)
{
	MarkSearch *search = arg;
	BkTarget   *target = search->target;

	if (strcmp(mark->name, target->value) != 0)
	{
		if (search->names->len < NAMES_MAX)
			bk_buf_printf(search->names, "%s\"%s\"", search->names->len == 0 ? "" : ", ",
						  mark->name);
		return true;
	}
	if (!bk_lsn_parse(mark->lsn, &target->lsn) || mark->timeline <= 0)
		return bk_error(err, BK_STATE_CORRUPT, "restore point \"%s\" has no valid place",
						mark->name);
	search->found = target->has_lsn = true;
	if (target->line == BK_LINE_DEFAULT)
	{
		target->line = BK_LINE_NUMBER;
		target->timeline = (uint32_t) mark->timeline;
	}
	return true;
}
