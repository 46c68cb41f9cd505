/*
 * call.h
 *	  How a session has a run made and waits for it.
 */
#ifndef BK_SERVER_CALL_H
#define BK_SERVER_CALL_H

#include "server/shared.h"

/*
 * Makes a run of a request. With wait returns its result when it has ended
 * well, and raises its error otherwise; without, returns its number as text.
 * While it waits, an error, a cancel or a lost client stops the run.
 */
extern char *bk_call(BkRun *request, bool wait);

/* As bk_call with wait, but gives the outcome back, also a bad one. */
extern void bk_call_outcome(BkRun *request, BkOutcome *outcome);

/*
 * Waits for a run that somebody else has started, until its end or the given
 * time (0: none). Returns false if the run is not in shared memory. On an error
 * the run goes on. The outcome of a wait that was too long is a failure.
 */
extern bool bk_call_join(int64 run, TimestampTz until, BkOutcome *outcome);

/* Returns a number for a new run. Needs a transaction. */
extern int64 bk_call_next_number(void);

#endif							/* BK_SERVER_CALL_H */
