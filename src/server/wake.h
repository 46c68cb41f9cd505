/*
 * wake.h
 *	  When the keeper is to look next, in shared memory. Whoever changes what it
 *	  looks after asks for a look; the keeper itself says when time alone will
 *	  bring something; the launcher starts it for either.
 */
#ifndef BK_SERVER_WAKE_H
#define BK_SERVER_WAKE_H

#include "datatype/timestamp.h"

/* The size of the shared memory. */
extern Size bk_wake_size(void);

/* Finds or makes it; the caller holds AddinShmemInitLock. */
extern void bk_wake_startup(void);

/* Asks for a look as soon as possible. Does nothing where nothing is shared. */
extern void bk_wake_ask(void);

/* As bk_wake_ask, when the present transaction is committed. */
extern void bk_wake_ask_at_commit(void);

/*
 * To be called when a run has ended and its row is written. Asks for a look if
 * time is being watched at all, or if the last look was long ago.
 */
extern void bk_wake_run_ended(void);

/* --- for the launcher --- */

/* Is a look wanted now? Also when the clock is behind the one of the last look. */
extern bool bk_wake_is_due(TimestampTz now);

/* When time alone will want a look; 0: never. */
extern TimestampTz bk_wake_next(void);

/* How many looks have been made. */
extern uint64 bk_wake_looks(void);

/* --- for the keeper --- */

/* How often a look was asked for until now. */
extern uint64 bk_wake_asked(void);

/* Ends a look that began when it had been asked for that often. */
extern void bk_wake_looked(uint64 asked, TimestampTz next);

/* When old rows of the history were last taken out to the end; 0: not yet. */
extern TimestampTz bk_wake_pruned_at(void);

/* Remembers that they have been. */
extern void bk_wake_set_pruned_at(TimestampTz now);

#endif							/* BK_SERVER_WAKE_H */
