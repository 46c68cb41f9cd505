/*
 * test_async.c
 *	  The writer with a thread: order, errors, and stopping.
 */
#include "support.h"

#include <time.h>

#include "core/clock.h"
#include "filter/async.h"

#define DATA_SIZE	(5 * 1024 * 1024 + 123)

/* A writer below that is slow, and notes which signals its thread blocks. */
typedef struct Slow
{
	BkWriter	base;
	int			ms;
	int		   *writes;
	sigset_t   *blocked;
} Slow;

static void
sleep_ms(int ms)
{
	struct timespec nap = {ms / 1000, ms % 1000 * 1000000L};

	nanosleep(&nap, NULL);
}

static bool
slow_write(BkWriter *writer, const void *buf, size_t len, BkError *err)
{
	Slow	   *self = (Slow *) writer;

	(void) buf;
	(void) len;
	(void) err;
	pthread_sigmask(SIG_SETMASK, NULL, self->blocked);
	sleep_ms(self->ms);
	++*self->writes;
	return true;
}

static bool
slow_finish(BkWriter *writer, BkError *err)
{
	(void) err;
	sleep_ms(((Slow *) writer)->ms);
	return true;
}

static void
slow_close(BkWriter *writer)
{
	streams_open--;
	free(writer);
}

static const BkWriterOps slow_ops = {
	.write = slow_write,
	.finish = slow_finish,
	.close = slow_close,
};

static BkWriter *
new_slow(int ms, int *writes, sigset_t *blocked)
{
	Slow	   *self = calloc(1, sizeof(*self));

	assert_non_null(self);
	self->base.ops = &slow_ops;
	self->ms = ms;
	self->writes = writes;
	self->blocked = blocked;
	streams_open++;
	return &self->base;
}

/* What the writer calls while it waits, and what it does. */
typedef struct Tick
{
	int			calls;
	int			fail_after;		/* calls that succeed */
} Tick;

static bool
count_tick(void *arg, BkError *err)
{
	Tick	   *tick = arg;

	if (tick->calls++ < tick->fail_after)
		return true;
	return bk_error(err, "57014", "the tick has failed");
}

static bool
quiet_tick(void *arg, BkError *err)
{
	(void) arg;
	(void) err;
	return true;
}

static BkWriter *
new_async(BkWriter *next, BkError *err)
{
	return bk_async_writer(next, quiet_tick, NULL, err);
}

static void
keeps_the_order(void **state)
{
	static const size_t steps[] = {1000003, 262144, 77, DATA_SIZE};
	char	   *data = make_data(DATA_SIZE, false, 1);
	BkError		err;

	(void) state;
	for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]); i++)
	{
		bool		finished = false;
		BkBuf		buf;
		BkWriter   *writer;

		bk_buf_init(&buf);
		writer = new_async(new_sink(&buf, NEVER, false, &finished), &err);
		assert_good(writer != NULL, &err);
		for (size_t done = 0; done < DATA_SIZE; done += steps[i])
		{
			size_t		left = DATA_SIZE - done;

			assert_good(bk_write(writer, data + done,
								 left < steps[i] ? left : steps[i], &err), &err);
		}
		assert_good(bk_finish(writer, &err), &err);
		assert_true(finished);
		bk_writer_close(writer);
		assert_int_equal(buf.len, DATA_SIZE);
		assert_memory_equal(buf.data, data, DATA_SIZE);
		bk_buf_free(&buf);
	}
	free(data);
}

static void
finishes_without_data(void **state)
{
	bool		finished = false;
	BkError		err;
	BkWriter   *writer = new_async(new_sink(NULL, NEVER, false, &finished), &err);

	(void) state;
	assert_true(bk_write(writer, NULL, 0, &err));
	assert_true(bk_finish(writer, &err));
	assert_true(finished);
	bk_writer_close(writer);
}

/* An error below comes out of a later write or of finish, at every place. */
static void
reports_errors_below(void **state)
{
	char	   *data = make_data(DATA_SIZE, false, 2);

	(void) state;
	for (size_t fail_at = 0; fail_at < DATA_SIZE; fail_at += 300000)
	{
		BkError		err;
		BkWriter   *writer = new_async(new_sink(NULL, fail_at, false, NULL), &err);
		bool		good = true;

		for (size_t done = 0; good && done + 100000 <= DATA_SIZE; done += 100000)
			good = bk_write(writer, data + done, 100000, &err);
		if (good)
			good = bk_finish(writer, &err);
		assert_false(good);
		assert_reason(&err, "58030", "the sink has failed");
		bk_writer_close(writer);
	}
	free(data);
}

static void
reports_failing_finish(void **state)
{
	BkError		err;
	BkWriter   *writer = new_async(new_sink(NULL, NEVER, true, NULL), &err);

	(void) state;
	assert_true(bk_write(writer, "x", 1, &err));
	assert_false(bk_finish(writer, &err));
	assert_reason(&err, "58030", "failed to finish");
	bk_writer_close(writer);
}

