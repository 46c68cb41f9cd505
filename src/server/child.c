/*
 * child.c
 *	  The program as a child: hands on what it says, and stops it. Everything
 *	  that a child needs is freed when it is stopped, since its owner may live
 *	  as long as the server.
 */
#include "postgres.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include "libpq/pqsignal.h"
#include "miscadmin.h"
#include "postmaster/interrupt.h"
#include "storage/ipc.h"
#include "utils/guc.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"
#include "utils/wait_event.h"

#include "server/child.h"
#include "server/compat.h"
#include "server/spawn.h"

#define BK_CHILD_LINE_MAX (1024 * 1024)
#define BK_CHILD_LOG_LINE_MAX 4096
/*
 * From SIGTERM to SIGKILL: long enough to drop a database that is half
 * restored, and short where the server itself wants to stop.
 */
#define BK_CHILD_GRACE_MS (10 * 1000)
#define BK_CHILD_SHUTDOWN_MS 500
#define BK_CHILD_POLL_MS 10
#define BK_CHILD_READ_SIZE 8192
#define BK_CHILD_READS 16		/* of one pipe before others get their turn */

/* While a child is being asked to stop. */
typedef struct BkChildStop
{
	bool		asked;
	TimestampTz kill_at;
} BkChildStop;

static void bk_child_on_sigchld(SIGNAL_ARGS);
static void bk_child_own_pipe(BkChildPipe *pipe);
static bool bk_child_write(BkChild *child, const char *text);
static void bk_child_read(BkChild *child, BkChildPipe *pipe,
						  const BkChildHost *host);
static void bk_child_take_lines(BkChild *child, BkChildPipe *pipe,
								const BkChildHost *host);
static void bk_child_log_line(char *line, const BkChildHost *host);
static bool bk_child_has_ended(BkChild *child);
static void bk_child_ask_to_stop(BkChild *child, BkChildStop *stop);
static bool bk_child_await_end(BkChild *child, int timeout_ms);
static void bk_child_disown_pipe(BkChildPipe *pipe);

/* --- start --- */

void
bk_child_init(BkChild *child)
{
	memset(child, 0, sizeof(BkChild));
	child->in = -1;
	child->out.fd = -1;
	child->err.fd = -1;
}

void
bk_child_start(BkChild *child, const char *command, const char *request)
{
	BkSpawned	spawned;

	bk_spawn(command, &spawned);
	child->pid = spawned.pid;
	child->in = spawned.in;
	child->out.fd = spawned.out;
	child->err.fd = spawned.err;
	bk_child_own_pipe(&child->out);
	bk_child_own_pipe(&child->err);
	/* a child that ends early makes this fail; its exit is then what counts */
	(void) bk_child_write(child, request);
	fcntl(child->in, F_SETFL, O_NONBLOCK);
}

static void
bk_child_own_pipe(BkChildPipe *pipe)
{
	MemoryContext old = MemoryContextSwitchTo(TopMemoryContext);

	fcntl(pipe->fd, F_SETFL, O_NONBLOCK);
	initStringInfo(&pipe->text);
	MemoryContextSwitchTo(old);
}

static bool
bk_child_write(BkChild *child, const char *text)
{
	Size		left = strlen(text);

	while (left > 0)
	{
		ssize_t		put = write(child->in, text, left);

		if (put < 0 && errno == EINTR)
			continue;
		if (put < 0)
			return false;
		text += put;
		left -= put;
	}
	return true;
}

bool
bk_child_send(BkChild *child, const char *line)
{
	return child->in >= 0 && bk_child_write(child, line);
}

void
bk_child_end_input(BkChild *child)
{
	if (child->in >= 0)
		close(child->in);
	child->in = -1;
}

/* --- relay --- */

