/*
 * intent.h
 *	  Runs in progress, as the repository shows them.
 *
 * A run says what it is about to do before it does it, and then looks at what
 * others said. Two runs that are in each other's way cannot both miss it: one
 * of them, or both, step back. A run that died leaves its intent behind; the
 * next run takes that as the list of what to clean.
 */
#ifndef BK_REPO_INTENT_H
#define BK_REPO_INTENT_H

#include <stdbool.h>
#include <stdint.h>

#include "core/host.h"
#include "repo/repository.h"

typedef enum BkIntentMode
{
	BK_INTENT_CREATES,			/* the backup is being made */
	BK_INTENT_NEEDS,			/* the backup is being read */
	BK_INTENT_DELETES,			/* the backup is being deleted */
	BK_INTENT_EXPIRES			/* retention is at work on all of them */
} BkIntentMode;

typedef struct BkIntent BkIntent;

/* Where the WAL begins that a base backup in the making will need. */
typedef struct BkIntentStart
{
	uint32_t	timeline;		/* 0: not known */
	uint64_t	lsn;
} BkIntentStart;

/* A live run, as it was announced. */
typedef struct BkIntentRun
{
	BkIntentMode mode;
	char		backup_id[BK_LABEL_SIZE];
	BkIntentStart start;		/* of a base backup that is being made */
} BkIntentRun;

/*
 * Announce a run on a backup, then look for a live run that is in its way: a
 * delete waits for nobody and starts only where no other run works on the
 * backup, and nothing starts on a backup that is being deleted. Errors: 55006
 * naming the other run, and those of the storage.
 */
extern BkIntent *bk_intent_begin(BkRepository *repo, const char *backup_id,
								 BkIntentMode mode, BkError *err);

/*
 * Announce that a base backup is being made; its WAL begins at "start" or later.
 * That of others: NULL.
 */
extern BkIntent *bk_intent_create(BkRepository *repo, const char *backup_id,
								  const BkIntentStart *start, BkError *err);

/*
 * Announce that retention is at work, unless it is already (55006). Only one
 * run at a time deletes WAL.
 */
extern BkIntent *bk_intent_expire(BkRepository *repo, BkError *err);

/*
 * When the announcement was written, by the clock of the store, in UTC seconds;
 * 0: it could not be written on a full disk.
 */
extern bool bk_intent_written(const BkIntent *intent, int64_t *modified,
							  BkError *err);

/* Called for each live run but one's own; false ends the walk. */
typedef bool (*BkIntentVisit) (void *arg, const BkIntentRun *run,
							   BkError *err);

/*
 * Visit the live runs. An announcement that cannot be read may be of any run,
 * and is an error. "own" may be NULL.
 */
extern bool bk_intent_walk(BkRepository *repo, const BkIntent *own,
						   BkIntentVisit visit, void *arg, BkError *err);

/*
 * Announce that a backup is being made which a run that died may have begun to
 * make, and keep what that one stored: the caller is about to store the same.
 * A live run that makes it is an error (55006), as is one that deletes it.
 */
extern BkIntent *bk_intent_resume(BkRepository *repo, const char *backup_id,
								  const BkIntentStart *start, BkError *err);

/*
 * Is the announcement still there? If another run took this one for dead and
 * removed it, what was stored may be gone as well (55000).
 */
extern bool bk_intent_holds(const BkIntent *intent, BkError *err);

/* Is a live run, other than the one of "own", deleting the backup? */
extern bool bk_intent_deleting(const BkIntent *own, const char *backup_id,
							   bool *deleting, BkError *err);

/* Take the announcement back and free it; NULL is allowed. */
extern void bk_intent_end(BkIntent *intent);

/*
 * Free it and leave the announcement, for the next run to clean up what this
 * one could not.
 */
extern void bk_intent_leave(BkIntent *intent);

/*
 * Clean up after runs that are certainly dead: what they half made or half
 * deleted goes, then their intents, then temporaries. What cannot be cleaned
 * is logged and left for the next time.
 */
extern bool bk_intent_clean(BkRepository *repo, const BkHost *host,
							BkError *err);

#endif
