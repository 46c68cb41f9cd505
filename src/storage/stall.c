/*
 * stall.c
 *	  Whether a transfer still moves.
 */
#include "storage/stall.h"

#include <linux/sockios.h>
#include <sys/ioctl.h>

#include "core/clock.h"

/* Behind its deadline, an exchange has to move so many bytes in a second. */
#define LATE_SPEED		1024

void
bk_stall_begin(BkStall *stall)
{
	stall->moved = 0;
	stall->moved_at = bk_clock_monotonic_ms();
	stall->looked_at = 0;
}

bool
bk_stall_due(BkStall *stall, int pause_ms)
{
	int64_t		now = bk_clock_monotonic_ms();

	if (now - stall->looked_at < pause_ms)
		return false;
	stall->looked_at = now;
	return true;
}

bool
bk_stall_check(BkStall *stall, bool connected, int64_t moved, int limit_ms,
			   bool late, const char *place, BkError *err)
{
	int64_t		now = bk_clock_monotonic_ms();
	int64_t		needed = late ? (int64_t) limit_ms * LATE_SPEED / 1000 : 1;

	if (!connected || moved - stall->moved >= needed)
	{
		stall->moved = moved;
		stall->moved_at = now;
	}
	if (now - stall->moved_at < limit_ms)
		return true;
	bk_error(err, BK_STATE_DISCONNECTED, "connection to \"%s\" stalled", place);
	return bk_error_detail(err, "In %d ms, %lld bytes went through.", limit_ms,
						   (long long) (moved - stall->moved));
}

/*
 * What the kernel has taken from us is not on its way yet: on a slow link it
 * needs long for the last megabytes.
 */
int64_t
bk_stall_unsent(int socket)
{
	int			waiting = 0;

	if (socket < 0 || ioctl(socket, SIOCOUTQ, &waiting) != 0)
		return 0;
	return waiting;
}
