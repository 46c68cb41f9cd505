/*
 * survey.c
 *	  Read all that retention depends on.
 */
#include "job/survey.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/zone.h"
#include "repo/tombstone.h"

#define BASE_NAME	"base"		/* of base backups, in their ids */

/* What is passed through the walk of live runs. */
typedef struct Runs
{
	BkSurvey   *survey;
	BkWalNeeds *needs;
} Runs;

static bool add_noted(void *arg, const char *key, const BkObjectStat *stat,
					  BkError *err);
static bool is_noted(const BkSurvey *survey, const char *id);
static int	compare_ids(const void *a, const void *b);
static bool add_listed(void *arg, const char *id, BkError *err);
static bool add_expired(void *arg, const char *id, BkError *err);
static BkSurveyed *add(BkSurvey *survey, const char *id, BkError *err);
static BkSurveyed *find(BkSurvey *survey, const char *id);
static bool read_backup(BkSurvey *survey, BkSurveyed *entry, bool *vanished,
						BkError *err);
static bool read_notes(BkSurvey *survey, BkError *err);
static bool read_verdict(BkSurvey *survey, BkSurveyed *entry, bool *vanished,
						 BkError *err);
static bool excuse(BkSurvey *survey, BkSurveyed *entry, bool *vanished,
				   BkError *err);
static bool is_its_own_fault(const BkError *err);
static uint32_t segment_size(BkSurvey *survey);
static void leave_scheduled(BkSurvey *survey, const BkRetention *retention);
static bool find_broken(BkSurvey *survey, bool *found, BkError *err);
static void fill(BkCandidate *candidate, const BkSurveyed *entry);
static bool mark_run(void *arg, const BkIntentRun *run, BkError *err);
static bool need_run(void *arg, const BkIntentRun *run, BkError *err);
static bool find_local(BkSurvey *survey, const BkRetention *retention,
					   const BkPolicy *policy, BkError *err);

bool
bk_survey_read(BkSurvey *survey, BkRepository *repo, const char *cluster,
			   const BkIntent *own, const BkHost *host, BkError *err)
{
	Runs		runs = {.survey = survey, .needs = &survey->runs};

	*survey = (BkSurvey) {.repo = repo, .host = host, .cluster = cluster};
	/* A backup that ends now is seen among the runs, or on the list. */
	if (!bk_intent_walk(repo, own, need_run, &runs, err))
		return false;
	/* One that is brought back now is seen in its tombstone, or on the list. */
	if (!bk_tombstone_walk(repo, add_expired, survey, err) ||
		!bk_repository_walk(repo, add_listed, survey, err) ||
		!read_notes(survey, err))
		return false;
	survey->candidates = calloc(survey->count + 1, sizeof(BkCandidate));
	if (survey->candidates == NULL)
		return bk_error_memory(err);
	for (size_t i = 0; i < survey->count; i++)
		fill(&survey->candidates[i], &survey->list[i]);
	survey->map = bk_wal_map_read(repo, cluster, segment_size(survey), err);
	return survey->map != NULL && bk_intent_walk(repo, own, mark_run, survey, err);
}

bool
bk_survey_decide(BkSurvey *survey, BkRetention *retention, BkError *err)
{
	bool		found;

	retention->map = survey->map;
	for (size_t i = 0; i < retention->policy_count; i++)
	{
		if (!find_local(survey, retention, &retention->policies[i], err))
			return false;
	}
	leave_scheduled(survey, retention);
	do
	{
		if (!bk_retention_decide(retention, survey->candidates, survey->count, err) ||
			!find_broken(survey, &found, err))
			return false;
	} while (found);
	return true;
}

bool
bk_survey_needs(BkSurvey *survey, const BkRetention *retention,
				const BkIntent *own, BkWalNeeds *needs, BkError *err)
{
	Runs		runs = {.survey = survey, .needs = needs};

	*needs = survey->runs;
	survey->runs = (BkWalNeeds) {.count = 0};
	if (survey->mixed)
		needs->everything = "the segments of base backups have several sizes";
	return bk_intent_walk(survey->repo, own, need_run, &runs, err) &&
		bk_walneed_add_backups(needs, retention, survey->candidates, survey->count, err);
}

