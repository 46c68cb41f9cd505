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

/* Take the announcement back and free it; NULL is allowed. */
extern void bk_intent_end(BkIntent *intent);

/*
 * Clean up after runs that are certainly dead: what they half made or half
 * deleted goes, then their intents, then temporaries. What cannot be cleaned
 * is logged and left for the next time.
 */
extern bool bk_intent_clean(BkRepository *repo, const BkHost *host,
							BkError *err);

#endif
