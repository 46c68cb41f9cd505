/*
 * child.c
 *	  Starts the program pg_backup_ext, which lies beside postgres, and relays
 *	  what it says. No shell, no inherited environment or descriptor; the
 *	  kernel kills it when its worker dies. Between fork and exec only
 *	  async-signal-safe calls are made.
 */
#include "postgres.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
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
#define BK_CHILD_OOM_SCORE "500"	/* rather the child than the server */

/* What the new process needs; all made before the fork. */
typedef struct BkChildPlan
{
	char		program[MAXPGPATH];
	pid_t		parent;
	int			stdio[3];
	int			trouble;		/* write end: errno if exec fails */
	int			fd_limit;
} BkChildPlan;

/* While a child is being asked to stop. */
typedef struct BkChildStop
{
	bool		asked;
	TimestampTz kill_at;
} BkChildStop;

static void bk_child_program(char *program, Size size);
static void bk_child_open_pipe(int fds[2]);
static void bk_child_fork(BkChild *child, BkChildPlan *plan);
static void bk_child_exec(const BkChildPlan *plan) BK_NORETURN;
static void bk_child_close_fds(int limit);
static void bk_child_on_sigchld(SIGNAL_ARGS);
static void bk_child_own_pipe(BkChildPipe *pipe, int fd);
static void bk_child_check_exec(BkChild *child, int fd, const char *program);
static void bk_child_write(int fd, const char *request);
static void bk_child_wait(BkChild *child, const BkChildStop *stop);
static void bk_child_read(BkChild *child, BkChildPipe *pipe,
						  const BkChildHost *host);
static void bk_child_take_lines(BkChild *child, BkChildPipe *pipe,
								const BkChildHost *host);
static void bk_child_log_line(char *line, const BkChildHost *host);
static bool bk_child_has_ended(BkChild *child);
static void bk_child_ask_to_stop(BkChild *child, BkChildStop *stop);
static bool bk_child_await_end(BkChild *child, int timeout_ms);
static void bk_child_close_pipe(BkChildPipe *pipe);

/* --- start --- */

void
bk_child_start(BkChild *child, const char *request)
{
	BkChildPlan plan;
	int			in[2];
	int			out[2];
	int			err[2];
	int			trouble[2];
	struct rlimit limit;

	/* make everything before the fork */
	memset(&plan, 0, sizeof(plan));
	bk_child_program(plan.program, sizeof(plan.program));
	plan.parent = MyProcPid;
	plan.fd_limit = getrlimit(RLIMIT_NOFILE, &limit) == 0 ?
		(int) Min(limit.rlim_cur, 1024 * 1024) : 1024;
	bk_child_open_pipe(in);
	bk_child_open_pipe(out);
	bk_child_open_pipe(err);
	bk_child_open_pipe(trouble);
	plan.stdio[STDIN_FILENO] = in[0];
	plan.stdio[STDOUT_FILENO] = out[1];
	plan.stdio[STDERR_FILENO] = err[1];
	plan.trouble = trouble[1];
	bk_child_own_pipe(&child->out, out[0]);
	bk_child_own_pipe(&child->err, err[0]);

	pqsignal(SIGCHLD, bk_child_on_sigchld);
	bk_child_fork(child, &plan);
	close(in[0]);
	close(out[1]);
	close(err[1]);
	close(trouble[1]);

	bk_child_check_exec(child, trouble[0], plan.program);
	bk_child_write(in[1], request);
}

/* The program lies beside the postgres that runs. */
static void
bk_child_program(char *program, Size size)
{
	const char *slash;

	slash = strrchr(my_exec_path, '/');
	if (slash == NULL)
		elog(ERROR, "path of the server program is not known");
	snprintf(program, size, "%.*s/pg_backup_ext",
			 (int) (slash - my_exec_path), my_exec_path);
}

/* A failure ends the worker's run, and its exit closes what is open. */
static void
bk_child_open_pipe(int fds[2])
{
	if (pipe2(fds, O_CLOEXEC) != 0)
		ereport(ERROR,
				(errcode_for_file_access(),
				 errmsg("could not create a pipe to the backup program: %m")));
}

static void
bk_child_fork(BkChild *child, BkChildPlan *plan)
{
	sigset_t	all;
	sigset_t	before;
	int			saved_errno;

	sigfillset(&all);
	sigprocmask(SIG_SETMASK, &all, &before);
	child->pid = fork();
	if (child->pid == 0)
		bk_child_exec(plan);
	saved_errno = errno;
	sigprocmask(SIG_SETMASK, &before, NULL);
	if (child->pid < 0)
	{
		child->pid = 0;
		errno = saved_errno;
		ereport(ERROR,
				(errcode(ERRCODE_INSUFFICIENT_RESOURCES),
				 errmsg("could not start the backup program: %m")));
	}
}

