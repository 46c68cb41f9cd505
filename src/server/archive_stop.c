/*
 * archive_stop.c
 *	  The archiver keeps the news that it is to stop to itself: its handler of
 *	  SIGUSR2 sets a variable that no module can see. So ours comes first, and
 *	  calls it.
 */
#include "postgres.h"

#include <signal.h>

#include "miscadmin.h"
#include "postmaster/interrupt.h"
#include "storage/latch.h"
#include "utils/timestamp.h"

#include "server/archive_stop.h"

/*
 * The archiver itself sleeps for a second after a failure, and the child may
 * need half of one to end: with both the server stops within 4 s.
 */
#define BK_ARCHIVE_STOP_MS 2000

static struct sigaction bk_archive_stop_previous;
static volatile sig_atomic_t bk_archive_stop_asked;
static TimestampTz bk_archive_stop_at;	/* 0: no stop was seen yet */

static void bk_archive_stop_on_signal(int number, siginfo_t *info,
									  void *context);

void
bk_archive_stop_watch(void)
{
	struct sigaction action;

	memset(&action, 0, sizeof(action));
	action.sa_sigaction = bk_archive_stop_on_signal;
	action.sa_flags = SA_SIGINFO | SA_RESTART;
	sigemptyset(&action.sa_mask);
	sigaction(SIGUSR2, &action, &bk_archive_stop_previous);
}

static void
bk_archive_stop_on_signal(int number, siginfo_t *info, void *context)
{
	int			saved_errno = errno;
	const struct sigaction *previous = &bk_archive_stop_previous;

	bk_archive_stop_asked = 1;
	if (previous->sa_flags & SA_SIGINFO)
		previous->sa_sigaction(number, info, context);
	else if (previous->sa_handler != SIG_DFL && previous->sa_handler != SIG_IGN)
		previous->sa_handler(number);
	SetLatch(MyLatch);
	errno = saved_errno;
}

long
bk_archive_stop_left(void)
{
	TimestampTz now;

	if (!bk_archive_stop_asked && !ShutdownRequestPending)
		return -1;
	now = GetCurrentTimestamp();
	if (bk_archive_stop_at == 0)
		bk_archive_stop_at = TimestampTzPlusMilliseconds(now, BK_ARCHIVE_STOP_MS);
	return TimestampDifferenceMilliseconds(now, bk_archive_stop_at);
}
