/*
 * intent.c
 *	  Announce runs, find those in the way, clean up after the dead.
 *
 * Protection comes from the order: announce, then look. Nothing here is a
 * lock, and nothing depends on clocks except the clean-up of runs on other
 * machines, which waits a week.
 */
#include "repo/intent.h"

#include <stdlib.h>
#include <string.h>

#include "core/clock.h"
#include "core/process.h"
#include "core/walname.h"
#include "repo/layout.h"
#include "repo/tombstone.h"

#define INTENT_MAX_SIZE		(64 * 1024)
/* After so long a run on a machine that cannot be asked is taken for dead. */
#define STRANGER_SECONDS	((int64_t) 7 * 24 * 3600)
#define STRANGE_READER_SECONDS	((int64_t) 24 * 3600)

/* In the place of a backup's id, where a run is about all of them. */
#define ALL_BACKUPS	"19700101T000000Z-all-0000"

struct BkIntent
{
	BkRepository *repo;
	char		key[BK_KEY_SIZE];
	char		backup_id[BK_LABEL_SIZE];
	BkIntentMode mode;
	BkIntentStart start;
};

/* What is passed through the listing of intents. */
typedef struct Search
{
	BkRepository *repo;
	const BkIntent *own;		/* NULL while cleaning */
	const char *backup_id;		/* that a deleter is looked for */
	bool		found;
	bool		refused;		/* nothing may be removed here */
	const BkHost *host;
} Search;

static const char *const mode_names[] = {
	[BK_INTENT_CREATES] = "creates",
	[BK_INTENT_NEEDS] = "needs",
	[BK_INTENT_DELETES] = "deletes",
	[BK_INTENT_EXPIRES] = "expires",
};

typedef struct Walk
{
	BkRepository *repo;
	const BkIntent *own;
	BkIntentVisit visit;
	void	   *arg;
} Walk;

static BkIntent *begin(BkRepository *repo, const char *backup_id,
					   BkIntentMode mode, const BkIntentStart *start,
					   BkError *err);
static bool run_found(void *arg, const char *key, const BkObjectStat *stat,
					  BkError *err);
static bool read_run(const BkJson *json, const char *key, BkIntentRun *run,
					 BkError *err);
static bool name_intent(BkIntent *intent, BkError *err);
static bool write_intent(BkIntent *intent, BkError *err);
static bool conflict_found(void *arg, const char *key,
						   const BkObjectStat *stat, BkError *err);
static bool in_use(const char *backup_id, const char *key, const BkJson *json,
				   BkError *err);
static bool refuse_unreadable(const Search *search, const char *key,
							  BkError *err);
static bool say_unreadable(const char *key, BkError *err);
static bool deleter_found(void *arg, const char *key,
						  const BkObjectStat *stat, BkError *err);
static bool clean_found(void *arg, const char *key, const BkObjectStat *stat,
						BkError *err);
static bool clean_one(BkRepository *repo, const char *key,
					  const BkJson *json, BkError *err);
static bool clean_data(BkRepository *repo, const char *id, const char *key,
					   BkError *err);
static bool is_dead(const BkJson *json);

BkIntent *
bk_intent_begin(BkRepository *repo, const char *backup_id, BkIntentMode mode,
				BkError *err)
{
	return begin(repo, backup_id, mode, NULL, err);
}

BkIntent *
bk_intent_create(BkRepository *repo, const char *backup_id,
				 const BkIntentStart *start, BkError *err)
{
	return begin(repo, backup_id, BK_INTENT_CREATES, start, err);
}

BkIntent *
bk_intent_expire(BkRepository *repo, BkError *err)
{
	return begin(repo, ALL_BACKUPS, BK_INTENT_EXPIRES, NULL, err);
}

bool
bk_intent_written(const BkIntent *intent, int64_t *modified, BkError *err)
{
	BkObjectStat stat;

	if (!bk_storage_stat(intent->repo->storage, intent->key, &stat, err))
		return false;
	*modified = stat.exists ? stat.modified : 0;
	return true;
}

bool
bk_intent_walk(BkRepository *repo, const BkIntent *own, BkIntentVisit visit,
			   void *arg, BkError *err)
{
	Walk		walk = {.repo = repo, .own = own, .visit = visit, .arg = arg};

	return bk_storage_list(repo->storage, BK_LAYOUT_INTENTS, run_found, &walk, err);
}

