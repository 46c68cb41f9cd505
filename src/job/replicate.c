/*
 * replicate.c
 *	  Copy what a repository has, and another one lacks: backups, with the WAL
 *	  that each needs first and its manifest last, then all other WAL, marks.
 *
 * Objects are copied as they are. A run that died is gone on with: what is
 * there already is compared, and not copied again.
 */
#include "job/replicate.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/clock.h"
#include "job/ranges.h"
#include "job/replica.h"
#include "job/verbs.h"
#include "repo/layout.h"
#include "repo/tombstone.h"
#include "repo/transfer.h"

/* How long to wait for the end of a run that deletes WAL. */
#define RETENTION_MS		60000
#define RETENTION_LOOK_MS	200

/* The ids of a repository's backups, in order of time. */
typedef struct Ids
{
	char	  **list;
	size_t		count;
	size_t		room;
} Ids;

static bool find_targets(const BkRequest *request, BkUrls *targets,
						 size_t *first, BkError *err);
static bool copy_to(const BkRequest *source, const BkRequest *target,
					const BkHost *host, BkError *err);
static bool open_both(BkReplica *replica, BkError *err);
static bool open_target(BkReplica *replica, BkError *err);
static bool enter(BkReplica *replica, BkError *err);
static bool enter_cluster(void *arg, const char *system_identifier,
						  BkError *err);
static bool copy_backups(BkReplica *replica, BkError *err);
static bool copy_backup(BkReplica *replica, const char *id, BkError *err);
static bool wait_for_retention(BkReplica *replica, BkError *err);
static bool is_retention(void *arg, const BkIntentRun *run, BkError *err);
static bool store_backup(BkReplica *replica, const BkManifest *manifest,
						 const BkIntent *creates, BkError *err);
static bool copy_rest(BkReplica *replica, BkError *err);
static bool copy_cluster(void *arg, const char *system_identifier,
						 BkError *err);
static bool tick(void *arg, uint64_t bytes, BkError *err);
static bool read_ids(BkRepository *repo, Ids *ids, BkError *err);
static bool add_id(void *arg, const char *id, BkError *err);
static void free_ids(Ids *ids);
static int	compare_ids(const void *a, const void *b);
static void report_done(const BkReplica *replica);

bool
bk_job_replicate(const BkRequest *request, const BkHost *host, BkError *err)
{
	BkError		problem;
	BkUrls		sources;
	BkUrls		targets;
	size_t		first;
	bool		ok = bk_common_urls(request, &sources, err);

	if (!ok || !find_targets(request, &targets, &first, err))
	{
		bk_urls_free(&sources);
		return false;
	}
	for (size_t i = first; i < targets.count; i++)
	{
		BkRequest	source = bk_common_at(request, &sources, 0);
		BkRequest	target = bk_common_at(request, &targets, i);

		if (copy_to(&source, &target, host, &problem))
			continue;
		/* The others get theirs all the same; the first failure is the error. */
		if (!ok)
			bk_log(host, BK_LOG_WARNING, "could not copy to \"%s\": %s",
				   targets.urls[i], problem.message);
		else
			*err = problem;
		ok = false;
		if (bk_error_is(&problem, BK_STATE_CANCELED))
			break;
	}
	bk_urls_free(&targets);
	bk_urls_free(&sources);
	return ok;
}

void
bk_replicate_after(const BkRequest *request, const BkHost *host)
{
	BkRequest	all = *request;
	BkError		problem;
	BkUrls		urls;
	bool		several = bk_common_urls(request, &urls, &problem) && urls.count > 1;

	bk_urls_free(&urls);
	all.id = NULL;
	all.target = NULL;
	if (several && !bk_job_replicate(&all, host, &problem))
		bk_log(host, BK_LOG_WARNING, "the backup is good, but not all is copied to every repository: %s",
			   problem.message);
}

/* Where to: as "to" says, or without it into the others of the list. */
static bool
find_targets(const BkRequest *request, BkUrls *targets, size_t *first,
			 BkError *err)
{
	bool		named = request->target != NULL;

	*first = named ? 0 : 1;
	if (!bk_urls_parse(named ? request->target : request->repository,
					   named ? NULL : request->repository_id, targets, err))
	{
		bk_urls_free(targets);
		return false;
	}
	if (targets->count > *first)
		return true;
	bk_urls_free(targets);
	bk_error(err, BK_STATE_BAD_ARGUMENT, "there is no other repository to copy to");
	return bk_error_hint(err, "Name several in backup_ext.repository, the first of which is copied to the others, or give one with --to.");
}

static bool
copy_to(const BkRequest *source, const BkRequest *target, const BkHost *host,
		BkError *err)
{
	BkReplica	replica = {.source = source, .target = target, .host = host};
	bool		ok;

	ok = open_both(&replica, err) &&
		/* May we write there? */
		enter(&replica, err) &&
		/* Each backup with the WAL that it needs; then what is between. */
		copy_backups(&replica, err) &&
		copy_rest(&replica, err) &&
		/* What runs that died have left, and nobody has gone on with. */
		bk_intent_clean(replica.to, host, err);
	if (replica.from != NULL && replica.to != NULL)
		report_done(&replica);
	bk_repository_close(replica.from);
	bk_repository_close(replica.to);
	if (!ok || replica.failed == 0)
		return ok;
	*err = replica.problem;
	if (replica.failed > 1)
		bk_log(host, BK_LOG_WARNING, "%zu things could not be copied", replica.failed);
	return false;
}

