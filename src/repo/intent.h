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

#include "core/host.h"
#include "repo/repository.h"

typedef enum BkIntentMode
{
	BK_INTENT_CREATES,			/* the backup is being made */
	BK_INTENT_NEEDS,			/* the backup is being read */
	BK_INTENT_DELETES			/* the backup is being deleted */
} BkIntentMode;

typedef struct BkIntent BkIntent;

/*
 * Announce a run on a backup, then look for a live run that is in its way: a
 * delete waits for nobody and starts only where no other run works on the
 * backup, and nothing starts on a backup that is being deleted. Errors: 55006
 * naming the other run, and those of the storage.
 */
extern BkIntent *bk_intent_begin(BkRepository *repo, const char *backup_id,
								 BkIntentMode mode, BkError *err);

/*
 * Announce that a backup is being made which a run that died may have begun to
 * make, and keep what that one stored: the caller is about to store the same.
 * A live run that makes it is an error (55006), as is one that deletes it.
 */
extern BkIntent *bk_intent_resume(BkRepository *repo, const char *backup_id,
								  BkError *err);

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