static BkIntent *
begin(BkRepository *repo, const char *backup_id, BkIntentMode mode,
	  const BkIntentStart *start, BkError *err)
{
	BkIntent   *intent = calloc(1, sizeof(BkIntent));
	Search		search = {.repo = repo, .own = intent};

	if (intent == NULL)
	{
		bk_error_memory(err);
		return NULL;
	}
	intent->repo = repo;
	intent->mode = mode;
	if (start != NULL)
		intent->start = *start;
	strncpy(intent->backup_id, backup_id, BK_LABEL_SIZE - 1);
	/* Who would free space must not fail for want of it. */
	if (!name_intent(intent, err) ||
		(!write_intent(intent, err) &&
		 ((mode != BK_INTENT_DELETES && mode != BK_INTENT_EXPIRES) ||
		  !bk_error_is(err, BK_STATE_DISK_FULL))))
	{
		free(intent);
		return NULL;
	}
	if (bk_storage_list(repo->storage, BK_LAYOUT_INTENTS, conflict_found,
						&search, err))
		return intent;
	bk_intent_end(intent);
	return NULL;
}

/*
 * The dead intent goes before our own is there, which has its name. Who cleans
 * up at that moment either sees ours, or is seen by us as one who deletes.
 */
BkIntent *
bk_intent_resume(BkRepository *repo, const char *backup_id,
				 const BkIntentStart *start, BkError *err)
{
	char		key[BK_KEY_SIZE];
	BkJson	   *json;
	bool		ok;

	bk_layout_intent(key, backup_id);
	json = bk_repository_get_json(repo, key, INTENT_MAX_SIZE,
								  BK_SEAL_INTACT, err);
	if (json == NULL)
		ok = bk_error_is(err, BK_STATE_MISSING_FILE);
	else
		ok = is_dead(json) ? bk_storage_remove(repo->storage, key, err)
			: in_use(backup_id, key, json, err);
	bk_json_free(json);
	/* Of what it stored only whole objects are of use. */
	bk_layout_backup(key, backup_id);
	return ok && bk_storage_sweep(repo->storage, key, true, err)
		? bk_intent_create(repo, backup_id, start, err) : NULL;
}

bool
bk_intent_holds(const BkIntent *intent, BkError *err)
{
	BkObjectStat stat;

	if (!bk_storage_stat(intent->repo->storage, intent->key, &stat, err))
		return false;
	return stat.exists ||
		bk_error(err, BK_STATE_WRONG_STATE,
				 "backup \"%s\" was cleaned away by another run, which took this one for dead",
				 intent->backup_id);
}

bool
bk_intent_deleting(const BkIntent *own, const char *backup_id, bool *deleting,
				   BkError *err)
{
	Search		search = {
		.repo = own->repo,
		.own = own,
		.backup_id = backup_id,
	};

	if (!bk_storage_list(own->repo->storage, BK_LAYOUT_INTENTS, deleter_found,
						 &search, err))
		return false;
	*deleting = search.found;
	return true;
}

void
bk_intent_end(BkIntent *intent)
{
	BkError		ignored;

	/* What cannot be removed now is cleaned up once this process is gone. */
	if (intent != NULL)
		bk_storage_remove(intent->repo->storage, intent->key, &ignored);
	free(intent);
}

void
bk_intent_leave(BkIntent *intent)
{
	free(intent);
}

bool
bk_intent_clean(BkRepository *repo, const BkHost *host, BkError *err)
{
	Search		search = {.repo = repo, .host = host};

	return bk_storage_list(repo->storage, BK_LAYOUT_INTENTS, clean_found,
						   &search, err) &&
		bk_storage_sweep(repo->storage, BK_LAYOUT_INTENTS, false, err) &&
		bk_storage_sweep(repo->storage, BK_LAYOUT_MANIFESTS, false, err);
}

static bool
run_found(void *arg, const char *key, const BkObjectStat *stat, BkError *err)
{
	Walk	   *walk = arg;
	BkIntentRun run;
	BkJson	   *json;
	bool		ok = true;

	(void) stat;
	if (walk->own != NULL && strcmp(key, walk->own->key) == 0)
		return true;
	json = bk_repository_get_json(walk->repo, key, INTENT_MAX_SIZE,
								  BK_SEAL_INTACT, err);
	if (json == NULL)
		return bk_error_is(err, BK_STATE_MISSING_FILE) || say_unreadable(key, err);
	if (!is_dead(json))
		ok = read_run(json, key, &run, err) && walk->visit(walk->arg, &run, err);
	bk_json_free(json);
	return ok;
}

