/*
 * agent.c
 *	  Serve one request of the extension. PROTOCOL.md is the authority.
 *
 * Nothing is done before the whole request has been read and understood.
 */
#include "cli/agent.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/command.h"
#include "cli/signals.h"
#include "core/clock.h"
#include "core/stream.h"
#include "job/hook.h"
#include "job/turn.h"

#define PROTOCOL_CURRENT	1
#define PROTOCOL_OLDEST		1

#define REQUEST_MAX			(1024 * 1024)
#define PROGRESS_EVERY		500 /* milliseconds */
#define LOOK_UP_EVERY		200 /* milliseconds, while we wait for input */

typedef struct Agent
{
	const BkCommand *command;	/* as which we were called */
	int64_t		next_progress;
} Agent;

static bool read_request(const Agent *agent, BkJson **request, BkError *err);
static bool read_input(bool line, char **text, size_t *len, BkError *err);
static bool wait_input(BkError *err);
static bool understand(const Agent *agent, const BkJson *request,
					   const BkCommand **command, BkRequest *arguments,
					   BkError *err);
static bool check_protocol(const BkJson *request, BkError *err);
static bool check_members(const BkJson *request, BkError *err);
static bool take_argument(const BkCommand *command, const char *name,
						  const BkJson *value, BkRequest *arguments,
						  BkError *err);
static bool take_list(const BkArgument *argument, const BkJson *list,
					  BkRequest *arguments, BkError *err);
static void say_hello(void);
static void say_failed(const BkError *err);
static void emit(BkJson *event);
static void host_log(void *ctx, BkLogLevel level, const char *message);
static void host_record(void *ctx, const char *kind, const BkJson *body);
static void host_progress(void *ctx, const BkProgress *progress);
static bool host_stop(void *ctx);

int
bk_agent_run(const BkCommand *self, const char *bindir)
{
	Agent		agent = {.command = self};
	BkHost		host = {
		.ctx = &agent,
		.log = host_log,
		.record = host_record,
		.progress = host_progress,
		.stop = host_stop,
		.variable = bk_command_variable,
	};
	BkRequest	arguments = bk_command_defaults();
	const BkCommand *command;
	BkJson	   *request = NULL;
	BkJson	   *done;
	BkTurn		turn;
	BkError		err;
	bool		ok;

	say_hello();
	arguments.bindir = bindir;
	ok = read_request(&agent, &request, &err) &&
		understand(&agent, request, &command, &arguments, &err) &&
		bk_turn_begin(&turn, &arguments, &host, &err);
	if (ok)
	{
		ok = bk_hook_around(command->agent_verb, command->run, &arguments, &host, &err);
		bk_turn_end(&turn, ok);
	}

	/* The request stays: a thread that was given up may still look at it. */
	if (!ok)
	{
		say_failed(&err);
		return 1;
	}
	done = bk_json_object();
	bk_json_put_string(done, "event", "done");
	emit(done);
	return 0;
}

static bool
read_request(const Agent *agent, BkJson **request, BkError *err)
{
	char	   *text = NULL;
	size_t		len;

	if (!read_input(agent->command->run != NULL, &text, &len, err))
		return false;
	*request = bk_json_parse(text, len, "the request", err);
	free(text);
	if (*request != NULL)
		return true;
	snprintf(err->sqlstate, sizeof(err->sqlstate), "%s", BK_STATE_PROTOCOL);
	return false;
}

/* All that there is, or only a line: then what is behind it stays there. */
static bool
read_input(bool line, char **text, size_t *len, BkError *err)
{
	char	   *buf = malloc(REQUEST_MAX + 1);
	ssize_t		got = 1;
	bool		ok = buf != NULL || bk_error_memory(err);

	*len = 0;
	while (ok && got != 0 && *len <= REQUEST_MAX)
	{
		ok = wait_input(err);
		if (!ok)
			break;
		got = read(STDIN_FILENO, buf + *len, line ? 1 : REQUEST_MAX + 1 - *len);
		if (got > 0)
			*len += (size_t) got;
		if (line && got > 0 && buf[*len - 1] == '\n')
			got = 0;
		else if (got < 0 && errno != EINTR)
			ok = bk_error_errno(err, "could not read the request");
	}
	if (ok && *len > REQUEST_MAX)
		ok = bk_error(err, BK_STATE_PROTOCOL,
					  "the request is longer than %d bytes", REQUEST_MAX);
	if (ok && got == 0)
	{
		*text = buf;
		return true;
	}
	free(buf);
	return false;
}

