/*
 * expiry_wal.c
 *	  Delete the WAL that no backup, no run and no recovery window needs.
 *
 * The archive is walked twice: once to know what will remain, which is told
 * before anything goes, so that nobody takes it for a loss; and once to delete.
 * Memory does not grow with the archive. Histories and conflicts stay.
 */
#include "job/expiry.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "job/ranges.h"

#define BATCH			1000
#define SAME_NAME_MAX	8		/* one for each codec, and more */

/* What goes of one timeline. */
typedef struct Doomed
{
	uint32_t	timeline;
	uint64_t	files;
	uint64_t	bytes;
	char		first[BK_WAL_NAME_SIZE];
	char		last[BK_WAL_NAME_SIZE];
} Doomed;

/* A walk through the archive. All objects of one name are judged at once. */
typedef struct Sweep
{
	BkExpiry   *expiry;
	const BkWalNeeds *needs;
	BkWalMap   *remaining;		/* NULL: delete */
	Doomed	   *doomed;			/* of each timeline of the survey's map */
	BkWalName	name;
	BkWalFound	found[SAME_NAME_MAX];
	size_t		found_count;
	bool		conflict;
	char	   *keys[BATCH];
	size_t		key_count;
} Sweep;

static bool plan(Sweep *sweep, BkError *err);
static bool complete(Sweep *sweep, BkError *err);
static bool delete_all(Sweep *sweep, BkError *err);
static bool see(void *arg, const BkWalName *name, const BkWalFound *found,
				BkError *err);
static bool judge(Sweep *sweep, BkError *err);
static bool is_needed(const Sweep *sweep);
static bool keep_all(Sweep *sweep, BkError *err);
static bool doom(Sweep *sweep, BkError *err);
static bool delete_batch(Sweep *sweep, BkError *err);
static bool report(const Sweep *sweep);
static void report_kept(const BkExpiry *expiry, const char *why);
static void tell_remaining(const Sweep *sweep);

bool
bk_expiry_wal(BkExpiry *expiry, BkError *err)
{
	BkWalNeeds	needs = {0};
	Sweep	   *sweep = calloc(1, sizeof(*sweep));
	bool		ok = sweep != NULL || bk_error_memory(err);

	ok = ok && bk_survey_needs(&expiry->survey, &expiry->retention, expiry->intent, &needs, err);
	if (ok && needs.everything != NULL)
		report_kept(expiry, needs.everything);
	else if (ok)
	{
		sweep->expiry = expiry;
		sweep->needs = &needs;
		ok = plan(sweep, err);
		/* A sync that ends in the middle of it must know. */
		if (ok && report(sweep) && !expiry->request->dry_run)
		{
			tell_remaining(sweep);
			ok = delete_all(sweep, err);
		}
	}
	if (sweep != NULL)
	{
		for (size_t i = 0; i < sweep->key_count; i++)
			free(sweep->keys[i]);
		bk_wal_map_free(sweep->remaining);
		free(sweep->doomed);
	}
	free(sweep);
	bk_walneed_free(&needs);
	return ok;
}

static bool
plan(Sweep *sweep, BkError *err)
{
	const BkWalMap *map = sweep->expiry->survey.map;

	sweep->remaining = bk_wal_map_new(map->segment_size, err);
	sweep->doomed = calloc(map->count + 1, sizeof(*sweep->doomed));
	if (sweep->remaining == NULL)
		return false;
	if (sweep->doomed == NULL)
		return bk_error_memory(err);
	for (size_t i = 0; i < map->count; i++)
		sweep->doomed[i].timeline = map->timelines[i].id;
	return bk_wal_walk(sweep->expiry->repo, sweep->expiry->cluster, 0, see, sweep, err) &&
		judge(sweep, err) && complete(sweep, err);
}

/* Where timelines come from does not change. */
static bool
complete(Sweep *sweep, BkError *err)
{
	for (size_t i = 0; i < sweep->remaining->count; i++)
	{
		BkTimeline *timeline = &sweep->remaining->timelines[i];
		const BkTimeline *before = bk_wal_map_find(sweep->expiry->survey.map, timeline->id);

		if (before == NULL)
			continue;
		timeline->parent = before->parent;
		timeline->switch_lsn = before->switch_lsn;
		timeline->has_history = before->has_history;
	}
	return bk_wal_map_join(sweep->remaining, err);
}

static bool
delete_all(Sweep *sweep, BkError *err)
{
	bk_wal_map_free(sweep->remaining);
	sweep->remaining = NULL;
	return bk_wal_walk(sweep->expiry->repo, sweep->expiry->cluster, 0, see, sweep, err) &&
		judge(sweep, err) && delete_batch(sweep, err);
}

