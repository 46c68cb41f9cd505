/*
 * expiry.c
 *	  What retention does with one backup.
 */
#include "job/expiry.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "core/clock.h"
#include "repo/object.h"
#include "repo/tombstone.h"

/* What is passed through the walk of tombstones. */
typedef struct Report
{
	BkRepository *repo;
	const BkHost *host;
} Report;

static bool remove_all(BkExpiry *expiry, size_t number, BkError *err);
static bool no_space(BkExpiry *expiry, size_t number, BkError *err);
static bool unlist(BkExpiry *expiry, size_t number, BkError *err);
static bool is_wanted_now(BkExpiry *expiry, size_t number, bool *wanted,
						  BkError *err);
static BkJson *new_record(const BkRepository *repo, const BkManifest *manifest);
static void put_time(BkJson *record, const char *name, int64_t time);
static void report_expired(const BkRepository *repo, const BkHost *host,
						   const BkManifest *manifest, int64_t expired_at,
						   const char *reason);
static bool tell_tombstone(void *arg, const char *id, BkError *err);

int64_t
bk_expiry_delete_after(const BkExpiry *expiry, int64_t expired_at)
{
	return expired_at + expiry->grace;
}

void
bk_expiry_report(const BkExpiry *expiry, size_t number, const char *action,
				 const char *reason)
{
	const BkSurveyed *entry = &expiry->survey.list[number];
	BkJson	   *record = new_record(expiry->repo, entry->manifest);

	bk_json_put_string(record, "id", entry->id);
	bk_json_put_string(record, "action", action);
	if (entry->manifest == NULL)
		bk_json_put_words(record, "reason", entry->problem);
	else
		bk_json_put_words(record, "reason", reason);
	if (!entry->listed && strcmp(action, BK_ACTION_GRACE) == 0)
		put_time(record, "delete_after",
				 bk_expiry_delete_after(expiry, entry->verdict.expired_at));
	expiry->host->record(expiry->host->ctx, "decision", record);
	bk_json_free(record);
}

bool
bk_expiry_unlist(BkExpiry *expiry, size_t number, BkError *err)
{
	BkSurveyed *entry = &expiry->survey.list[number];
	BkIntent   *intent = bk_intent_begin(expiry->repo, entry->id, BK_INTENT_DELETES, err);
	bool		wanted = false;
	bool		ok;

	/* Who pins it from now on sees us. */
	ok = intent != NULL && is_wanted_now(expiry, number, &wanted, err) &&
		(wanted || unlist(expiry, number, err));
	bk_intent_end(intent);
	return ok;
}

bool
bk_expiry_raise(BkRepository *repo, const BkManifest *manifest,
				const BkWalMap *map, BkError *err)
{
	return bk_tombstone_check(repo, manifest, map, err) &&
		bk_tombstone_raise(repo, manifest->id, err);
}

bool
bk_expiry_delete(BkExpiry *expiry, size_t number, BkError *err)
{
	const BkSurveyed *entry = &expiry->survey.list[number];
	BkIntent   *intent = bk_intent_begin(expiry->repo, entry->id, BK_INTENT_DELETES, err);
	bool		listed = true;
	bool		ok;

	/* Somebody may have brought it back meanwhile. */
	ok = intent != NULL && bk_repository_is_listed(expiry->repo, entry->id, &listed, err) &&
		(listed || remove_all(expiry, number, err));
	bk_intent_end(intent);
	return ok;
}

/* The tombstone goes last: as long as it is there somebody knows of the rest. */
static bool
remove_all(BkExpiry *expiry, size_t number, BkError *err)
{
	const BkSurveyed *entry = &expiry->survey.list[number];
	BkJson	   *record;

	if (!bk_repository_remove_data(expiry->repo, entry->id, err) ||
		!bk_tombstone_remove(expiry->repo, entry->id, err))
		return false;
	expiry->survey.candidates[number].gone = true;
	bk_expiry_report(expiry, number, BK_ACTION_DELETE, expiry->survey.candidates[number].reason);
	record = new_record(expiry->repo, entry->manifest);
	expiry->host->record(expiry->host->ctx, "deleted", record);
	bk_json_free(record);
	return true;
}

bool
bk_expiry_list(BkRepository *repo, const BkHost *host, BkError *err)
{
	Report		report = {.repo = repo, .host = host};

	return bk_tombstone_walk(repo, tell_tombstone, &report, err);
}

/*
 * The note says when, the tombstone what; without the manifest it is off the
 * list. What vanishes after "deleting" was said is no loss.
 */