/*
 * Wait until there is something to read. We look up at times: a signal may
 * come between a look at its flag and the call that it should interrupt.
 */
static bool
wait_input(BkError *err)
{
	struct pollfd input = {.fd = STDIN_FILENO, .events = POLLIN};

	while (!bk_signals_stop())
	{
		int			ready = poll(&input, 1, LOOK_UP_EVERY);

		if (ready > 0)
			return true;
		if (ready < 0 && errno != EINTR)
			return bk_error_errno(err, "could not wait for the request");
	}
	return bk_error(err, BK_STATE_CANCELED, "canceled on request");
}

/* Protocol version, verb, and every argument. */
static bool
understand(const Agent *agent, const BkJson *request,
		   const BkCommand **command, BkRequest *arguments, BkError *err)
{
	const char *verb = bk_json_string(bk_json_get(request, "verb"), "");
	const BkJson *given = bk_json_get(request, "arguments");

	if (!check_protocol(request, err) || !check_members(request, err))
		return false;
	arguments->run = bk_json_int(bk_json_get(request, "run"), 0);
	*command = bk_command_find_verb(verb);
	if (*command == NULL || (agent->command->run != NULL ? *command != agent->command :
							 bk_command_is_agent(*command)))
		return bk_error(err, BK_STATE_PROTOCOL, "unknown verb \"%.40s\"", verb);
	for (void *at = bk_json_first(given); at != NULL; at = bk_json_next(given, at))
	{
		if (!take_argument(*command, bk_json_key(at), bk_json_value(at),
						   arguments, err))
			return false;
	}
	return true;
}

static bool
check_protocol(const BkJson *request, BkError *err)
{
	const BkJson *value = bk_json_get(request, "protocol");
	int64_t		protocol = bk_json_int(value, 0);

	if (!bk_json_is_int(value))
		return bk_error(err, BK_STATE_PROTOCOL, "the request has no protocol version");
	if (protocol >= PROTOCOL_OLDEST && protocol <= PROTOCOL_CURRENT)
		return true;
	bk_error(err, BK_STATE_PROTOCOL,
			 "protocol version %lld is not supported", (long long) protocol);
	bk_error_detail(err, "This is pg_backup_ext %s; it speaks versions %d to %d.",
					BK_VERSION, PROTOCOL_OLDEST, PROTOCOL_CURRENT);
	return bk_error_hint(err, "Install extension and program from the same package, and restart the server.");
}

/* All members must be there, and no other: it might change what is meant. */
static bool
check_members(const BkJson *request, BkError *err)
{
	static const struct
	{
		const char *name;
		bool		(*is_good) (const BkJson *json);
	}			members[] = {
		{"protocol", bk_json_is_int},
		{"run", bk_json_is_int},
		{"verb", bk_json_is_string},
		{"arguments", bk_json_is_object},
	};
	const size_t count = sizeof(members) / sizeof(members[0]);

	for (size_t i = 0; i < count; i++)
	{
		if (!members[i].is_good(bk_json_get(request, members[i].name)))
			return bk_error(err, BK_STATE_PROTOCOL,
							"member \"%s\" of the request is missing or has the wrong type",
							members[i].name);
	}
	for (void *at = bk_json_first(request); at != NULL; at = bk_json_next(request, at))
	{
		size_t		i = 0;

		while (i < count && strcmp(members[i].name, bk_json_key(at)) != 0)
			i++;
		if (i == count)
			return bk_error(err, BK_STATE_PROTOCOL,
							"unknown member \"%.40s\" of the request", bk_json_key(at));
	}
	return true;
}

