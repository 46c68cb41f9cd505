/*
 * stall.h
 *	  Whether a transfer still moves.
 */
#ifndef BK_STORAGE_STALL_H
#define BK_STORAGE_STALL_H

#include <stdbool.h>
#include <stdint.h>

#include "core/error.h"

typedef struct BkStall
{
	int64_t		moved;			/* bytes, when they were counted last */
	int64_t		moved_at;
	int64_t		looked_at;
} BkStall;

/* A transfer begins. */
extern void bk_stall_begin(BkStall *stall);

/* Is it time to look again? Not within pause_ms after the last time. */
extern bool bk_stall_due(BkStall *stall, int pause_ms);

/*
 * So many bytes have gone through by now. In each stretch of limit_ms it must
 * be one more, and of a transfer that is late many more: else an error (08006).
 * Before it has a connection (false) it is not looked at.
 */
extern bool bk_stall_check(BkStall *stall, bool connected, int64_t moved,
						   int limit_ms, bool late, const char *place,
						   BkError *err);

/* Bytes that were written to a socket and have not been sent (-1: 0). */
extern int64_t bk_stall_unsent(int socket);

#endif
