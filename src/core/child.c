/*
 * child.c
 *	  Child processes: reading, writing, waiting, ending. (spawn.c starts them.)
 *
 * All our pipe ends are non-blocking; every wait is a poll() in slices over
 * the pipe in question and standard error, so that neither side can block the
 * other. Exit is learnt from waitpid() of this child, not from the end of
 * data alone: a grandchild may keep a pipe open for ever.
 */
#define _GNU_SOURCE 1
#include "core/child.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "core/clock.h"
#include "core/spawn.h"

#define CHILD_TAIL_SIZE		8192
#define CHILD_DRAIN_MAX		32
#define CHILD_LINE_SIZE		1024
#define CHILD_SLICE_MS		100
#define CHILD_SHORT_MS		10	/* when only waitpid() can tell */
#define CHILD_TERM_MS		200	/* less than we get ourselves (PROTOCOL.md) */
#define CHILD_DETAIL_SIZE	1800	/* of the tail, in an error's detail */

struct BkChild
{
	BkSpawned	process;
	bool		reaped;
	int			status;			/* once reaped */
	bool		(*tick) (void *arg, BkError *err);
	void		(*log) (void *arg, const char *line);
	void	   *arg;
	char		name[64];		/* for messages */
	char		tail[CHILD_TAIL_SIZE + 1];
	size_t		tail_len;
	char		line[CHILD_LINE_SIZE + 1];
	size_t		line_len;
};

typedef struct ChildReader
{
	BkReader	base;
	BkChild    *child;
	bool		ended;
} ChildReader;

static bool reader_read(BkReader *reader, void *buf, size_t len, size_t *got,
						BkError *err);
static void reader_close(BkReader *reader);
static bool wait_slice(BkChild *child, int fd, short events, bool *ready,
					   BkError *err);
static bool reap(BkChild *child, BkError *err);
static void close_end(int *fd);
static void drain_stderr(BkChild *child);
static void keep_tail(BkChild *child, const char *data, size_t len);
static void log_lines(BkChild *child, const char *data, size_t len);
static void log_line(BkChild *child);
static const char *last_lines(const BkChild *child);

static const BkReaderOps reader_ops = {
	.read = reader_read,
	.close = reader_close,
};

BkChild *
bk_child_spawn(const BkChildSpec *spec, BkError *err)
{
	BkChild    *child = calloc(1, sizeof(*child));
	const char *slash = strrchr(spec->program, '/');
	const char *name = slash != NULL ? slash + 1 : spec->program;

	if (child == NULL)
	{
		bk_error_memory(err);
		return NULL;
	}
	if (!bk_spawn(spec, &child->process, err))
	{
		free(child);
		return NULL;
	}
	child->tick = spec->tick;
	child->log = spec->log;
	child->arg = spec->arg;
	memcpy(child->name, name, strnlen(name, sizeof(child->name) - 1));
	return child;
}

bool
bk_child_read(BkChild *child, void *buf, size_t len, size_t *got,
			  BkError *err)
{
	bool		exited = child->reaped;
	bool		ready;

	*got = 0;
	for (;;)
	{
		ssize_t		size = read(child->process.output, buf, len);

		if (size >= 0)
		{
			*got = (size_t) size;
			drain_stderr(child);
			return child->tick(child->arg, err);
		}
		if (errno != EAGAIN && errno != EINTR)
			return bk_error_errno(err, "could not read from %s", child->name);
		/* Nothing came after its exit: the end. */
		if (exited && errno == EAGAIN)
			return true;
		if (!wait_slice(child, child->process.output, POLLIN, &ready, err))
			return false;
		if (!ready && !reap(child, err))
			return false;
		exited = child->reaped;
	}
}

bool
bk_child_write(BkChild *child, const void *buf, size_t len, bool *ended,
			   BkError *err)
{
	const char *next = buf;
	bool		ready;

	*ended = false;
	while (len > 0)
	{
		ssize_t		size = write(child->process.input, next, len);

		if (size >= 0)
		{
			next += size;
			len -= (size_t) size;
		}
		else if (errno == EPIPE)
		{
			*ended = true;
			return true;
		}
		else if (errno != EAGAIN && errno != EINTR)
			return bk_error_errno(err, "could not write to %s", child->name);
		else if (!wait_slice(child, child->process.input, POLLOUT, &ready, err))
			return false;
	}
	drain_stderr(child);
	return child->tick(child->arg, err);
}

void
bk_child_close_stdin(BkChild *child)
{
	close_end(&child->process.input);
}

bool
bk_child_wait(BkChild *child, int *status, BkError *err)
{
	bool		ready;

	close_end(&child->process.input);
	close_end(&child->process.output);
	for (;;)
	{
		if (!reap(child, err))
			return false;
		if (child->reaped)
			break;
		if (!wait_slice(child, -1, 0, &ready, err))
			return false;
	}
	drain_stderr(child);
	log_line(child);
	*status = child->status;
	return true;
}

const char *
bk_child_stderr_tail(const BkChild *child)
{
	return child->tail;
}

bool
bk_child_check(const BkChild *child, int status, BkError *err)
{
	const char *lines = last_lines(child);
	const char *gap = *lines != '\0' ? "\n" : "";
	int			len = (int) strlen(lines);

	if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
		return true;
	while (len > 0 && lines[len - 1] == '\n')
		len--;
	bk_error(err, BK_STATE_SYSTEM, "%s failed", child->name);
	if (WIFSIGNALED(status))
		return bk_error_detail(err, "%s was terminated by signal %d.%s%.*s",
							   child->name, WTERMSIG(status), gap, len, lines);
	return bk_error_detail(err, "%s exited with status %d.%s%.*s", child->name,
						   WEXITSTATUS(status), gap, len, lines);
}

