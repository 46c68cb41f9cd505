/*
 * test_child.c
 *	  Child processes: what they inherit, how they end, and that nothing of
 *	  them stays behind.
 */
#include "support.h"

#include <sys/prctl.h>

#include "core/child.h"
#include "core/clock.h"

/* A wait that takes so long has hung. */
#define LONG_MS	10000

#define SHELL	"/bin/sh"

/* What the callbacks saw, and when tick shall give up. */
typedef struct Seen
{
	int			ticks;
	int			ticks_left;		/* -1: for ever */
	int64_t		last_tick;
	int64_t		longest_gap;	/* in ms */
	BkBuf		lines;
} Seen;

static bool
see_tick(void *arg, BkError *err)
{
	Seen	   *seen = arg;
	int64_t		now = bk_clock_monotonic_ms();

	if (seen->last_tick > 0 && now - seen->last_tick > seen->longest_gap)
		seen->longest_gap = now - seen->last_tick;
	seen->last_tick = now;
	seen->ticks++;
	if (seen->ticks_left == 0)
		return bk_error(err, BK_STATE_CANCELED, "canceled by the test");
	if (seen->ticks_left > 0)
		seen->ticks_left--;
	return true;
}

static void
see_line(void *arg, const char *line)
{
	Seen	   *seen = arg;

	bk_buf_printf(&seen->lines, "[%s]", line);
}

/* Run a line of shell; our test data only. */
static BkChild *
spawn_shell(const char *line, BkChildEnd input, BkChildEnd output, Seen *seen)
{
	static char *const env[] = {"PATH=/usr/bin:/bin", "ONLY=this", NULL};
	const char *argv[] = {"sh", "-c", line, NULL};
	BkChildSpec spec = {
		.program = SHELL,
		.argv = (char *const *) argv,
		.envp = env,
		.input = input,
		.output = output,
		.tick = see_tick,
		.log = see_line,
		.arg = seen,
	};
	BkChild    *child;
	BkError		err;

	memset(seen, 0, sizeof(*seen));
	seen->ticks_left = -1;
	bk_buf_init(&seen->lines);
	child = bk_child_spawn(&spec, &err);
	assert_good(child != NULL, &err);
	return child;
}

/* All of its output; the caller frees it. */
static char *
read_output(BkChild *child)
{
	BkBuf		buf;
	char		piece[70000];
	size_t		got;
	BkError		err;

	bk_buf_init(&buf);
	do
	{
		assert_good(bk_child_read(child, piece, sizeof(piece), &got, &err), &err);
		bk_buf_append(&buf, piece, got);
	} while (got > 0);
	return bk_buf_take(&buf, &err);
}

static void
end_good(BkChild *child, Seen *seen)
{
	BkError		err;

	assert_good(bk_child_finish(child, &err), &err);
	bk_child_free(child);
	bk_buf_free(&seen->lines);
}

static void
gets_what_it_is_given(void **state)
{
	Seen		seen;
	BkChild    *child = spawn_shell("echo out; echo err >&2; env | sort",
									BK_CHILD_NULL, BK_CHILD_PIPE, &seen);
	char	   *output = read_output(child);

	(void) state;
	assert_non_null(strstr(output, "out\n"));
	assert_non_null(strstr(output, "ONLY=this\n"));
	assert_null(strstr(output, "HOME="));
	free(output);
	end_good(child, &seen);
}

/*
 * The ignored signals in a status file of proc(5), but for 32 and 33: those
 * are the C library's own, it lets nobody touch them, and some programs (GNU
 * make) start theirs with them ignored.
 */
static unsigned long long
ignored_signals(const char *status)
{
	const char *line = strstr(status, "SigIgn:");

	assert_non_null(line);
	return strtoull(line + strlen("SigIgn:"), NULL, 16) & ~0x180000000ull;
}