void
bk_child_relay(BkChild *child, const BkChildHost *host)
{
	BkChildStop stop = {0};

	/* what the child has started may keep its pipes open beyond its end */
	pqsignal(SIGCHLD, bk_child_on_sigchld);
	bk_child_end_input(child);
	while (!bk_child_take(child, host))
	{
		long		timeout = -1;

		if (host->stop_wanted(host->arg))
			bk_child_ask_to_stop(child, &stop);
		if (stop.asked)
			timeout = TimestampDifferenceMilliseconds(GetCurrentTimestamp(),
													  stop.kill_at);
		if (bk_child_wait(child, timeout) == BK_CHILD_ORPHANED)
		{
			kill(-child->pid, SIGKILL);
			_exit(1);			/* without a postmaster nothing is worth tidying */
		}
		CHECK_FOR_INTERRUPTS();
		if (ConfigReloadPending)
		{
			ConfigReloadPending = false;
			ProcessConfigFile(PGC_SIGHUP);
		}
	}
}

static void
bk_child_on_sigchld(SIGNAL_ARGS)
{
	int			saved_errno = errno;

	SetLatch(MyLatch);
	errno = saved_errno;
}

BkChildWake
bk_child_wait(BkChild *child, long timeout_ms)
{
	WaitEventSet *set = BkCreateWaitEventSet(4);
	WaitEvent	events[4];
	BkChildWake wake = BK_CHILD_HEARD;
	volatile int count = 0;
	int			i;

	PG_TRY();
	{
		AddWaitEventToSet(set, WL_LATCH_SET, PGINVALID_SOCKET, MyLatch, NULL);
		AddWaitEventToSet(set, WL_POSTMASTER_DEATH, PGINVALID_SOCKET, NULL, NULL);
		if (child->out.fd >= 0)
			AddWaitEventToSet(set, WL_SOCKET_READABLE, child->out.fd, NULL, NULL);
		if (child->err.fd >= 0)
			AddWaitEventToSet(set, WL_SOCKET_READABLE, child->err.fd, NULL, NULL);
		count = WaitEventSetWait(set, timeout_ms, events, lengthof(events),
								 PG_WAIT_EXTENSION);
	}
	PG_FINALLY();
	{
		FreeWaitEventSet(set);	/* it has a descriptor of its own */
	}
	PG_END_TRY();
	for (i = 0; i < count; i++)
	{
		if (events[i].events == WL_POSTMASTER_DEATH)
			return BK_CHILD_ORPHANED;
		if (events[i].events == WL_LATCH_SET)
			wake = BK_CHILD_LATCHED;
	}
	if (wake == BK_CHILD_LATCHED)
		ResetLatch(MyLatch);
	return wake;
}

bool
bk_child_take(BkChild *child, const BkChildHost *host)
{
	/* ask before reading: what was said before the end is all read then */
	bool		ended = bk_child_has_ended(child);

	bk_child_read(child, &child->out, host);
	bk_child_read(child, &child->err, host);
	if (ended && child->out.text.len > 0)
		ereport(ERROR,
				(errcode(ERRCODE_PROTOCOL_VIOLATION),
				 errmsg("the last line of the backup program has no end")));
	return ended;
}

/* After the end all that is left in the pipe is read, else a fair share. */
static void
bk_child_read(BkChild *child, BkChildPipe *pipe, const BkChildHost *host)
{
	char		buffer[BK_CHILD_READ_SIZE];
	int			reads;

	for (reads = 0; reads < BK_CHILD_READS && pipe->fd >= 0; reads++)
	{
		ssize_t		got = read(pipe->fd, buffer, sizeof(buffer));

		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0 && (errno == EAGAIN || errno == EWOULDBLOCK))
			break;
		if (got <= 0)
		{
			close(pipe->fd);
			pipe->fd = -1;
			break;
		}
		appendBinaryStringInfo(&pipe->text, buffer, got);
		bk_child_take_lines(child, pipe, host);
	}
}

