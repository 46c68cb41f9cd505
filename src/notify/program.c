/*
 * program.c
 *	  A program of the user's own: it gets the message on its standard input
 *	  as one line of JSON, and has taken it when it ends with status 0.
 */
#include <stdlib.h>
#include <string.h>

#include "core/child.h"
#include "core/clock.h"
#include "notify/channel.h"

#define LIMIT_MS		60000
#define ARGUMENTS_MAX	128

/* What the callbacks of the child need. */
typedef struct Watch
{
	const BkHost *host;
	const char *program;
	int64_t		deadline;
} Watch;

static bool program_send(const BkChannel *channel, const BkJson *message,
						 BkError *err);
static bool run(const BkChannel *channel, char *const *argv, const char *text,
				BkError *err);
static bool watch_tick(void *arg, BkError *err);
static void watch_log(void *arg, const char *line);

const BkChannelKind bk_channel_program = {
	.name = "program",
	.send = program_send,
};

static bool
program_send(const BkChannel *channel, const BkJson *message, BkError *err)
{
	char	   *argv[ARGUMENTS_MAX + 2] = {NULL};
	char	   *text;
	bool		done;

	if (channel->target == NULL || channel->target[0] != '/')
		return bk_error(err, BK_STATE_BAD_ARGUMENT, "the target of the channel is not the absolute path of a program");
	argv[0] = (char *) channel->target;
	for (int i = 0; i < channel->argument_count && i < ARGUMENTS_MAX; i++)
		argv[i + 1] = (char *) channel->arguments[i];
	text = bk_json_text(message, false);
	done = (text != NULL || bk_error_memory(err)) && run(channel, argv, text, err);
	free(text);
	return done;
}

static bool
run(const BkChannel *channel, char *const *argv, const char *text, BkError *err)
{
	static char *const envp[] = {"PATH=/usr/local/bin:/usr/bin:/bin", "LC_ALL=C", "TZ=UTC", NULL};
	Watch		watch = {
		.host = channel->host,
		.program = channel->target,
		.deadline = bk_clock_monotonic_ms() + LIMIT_MS,
	};
	BkChild    *child = bk_child_spawn(&(BkChildSpec) {
		.program = channel->target,
		.argv = argv,
		.envp = envp,
		.input = BK_CHILD_PIPE,
		.output = BK_CHILD_NULL,
		.tick = watch_tick,
		.log = watch_log,
		.arg = &watch,
	}, err);
	bool		ended = false;
	bool		done = child != NULL && bk_child_write(child, text, strlen(text), &ended, err) &&
		(ended || bk_child_write(child, "\n", 1, &ended, err)) &&
		bk_child_finish(child, err);

	bk_child_free(child);
	return done;
}

static bool
watch_tick(void *arg, BkError *err)
{
	const Watch *watch = arg;

	if (bk_clock_monotonic_ms() > watch->deadline)
		return bk_error(err, BK_STATE_SYSTEM, "\"%s\" took longer than %d s", watch->program,
						LIMIT_MS / 1000);
	return bk_go_on(watch->host, err);
}

static void
watch_log(void *arg, const char *line)
{
	const Watch *watch = arg;

	bk_log(watch->host, BK_LOG_INFO, "%s", line);
}
