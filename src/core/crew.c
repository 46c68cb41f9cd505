/*
 * crew.c
 *	  Several threads that work off a number of tasks.
 *
 * "next", "running", "failed" and "err" are protected by the lock. The error
 * that is kept is the first one; what the others say when they are stopped
 * is no news.
 */
#include "core/crew.h"

#include <stdlib.h>

#include "core/thread.h"

#define WATCH_MS	100

struct BkCrew
{
	const BkCrewSpec *spec;
	pthread_mutex_t lock;
	pthread_cond_t changed;
	size_t		next;			/* task */
	int			running;		/* threads */
	bool		failed;
	BkError		err;			/* if failed */
};

static int	start_threads(BkCrew *crew, pthread_t *threads, int count);
static void look_after(BkCrew *crew);
static void *member(void *arg);
static bool take_task(BkCrew *crew, size_t *task);
static void fail(BkCrew *crew, const BkError *err);

bool
bk_crew_run(const BkCrewSpec *spec, BkError *err)
{
	BkCrew		crew = {.spec = spec};
	size_t		wanted = (size_t) spec->members < spec->tasks
		? (size_t) spec->members : spec->tasks;
	pthread_t  *threads;
	int			count;

	if (spec->tasks == 0)
		return true;
	threads = calloc(wanted, sizeof(*threads));
	if (threads == NULL)
		return bk_error_memory(err);
	pthread_mutex_init(&crew.lock, NULL);
	bk_thread_cond_init(&crew.changed);
	count = start_threads(&crew, threads, (int) wanted);
	look_after(&crew);
	for (int i = 0; i < count; i++)
		pthread_join(threads[i], NULL);
	pthread_cond_destroy(&crew.changed);
	pthread_mutex_destroy(&crew.lock);
	free(threads);
	if (crew.failed)
		*err = crew.err;
	return !crew.failed;
}

bool
bk_crew_go_on(BkCrew *crew, BkError *err)
{
	bool		failed;

	pthread_mutex_lock(&crew->lock);
	failed = crew->failed;
	pthread_mutex_unlock(&crew->lock);
	return !failed || bk_error(err, BK_STATE_CANCELED, "the work was given up");
}

void *
bk_crew_arg(const BkCrew *crew)
{
	return crew->spec->arg;
}

/* Fewer threads than wanted are enough, none is a failure. */
static int
start_threads(BkCrew *crew, pthread_t *threads, int count)
{
	BkError		err;
	int			started = 0;

	pthread_mutex_lock(&crew->lock);
	while (started < count && bk_thread_start(&threads[started], member, crew))
		started++;
	crew->running = started;
	pthread_mutex_unlock(&crew->lock);
	if (started == 0)
	{
		bk_error(&err, BK_STATE_SYSTEM, "could not start a thread");
		fail(crew, &err);
	}
	return started;
}

static void
look_after(BkCrew *crew)
{
	BkError		err;
	bool		running = true;

	while (running)
	{
		bool		good = crew->spec->watch(crew->spec->arg, &err);

		if (!good)
			fail(crew, &err);
		pthread_mutex_lock(&crew->lock);
		if (crew->running > 0)
			bk_thread_cond_wait(&crew->changed, &crew->lock, WATCH_MS);
		running = crew->running > 0;
		pthread_mutex_unlock(&crew->lock);
	}
}

/* A thread. */
static void *
member(void *arg)
{
	BkCrew	   *crew = arg;
	const BkCrewSpec *spec = crew->spec;
	BkError		err;
	void	   *own = NULL;
	size_t		task;

	if (!spec->begin(spec->arg, &own, &err))
		fail(crew, &err);
	else
	{
		while (take_task(crew, &task))
		{
			if (!spec->work(crew, own, task, &err))
				fail(crew, &err);
		}
		spec->end(spec->arg, own);
	}
	pthread_mutex_lock(&crew->lock);
	crew->running--;
	pthread_cond_signal(&crew->changed);
	pthread_mutex_unlock(&crew->lock);
	return NULL;
}

static bool
take_task(BkCrew *crew, size_t *task)
{
	bool		more;

	pthread_mutex_lock(&crew->lock);
	more = !crew->failed && crew->next < crew->spec->tasks;
	if (more)
		*task = crew->next++;
	pthread_mutex_unlock(&crew->lock);
	return more;
}

static void
fail(BkCrew *crew, const BkError *err)
{
	pthread_mutex_lock(&crew->lock);
	if (!crew->failed)
		crew->err = *err;
	crew->failed = true;
	pthread_mutex_unlock(&crew->lock);
}