void
bk_survey_free(BkSurvey *survey)
{
	for (size_t i = 0; i < survey->count; i++)
		bk_manifest_free(survey->list[i].manifest);
	for (size_t i = 0; i < survey->noted_count; i++)
		free(survey->noted[i]);
	free(survey->noted);
	bk_walneed_free(&survey->runs);
	free(survey->list);
	free(survey->candidates);
	bk_wal_map_free(survey->map);
	*survey = (BkSurvey) {.count = 0};
}

/* The notes of a backup come one after another: note/<id>/… */
static bool
add_noted(void *arg, const char *key, const BkObjectStat *stat, BkError *err)
{
	BkSurvey   *survey = arg;
	const char *id = key + sizeof(BK_LAYOUT_NOTES);
	size_t		length = strcspn(id, "/");
	const char *last = survey->noted_count == 0 ? "" : survey->noted[survey->noted_count - 1];

	(void) stat;
	if (strncmp(last, id, length) == 0 && last[length] == '\0')
		return true;
	if (survey->noted_count == survey->noted_room)
	{
		size_t		room = survey->noted_room == 0 ? 64 : survey->noted_room * 2;
		char	  **noted = reallocarray(survey->noted, room, sizeof(*noted));

		if (noted == NULL)
			return bk_error_memory(err);
		survey->noted = noted;
		survey->noted_room = room;
	}
	survey->noted[survey->noted_count] = strndup(id, length);
	if (survey->noted[survey->noted_count] == NULL)
		return bk_error_memory(err);
	survey->noted_count++;
	return true;
}

/* A pin that is written later is seen before its backup is taken off the list. */
static bool
is_noted(const BkSurvey *survey, const char *id)
{
	return bsearch(&id, survey->noted, survey->noted_count, sizeof(*survey->noted),
				   compare_ids) != NULL;
}

static int
compare_ids(const void *a, const void *b)
{
	return strcmp(*(char *const *) a, *(char *const *) b);
}

/* One that has a tombstone as well was not taken off the list, or is back. */
static bool
add_listed(void *arg, const char *id, BkError *err)
{
	BkSurvey   *survey = arg;
	BkSurveyed *entry = find(survey, id);
	bool		vanished = false;
	bool		added = entry == NULL;

	if (added)
		entry = add(survey, id, err);
	if (entry == NULL)
		return false;
	entry->listed = true;
	/* The list says what it is, not the tombstone. */
	bk_manifest_free(entry->manifest);
	entry->manifest = NULL;
	if (!read_backup(survey, entry, &vanished, err))
		return false;
	survey->count -= vanished && added;
	return true;
}

static bool
add_expired(void *arg, const char *id, BkError *err)
{
	BkSurvey   *survey = arg;
	BkSurveyed *entry = add(survey, id, err);
	bool		vanished = false;

	if (entry == NULL)
		return false;
	entry->buried = true;
	if (!read_backup(survey, entry, &vanished, err))
		return false;
	survey->count -= vanished;
	return true;
}

static BkSurveyed *
add(BkSurvey *survey, const char *id, BkError *err)
{
	BkSurveyed *entry;

	if (survey->count == survey->room)
	{
		size_t		room = survey->room == 0 ? 64 : survey->room * 2;
		BkSurveyed *list = reallocarray(survey->list, room, sizeof(*list));

		if (list == NULL)
		{
			bk_error_memory(err);
			return NULL;
		}
		survey->list = list;
		survey->room = room;
	}
	entry = &survey->list[survey->count++];
	memset(entry, 0, sizeof(*entry));
	snprintf(entry->id, sizeof(entry->id), "%s", id);
	return entry;
}

static BkSurveyed *
find(BkSurvey *survey, const char *id)
{
	for (size_t i = 0; i < survey->count; i++)
	{
		if (strcmp(survey->list[i].id, id) == 0)
			return &survey->list[i];
	}
	return NULL;
}

static bool
read_backup(BkSurvey *survey, BkSurveyed *entry, bool *vanished, BkError *err)
{
	if (!bk_go_on(survey->host, err))
		return false;
	entry->manifest = entry->listed ? bk_repository_manifest(survey->repo, entry->id, err)
		: bk_tombstone_manifest(survey->repo, entry->id, err);
	return entry->manifest != NULL || excuse(survey, entry, vanished, err);
}