/* Descriptors, signals, process group. */
static void
inherits_nothing_else(void **state)
{
	Seen		seen;
	BkChild    *child;
	char	   *output;
	int			leak = open("/etc/passwd", O_RDONLY);	/* not O_CLOEXEC */
	int			high = fcntl(leak, F_DUPFD, 700);
	char		expected[64];
	sigset_t	blocked;

	(void) state;
	assert_true(leak >= 0 && high >= 700);
	signal(SIGUSR1, SIG_IGN);
	sigemptyset(&blocked);
	sigaddset(&blocked, SIGUSR2);
	sigprocmask(SIG_BLOCK, &blocked, NULL);

	/* The shell's own: 0, 1, 2, and what ls opens. */
	child = spawn_shell("exec ls /proc/self/fd", BK_CHILD_NULL, BK_CHILD_PIPE,
						&seen);
	output = read_output(child);
	assert_string_equal(output, "0\n1\n2\n3\n");
	free(output);
	end_good(child, &seen);

	child = spawn_shell("grep -E 'SigBlk|SigIgn' /proc/self/status; "
						"exec cut -d' ' -f5 /proc/self/stat",
						BK_CHILD_NULL, BK_CHILD_PIPE, &seen);
	output = read_output(child);
	assert_non_null(strstr(output, "SigBlk:\t0000000000000000\n"));
	assert_true(ignored_signals(output) == 0);
	snprintf(expected, sizeof(expected), "\n%d\n", (int) getpgrp());
	assert_non_null(strstr(output, expected));
	free(output);
	end_good(child, &seen);

	sigprocmask(SIG_UNBLOCK, &blocked, NULL);
	signal(SIGUSR1, SIG_DFL);
	close(leak);
	close(high);
}

static void
missing_program_is_named(void **state)
{
	static const struct
	{
		const char *program;
		const char *reason;
	}			rows[] = {
		{"/nonexistent/pg_dump", "could not execute \"/nonexistent/pg_dump\": No such file"},
		{"/etc/passwd", "could not execute \"/etc/passwd\": Permission denied"},
		{"/tmp", "could not execute \"/tmp\": Permission denied"},
	};
	Seen		seen = {0};
	char	   *const nothing[] = {"x", NULL};
	BkChildSpec spec = {
		.argv = nothing,
		.envp = nothing + 1,
		.input = BK_CHILD_PIPE,
		.output = BK_CHILD_PIPE,
		.tick = see_tick,
		.log = see_line,
		.arg = &seen,
	};
	BkError		err;

	(void) state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
	{
		spec.program = rows[i].program;
		assert_null(bk_child_spawn(&spec, &err));
		assert_reason(&err, "58P01", rows[i].reason);
	}
	spec.program = SHELL;
	spec.output = BK_CHILD_FD;
	spec.output_fd = 999;
	assert_null(bk_child_spawn(&spec, &err));
	assert_reason(&err, "58P01", "Bad file descriptor");
}

static void
bad_ends_are_told(void **state)
{
	static const struct
	{
		const char *line;
		const char *detail;
	}			rows[] = {
		{"exit 1", "sh exited with status 1."},
		{"echo 'no such table' >&2; exit 3", "status 3.\nno such table"},
		{"kill -9 $$", "sh was terminated by signal 9."},
		{"echo last words >&2; kill -TERM $$", "signal 15.\nlast words"},
	};

	(void) state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
	{
		Seen		seen;
		BkError		err;
		BkChild    *child = spawn_shell(rows[i].line, BK_CHILD_NULL,
										BK_CHILD_NULL, &seen);

		assert_false(bk_child_finish(child, &err));
		assert_reason(&err, "58000", "sh failed");
		assert_reason(&err, "58000", rows[i].detail);
		bk_child_free(child);
		bk_buf_free(&seen.lines);
	}
}

/* 500 kB of output on both, interleaved: neither may block the other. */
static void
drains_both_outputs(void **state)
{
	Seen		seen;
	BkChild    *child = spawn_shell("i=0; while [ $i -lt 5000 ]; do "
									"echo \"out $i xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx\"; "
									"echo \"err $i xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx\" >&2; "
									"i=$((i+1)); done; exit 7",
									BK_CHILD_NULL, BK_CHILD_PIPE, &seen);
	char	   *output = read_output(child);
	BkError		err;

	(void) state;
	assert_non_null(strstr(output, "out 4999 "));
	assert_false(bk_child_finish(child, &err));
	assert_non_null(strstr(seen.lines.data, "[err 0 xxx"));
	assert_non_null(strstr(seen.lines.data, "[err 4999 xxx"));
	assert_in_range(strlen(bk_child_stderr_tail(child)), 8000, 8192);

	/* The detail holds whole lines from the end. */
	assert_reason(&err, "58000", "sh exited with status 7.\nerr 49");
	assert_non_null(strstr(err.detail, "err 4999 "));
	free(output);
	bk_child_free(child);
	bk_buf_free(&seen.lines);
}