static bool
take_argument(const BkCommand *command, const char *name, const BkJson *value,
			  BkRequest *arguments, BkError *err)
{
	const BkArgument *argument = bk_argument_find(name);

	if (argument == NULL || !argument->agent ||
		!bk_command_takes(command, argument))
		return bk_error(err, BK_STATE_PROTOCOL,
						"unknown argument \"%.40s\" for \"%s\"", name,
						command->agent_verb);
	if (argument->type == BK_ARGUMENT_BOOL && bk_json_is_bool(value))
	{
		bk_argument_set_bool(argument, arguments, bk_json_bool(value, false));
		return true;
	}
	if (argument->type == BK_ARGUMENT_LIST && bk_json_is_array(value))
		return take_list(argument, value, arguments, err);
	if (argument->type == BK_ARGUMENT_STRING && bk_json_is_string(value))
		return bk_argument_set_string(argument, arguments,
									  bk_json_string(value, NULL), err);
	if ((argument->type == BK_ARGUMENT_INT || argument->type == BK_ARGUMENT_TIME ||
		 argument->type == BK_ARGUMENT_RATE) && bk_json_is_int(value))
		return bk_argument_set_int(argument, arguments, bk_json_int(value, 0), err);
	return bk_error(err, BK_STATE_PROTOCOL,
					"argument \"%.40s\" has the wrong type", name);
}

/* A list has strings only. */
static bool
take_list(const BkArgument *argument, const BkJson *list, BkRequest *arguments,
		  BkError *err)
{
	for (size_t i = 0; i < bk_json_length(list); i++)
	{
		const char *item = bk_json_string(bk_json_at(list, i), NULL);

		if (item == NULL)
			return bk_error(err, BK_STATE_PROTOCOL,
							"argument \"%.40s\" has the wrong type", argument->name);
		if (!bk_argument_set_string(argument, arguments, item, err))
			return false;
	}
	return true;
}

static void
say_hello(void)
{
	BkJson	   *hello = bk_json_object();

	bk_json_put_string(hello, "event", "hello");
	bk_json_put_int(hello, "protocol", PROTOCOL_CURRENT);
	bk_json_put_int(hello, "oldest", PROTOCOL_OLDEST);
	bk_json_put_string(hello, "version", BK_VERSION);
	emit(hello);
}

static void
say_failed(const BkError *err)
{
	BkJson	   *failed = bk_json_object();

	bk_json_put_string(failed, "event", "failed");
	bk_json_put_string(failed, "sqlstate", err->sqlstate);
	bk_json_put_words(failed, "message", err->message);
	if (err->detail[0] != '\0')
		bk_json_put_words(failed, "detail", err->detail);
	if (err->hint[0] != '\0')
		bk_json_put_words(failed, "hint", err->hint);
	emit(failed);
}

/* Write and free one event. Text that is not UTF-8 would not get through. */
static void
emit(BkJson *event)
{
	char	   *text = bk_json_text(event, false);

	if (text != NULL)
		printf("%s\n", text);
	fflush(stdout);
	free(text);
	bk_json_free(event);
}

/* Warnings are for the caller, all else is for the server's log. */
static void
host_log(void *ctx, BkLogLevel level, const char *message)
{
	BkJson	   *notice;

	(void) ctx;
	if (level != BK_LOG_WARNING)
	{
		fprintf(stderr, "%s\n", message);
		return;
	}
	notice = bk_json_object();
	bk_json_put_string(notice, "event", "notice");
	bk_json_put_string(notice, "level", "warning");
	bk_json_put_words(notice, "message", message);
	emit(notice);
}

static void
host_record(void *ctx, const char *kind, const BkJson *body)
{
	BkJson	   *event = bk_json_copy(body);

	(void) ctx;
	bk_json_put_string(event, "event", kind);
	emit(event);
}

static void
host_progress(void *ctx, const BkProgress *progress)
{
	Agent	   *agent = ctx;
	int64_t		now = bk_clock_monotonic_ms();
	BkJson	   *event;

	if (now < agent->next_progress)
		return;
	agent->next_progress = now + PROGRESS_EVERY;
	event = bk_json_object();
	bk_json_put_string(event, "event", "progress");
	bk_json_put_string(event, "phase", progress->phase);
	bk_json_put_words(event, "object", progress->object);
	bk_json_put_int(event, "done", (int64_t) progress->done);
	bk_json_put_int(event, "total", (int64_t) progress->total);
	emit(event);
}

static bool
host_stop(void *ctx)
{
	(void) ctx;
	return bk_signals_stop();
}
