/*
 * test_crew.c
 *	  Threads that work off tasks: all of them, or none after a failure.
 */
#include "support.h"

#include <stdatomic.h>

#include "core/crew.h"

#define TASKS	200

typedef struct Work
{
	atomic_int	done[TASKS];
	atomic_int	begun;
	atomic_int	ended;
	int			fail_task;		/* -1: none */
	bool		fail_begin;
	bool		forever;
	int			watched;
	int			watch_limit;	/* 0: never */
} Work;

static bool
begin(void *arg, void **own, BkError *err)
{
	Work	   *work = arg;

	*own = work;
	if (work->fail_begin)
		return bk_error(err, BK_STATE_IO, "cannot begin");
	atomic_fetch_add(&work->begun, 1);
	return true;
}

static bool
work_one(BkCrew *crew, void *own, size_t task, BkError *err)
{
	Work	   *work = own;

	assert_ptr_equal(bk_crew_arg(crew), work);
	if ((int) task == work->fail_task)
		return bk_error(err, BK_STATE_CORRUPT, "task %zu is bad", task);
	atomic_fetch_add(&work->done[task], 1);
	while (work->forever)
	{
		if (!bk_crew_go_on(crew, err))
			return false;
		usleep(1000);
	}
	return true;
}

static void
end(void *arg, void *own)
{
	Work	   *work = arg;

	assert_ptr_equal(own, arg);
	atomic_fetch_add(&work->ended, 1);
}

static bool
watch(void *arg, BkError *err)
{
	Work	   *work = arg;

	work->watched++;
	return work->watch_limit == 0 || work->watched < work->watch_limit ||
		bk_error(err, BK_STATE_CANCELED, "canceled on request");
}

static bool
run(Work *work, size_t tasks, BkError *err)
{
	BkCrewSpec	spec = {
		.members = 4, .tasks = tasks, .begin = begin, .work = work_one,
		.end = end, .watch = watch, .arg = work,
	};

	return bk_crew_run(&spec, err);
}

static void
every_task_is_done_once(void **state)
{
	Work		work = {.fail_task = -1};
	BkError		err;

	(void) state;
	assert_good(run(&work, TASKS, &err), &err);
	for (int i = 0; i < TASKS; i++)
		assert_int_equal(work.done[i], 1);
	assert_int_equal(work.begun, work.ended);
	assert_true(work.watched > 0);
}

static void
nothing_to_do_is_success(void **state)
{
	Work		work = {.fail_task = -1};
	BkError		err;

	(void) state;
	assert_good(run(&work, 0, &err), &err);
	assert_int_equal(work.begun, 0);
}

static void
the_first_failure_is_told(void **state)
{
	Work		work = {.fail_task = 0, .forever = true};
	BkError		err;

	(void) state;
	assert_false(run(&work, TASKS, &err));
	assert_reason(&err, BK_STATE_CORRUPT, "task 0 is bad");
	assert_int_equal(work.begun, work.ended);
}

static void
a_thread_that_cannot_begin_fails_all(void **state)
{
	Work		work = {.fail_task = -1, .fail_begin = true};
	BkError		err;

	(void) state;
	assert_false(run(&work, TASKS, &err));
	assert_reason(&err, BK_STATE_IO, "cannot begin");
	assert_int_equal(work.ended, 0);
}

static void
the_watcher_can_stop(void **state)
{
	Work		work = {.fail_task = -1, .forever = true, .watch_limit = 3};
	BkError		err;

	(void) state;
	assert_false(run(&work, TASKS, &err));
	assert_reason(&err, BK_STATE_CANCELED, "canceled on request");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_task_is_done_once),
		cmocka_unit_test(nothing_to_do_is_success),
		cmocka_unit_test(the_first_failure_is_told),
		cmocka_unit_test(a_thread_that_cannot_begin_fails_all),
		cmocka_unit_test(the_watcher_can_stop),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