/* Hands on the whole lines of a pipe and keeps the rest. */
static void
bk_child_take_lines(BkChild *child, BkChildPipe *pipe, const BkChildHost *host)
{
	bool		is_log = pipe == &child->err;
	char	   *line = pipe->text.data;
	char	   *end = pipe->text.data + pipe->text.len;
	char	   *feed;

	while ((feed = memchr(line, '\n', end - line)) != NULL)
	{
		*feed = '\0';
		if (is_log)
			bk_child_log_line(line, host);
		else
			host->event(host->arg, line, feed - line);
		line = feed + 1;
	}
	pipe->text.len = end - line;
	memmove(pipe->text.data, line, pipe->text.len);
	pipe->text.data[pipe->text.len] = '\0';

	if (is_log && pipe->text.len > BK_CHILD_LOG_LINE_MAX)
	{
		bk_child_log_line(pipe->text.data, host);
		resetStringInfo(&pipe->text);
	}
	if (pipe->text.len > BK_CHILD_LINE_MAX)
		ereport(ERROR,
				(errcode(ERRCODE_PROTOCOL_VIOLATION),
				 errmsg("a line of the backup program is longer than %d bytes",
						BK_CHILD_LINE_MAX)));
}

/* Control characters could forge lines of the server's log. */
static void
bk_child_log_line(char *line, const BkChildHost *host)
{
	char	   *c;

	for (c = line; *c != '\0'; c++)
	{
		if ((unsigned char) *c < 0x20 || *c == 0x7f)
			*c = ' ';
	}
	host->log(host->arg, line);
}

/* --- end --- */

/*
 * Looks whether the child has ended. If so, first kills what is left of its
 * process group, whose number cannot be used again before the child is reaped.
 */
static bool
bk_child_has_ended(BkChild *child)
{
	siginfo_t	info = {0};

	if (waitid(P_PID, child->pid, &info, WEXITED | WNOHANG | WNOWAIT) == 0 &&
		info.si_pid == 0)
		return false;
	kill(-child->pid, SIGKILL);
	if (waitpid(child->pid, &child->status, 0) != child->pid)
		child->status = 1 << 8;
	child->pid = 0;
	return true;
}

/* Asks once, and kills when the time is over. */
static void
bk_child_ask_to_stop(BkChild *child, BkChildStop *stop)
{
	if (!stop->asked)
	{
		stop->asked = true;
		stop->kill_at = TimestampTzPlusMilliseconds(GetCurrentTimestamp(),
													BK_CHILD_GRACE_MS);
		kill(-child->pid, SIGTERM);
	}
	else if (GetCurrentTimestamp() >= stop->kill_at)
	{
		kill(-child->pid, SIGKILL);
		stop->kill_at = TimestampTzPlusMilliseconds(stop->kill_at,
													BK_CHILD_GRACE_MS);
	}
}

void
bk_child_stop(BkChild *child)
{
	if (child->pid != 0)
	{
		kill(-child->pid, SIGTERM);
		if (!bk_child_await_end(child, BK_CHILD_SHUTDOWN_MS))
		{
			kill(-child->pid, SIGKILL);
			bk_child_await_end(child, BK_CHILD_SHUTDOWN_MS);
		}
	}
	bk_child_end_input(child);
	bk_child_disown_pipe(&child->out);
	bk_child_disown_pipe(&child->err);
}

/* Interrupts must not get in here: this is also called while exiting. */
static bool
bk_child_await_end(BkChild *child, int timeout_ms)
{
	int			waited;

	for (waited = 0; waited < timeout_ms; waited += BK_CHILD_POLL_MS)
	{
		if (bk_child_has_ended(child))
			return true;
		pg_usleep(BK_CHILD_POLL_MS * 1000L);
	}
	return bk_child_has_ended(child);
}

static void
bk_child_disown_pipe(BkChildPipe *pipe)
{
	if (pipe->fd >= 0)
		close(pipe->fd);
	pipe->fd = -1;
	if (pipe->text.data != NULL)
		pfree(pipe->text.data);
	memset(&pipe->text, 0, sizeof(pipe->text));
}
