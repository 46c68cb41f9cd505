/*
 * test_errand.c
 *	  Calls in a thread of their own: waiting for their end, and giving up.
 */
#include "support.h"

#include <pthread.h>
#include <time.h>

#include "core/clock.h"
#include "core/errand.h"

/* What an errand works on. It and its dropping are seen from outside. */
typedef struct Work
{
	int			ms;
	bool		done;
	bool		blocked;		/* SIGTERM, in its thread */
} Work;

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static int	dropped;

static void
sleep_ms(int ms)
{
	struct timespec nap = {ms / 1000, ms % 1000 * 1000000L};

	nanosleep(&nap, NULL);
}

static void
run(void *arg)
{
	Work	   *work = arg;
	sigset_t	mask;

	pthread_sigmask(SIG_SETMASK, NULL, &mask);
	work->blocked = sigismember(&mask, SIGTERM) == 1;
	sleep_ms(work->ms);
	work->done = true;
}

static void
drop(void *arg)
{
	free(arg);
	pthread_mutex_lock(&lock);
	dropped++;
	pthread_mutex_unlock(&lock);
}

static int
drops(void)
{
	int			count;

	pthread_mutex_lock(&lock);
	count = dropped;
	pthread_mutex_unlock(&lock);
	return count;
}

static Work *
new_work(int ms)
{
	Work	   *work = calloc(1, sizeof(Work));

	assert_non_null(work);
	work->ms = ms;
	dropped = 0;
	return work;
}

static void
waits_for_the_end(void **state)
{
	Work	   *work = new_work(300);
	BkError		err;
	BkErrand   *errand = bk_errand_start(run, drop, work, &err);
	int64_t		start = bk_clock_monotonic_ms();
	int			slices = 0;

	(void) state;
	assert_non_null(errand);
	while (!bk_errand_wait(errand, 50))
		slices++;
	assert_in_range(slices, 2, 6);
	assert_in_range(bk_clock_monotonic_ms() - start, 200, 1000);
	assert_true(work->done);
	assert_true(work->blocked);
	assert_int_equal(drops(), 0);
	free(work);
}

/* A long slice ends when the call does. */
static void
wakes_at_the_end(void **state)
{
	Work	   *work = new_work(50);
	BkError		err;
	BkErrand   *errand = bk_errand_start(run, drop, work, &err);
	int64_t		start = bk_clock_monotonic_ms();

	(void) state;
	while (!bk_errand_wait(errand, 10000))
		;
	assert_in_range(bk_clock_monotonic_ms() - start, 0, 5000);
	free(work);
}

static void
can_be_abandoned(void **state)
{
	BkError		err;
	BkErrand   *errand = bk_errand_start(run, drop, new_work(300), &err);
	int64_t		start = bk_clock_monotonic_ms();

	(void) state;
	assert_false(bk_errand_wait(errand, 10));
	bk_errand_abandon(errand);
	assert_in_range(bk_clock_monotonic_ms() - start, 0, 250);
	assert_int_equal(drops(), 0);
	for (int i = 0; i < 100 && drops() == 0; i++)
		sleep_ms(50);
	assert_int_equal(drops(), 1);
}

/* Ended or not, what it worked on is dropped once. */
static void
abandoned_at_any_time(void **state)
{
	(void) state;
	for (int i = 0; i < 200; i++)
	{
		BkError		err;
		BkErrand   *errand = bk_errand_start(run, drop, new_work(i % 3), &err);

		assert_non_null(errand);
		if (i % 2 == 0)
			sleep_ms(1);
		bk_errand_abandon(errand);
		for (int j = 0; j < 1000 && drops() == 0; j++)
			sleep_ms(1);
		assert_int_equal(drops(), 1);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(waits_for_the_end),
		cmocka_unit_test(wakes_at_the_end),
		cmocka_unit_test(can_be_abandoned),
		cmocka_unit_test(abandoned_at_any_time),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