static bool
see(void *arg, const BkWalName *name, const BkWalFound *found, BkError *err)
{
	Sweep	   *sweep = arg;

	if (!bk_go_on(sweep->expiry->host, err))
		return false;
	if (sweep->found_count > 0 && strcmp(name->text, sweep->name.text) != 0 &&
		!judge(sweep, err))
		return false;
	if (sweep->found_count == SAME_NAME_MAX ||
		(sweep->found_count > 0 && strcmp(found->digest, sweep->found[0].digest) != 0))
		sweep->conflict = true;
	if (sweep->found_count < SAME_NAME_MAX)
		sweep->found[sweep->found_count++] = *found;
	sweep->name = *name;
	return true;
}

/* All objects of a name have been seen. */
static bool
judge(Sweep *sweep, BkError *err)
{
	bool		ok = true;

	if (sweep->found_count == 0)
		return true;
	if (is_needed(sweep))
		ok = sweep->remaining == NULL || keep_all(sweep, err);
	else
		ok = doom(sweep, err);
	sweep->found_count = 0;
	sweep->conflict = false;
	return ok;
}

static bool
is_needed(const Sweep *sweep)
{
	const BkWalMap *map = sweep->expiry->survey.map;

	return sweep->conflict || sweep->name.kind == BK_WAL_HISTORY ||
		bk_walneed_has(sweep->needs, map, sweep->name.timeline,
					   bk_wal_segment_number(&sweep->name, map->segment_size));
}

static bool
keep_all(Sweep *sweep, BkError *err)
{
	for (size_t i = 0; i < sweep->found_count; i++)
	{
		if (!bk_wal_map_add(sweep->remaining, &sweep->name, &sweep->found[i], err))
			return false;
	}
	return true;
}

static bool
doom(Sweep *sweep, BkError *err)
{
	Doomed	   *doomed = sweep->doomed;

	while (doomed->timeline != sweep->name.timeline)
		doomed++;				/* what is not in the map is needed */
	for (size_t i = 0; i < sweep->found_count; i++)
	{
		if (sweep->remaining == NULL)
		{
			if (sweep->key_count == BATCH && !delete_batch(sweep, err))
				return false;
			if ((sweep->keys[sweep->key_count] = strdup(sweep->found[i].key)) == NULL)
				return bk_error_memory(err);
			sweep->key_count++;
			continue;
		}
		doomed->bytes += sweep->found[i].size;
		if (doomed->files++ == 0)
			memcpy(doomed->first, sweep->name.text, sizeof(doomed->first));
		memcpy(doomed->last, sweep->name.text, sizeof(doomed->last));
	}
	return true;
}

static bool
delete_batch(Sweep *sweep, BkError *err)
{
	bool		ok = bk_storage_remove_all(sweep->expiry->repo->storage,
										   (const char *const *) sweep->keys,
										   sweep->key_count, err);

	for (size_t i = 0; i < sweep->key_count; i++)
		free(sweep->keys[i]);
	sweep->key_count = 0;
	return ok;
}

/* Say what goes; false: nothing does. */
static bool
report(const Sweep *sweep)
{
	const BkExpiry *expiry = sweep->expiry;
	bool		any = false;

	for (size_t i = 0; i < expiry->survey.map->count; i++)
	{
		const Doomed *doomed = &sweep->doomed[i];
		BkJson	   *record;
		char		reason[BK_REASON_SIZE];

		if (doomed->files == 0)
			continue;
		any = true;
		snprintf(reason, sizeof(reason),
				 "%llu files from %s to %s are needed by no backup and no recovery window",
				 (unsigned long long) doomed->files, doomed->first, doomed->last);
		record = bk_json_object();
		bk_json_put_string(record, "repository", expiry->repo->url);
		bk_json_put_string(record, "kind", "wal");
		bk_json_put_string(record, "action", BK_ACTION_DELETE);
		bk_json_put_words(record, "reason", reason);
		bk_json_put_int(record, "stored_size", (int64_t) doomed->bytes);
		expiry->host->record(expiry->host->ctx, "decision", record);
		bk_json_free(record);
	}
	return any;
}

/* All WAL stays: a plan says why, and every run where that is a trouble. */
static void
report_kept(const BkExpiry *expiry, const char *why)
{
	BkJson	   *record = bk_json_object();

	bk_json_put_string(record, "repository", expiry->repo->url);
	bk_json_put_string(record, "kind", "wal");
	bk_json_put_string(record, "action", BK_ACTION_KEEP);
	bk_json_put_words(record, "reason", why);
	if (expiry->survey.map->count > 0)
		expiry->host->record(expiry->host->ctx, "decision", record);
	bk_json_free(record);
}

static void
tell_remaining(const Sweep *sweep)
{
	const BkExpiry *expiry = sweep->expiry;

	for (size_t i = 0; i < expiry->survey.map->count; i++)
	{
		const BkTimeline *before = &expiry->survey.map->timelines[i];
		const BkTimeline *after = bk_wal_map_find(sweep->remaining, before->id);
		BkTimeline	none = {
			.id = before->id,
			.first = 1,
			.parent = before->parent,
			.switch_lsn = before->switch_lsn,
			.has_history = before->has_history,
		};

		bk_ranges_tell(expiry->repo, sweep->remaining, after == NULL ? &none : after,
					   expiry->cluster, "wal_expiring", expiry->host);
	}
}