/* What is queued is dropped: one write may be in progress, no more follow. */
static void
close_stops_soon(void **state)
{
	char	   *data = make_data(BK_STREAM_BUFFER, false, 3);
	int			writes = 0;
	sigset_t	blocked;
	BkError		err;
	BkWriter   *writer = new_async(new_slow(100, &writes, &blocked), &err);

	(void) state;
	for (int i = 0; i < 4; i++)
		assert_true(bk_write(writer, data, BK_STREAM_BUFFER, &err));
	bk_writer_close(writer);
	assert_in_range(writes, 0, 2);
	free(data);
}

static void
close_without_data(void **state)
{
	bool		finished = false;

	(void) state;
	for (int i = 0; i < 200; i++)
	{
		BkError		err;
		BkWriter   *writer = new_async(new_sink(NULL, NEVER, false, &finished), &err);

		if (i % 2 == 0)
			assert_true(bk_write(writer, "x", 1, &err));
		bk_writer_close(writer);
	}
	assert_false(finished);
}

static void
blocks_signals(void **state)
{
	int			writes = 0;
	sigset_t	blocked;
	sigset_t	ours;
	BkError		err;
	BkWriter   *writer;

	(void) state;
	sigemptyset(&blocked);
	writer = new_async(new_slow(0, &writes, &blocked), &err);
	assert_true(bk_write(writer, "x", 1, &err));
	assert_true(bk_finish(writer, &err));
	bk_writer_close(writer);
	assert_int_equal(writes, 1);
	assert_int_equal(sigismember(&blocked, SIGTERM), 1);
	assert_int_equal(sigismember(&blocked, SIGINT), 1);
	assert_int_equal(sigismember(&blocked, SIGALRM), 1);
	pthread_sigmask(SIG_SETMASK, NULL, &ours);
	assert_int_equal(sigismember(&ours, SIGTERM), 0);
}

/* The writer below sleeps for a second; tick is called all the while. */
static void
ticks_while_it_waits(void **state)
{
	char	   *data = make_data(BK_STREAM_BUFFER, false, 4);
	int			writes = 0;
	sigset_t	blocked;
	Tick		tick = {.fail_after = 1000};
	BkError		err;
	BkWriter   *writer = bk_async_writer(new_slow(1000, &writes, &blocked),
										 count_tick, &tick, &err);

	(void) state;
	for (int i = 0; i < 5; i++)
		assert_good(bk_write(writer, data, BK_STREAM_BUFFER, &err), &err);
	assert_in_range(tick.calls, 5, 20);
	tick.calls = 0;
	assert_good(bk_finish(writer, &err), &err);
	assert_in_range(tick.calls, 20, 100);
	assert_int_equal(writes, 5);
	bk_writer_close(writer);
	free(data);
}

/* The failure comes at once, and closing waits for one call below only. */
static void
failing_tick_ends_write(void **state)
{
	char	   *data = make_data(BK_STREAM_BUFFER, false, 5);
	int			writes = 0;
	sigset_t	blocked;
	Tick		tick = {0};
	int64_t		start = bk_clock_monotonic_ms();
	BkError		err;
	BkWriter   *writer = bk_async_writer(new_slow(900, &writes, &blocked),
										 count_tick, &tick, &err);

	(void) state;
	for (int i = 0; i < 4; i++)
		assert_true(bk_write(writer, data, BK_STREAM_BUFFER, &err));
	assert_false(bk_write(writer, data, BK_STREAM_BUFFER, &err));
	assert_reason(&err, "57014", "the tick has failed");
	assert_in_range(bk_clock_monotonic_ms() - start, 50, 600);
	bk_writer_close(writer);
	assert_in_range(bk_clock_monotonic_ms() - start, 800, 1700);
	assert_int_equal(writes, 1);
	free(data);
}

static void
failing_tick_ends_finish(void **state)
{
	char	   *data = make_data(BK_STREAM_BUFFER, false, 6);
	int			writes = 0;
	sigset_t	blocked;
	Tick		tick = {.fail_after = 1};
	int64_t		start = bk_clock_monotonic_ms();
	BkError		err;
	BkWriter   *writer = bk_async_writer(new_slow(900, &writes, &blocked),
										 count_tick, &tick, &err);

	(void) state;
	for (int i = 0; i < 3; i++)
		assert_true(bk_write(writer, data, BK_STREAM_BUFFER, &err));
	assert_false(bk_finish(writer, &err));
	assert_reason(&err, "57014", "the tick has failed");
	assert_in_range(bk_clock_monotonic_ms() - start, 100, 700);
	bk_writer_close(writer);
	assert_int_equal(writes, 1);
	free(data);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(keeps_the_order, all_is_closed),
		cmocka_unit_test_teardown(finishes_without_data, all_is_closed),
		cmocka_unit_test_teardown(reports_errors_below, all_is_closed),
		cmocka_unit_test_teardown(reports_failing_finish, all_is_closed),
		cmocka_unit_test_teardown(close_stops_soon, all_is_closed),
		cmocka_unit_test_teardown(close_without_data, all_is_closed),
		cmocka_unit_test_teardown(blocks_signals, all_is_closed),
		cmocka_unit_test_teardown(ticks_while_it_waits, all_is_closed),
		cmocka_unit_test_teardown(failing_tick_ends_write, all_is_closed),
		cmocka_unit_test_teardown(failing_tick_ends_finish, all_is_closed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
