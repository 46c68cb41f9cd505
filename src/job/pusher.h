/*
 * pusher.h
 *	  One file of pg_wal into the repositories. Used by push.c only.
 *
 * Each thread of the pool has a pusher, with handles of the repositories and a
 * buffer of its own.
 */
#ifndef BK_JOB_PUSHER_H
#define BK_JOB_PUSHER_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/stat.h>

#include "job/push.h"

typedef struct BkPusher BkPusher;

typedef struct BkPusherWatch
{
	/*
	 * Called for each piece of work, with its bytes and with the size of the
	 * file. False gives up, with the error set here.
	 */
	bool		(*tick) (void *arg, uint64_t bytes, uint64_t total, BkError *err);
	void	   *arg;
	bool		ahead;			/* nobody asked: leave out what failed lately */
} BkPusherWatch;

/* Opens nothing yet. Both must outlive it. NULL on failure. */
extern BkPusher *bk_pusher_new(const BkRequest *request, const BkHost *host,
							   const char *folder, BkError *err);

/*
 * Check a file and store it in each repository that must have it, also where
 * another one of them fails; and tell in *answer how that went. *file is what
 * was stored, to be compared by bk_pusher_is_same() later.
 */
extern void bk_pusher_push(BkPusher *pusher, const BkWalName *name,
						   const BkPusherWatch *watch, BkPushAnswer *answer,
						   struct stat *file);

/* Need only the first of several repositories have a file? */
extern bool bk_pusher_first_is_enough(const BkRequest *request);

/* Is the file of this name still the one that was stored? */
extern bool bk_pusher_is_same(const char *folder, const BkWalName *name,
							  const struct stat *file);

/* Free it; NULL is allowed. */
extern void bk_pusher_free(BkPusher *pusher);

#endif