/* A mode that is not known may be of a newer program: nobody can tell what it needs. */
static bool
read_run(const BkJson *json, const char *key, BkIntentRun *run, BkError *err)
{
	const char *mode = bk_json_string(bk_json_get(json, "mode"), "");
	const char *lsn = bk_json_string(bk_json_get(json, "start_lsn"), "");
	int64_t		timeline = bk_json_int(bk_json_get(json, "timeline"), 0);

	memset(run, 0, sizeof(*run));
	strncpy(run->backup_id, bk_json_string(bk_json_get(json, "backup"), ""),
			BK_LABEL_SIZE - 1);
	if (timeline > 0 && timeline <= UINT32_MAX && bk_lsn_parse(lsn, &run->start.lsn))
		run->start.timeline = (uint32_t) timeline;
	for (size_t i = 0; i < sizeof(mode_names) / sizeof(mode_names[0]); i++)
	{
		run->mode = (BkIntentMode) i;
		if (strcmp(mode, mode_names[i]) == 0)
			return bk_label_check(run->backup_id, err);
	}
	bk_error(err, BK_STATE_UNSUPPORTED, "\"%s\" announces a run of an unknown kind", key);
	return say_unreadable(key, err);
}

/* A backup's own intent has its id; others get one of their own. */
static bool
name_intent(BkIntent *intent, BkError *err)
{
	char		id[BK_LABEL_SIZE];

	if (intent->mode == BK_INTENT_CREATES)
		bk_layout_intent(intent->key, intent->backup_id);
	else if (bk_label_make(bk_clock_now(), mode_names[intent->mode], id, err))
		bk_layout_intent(intent->key, id);
	else
		return false;
	return true;
}

static bool
write_intent(BkIntent *intent, BkError *err)
{
	char		now[BK_CLOCK_TEXT_SIZE];
	char		lsn[BK_LSN_SIZE];
	BkJson	   *process = bk_process_self(err);
	BkJson	   *json;

	if (process == NULL)
		return false;
	bk_clock_format(bk_clock_now(), now);
	json = bk_json_object();
	bk_json_put_string(json, "backup", intent->backup_id);
	bk_json_put_string(json, "mode", mode_names[intent->mode]);
	bk_json_put_string(json, "started_at", now);
	bk_json_put(json, "process", process);
	if (intent->start.timeline != 0)
	{
		bk_lsn_format(intent->start.lsn, lsn);
		bk_json_put_int(json, "timeline", intent->start.timeline);
		bk_json_put_string(json, "start_lsn", lsn);
	}
	return bk_repository_put_json(intent->repo, intent->key, json, err);
}

/* Is this the intent of a live run that is in the way of our own? */
static bool
conflict_found(void *arg, const char *key, const BkObjectStat *stat,
			   BkError *err)
{
	Search	   *search = arg;
	const BkIntent *own = search->own;
	const char *mode;
	BkJson	   *json;
	bool		conflict;

	(void) stat;
	if (strcmp(key, own->key) == 0)
		return true;
	json = bk_repository_get_json(search->repo, key, INTENT_MAX_SIZE,
								  BK_SEAL_INTACT, err);
	if (json == NULL)
		return refuse_unreadable(search, key, err);
	mode = bk_json_string(bk_json_get(json, "mode"), "");
	conflict = strcmp(bk_json_string(bk_json_get(json, "backup"), ""),
					  own->backup_id) == 0 &&
		(own->mode == BK_INTENT_DELETES || own->mode == BK_INTENT_EXPIRES ||
		 strcmp(mode, mode_names[BK_INTENT_DELETES]) == 0) &&
		!is_dead(json);
	if (conflict)
		in_use(own->backup_id, key, json, err);
	bk_json_free(json);
	return !conflict;
}

/* Say who is in the way. Returns false. */
static bool
in_use(const char *backup_id, const char *key, const BkJson *json, BkError *err)
{
	const BkJson *process = bk_json_get(json, "process");

	if (strcmp(backup_id, ALL_BACKUPS) == 0)
		bk_error(err, BK_STATE_IN_USE, "another run is at work on what has expired");
	else
		bk_error(err, BK_STATE_IN_USE, "backup \"%s\" is in use by another run", backup_id);
	bk_error_detail(err, "Since %s, process %lld on host \"%s\" %s it (\"%s\").",
					bk_json_string(bk_json_get(json, "started_at"), "?"),
					(long long) bk_json_int(bk_json_get(process, "pid"), 0),
					bk_json_string(bk_json_get(process, "hostname"), "?"),
					bk_json_string(bk_json_get(json, "mode"), "?"), key);
	return bk_error_hint(err, "Try again when that run has ended.");
}

/*
 * A run that ended between the listing and here is in nobody's way. One whose
 * intent cannot be read may be working on any backup: nothing is deleted then.
 */
static bool
refuse_unreadable(const Search *search, const char *key, BkError *err)
{
	if (bk_error_is(err, BK_STATE_MISSING_FILE) ||
		(search->own->mode != BK_INTENT_DELETES && search->own->mode != BK_INTENT_EXPIRES))
		return true;
	return say_unreadable(key, err);
}