bool
bk_child_finish(BkChild *child, BkError *err)
{
	int			status;

	return bk_child_wait(child, &status, err) &&
		bk_child_check(child, status, err);
}

BkReader *
bk_child_reader(BkChild *child, BkError *err)
{
	ChildReader *self = malloc(sizeof(*self));

	if (self == NULL)
	{
		bk_error_memory(err);
		return NULL;
	}
	self->base.ops = &reader_ops;
	self->child = child;
	self->ended = false;
	return &self->base;
}

void
bk_child_kill(BkChild *child)
{
	BkError		ignored;
	int64_t		deadline = bk_clock_monotonic_ms() + CHILD_TERM_MS;

	if (!reap(child, &ignored) || child->reaped)
		return;
	kill(child->process.pid, SIGTERM);
	while (bk_clock_monotonic_ms() < deadline)
	{
		if (!reap(child, &ignored) || child->reaped)
			return;
		poll(NULL, 0, CHILD_SHORT_MS);
	}
	kill(child->process.pid, SIGKILL);
	while (waitpid(child->process.pid, &child->status, 0) < 0 && errno == EINTR)
		;
	child->reaped = true;
}

void
bk_child_free(BkChild *child)
{
	if (child == NULL)
		return;
	close_end(&child->process.input);
	close_end(&child->process.output);
	bk_child_kill(child);
	close_end(&child->process.errors);
	free(child);
}

static bool
reader_read(BkReader *reader, void *buf, size_t len, size_t *got,
			BkError *err)
{
	ChildReader *self = (ChildReader *) reader;

	*got = 0;
	if (self->ended)
		return true;
	if (!bk_child_read(self->child, buf, len, got, err))
		return false;
	if (*got > 0)
		return true;
	self->ended = true;
	return bk_child_finish(self->child, err);
}

static void
reader_close(BkReader *reader)
{
	ChildReader *self = (ChildReader *) reader;

	bk_child_free(self->child);
	free(self);
}

/*
 * Wait a while for the descriptor (-1: none) and take in what comes on
 * standard error. Ends early when something happens.
 */
static bool
wait_slice(BkChild *child, int fd, short events, bool *ready, BkError *err)
{
	struct pollfd ends[2] = {
		{.fd = fd, .events = events},
		{.fd = child->process.errors, .events = POLLIN},
	};
	bool		blind = fd < 0 && child->process.errors < 0;

	if (poll(ends, 2, blind ? CHILD_SHORT_MS : CHILD_SLICE_MS) < 0 &&
		errno != EINTR)
		return bk_error_errno(err, "could not wait for %s", child->name);
	*ready = ends[0].revents != 0;
	if (ends[1].revents != 0)
		drain_stderr(child);
	return child->tick(child->arg, err);
}

/* Has it exited? Sets "reaped" if so, and does not wait. */
static bool
reap(BkChild *child, BkError *err)
{
	pid_t		pid;

	if (child->reaped)
		return true;
	pid = waitpid(child->process.pid, &child->status, WNOHANG);
	if (pid < 0 && errno != EINTR)
		return bk_error_errno(err, "could not wait for %s", child->name);
	child->reaped = pid > 0;
	return true;
}

static void
close_end(int *fd)
{
	if (*fd >= 0)
		close(*fd);
	*fd = -1;
}

static void
drain_stderr(BkChild *child)
{
	char		data[4096];
	ssize_t		size = 1;

	/* Bounded: a child that never stops talking shall not hold us here. */
	for (int i = 0; i < CHILD_DRAIN_MAX && size > 0; i++)
	{
		if (child->process.errors < 0)
			return;
		size = read(child->process.errors, data, sizeof(data));
		if (size > 0)
		{
			keep_tail(child, data, (size_t) size);
			log_lines(child, data, (size_t) size);
		}
		else if (size == 0 || (errno != EAGAIN && errno != EINTR))
			close_end(&child->process.errors);
	}
}

/* Keep the last bytes; a NUL would hide what follows it. */
static void
keep_tail(BkChild *child, const char *data, size_t len)
{
	size_t		over = 0;

	if (child->tail_len + len > CHILD_TAIL_SIZE)
		over = child->tail_len + len - CHILD_TAIL_SIZE;
	memmove(child->tail, child->tail + over, child->tail_len - over);
	child->tail_len -= over;
	for (size_t i = 0; i < len; i++)
		child->tail[child->tail_len++] = data[i] != '\0' ? data[i] : '?';
	child->tail[child->tail_len] = '\0';
}

/* Longer lines come in pieces. */
static void
log_lines(BkChild *child, const char *data, size_t len)
{
	for (size_t i = 0; i < len; i++)
	{
		if (data[i] == '\n' || child->line_len == CHILD_LINE_SIZE)
			log_line(child);
		if (data[i] != '\n')
			child->line[child->line_len++] = data[i];
	}
}

static void
log_line(BkChild *child)
{
	if (child->line_len == 0)
		return;
	child->line[child->line_len] = '\0';
	child->line_len = 0;
	child->log(child->arg, child->line);
}

/* As many whole lines from the end of the tail as a detail can hold. */
static const char *
last_lines(const BkChild *child)
{
	const char *start;
	const char *line;

	if (child->tail_len <= CHILD_DETAIL_SIZE)
		return child->tail;
	start = child->tail + child->tail_len - CHILD_DETAIL_SIZE;
	line = strchr(start, '\n');
	return line != NULL && line[1] != '\0' ? line + 1 : start;
}