/* Runs in the new process. */
static void
bk_child_exec(const BkChildPlan *plan)
{
	char	   *argv[] = {"pg_backup_ext", "agent", NULL};
	char	   *environment[] = {"PATH=/usr/bin:/bin", "LC_ALL=C", "TZ=UTC", NULL};
	struct sigaction by_default;
	sigset_t	none;
	int			number;
	int			fd;

	setsid();
	memset(&by_default, 0, sizeof(by_default));
	by_default.sa_handler = SIG_DFL;
	for (number = 1; number < NSIG; number++)
		sigaction(number, &by_default, NULL);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);

	for (fd = 0; fd < 3; fd++)
		dup2(plan->stdio[fd], fd);
	if (plan->trouble != 3)
		dup2(plan->trouble, 3);
	fcntl(3, F_SETFD, FD_CLOEXEC);
	bk_child_close_fds(plan->fd_limit);

	fd = open("/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC);
	if (fd >= 0)
	{
		if (write(fd, BK_CHILD_OOM_SCORE, strlen(BK_CHILD_OOM_SCORE)) < 0)
			errno = 0;			/* the child works without it */
		close(fd);
	}

	/* the worker may have died before the kernel knew our wish */
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() != plan->parent)
		_exit(1);

	execve(plan->program, argv, environment);
	number = errno;
	if (write(3, &number, sizeof(number)) < 0)
		_exit(2);
	_exit(1);
}

static void
bk_child_close_fds(int limit)
{
	int			fd;

#ifdef SYS_close_range
	if (syscall(SYS_close_range, 4U, ~0U, 0U) == 0)
		return;
#endif
	for (fd = 4; fd < limit; fd++)
		close(fd);
}

static void
bk_child_on_sigchld(SIGNAL_ARGS)
{
	int			saved_errno = errno;

	SetLatch(MyLatch);
	errno = saved_errno;
}

static void
bk_child_own_pipe(BkChildPipe *pipe, int fd)
{
	MemoryContext old = MemoryContextSwitchTo(TopMemoryContext);

	fcntl(fd, F_SETFL, O_NONBLOCK);
	pipe->fd = fd;
	initStringInfo(&pipe->text);
	MemoryContextSwitchTo(old);
}

/* The pipe is closed by a successful exec, or tells why there was none. */
static void
bk_child_check_exec(BkChild *child, int fd, const char *program)
{
	int			trouble;
	ssize_t		got;

	do
	{
		got = read(fd, &trouble, sizeof(trouble));
	} while (got < 0 && errno == EINTR);
	close(fd);
	if (got != sizeof(trouble))
		return;
	errno = trouble;
	ereport(ERROR,
			(errcode(ERRCODE_UNDEFINED_FILE),
			 errmsg("program \"%s\" is missing or cannot be executed", program),
			 errdetail("The system says: %m."),
			 errhint("Install the program of the same version of backup_ext beside the server's programs.")));
}

/*
 * A child that ends early makes this fail; its exit is then what counts, so
 * there is nothing to report here.
 */
static void
bk_child_write(int fd, const char *request)
{
	Size		left = strlen(request);

	while (left > 0)
	{
		ssize_t		put = write(fd, request, left);

		if (put < 0 && errno == EINTR)
			continue;
		if (put < 0)
			break;
		request += put;
		left -= put;
	}
	close(fd);
}

/* --- relay --- */

void
bk_child_relay(BkChild *child, const BkChildHost *host)
{
	BkChildStop stop = {0};
	bool		ended = false;

	while (!ended)
	{
		bk_child_wait(child, &stop);
		CHECK_FOR_INTERRUPTS();
		if (ConfigReloadPending)
		{
			ConfigReloadPending = false;
			ProcessConfigFile(PGC_SIGHUP);
		}
		/* ask before reading: what was said before the end is all read then */
		ended = bk_child_has_ended(child);
		bk_child_read(child, &child->out, host);
		bk_child_read(child, &child->err, host);
		if (!ended && host->stop_wanted(host->arg))
			bk_child_ask_to_stop(child, &stop);
	}
	if (child->out.text.len > 0)
		ereport(ERROR,
				(errcode(ERRCODE_PROTOCOL_VIOLATION),
				 errmsg("the last line of the backup program has no end")));
}

/* Sleeps until the latch is set, a pipe has something, or it is time to kill. */
static void
bk_child_wait(BkChild *child, const BkChildStop *stop)
{
	WaitEventSet *set = BkCreateWaitEventSet(4);
	WaitEvent	event;
	long		timeout = -1;
	bool		orphaned;

	if (stop->asked)
		timeout = TimestampDifferenceMilliseconds(GetCurrentTimestamp(),
												  stop->kill_at);
	AddWaitEventToSet(set, WL_LATCH_SET, PGINVALID_SOCKET, MyLatch, NULL);
	AddWaitEventToSet(set, WL_POSTMASTER_DEATH, PGINVALID_SOCKET, NULL, NULL);
	if (child->out.fd >= 0)
		AddWaitEventToSet(set, WL_SOCKET_READABLE, child->out.fd, NULL, NULL);
	if (child->err.fd >= 0)
		AddWaitEventToSet(set, WL_SOCKET_READABLE, child->err.fd, NULL, NULL);
	orphaned = WaitEventSetWait(set, timeout, &event, 1, PG_WAIT_EXTENSION) == 1 &&
		event.events == WL_POSTMASTER_DEATH;
	FreeWaitEventSet(set);
	if (orphaned)
	{
		kill(-child->pid, SIGKILL);
		_exit(1);				/* without a postmaster nothing is worth tidying */
	}
	ResetLatch(MyLatch);
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
	bk_child_close_pipe(&child->out);
	bk_child_close_pipe(&child->err);
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
bk_child_close_pipe(BkChildPipe *pipe)
{
	if (pipe->fd >= 0)
		close(pipe->fd);
	pipe->fd = -1;
}