static bool
unlist(BkExpiry *expiry, size_t number, BkError *err)
{
	BkSurveyed *entry = &expiry->survey.list[number];
	const char *reason = expiry->survey.candidates[number].reason;
	int64_t		now = bk_clock_now();
	BkJson	   *record = new_record(expiry->repo, entry->manifest);

	expiry->host->record(expiry->host->ctx, "deleting", record);
	bk_json_free(record);
	if (!bk_tombstone_put(expiry->repo, entry->id, err) ||
		!bk_note_expired(expiry->repo, entry->id, now, err))
		return bk_error_is(err, BK_STATE_DISK_FULL) && no_space(expiry, number, err);
	if (!bk_repository_unlist(expiry->repo, entry->id, err))
		return false;
	entry->listed = false;
	entry->verdict.expired_at = now;
	report_expired(expiry->repo, expiry->host, entry->manifest, now, reason);
	bk_expiry_report(expiry, number, BK_ACTION_EXPIRE, reason);
	return true;
}

/* Where there is no space for a tombstone, and no grace either, it goes at once. */
static bool
no_space(BkExpiry *expiry, size_t number, BkError *err)
{
	BkSurveyed *entry = &expiry->survey.list[number];

	if (expiry->grace > 0)
		return bk_error_hint(err, "Where there is no space for what is to be brought back, a grace of 0 does without.");
	if (!bk_repository_unlist(expiry->repo, entry->id, err))
		return false;
	entry->listed = false;
	return remove_all(expiry, number, err);
}

/* Has it been pinned, or deleted, since it was decided on? */
static bool
is_wanted_now(BkExpiry *expiry, size_t number, bool *wanted, BkError *err)
{
	BkCandidate *candidate = &expiry->survey.candidates[number];
	BkVerdict	verdict;
	bool		listed;

	if (!bk_note_read(expiry->repo, candidate->id, &verdict, err) ||
		!bk_repository_is_listed(expiry->repo, candidate->id, &listed, err))
		return false;
	*wanted = !listed || verdict.pinned_until > expiry->retention.now;
	if (*wanted)
		candidate->keep = true;
	return true;
}

/* What it was, as far as that can be read. */
static BkJson *
new_record(const BkRepository *repo, const BkManifest *manifest)
{
	BkJson	   *record = bk_json_object();

	bk_json_put_string(record, "repository", repo->url);
	if (manifest == NULL)
		return record;
	bk_json_put_string(record, "id", manifest->id);
	bk_json_put_string(record, "kind", manifest->kind);
	if (!manifest->is_base)
	{
		bk_json_put_string(record, "database", manifest->database);
		bk_json_put_string(record, "content", manifest->content);
	}
	if (manifest->schedule != NULL)
		bk_json_put_string(record, "schedule", manifest->schedule);
	bk_json_put_string(record, "system_identifier", manifest->system_identifier);
	put_time(record, "finished_at", manifest->finished_at);
	bk_json_put_int(record, "stored_size", (int64_t) manifest->size);
	return record;
}

static void
put_time(BkJson *record, const char *name, int64_t time)
{
	char		text[BK_CLOCK_TEXT_SIZE];

	bk_clock_format(time, text);
	bk_json_put_string(record, name, text);
}

static void
report_expired(const BkRepository *repo, const BkHost *host,
			   const BkManifest *manifest, int64_t expired_at,
			   const char *reason)
{
	BkJson	   *record = new_record(repo, manifest);

	put_time(record, "expired_at", expired_at);
	if (reason != NULL)
		bk_json_put_words(record, "reason", reason);
	host->record(host->ctx, "expired", record);
	bk_json_free(record);
}

/* One that is listed, too, has not expired. */
static bool
tell_tombstone(void *arg, const char *id, BkError *err)
{
	Report	   *report = arg;
	BkManifest *manifest;
	BkVerdict	verdict;
	BkError		problem;
	bool		listed;

	if (!bk_go_on(report->host, err) ||
		!bk_repository_is_listed(report->repo, id, &listed, err))
		return false;
	if (listed)
		return true;
	manifest = bk_tombstone_manifest(report->repo, id, &problem);
	if (manifest != NULL && bk_note_read(report->repo, id, &verdict, &problem))
		report_expired(report->repo, report->host, manifest, verdict.expired_at, NULL);
	else if (!bk_error_is(&problem, BK_STATE_NO_OBJECT))
		bk_log(report->host, BK_LOG_WARNING, "what has expired as \"%s\" cannot be read: %s",
			   id, problem.message);
	bk_manifest_free(manifest);
	return true;
}
