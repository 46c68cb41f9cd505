/*
 * thread.c
 *	  Start a thread, and wait for it with a limit.
 */
#include "core/thread.h"

#include <signal.h>
#include <time.h>

#define MS_NS	1000000L		/* nanoseconds in a millisecond */

bool
bk_thread_start(pthread_t *thread, void *(*run) (void *arg), void *arg)
{
	sigset_t	all;
	sigset_t	before;
	int			failure;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	failure = pthread_create(thread, NULL, run, arg);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	return failure == 0;
}

void
bk_thread_cond_init(pthread_cond_t *cond)
{
	pthread_condattr_t attr;

	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(cond, &attr);
	pthread_condattr_destroy(&attr);
}

void
bk_thread_cond_wait(pthread_cond_t *cond, pthread_mutex_t *lock,
					int milliseconds)
{
	struct timespec until;

	clock_gettime(CLOCK_MONOTONIC, &until);
	until.tv_sec += milliseconds / 1000;
	until.tv_nsec += milliseconds % 1000 * MS_NS;
	if (until.tv_nsec >= 1000 * MS_NS)
	{
		until.tv_sec++;
		until.tv_nsec -= 1000 * MS_NS;
	}
	(void) pthread_cond_timedwait(cond, lock, &until);
}