static bool
say_unreadable(const char *key, BkError *err)
{
	return bk_error_hint(err, "If no backup, verification or restore is under way, remove \"%s\" from the repository.",
						 key);
}

static bool
deleter_found(void *arg, const char *key, const BkObjectStat *stat,
			  BkError *err)
{
	Search	   *search = arg;
	BkError		ignored;
	BkJson	   *json;

	(void) stat;
	(void) err;
	if (strcmp(key, search->own->key) == 0)
		return true;
	json = bk_repository_get_json(search->repo, key, INTENT_MAX_SIZE,
								  BK_SEAL_INTACT, &ignored);
	if (json != NULL && !is_dead(json) &&
		strcmp(bk_json_string(bk_json_get(json, "backup"), ""), search->backup_id) == 0 &&
		strcmp(bk_json_string(bk_json_get(json, "mode"), ""),
			   mode_names[BK_INTENT_DELETES]) == 0)
		search->found = true;
	bk_json_free(json);
	return true;
}

static bool
clean_found(void *arg, const char *key, const BkObjectStat *stat,
			BkError *err)
{
	Search	   *search = arg;
	BkError		problem;
	BkJson	   *json;

	(void) stat;
	(void) err;
	/* Each try leaves an intent, which cannot be removed either. */
	if (search->refused)
		return true;
	json = bk_repository_get_json(search->repo, key, INTENT_MAX_SIZE,
								  BK_SEAL_INTACT, &problem);
	if (json == NULL && bk_error_is(&problem, BK_STATE_MISSING_FILE))
		return true;
	if (json == NULL ||
		(is_dead(json) && !clean_one(search->repo, key, json, &problem)))
	{
		search->refused = json != NULL && bk_error_is(&problem, BK_STATE_NO_RIGHT);
		bk_log(search->host, BK_LOG_WARNING,
			   "could not clean up after \"%s\": %s", key, problem.message);
	}
	bk_json_free(json);
	return true;
}

/* Remove what a dead run left, unless its backup is listed, and its intent. */
static bool
clean_one(BkRepository *repo, const char *key, const BkJson *json,
		  BkError *err)
{
	const char *id = bk_json_string(bk_json_get(json, "backup"), "");
	const char *mode = bk_json_string(bk_json_get(json, "mode"), "");
	char		notes[BK_KEY_SIZE];

	if (!bk_label_check(id, err))
		return false;
	if (strcmp(mode, mode_names[BK_INTENT_NEEDS]) != 0 &&
		strcmp(mode, mode_names[BK_INTENT_EXPIRES]) != 0)
		return clean_data(repo, id, key, err);

	/* A note may have been in the making. */
	bk_layout_notes(notes, id);
	return bk_storage_sweep(repo->storage, notes, false, err) &&
		bk_storage_remove(repo->storage, key, err);
}

/*
 * Our own intent takes the place of the dead one before anything is looked at
 * or removed. What has a tombstone may be brought back, and is left to retention.
 * A run that was not dead after all finds its intent gone once its
 * manifest is written (bk_intent_holds); if the manifest is there first, it is
 * seen here.
 */
static bool
clean_data(BkRepository *repo, const char *id, const char *key, BkError *err)
{
	BkIntent	own = {.repo = repo, .mode = BK_INTENT_DELETES};
	bool		listed;
	bool		buried = false;

	strncpy(own.backup_id, id, BK_LABEL_SIZE - 1);
	if (!name_intent(&own, err) || !write_intent(&own, err) ||
		!bk_storage_remove(repo->storage, key, err) ||
		!bk_repository_is_listed(repo, id, &listed, err) ||
		!bk_tombstone_exists(repo, id, &buried, err) ||
		(!listed && !buried && !bk_repository_remove_data(repo, id, err)))
		return false;
	return bk_storage_remove(repo->storage, own.key, err);
}

static bool
is_dead(const BkJson *json)
{
	const char *mode = bk_json_string(bk_json_get(json, "mode"), "");
	int64_t		limit = STRANGER_SECONDS;
	int64_t		started;

	switch (bk_process_life(bk_json_get(json, "process")))
	{
		case BK_LIFE_ALIVE:
			return false;
		case BK_LIFE_DEAD:
			return true;
		case BK_LIFE_UNKNOWN:
			break;
	}
	if (strcmp(mode, mode_names[BK_INTENT_NEEDS]) == 0 ||
		strcmp(mode, mode_names[BK_INTENT_EXPIRES]) == 0)
		limit = STRANGE_READER_SECONDS;
	return bk_clock_parse(bk_json_string(bk_json_get(json, "started_at"), ""),
						  &started) &&
		bk_clock_now() - started > limit;
}