/*
 * One listing of all notes, and not one for each backup; and after that of the
 * backups, since the note that one is bad comes before its manifest.
 */
static bool
read_notes(BkSurvey *survey, BkError *err)
{
	if (!bk_storage_list(survey->repo->storage, BK_LAYOUT_NOTES, add_noted, survey, err))
		return false;
	/* An id may begin with another one, and then its keys come first. */
	if (survey->noted_count > 0)
		qsort(survey->noted, survey->noted_count, sizeof(*survey->noted), compare_ids);
	for (size_t i = 0; i < survey->count; i++)
	{
		BkSurveyed *entry = &survey->list[i];
		bool		vanished = false;

		if (!read_verdict(survey, entry, &vanished, err))
			return false;
		if (vanished)
			survey->list[i--] = survey->list[--survey->count];
	}
	return true;
}

static bool
read_verdict(BkSurvey *survey, BkSurveyed *entry, bool *vanished, BkError *err)
{
	if (!bk_go_on(survey->host, err))
		return false;
	if (entry->manifest != NULL && is_noted(survey, entry->id) &&
		!bk_note_read(survey->repo, entry->id, &entry->verdict, err))
	{
		bk_manifest_free(entry->manifest);
		entry->manifest = NULL;
		return excuse(survey, entry, vanished, err);
	}
	/* Notes go last but one: who has none is being deleted, or has lost it. */
	return entry->listed || entry->verdict.expired_at != 0 ||
		bk_tombstone_written(survey->repo, entry->id, &entry->verdict.expired_at, err);
}

/*
 * Is it no reason to give up that it cannot be read? One that was deleted since it
 * was listed has vanished.
 */
static bool
excuse(BkSurvey *survey, BkSurveyed *entry, bool *vanished, BkError *err)
{
	BkError		problem;
	bool		there;

	*vanished = bk_error_is(err, BK_STATE_NO_OBJECT);
	/* Its notes go after it has left the list. */
	if (bk_error_is(err, BK_STATE_MISSING_FILE) &&
		(entry->listed ? bk_repository_is_listed(survey->repo, entry->id, &there, &problem)
		 : bk_tombstone_exists(survey->repo, entry->id, &there, &problem)))
		*vanished = !there;
	if (!*vanished && !is_its_own_fault(err))
		return false;
	snprintf(entry->problem, sizeof(entry->problem), "%.255s", err->message);
	return true;
}

/* Would it be the same at any other time, too? */
static bool
is_its_own_fault(const BkError *err)
{
	return bk_error_is(err, BK_STATE_CORRUPT) || bk_error_is(err, BK_STATE_REFUSED) ||
		bk_error_is(err, BK_STATE_UNSUPPORTED) || bk_error_is(err, BK_STATE_TOO_LARGE) ||
		bk_error_is(err, BK_STATE_BAD_ARGUMENT);
}

static void
fill(BkCandidate *candidate, const BkSurveyed *entry)
{
	const BkManifest *manifest = entry->manifest;

	*candidate = (BkCandidate) {
		.id = entry->id, .kind = "", .database = "", .content = "", .cluster = "",
		.health = BK_HEALTH_UNREADABLE,
	};
	if (manifest == NULL)
		return;
	candidate->kind = manifest->kind;
	candidate->schedule = manifest->schedule;
	candidate->cluster = manifest->system_identifier;
	candidate->finished_at = manifest->finished_at;
	candidate->pinned_until = entry->verdict.pinned_until;
	candidate->health = BK_HEALTH_GOOD;
	if (entry->verdict.known && !entry->verdict.good)
		candidate->health = manifest->is_base && manifest->physical.corrupt_pages > 0
			? BK_HEALTH_CORRUPT : BK_HEALTH_BAD;
	if (!manifest->is_base)
	{
		candidate->database = manifest->database;
		candidate->content = manifest->content;
		return;
	}
	candidate->timeline = manifest->physical.timeline;
	candidate->start_lsn = manifest->physical.start_lsn;
	candidate->stop_lsn = manifest->physical.stop_lsn;
}

/*
 * As the backups say: where WAL is encrypted, itself would not tell. 0: none does.
 * Names of segments tell no position where the size was changed.
 */
