/*
 * pace.h
 *	  A limit on bytes per second that several threads share.
 */
#ifndef BK_CORE_PACE_H
#define BK_CORE_PACE_H

#include <stdbool.h>
#include <stdint.h>

#include "core/error.h"

typedef struct BkPace BkPace;

/* Make a pace of so many bytes per second; 0 is no limit. NULL: no memory. */
extern BkPace *bk_pace_new(uint64_t bytes_per_second, BkError *err);

/*
 * Having moved so many bytes, wait until more may be moved. While it waits it
 * calls go_on(arg) several times a second; false ends the wait.
 */
extern bool bk_pace_wait(BkPace *pace, uint64_t bytes,
						 bool (*go_on) (void *arg, BkError *err), void *arg,
						 BkError *err);

/* Free it; NULL is allowed. */
extern void bk_pace_free(BkPace *pace);

#endif
