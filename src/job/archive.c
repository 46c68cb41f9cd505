/*
 * archive.c
 *	  Archive WAL: as a child of the archiver, or one file at a time.
 *
 * The main thread only waits: for lines that ask, for answers, for the time at
 * which it has to say that work goes on, and for the wish to stop. Nothing
 * here touches the repository, which may hang.
 */
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/clock.h"
#include "job/common.h"
#include "job/push.h"
#include "job/verbs.h"

#define WAL_FOLDER		"pg_wal"	/* of the data directory */
#define LINE_MAX_SIZE	4096
#define LOOK_UP_EVERY	200		/* milliseconds; signals may come just before a wait */
#define WORKING_EVERY	1000
#define STOP_WAIT		700
#define STALL_MAX		60000	/* nobody else ends a command of the server's */

/* The lines that ask. */
typedef struct Input
{
	int			fd;
	char		line[LINE_MAX_SIZE];
	size_t		len;
	bool		too_long;		/* the rest of the line is dropped */
	bool		ended;
} Input;

static bool serve(const BkRequest *request, const BkHost *host, BkPush *push,
				  BkError *err);
static bool wait_for(BkPush *push, int input, BkError *err);
static bool take_input(Input *input, BkPush *push, const BkHost *host,
					   BkError *err);
static void take_line(Input *input, BkPush *push, const BkHost *host);
static bool understand(Input *input, BkWalName *name, char *text,
					   size_t size, BkError *err);
static void report_answers(BkPush *push, const BkHost *host);
static void report_pushed(const BkPushAnswer *answer, const BkHost *host);
static void report_refused(const char *name, const BkError *error,
						   const BkHost *host);
static void report_working(BkPush *push, const BkHost *host);
static bool parse_path(const char *path, char **folder, BkWalName *name,
					   BkError *err);
static bool push_one(BkPush *push, const BkWalName *name, const BkHost *host,
					 BkPushAnswer *answer, BkError *err);

bool
bk_job_archive(const BkRequest *request, const BkHost *host, BkError *err)
{
	BkPush	   *push;
	bool		ok;

	if (!bk_common_need(request->repository, "repository", err) ||
		!bk_common_need(request->system_identifier, "system_identifier", err))
		return false;
	push = bk_push_start(request, host, WAL_FOLDER, BK_PUSH_AHEAD_MAX, err);
	if (push == NULL)
		return false;
	ok = serve(request, host, push, err);
	bk_push_stop(push, STOP_WAIT);
	return ok;
}

bool
bk_job_archive_push(const BkRequest *request, const BkHost *host, BkError *err)
{
	BkPushAnswer answer;
	BkWalName	name;
	BkPush	   *push;
	char	   *folder;
	bool		ok;

	if (!bk_common_need(request->path, "path", err) ||
		!bk_common_need(request->system_identifier, "system_identifier", err) ||
		!parse_path(request->path, &folder, &name, err))
		return false;
	push = bk_push_start(request, host, folder, (int) request->jobs - 1, err);
	free(folder);
	if (push == NULL)
		return false;
	ok = push_one(push, &name, host, &answer, err);
	bk_push_stop(push, STOP_WAIT);
	if (!ok)
		return false;
	if (answer.ok)
		report_pushed(&answer, host);
	else
		*err = answer.error;
	return answer.ok;
}

static bool
serve(const BkRequest *request, const BkHost *host, BkPush *push, BkError *err)
{
	Input		input = {.fd = request->input_fd};
	int64_t		next_working = 0;

	while (!input.ended)
	{
		int64_t		now = bk_clock_monotonic_ms();

		if (!bk_go_on(host, err) ||
			!wait_for(push, input.fd, err) ||
			!take_input(&input, push, host, err))
			return false;
		report_answers(push, host);
		if (now < next_working)
			continue;
		next_working = now + WORKING_EVERY;
		report_working(push, host);
	}
	return true;
}

/* Wait for an answer or, unless it is -1, for input; but not for long. */
static bool
wait_for(BkPush *push, int input, BkError *err)
{
	struct pollfd fds[] = {
		{.fd = bk_push_descriptor(push), .events = POLLIN},
		{.fd = input, .events = POLLIN},
	};

	if (poll(fds, 2, LOOK_UP_EVERY) < 0 && errno != EINTR)
		return bk_error_errno(err, "could not wait for input");
	return true;
}

/* Read what is there, and take the lines that are complete. */
static bool
take_input(Input *input, BkPush *push, const BkHost *host, BkError *err)
{
	struct pollfd ready = {.fd = input->fd, .events = POLLIN};
	char		chunk[LINE_MAX_SIZE];
	ssize_t		got;

	if (poll(&ready, 1, 0) <= 0)
		return true;
	got = read(input->fd, chunk, sizeof(chunk));
	if (got < 0 && errno != EINTR && errno != EAGAIN)
		return bk_error_errno(err, "could not read what to archive");
	input->ended = got == 0;
	for (ssize_t i = 0; i < got; i++)
	{
		if (chunk[i] == '\n')
			take_line(input, push, host);
		else if (input->len < sizeof(input->line) - 1)
			input->line[input->len++] = chunk[i];
		else
			input->too_long = true;
	}
	return true;
}