static bool
open_both(BkReplica *replica, BkError *err)
{
	replica->from = bk_common_open(replica->source, replica->host, err);
	if (replica->from == NULL || !open_target(replica, err))
		return false;
	return strcmp(replica->from->id, replica->to->id) != 0 ||
		bk_error(err, BK_STATE_BAD_ARGUMENT, "\"%s\" and \"%s\" are the same repository",
				 replica->from->url, replica->to->url);
}

static bool
open_target(BkReplica *replica, BkError *err)
{
	BkRepositoryTarget target = bk_common_place(replica->target, replica->host);
	BkAsker		asker;

	replica->to = bk_repository_open(&target, err);
	if (replica->to != NULL || !replica->target->create ||
		!bk_error_is(err, BK_STATE_MISSING_FILE))
		return replica->to != NULL;
	replica->to = bk_repository_create(&target, err);
	return replica->to != NULL &&
		(replica->target->system_identifier == NULL ||
		 (bk_common_asker(replica->target, NULL, &asker, err) &&
		  bk_writer_register(replica->to, &asker.server, BK_WRITER_CREATED, err)));
}

/*
 * A server must be registered there. A person who names none makes the clusters
 * known, so that their WAL is found, but no place: who wants to write has to
 * adopt it.
 */
static bool
enter(BkReplica *replica, BkError *err)
{
	if (replica->target->system_identifier != NULL)
		return bk_common_may_write(replica->target, replica->to, err);
	return bk_writer_clusters(replica->from, enter_cluster, replica, err);
}

static bool
enter_cluster(void *arg, const char *system_identifier, BkError *err)
{
	BkReplica  *replica = arg;
	BkServer	server = {.system_identifier = system_identifier};

	return bk_writer_register(replica->to, &server, BK_WRITER_ADOPTED, err);
}

/* The newest first: it is what would be missed most. */
static bool
copy_backups(BkReplica *replica, BkError *err)
{
	const char *only = replica->source->id;
	BkError		problem;
	Ids			from = {0};
	Ids			to = {0};
	bool		ok = read_ids(replica->from, &from, err) &&
		read_ids(replica->to, &to, err);

	for (size_t i = from.count; ok && i-- > 0;)
	{
		if ((only != NULL && strcmp(only, from.list[i]) != 0) ||
			bsearch(&from.list[i], to.list, to.count, sizeof(*to.list), compare_ids) != NULL ||
			copy_backup(replica, from.list[i], &problem))
			continue;
		ok = bk_replica_forgive(replica, &problem);
		if (ok)
			bk_log(replica->host, BK_LOG_WARNING, "backup \"%s\" is not copied: %s",
				   from.list[i], problem.message);
		else
			*err = problem;
	}
	if (ok && only != NULL &&
		(from.count == 0 ||
		 bsearch(&only, from.list, from.count, sizeof(*from.list), compare_ids) == NULL))
		ok = bk_error(err, BK_STATE_NO_OBJECT, "backup \"%s\" does not exist", only);
	free_ids(&from);
	free_ids(&to);
	return ok;
}

/* One that was deleted meanwhile, or is of another cluster, is left out. */
static bool
copy_backup(BkReplica *replica, const char *id, BkError *err)
{
	const char *cluster = replica->source->system_identifier;
	BkManifest *manifest = bk_repository_manifest(replica->from, id, err);
	BkRequest	reading = *replica->source;
	BkIntent   *needs = NULL;
	BkIntent   *creates = NULL;
	BkIntentStart start = {0};
	bool		expired = false;
	bool		ok;

	if (manifest == NULL)
		return bk_error_is(err, BK_STATE_NO_OBJECT);
	if (cluster != NULL && strcmp(cluster, manifest->system_identifier) != 0)
	{
		bk_manifest_free(manifest);
		return true;
	}
	/* What retention has taken off the list there does not come back. */
	if (!bk_tombstone_exists(replica->to, id, &expired, err) || expired)
	{
		bk_manifest_free(manifest);
		return expired;
	}
	if (manifest->is_base)
		start = (BkIntentStart) {manifest->physical.timeline, manifest->physical.start_lsn};
	/* Nobody deletes it here, nobody makes it there. */
	reading.id = id;
	ok = bk_common_announce(&reading, replica->from, replica->host, &needs, err) &&
		(creates = bk_intent_resume(replica->to, id, &start, err)) != NULL &&
		(!manifest->is_base || wait_for_retention(replica, err)) &&
		store_backup(replica, manifest, creates, err);
	/* Where it failed, the next attempt goes on from here. */
	if (ok)
		bk_intent_end(creates);
	else
		bk_intent_leave(creates);
	bk_intent_end(needs);
	bk_manifest_free(manifest);
	return ok;
}

