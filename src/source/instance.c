/*
 * instance.c
 *	  Start and stop a server on a data directory.
 */
#define _GNU_SOURCE 1
#include "source/instance.h"

#include <errno.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/child.h"
#include "core/clock.h"

#define DAY_SECONDS		86400
#define LOOK_MS			200
#define STOP_SECONDS	"60"
#define PID_FILE_LINES	8		/* the last tells the state (miscadmin.h) */
#define LOG_TAIL		1500

static bool run_pg_ctl(const BkInstance *instance, char *const *arguments,
					   BkError *err);
static bool wait_recovered(const BkInstance *instance, BkError *err);
static bool read_state(const BkInstance *instance, long *pid, char *state,
					   size_t size);
static bool complain_log(const BkInstance *instance, BkError *err);
static bool tick(void *arg, BkError *err);
static void drop_line(void *arg, const char *line);

bool
bk_instance_start(const BkInstance *instance, BkError *err)
{
	char		log[PATH_MAX + 32];
	char		limit[16];
	char	   *arguments[] = {"start", "-s", "-w", "-t", limit, "-l", log, NULL};
	BkError		problem;

	snprintf(log, sizeof(log), "%s/" BK_INSTANCE_LOG, instance->directory);
	snprintf(limit, sizeof(limit), "%d", DAY_SECONDS);
	if (run_pg_ctl(instance, arguments, &problem))
		return wait_recovered(instance, err);
	*err = problem;
	return bk_error_is(&problem, BK_STATE_CANCELED) ? false
		: complain_log(instance, err);
}

bool
bk_instance_runs(const BkInstance *instance)
{
	char		state[32];
	long		pid;

	return read_state(instance, &pid, state, sizeof(state)) &&
		(kill((pid_t) pid, 0) == 0 || errno == EPERM);
}

bool
bk_instance_stop(const BkInstance *instance, BkError *err)
{
	char	   *arguments[] = {"stop", "-s", "-w", "-m", "immediate", "-t", STOP_SECONDS, NULL};
	BkError		problem;

	if (!bk_instance_runs(instance) || run_pg_ctl(instance, arguments, &problem) ||
		!bk_instance_runs(instance))
		return true;
	*err = problem;
	return false;
}

static bool
run_pg_ctl(const BkInstance *instance, char *const *arguments, BkError *err)
{
	static char *const environment[] = {"PATH=/usr/bin:/bin", "LC_ALL=C", NULL};
	char		program[PATH_MAX];
	char	   *argv[16] = {program};
	BkChildSpec spec = {
		.program = program,
		.argv = argv,
		.envp = environment,
		.input = BK_CHILD_NULL,
		.output = BK_CHILD_NULL,
		.tick = tick,
		.log = drop_line,
		.arg = (void *) instance->host,
	};
	BkChild    *child;
	int			count = 1;
	bool		ok;

	snprintf(program, sizeof(program), "%s/pg_ctl", instance->bindir);
	while (*arguments != NULL)
		argv[count++] = *arguments++;
	argv[count++] = "-D";
	argv[count++] = (char *) instance->directory;
	argv[count] = NULL;
	child = bk_child_spawn(&spec, err);
	ok = child != NULL && bk_child_finish(child, err);
	bk_child_free(child);
	return ok;
}

/*
 * pg_ctl is content with a server that can be read. It has recovered when it
 * has taken its signal file away and says that it is ready.
 */
static bool
wait_recovered(const BkInstance *instance, BkError *err)
{
	int64_t		end = bk_clock_monotonic_ms() + (int64_t) DAY_SECONDS * 1000;
	char		signal_file[PATH_MAX + 32];
	char		state[32];
	long		pid;

	snprintf(signal_file, sizeof(signal_file), "%s/recovery.signal", instance->directory);
	while (bk_clock_monotonic_ms() < end)
	{
		if (!bk_go_on(instance->host, err))
			return false;
		bk_progress(instance->host, "recover", instance->directory, 0, 0);
		if (!bk_instance_runs(instance))
		{
			bk_error(err, BK_STATE_SYSTEM, "the server in \"%s\" has stopped before it had recovered",
					 instance->directory);
			return complain_log(instance, err);
		}
		if (access(signal_file, F_OK) != 0 && errno == ENOENT &&
			read_state(instance, &pid, state, sizeof(state)) &&
			strncmp(state, "ready", 5) == 0)
			return true;
		usleep(LOOK_MS * 1000);
	}
	bk_error(err, BK_STATE_SYSTEM, "the server in \"%s\" has not recovered within a day",
			 instance->directory);
	return complain_log(instance, err);
}

/* False if there is no readable postmaster.pid. */
static bool
read_state(const BkInstance *instance, long *pid, char *state, size_t size)
{
	char		path[PATH_MAX + 32];
	char		line[PATH_MAX];
	FILE	   *file;
	int			number = 0;

	snprintf(path, sizeof(path), "%s/postmaster.pid", instance->directory);
	file = fopen(path, "re");
	if (file == NULL)
		return false;
	*pid = 0;
	*state = '\0';
	while (number < PID_FILE_LINES && fgets(line, sizeof(line), file) != NULL)
	{
		number++;
		if (number == 1)
			*pid = labs(strtol(line, NULL, 10));
		if (number == PID_FILE_LINES)
			snprintf(state, size, "%.16s", line);
	}
	fclose(file);
	return *pid > 1;
}

/* The error is there already; false. */
static bool
complain_log(const BkInstance *instance, BkError *err)
{
	char		path[PATH_MAX + 32];
	char		text[LOG_TAIL + 1];
	FILE	   *file;
	size_t		len = 0;

	snprintf(path, sizeof(path), "%s/" BK_INSTANCE_LOG, instance->directory);
	file = fopen(path, "re");
	if (file != NULL)
	{
		if (fseek(file, -LOG_TAIL, SEEK_END) != 0)
			rewind(file);
		len = fread(text, 1, LOG_TAIL, file);
		fclose(file);
	}
	text[len] = '\0';
	return bk_error_detail(err, "The last that it wrote was:\n%s", text);
}

static bool
tick(void *arg, BkError *err)
{
	return bk_go_on(arg, err);
}

static void
drop_line(void *arg, const char *line)
{
	(void) arg;
	(void) line;
}
