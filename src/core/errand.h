/*
 * errand.h
 *	  A call that cannot be interrupted, made in a thread of its own.
 *
 * Libraries make calls that wait for others without a limit of ours, such as
 * looking up a name. Sent as an errand, such a call keeps nobody from
 * stopping: who sent it looks for its end in slices, and may give it up.
 */
#ifndef BK_CORE_ERRAND_H
#define BK_CORE_ERRAND_H

#include <stdbool.h>

#include "core/error.h"

typedef struct BkErrand BkErrand;

/*
 * Call run(arg) in a thread, in which all signals are blocked. Until the
 * errand is over "arg" belongs to it; "drop" frees it if nobody waits for the
 * end. NULL on failure; "arg" stays the caller's then.
 */
extern BkErrand *bk_errand_start(void (*run) (void *arg),
								 void (*drop) (void *arg), void *arg,
								 BkError *err);

/*
 * Wait at most so long. True: it is over, "arg" is the caller's again, and
 * the handle is gone.
 */
extern bool bk_errand_wait(BkErrand *errand, int milliseconds);

/*
 * Wait no more; the handle is gone. The thread goes on, and drops "arg" when
 * the call returns, whenever that is.
 */
extern void bk_errand_abandon(BkErrand *errand);

#endif