/*
 * A run that deletes WAL may not have seen our intent, and takes away what this
 * backup needs and is there already. Those that come later do see it.
 */
static bool
wait_for_retention(BkReplica *replica, BkError *err)
{
	int64_t		until = bk_clock_monotonic_ms() + RETENTION_MS;
	bool		found = true;

	while (found)
	{
		found = false;
		if (!bk_intent_walk(replica->to, NULL, is_retention, &found, err) ||
			!bk_go_on(replica->host, err))
			return false;
		if (found && bk_clock_monotonic_ms() >= until)
			return bk_error(err, BK_STATE_IN_USE, "retention is at work in \"%s\"",
							replica->to->url);
		if (found)
			usleep(RETENTION_LOOK_MS * 1000);
	}
	return true;
}

static bool
is_retention(void *arg, const BkIntentRun *run, BkError *err)
{
	bool	   *found = arg;

	(void) err;
	*found |= run->mode == BK_INTENT_EXPIRES;
	return true;
}

static bool
store_backup(BkReplica *replica, const BkManifest *manifest,
			 const BkIntent *creates, BkError *err)
{
	BkTransfer	transfer = {
		.from = replica->from,
		.to = replica->to,
		.tick = tick,
		.arg = replica,
	};
	char		notes[BK_KEY_SIZE];
	BkVerdict	verdict;
	BkError		ignored;

	bk_layout_notes(notes, manifest->id);
	if ((manifest->is_base && !bk_replica_needed_wal(replica, manifest, err)) ||
		!bk_replica_objects(replica, manifest, err) ||
		/* A bad one is bad from its first moment. */
		!bk_transfer_small(&transfer, notes, err) ||
		!bk_go_on(replica->host, err) ||
		!bk_transfer_manifest(&transfer, manifest->id, err))
		return false;
	/* Look again: see bk_intent_holds(). */
	if (!bk_intent_holds(creates, err))
	{
		(void) bk_repository_unlist(replica->to, manifest->id, &ignored);
		return false;
	}
	replica->backups++;
	if (bk_note_read(replica->to, manifest->id, &verdict, &ignored))
		bk_common_report_backup(replica->to, manifest, &verdict, replica->host);
	return true;
}

/* All WAL, and the marks in it. */
static bool
copy_rest(BkReplica *replica, BkError *err)
{
	if (replica->source->id != NULL)
		return true;
	if (replica->source->system_identifier != NULL)
		return copy_cluster(replica, replica->source->system_identifier, err);
	return bk_writer_clusters(replica->from, copy_cluster, replica, err);
}

static bool
copy_cluster(void *arg, const char *system_identifier, BkError *err)
{
	BkReplica  *replica = arg;
	BkTransfer	transfer = {
		.from = replica->from,
		.to = replica->to,
		.tick = tick,
		.arg = replica,
	};
	char		marks[BK_KEY_SIZE];

	bk_layout_marks(marks, system_identifier);
	if (!bk_replica_all_wal(replica, system_identifier, err) ||
		!bk_transfer_small(&transfer, marks, err))
		return false;
	/* What was known of it is no longer true. */
	return replica->wal == 0 ||
		(bk_ranges_report(replica->from, system_identifier, NULL, replica->host, err) &&
		 bk_ranges_report(replica->to, system_identifier, NULL, replica->host, err));
}

static bool
tick(void *arg, uint64_t bytes, BkError *err)
{
	BkReplica  *replica = arg;

	replica->bytes += bytes;
	return bk_go_on(replica->host, err);
}

static bool
read_ids(BkRepository *repo, Ids *ids, BkError *err)
{
	if (!bk_repository_walk(repo, add_id, ids, err))
		return false;
	if (ids->count > 0)
		qsort(ids->list, ids->count, sizeof(*ids->list), compare_ids);
	return true;
}

static bool
add_id(void *arg, const char *id, BkError *err)
{
	Ids		   *ids = arg;

	if (ids->count == ids->room)
	{
		size_t		room = ids->room == 0 ? 256 : ids->room * 2;
		char	  **list = realloc(ids->list, room * sizeof(*list));

		if (list == NULL)
			return bk_error_memory(err);
		ids->list = list;
		ids->room = room;
	}
	ids->list[ids->count] = strdup(id);
	return ids->list[ids->count++] != NULL || bk_error_memory(err);
}

static void
free_ids(Ids *ids)
{
	while (ids->count > 0)
		free(ids->list[--ids->count]);
	free(ids->list);
}

static int
compare_ids(const void *a, const void *b)
{
	return strcmp(*(char *const *) a, *(char *const *) b);
}

static void
report_done(const BkReplica *replica)
{
	BkJson	   *record = bk_json_object();

	bk_json_put_string(record, "repository", replica->to->url);
	bk_json_put_int(record, "backups", (int64_t) replica->backups);
	bk_json_put_int(record, "wal", (int64_t) replica->wal);
	bk_json_put_int(record, "bytes", (int64_t) replica->bytes);
	replica->host->record(replica->host->ctx, "replicated", record);
	bk_json_free(record);
}