static void
odd_stderr_is_kept(void **state)
{
	Seen		seen;
	BkChild    *child = spawn_shell("printf 'a\\000b\\n\\n\\377no line feed' >&2; exit 1",
									BK_CHILD_NULL, BK_CHILD_NULL, &seen);
	BkError		err;

	(void) state;
	assert_false(bk_child_finish(child, &err));
	assert_reason(&err, "58000", "a?b\n\n?no line feed");
	assert_non_null(strstr(seen.lines.data, "no line feed]"));
	bk_child_free(child);
	bk_buf_free(&seen.lines);

	/* A line without end comes in pieces. */
	child = spawn_shell("head -c 100000 /dev/zero | tr '\\0' x >&2",
						BK_CHILD_NULL, BK_CHILD_NULL, &seen);
	assert_true(bk_child_finish(child, &err));
	assert_in_range(seen.lines.len, 100000, 100400);
	bk_child_free(child);
	bk_buf_free(&seen.lines);
}

static void
takes_input(void **state)
{
	char	   *folder = new_folder();
	char	   *data = make_data(1000000, false, 5);
	int			out = open(in_folder(folder, "out"), O_RDWR | O_CREAT, 0600);
	char	   *const argv[] = {"cat", NULL};
	Seen		seen = {.ticks_left = -1};
	BkChildSpec spec = {
		.program = "/bin/cat",
		.argv = argv,
		.envp = argv + 1,
		.input = BK_CHILD_PIPE,
		.output = BK_CHILD_FD,
		.output_fd = out,
		.tick = see_tick,
		.log = see_line,
		.arg = &seen,
	};
	BkBuf		back;
	BkError		err;
	BkChild    *child = bk_child_spawn(&spec, &err);
	bool		ended;

	(void) state;
	assert_good(child != NULL, &err);
	assert_good(bk_child_write(child, data, 1000000, &ended, &err), &err);
	assert_false(ended);
	bk_child_close_stdin(child);
	assert_good(bk_child_finish(child, &err), &err);
	bk_child_free(child);
	assert_true(fcntl(out, F_GETFD) >= 0);
	close(out);
	read_file(in_folder(folder, "out"), &back);
	assert_int_equal(back.len, 1000000);
	assert_memory_equal(back.data, data, 1000000);
	bk_buf_free(&back);
	free(data);
	remove_folder(folder);
}

static void
early_end_of_input_is_no_failure(void **state)
{
	char	   *data = make_data(1000000, false, 5);
	Seen		seen;
	BkChild    *child = spawn_shell("head -c 10 >/dev/null; echo enough >&2; exit 4",
									BK_CHILD_PIPE, BK_CHILD_NULL, &seen);
	BkError		err;
	bool		ended = false;

	(void) state;
	for (int i = 0; i < 10 && !ended; i++)
		assert_good(bk_child_write(child, data, 1000000, &ended, &err), &err);
	assert_true(ended);
	assert_false(bk_child_finish(child, &err));
	assert_reason(&err, "58000", "status 4.\nenough");
	bk_child_free(child);
	bk_buf_free(&seen.lines);
	free(data);
}

/* tick runs while nothing happens, in each of the three waits. */
static void
ticks_while_it_waits(void **state)
{
	char	   *data = make_data(200000, false, 1);
	char		piece[10];
	size_t		got;
	int			status;
	bool		ended;

	(void) state;
	for (int wait = 0; wait < 3; wait++)
	{
		Seen		seen;
		BkChild    *child = spawn_shell("exec sleep 20", BK_CHILD_PIPE,
										BK_CHILD_PIPE, &seen);
		int64_t		start = bk_clock_monotonic_ms();
		BkError		err;
		bool		good = true;

		seen.ticks_left = 8;
		if (wait == 0)
			good = bk_child_read(child, piece, sizeof(piece), &got, &err);
		else if (wait == 1)
			good = bk_child_write(child, data, 200000, &ended, &err);
		else
			good = bk_child_wait(child, &status, &err);
		assert_false(good);
		assert_reason(&err, "57014", "canceled by the test");
		assert_in_range(seen.longest_gap, 1, LONG_MS / 2);
		bk_child_free(child);
		assert_in_range(bk_clock_monotonic_ms() - start, 300, LONG_MS);
		bk_buf_free(&seen.lines);
	}
	free(data);
}

/* A grandchild that keeps the pipes open does not hold us. */
static void
grandchildren_do_not_hold_us(void **state)
{
	Seen		seen;
	int64_t		start = bk_clock_monotonic_ms();
	BkChild    *child = spawn_shell("sleep 15 & echo done", BK_CHILD_NULL,
									BK_CHILD_PIPE, &seen);
	char	   *output = read_output(child);

	(void) state;
	assert_string_equal(output, "done\n");
	free(output);
	end_good(child, &seen);
	assert_in_range(bk_clock_monotonic_ms() - start, 0, LONG_MS);
}