static uint32_t
segment_size(BkSurvey *survey)
{
	uint32_t	size = 0;

	for (size_t i = 0; i < survey->count; i++)
	{
		const BkManifest *manifest = survey->list[i].manifest;

		if (manifest == NULL || !manifest->is_base ||
			strcmp(manifest->system_identifier, survey->cluster) != 0)
			continue;
		survey->mixed |= size != 0 && size != manifest->physical.wal_segment_size;
		size = manifest->physical.wal_segment_size;
	}
	return size;
}

/* Who does not know the schedules cannot tell whether theirs should come back. */
static void
leave_scheduled(BkSurvey *survey, const BkRetention *retention)
{
	for (size_t i = 0; i < survey->count; i++)
	{
		BkCandidate *candidate = &survey->candidates[i];

		if (retention->unscheduled && candidate->schedule != NULL && !survey->list[i].listed)
			survey->list[i].stuck = candidate->broken = true;
	}
}

/*
 * What is to come back must be whole; else others would go on account of it. Did
 * we find any that is not?
 */
static bool
find_broken(BkSurvey *survey, bool *found, BkError *err)
{
	*found = false;
	for (size_t i = 0; i < survey->count; i++)
	{
		BkSurveyed *entry = &survey->list[i];
		BkCandidate *candidate = &survey->candidates[i];

		if (entry->listed || entry->whole || entry->manifest == NULL ||
			!candidate->keep || strcmp(candidate->cluster, survey->cluster) != 0)
			continue;
		if (!bk_go_on(survey->host, err))
			return false;
		entry->whole = bk_tombstone_check(survey->repo, entry->manifest, survey->map, err);
		if (!entry->whole && !bk_error_is(err, BK_STATE_WRONG_STATE))
			return false;
		candidate->broken = !entry->whole;
		*found |= candidate->broken;
	}
	return true;
}

/* A backup that is being read stays, and so does the WAL behind it. */
static bool
mark_run(void *arg, const BkIntentRun *run, BkError *err)
{
	BkSurvey   *survey = arg;
	BkSurveyed *entry = find(survey, run->backup_id);

	(void) err;
	if (entry != NULL && run->mode == BK_INTENT_NEEDS)
		survey->candidates[entry - survey->list].in_use = true;
	return true;
}

/* Of a base backup that says nothing, or that we have not seen, all may be needed. */
static bool
need_run(void *arg, const BkIntentRun *run, BkError *err)
{
	Runs	   *runs = arg;
	BkWalNeeds *needs = runs->needs;
	bool		creates = run->mode == BK_INTENT_CREATES;
	bool		reads = run->mode == BK_INTENT_NEEDS && runs->survey->candidates != NULL;
	char		name[64];

	if (creates && run->start.timeline != 0)
		return bk_walneed_add_run(needs, run->start.lsn, err);
	bk_label_name(run->backup_id, name);
	if (strcmp(name, BASE_NAME) == 0 && creates)
		needs->everything = "a backup is being made that does not say what it will need";
	else if (strcmp(name, BASE_NAME) == 0 && reads && find(runs->survey, run->backup_id) == NULL)
		needs->everything = "a run is using a backup that was not there before";
	return !reads || mark_run(runs->survey, run, err);
}

/*
 * The local time of each backup that the policy is for. A zone that this machine
 * does not know is no trouble where no rule has a calendar.
 */
static bool
find_local(BkSurvey *survey, const BkRetention *retention,
		   const BkPolicy *policy, BkError *err)
{
	int64_t    *times = calloc(survey->count + 1, 2 * sizeof(int64_t));
	int64_t    *local = times + survey->count;
	bool		dated = policy->daily + policy->weekly + policy->monthly + policy->yearly > 0;
	bool		ok = times != NULL || bk_error_memory(err);

	for (size_t i = 0; ok && i < survey->count; i++)
		times[i] = survey->candidates[i].finished_at;
	ok = ok && bk_zone_local(dated ? policy->timezone : "UTC", times, local, survey->count, err);
	for (size_t i = 0; ok && i < survey->count; i++)
	{
		if (bk_retention_policy(retention, survey->candidates[i].schedule) == policy)
			survey->candidates[i].local_at = local[i];
	}
	free(times);
	return ok;
}
