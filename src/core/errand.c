/*
 * errand.c
 *	  A call that cannot be interrupted, made in a thread of its own.
 *
 * "over" and "abandoned" are protected by the lock. Whoever comes second,
 * the end of the call or the end of the waiting, frees the errand.
 */
#include "core/errand.h"

#include <stdlib.h>

#include "core/thread.h"

struct BkErrand
{
	void		(*run) (void *arg);
	void		(*drop) (void *arg);
	void	   *arg;
	pthread_t	thread;
	pthread_mutex_t lock;
	pthread_cond_t changed;
	bool		over;
	bool		abandoned;
};

static void *go(void *arg);
static void free_errand(BkErrand *errand);

BkErrand *
bk_errand_start(void (*run) (void *arg), void (*drop) (void *arg), void *arg,
				BkError *err)
{
	BkErrand   *errand = calloc(1, sizeof(BkErrand));

	if (errand == NULL)
	{
		bk_error_memory(err);
		return NULL;
	}
	errand->run = run;
	errand->drop = drop;
	errand->arg = arg;
	pthread_mutex_init(&errand->lock, NULL);
	bk_thread_cond_init(&errand->changed);
	if (bk_thread_start(&errand->thread, go, errand))
		return errand;
	free_errand(errand);
	bk_error(err, BK_STATE_SYSTEM, "could not start a thread");
	return NULL;
}

bool
bk_errand_wait(BkErrand *errand, int milliseconds)
{
	bool		over;

	pthread_mutex_lock(&errand->lock);
	if (!errand->over)
		bk_thread_cond_wait(&errand->changed, &errand->lock, milliseconds);
	over = errand->over;
	pthread_mutex_unlock(&errand->lock);
	if (!over)
		return false;
	pthread_join(errand->thread, NULL);
	free_errand(errand);
	return true;
}

void
bk_errand_abandon(BkErrand *errand)
{
	bool		over;

	/* Detached under the lock: after it the thread may free everything. */
	pthread_mutex_lock(&errand->lock);
	over = errand->over;
	errand->abandoned = !over;
	if (!over)
		pthread_detach(errand->thread);
	pthread_mutex_unlock(&errand->lock);
	if (!over)
		return;
	pthread_join(errand->thread, NULL);
	errand->drop(errand->arg);
	free_errand(errand);
}

/* The thread. */
static void *
go(void *arg)
{
	BkErrand   *errand = arg;
	bool		abandoned;

	errand->run(errand->arg);
	pthread_mutex_lock(&errand->lock);
	errand->over = true;
	abandoned = errand->abandoned;
	pthread_cond_signal(&errand->changed);
	pthread_mutex_unlock(&errand->lock);
	if (abandoned)
	{
		errand->drop(errand->arg);
		free_errand(errand);
	}
	return NULL;
}

static void
free_errand(BkErrand *errand)
{
	pthread_cond_destroy(&errand->changed);
	pthread_mutex_destroy(&errand->lock);
	free(errand);
}