static void
take_line(Input *input, BkPush *push, const BkHost *host)
{
	char		text[BK_WAL_NAME_SIZE * 2];
	BkWalName	name;
	BkError		err;

	input->line[input->len] = '\0';
	if (!understand(input, &name, text, sizeof(text), &err) ||
		!bk_push_ask(push, &name, &err))
		report_refused(text, &err, host);
	input->len = 0;
	input->too_long = false;
}

/* {"push": "<name>"} and nothing else. The text is what stood for the name. */
static bool
understand(Input *input, BkWalName *name, char *text, size_t size,
		   BkError *err)
{
	BkJson	   *json;
	const char *pushed = NULL;
	void	   *at;
	bool		ok;

	text[0] = '\0';
	if (input->too_long)
		return bk_error(err, BK_STATE_PROTOCOL, "the line is longer than %d bytes",
						LINE_MAX_SIZE);
	json = bk_json_parse(input->line, input->len, "the line", err);
	if (json == NULL)
	{
		memcpy(err->sqlstate, BK_STATE_PROTOCOL, sizeof(BK_STATE_PROTOCOL));
		return false;
	}
	at = bk_json_first(json);
	if (at != NULL && bk_json_next(json, at) == NULL && strcmp(bk_json_key(at), "push") == 0)
		pushed = bk_json_string(bk_json_value(at), NULL);
	ok = pushed != NULL ||
		bk_error(err, BK_STATE_PROTOCOL, "the line is not of the form {\"push\": \"...\"}");
	if (pushed != NULL)
		strncat(text, pushed, size - 1);
	ok = ok && bk_wal_name_parse(pushed, name, err);
	bk_json_free(json);
	return ok;
}

static void
report_answers(BkPush *push, const BkHost *host)
{
	BkPushAnswer answer;

	while (bk_push_answer(push, &answer))
	{
		if (answer.ok)
			report_pushed(&answer, host);
		else
			report_refused(answer.name, &answer.error, host);
	}
}

static void
report_pushed(const BkPushAnswer *answer, const BkHost *host)
{
	BkJson	   *record = bk_json_object();

	bk_json_put_string(record, "name", answer->name);
	bk_json_put_int(record, "size", (int64_t) answer->size);
	bk_json_put_int(record, "stored", (int64_t) answer->stored);
	bk_json_put_bool(record, "fresh", answer->fresh);
	host->record(host->ctx, "pushed", record);
	bk_json_free(record);
}

static void
report_refused(const char *name, const BkError *error, const BkHost *host)
{
	BkJson	   *record = bk_json_object();

	bk_json_put_words(record, "name", name);
	bk_json_put_string(record, "sqlstate", error->sqlstate);
	bk_json_put_words(record, "message", error->message);
	if (error->detail[0] != '\0')
		bk_json_put_words(record, "detail", error->detail);
	if (error->hint[0] != '\0')
		bk_json_put_words(record, "hint", error->hint);
	host->record(host->ctx, "refused", record);
	bk_json_free(record);
}

static void
report_working(BkPush *push, const BkHost *host)
{
	BkPushProgress progress;

	for (size_t i = 0; bk_push_progress(push, i, &progress); i++)
	{
		BkJson	   *record = bk_json_object();

		bk_json_put_string(record, "name", progress.name);
		bk_json_put_int(record, "done", (int64_t) progress.done);
		bk_json_put_int(record, "total", (int64_t) progress.total);
		host->record(host->ctx, "working", record);
		bk_json_free(record);
	}
}

/* The folder of a path, which the caller frees, and the name behind it. */
static bool
parse_path(const char *path, char **folder, BkWalName *name, BkError *err)
{
	const char *slash = strrchr(path, '/');

	if (!bk_wal_name_parse(slash == NULL ? path : slash + 1, name, err))
		return false;
	*folder = slash == NULL ? strdup(".") : strndup(path, (size_t) (slash - path) + 1);
	return *folder != NULL || bk_error_memory(err);
}

/*
 * Push the file. If that is good, let what was begun beside it come to an end.
 * The server waits for its command, even when it is to stop: as long as
 * something moves, but not for a store that hangs.
 */
static bool
push_one(BkPush *push, const BkWalName *name, const BkHost *host,
		 BkPushAnswer *answer, BkError *err)
{
	int64_t		until = bk_clock_monotonic_ms() + STALL_MAX;
	uint64_t	moved = 0;
	bool		answered = false;

	if (!bk_push_ask(push, name, err))
		return false;
	for (;;)
	{
		BkPushProgress progress;
		int64_t		now = bk_clock_monotonic_ms();

		if (!answered && bk_push_answer(push, answer))
		{
			answered = true;
			until = now + STALL_MAX;
		}
		if (answered && (!answer->ok || bk_push_settle(push) || now >= until))
			return true;
		if (now >= until)
			return bk_error(err, BK_STATE_IO, "not a byte has reached the repository for %d s",
							STALL_MAX / 1000);
		if (!bk_go_on(host, err) || !wait_for(push, -1, err))
			return false;
		if (!bk_push_progress(push, 0, &progress))
			continue;
		bk_progress(host, "archive", progress.name, progress.done, progress.total);
		if (progress.done != moved)
			until = now + STALL_MAX;
		moved = progress.done;
	}
}
