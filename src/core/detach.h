/*
 * detach.h
 *	  Go on in the background, out of everybody's way.
 */
#ifndef BK_CORE_DETACH_H
#define BK_CORE_DETACH_H

#include <stdbool.h>

#include "core/error.h"

/*
 * Call run(arg) in a process of its own that outlives this one. It has a
 * session of its own, so no signal to our group reaches it, the current
 * folder, and no descriptor but /dev/null: whoever waits for the end of our
 * pipes does not wait for it. It ends when run returns; what run allocates it
 * need not free. Only for a process without other threads.
 */
extern bool bk_detach(void (*run) (void *arg), void *arg, BkError *err);

#endif