static void
kill_is_certain(void **state)
{
	Seen		seen;
	int64_t		start = bk_clock_monotonic_ms();
	BkChild    *child = spawn_shell("trap '' TERM; echo ready; while :; do sleep 0.05; done",
									BK_CHILD_NULL, BK_CHILD_PIPE, &seen);
	char		piece[10];
	size_t		got;
	BkError		err;

	(void) state;
	assert_true(bk_child_read(child, piece, sizeof(piece), &got, &err));
	bk_child_free(child);
	assert_in_range(bk_clock_monotonic_ms() - start, 0, LONG_MS);
	bk_buf_free(&seen.lines);

	/* One that listens ends at once. */
	start = bk_clock_monotonic_ms();
	child = spawn_shell("exec sleep 20", BK_CHILD_NULL, BK_CHILD_NULL, &seen);
	bk_child_free(child);
	assert_in_range(bk_clock_monotonic_ms() - start, 0, LONG_MS);
	bk_child_free(NULL);
}

static void
reader_checks_the_end(void **state)
{
	Seen		seen;
	BkError		err;
	BkReader   *reader;
	char	   *data;
	size_t		len;

	(void) state;
	reader = bk_child_reader(spawn_shell("echo all", BK_CHILD_NULL,
										 BK_CHILD_PIPE, &seen), &err);
	assert_good(bk_read_all(reader, 100, &data, &len, &err), &err);
	assert_string_equal(data, "all\n");
	free(data);
	assert_true(bk_read(reader, &data, 1, &len, &err) && len == 0);
	bk_reader_close(reader);

	reader = bk_child_reader(spawn_shell("echo half; echo why >&2; exit 1",
										 BK_CHILD_NULL, BK_CHILD_PIPE, &seen),
							 &err);
	assert_false(bk_read_all(reader, 100, &data, &len, &err));
	assert_reason(&err, "58000", "why");
	bk_reader_close(reader);
	bk_buf_free(&seen.lines);

	reader = bk_child_reader(spawn_shell("cat /dev/zero", BK_CHILD_NULL,
										 BK_CHILD_PIPE, &seen), &err);
	assert_false(bk_read_all(reader, 1000000, &data, &len, &err));
	assert_reason(&err, "54000", "larger than");
	bk_reader_close(reader);
}

/* When we are killed, so is the child. */
static void
dies_with_its_parent(void **state)
{
	int			report[2];
	pid_t		pid;
	pid_t		grandchild = 0;
	char		digits[16] = "";
	int			status;

	(void) state;
	assert_int_equal(pipe(report), 0);
	prctl(PR_SET_CHILD_SUBREAPER, 1);
	pid = fork();
	if (pid == 0)
	{
		Seen		seen;
		BkChild    *child = spawn_shell("echo $$; exec sleep 30", BK_CHILD_NULL,
										BK_CHILD_PIPE, &seen);
		size_t		got;
		BkError		err;

		if (bk_child_read(child, digits, sizeof(digits) - 1, &got, &err) &&
			write(report[1], digits, sizeof(digits)) > 0)
			pause();
		_exit(1);
	}
	assert_int_equal(read(report[0], digits, sizeof(digits)), sizeof(digits));
	grandchild = (pid_t) strtol(digits, NULL, 10);
	assert_true(grandchild > 1);
	kill(pid, SIGKILL);
	assert_int_equal(waitpid(pid, &status, 0), pid);

	/* Now ours to reap; had it lived on, this would take 30 s. */
	alarm(10);
	assert_int_equal(waitpid(grandchild, &status, 0), grandchild);
	alarm(0);
	assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
	prctl(PR_SET_CHILD_SUBREAPER, 0);
	close(report[0]);
	close(report[1]);
}

static int	descriptors_before;

static int
count_before(void **state)
{
	(void) state;
	descriptors_before = count_descriptors();
	return 0;
}

/* After each test: no descriptor more, and no child at all. */
static int
nothing_stays(void **state)
{
	(void) state;
	if (count_descriptors() != descriptors_before)
		return -1;
	return waitpid(-1, NULL, WNOHANG) == -1 && errno == ECHILD ? 0 : -1;
}

#define child_test(function) \
	cmocka_unit_test_setup_teardown(function, count_before, nothing_stays)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		child_test(gets_what_it_is_given),
		child_test(inherits_nothing_else),
		child_test(missing_program_is_named),
		child_test(bad_ends_are_told),
		child_test(drains_both_outputs),
		child_test(odd_stderr_is_kept),
		child_test(takes_input),
		child_test(early_end_of_input_is_no_failure),
		child_test(ticks_while_it_waits),
		child_test(grandchildren_do_not_hold_us),
		child_test(kill_is_certain),
		child_test(reader_checks_the_end),
		child_test(dies_with_its_parent),
	};

	signal(SIGPIPE, SIG_IGN);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
