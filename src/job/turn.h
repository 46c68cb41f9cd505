/*
 * turn.h
 *	  Whose turn a slot of a schedule is: one server's of all that hold the same
 *	  schedule for due (repo/lease.h).
 */
#ifndef BK_JOB_TURN_H
#define BK_JOB_TURN_H

#include "job/request.h"
#include "repo/layout.h"

typedef struct BkTurn
{
	const BkRequest *request;
	const BkHost *host;
	int64_t		at;				/* seconds since 1970 */
	char		key[BK_KEY_SIZE];	/* what was written, or "" */
} BkTurn;

/*
 * Take the slot that a request is for; one that is for none needs no turn. An
 * error where another server has it (55S01), or may have it (55S02). A
 * repository that cannot be written is none: the verb will say so, or does not
 * need it.
 */
extern bool bk_turn_begin(BkTurn *turn, const BkRequest *request,
						  const BkHost *host, BkError *err);

/* Say that the slot is done, or leave it to others. */
extern void bk_turn_end(BkTurn *turn, bool done);

#endif
