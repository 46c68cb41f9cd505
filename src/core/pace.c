/*
 * pace.c
 *	  A limit on bytes per second that several threads share.
 *
 * "due" is when all that was moved so far should have been moved. Whoever
 * moves more puts it further off and sleeps until then. What was not used is
 * not saved up for more than a moment.
 */
#include "core/pace.h"

#include <pthread.h>
#include <stdlib.h>
#include <time.h>

#include "core/clock.h"

#define SLICE_MS	100
#define SAVED_US	200000		/* at most so much is saved up */

struct BkPace
{
	uint64_t	rate;			/* bytes per second, 0: no limit */
	pthread_mutex_t lock;
	int64_t		due;			/* microseconds of the monotonic clock */
};

BkPace *
bk_pace_new(uint64_t bytes_per_second, BkError *err)
{
	BkPace	   *pace = calloc(1, sizeof(*pace));

	if (pace == NULL)
	{
		bk_error_memory(err);
		return NULL;
	}
	pace->rate = bytes_per_second;
	pthread_mutex_init(&pace->lock, NULL);
	return pace;
}

bool
bk_pace_wait(BkPace *pace, uint64_t bytes,
			 bool (*go_on) (void *arg, BkError *err), void *arg, BkError *err)
{
	int64_t		now = bk_clock_monotonic_ms() * 1000;
	int64_t		due;

	if (pace->rate == 0)
		return true;
	pthread_mutex_lock(&pace->lock);
	if (pace->due < now - SAVED_US)
		pace->due = now - SAVED_US;
	pace->due += (int64_t) ((double) bytes * 1e6 / (double) pace->rate);
	due = pace->due;
	pthread_mutex_unlock(&pace->lock);
	while ((now = bk_clock_monotonic_ms() * 1000) < due)
	{
		int64_t		wait = due - now < SLICE_MS * 1000 ? due - now : SLICE_MS * 1000;
		struct timespec slice = {.tv_nsec = wait * 1000};

		nanosleep(&slice, NULL);
		if (!go_on(arg, err))
			return false;
	}
	return true;
}

void
bk_pace_free(BkPace *pace)
{
	if (pace == NULL)
		return;
	pthread_mutex_destroy(&pace->lock);
	free(pace);
}
