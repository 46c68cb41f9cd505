/*
 * spawn.c
 *	  The start of a child process: pipes, fork, exec.
 *
 * Other threads may hold any lock at the fork, so the child calls nothing but
 * async-signal-safe functions (signal-safety(7)). All signals are blocked
 * across the fork: no handler of ours ever runs in the child. What goes wrong
 * before the exec comes back as errno through a pipe that exec closes.
 */
#define _GNU_SOURCE 1
#include "core/spawn.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define SPAWN_HIGH_FD	10		/* above the child's own descriptors */
#define SPAWN_REPORT_FD	3
#define SPAWN_ENDS		4

/* The child's side, in the order of its descriptors. */
typedef struct ChildEnds
{
	int			fd[SPAWN_ENDS]; /* input, output, errors, report */
	bool		ours[SPAWN_ENDS];	/* to be closed by us after the fork */
} ChildEnds;

static bool open_ends(const BkChildSpec *spec, ChildEnds *ends,
					  BkSpawned *spawned, int *report);
static bool open_end(BkChildEnd kind, int fd, int *theirs, int *read_end,
					 int *write_end);
static bool open_pipe(int *read_end, int *write_end);
static bool unblock(int fd);
static void close_ends(ChildEnds *ends);
static void close_spawned(BkSpawned *spawned);
static void close_end(int *fd);
static pid_t fork_blocked(const BkChildSpec *spec, const ChildEnds *ends);
static void become(const BkChildSpec *spec, const ChildEnds *ends,
				   pid_t parent) __attribute__((noreturn));
static bool place_ends(const ChildEnds *ends, int *report);
static void close_above(int last);
static void reset_signals(void);
static int	read_report(int report);

bool
bk_spawn(const BkChildSpec *spec, BkSpawned *spawned, BkError *err)
{
	ChildEnds	ends;
	int			report = -1;
	int			code;

	if (!open_ends(spec, &ends, spawned, &report))
	{
		bk_error_errno(err, "could not make pipes for \"%s\"", spec->program);
		close_ends(&ends);
		close_spawned(spawned);
		close_end(&report);
		return false;
	}
	spawned->pid = fork_blocked(spec, &ends);
	if (spawned->pid < 0)
		bk_error_errno(err, "could not start a process for \"%s\"",
					   spec->program);
	close_ends(&ends);
	code = spawned->pid > 0 ? read_report(report) : 0;
	close_end(&report);
	if (spawned->pid > 0 && code == 0)
		return true;
	if (spawned->pid > 0)
	{
		while (waitpid(spawned->pid, NULL, 0) < 0 && errno == EINTR)
			;
		bk_error(err, BK_STATE_MISSING_FILE, "could not execute \"%s\": %s",
				 spec->program, strerror(code));
	}
	close_spawned(spawned);
	return false;
}

/* On failure, what is open already is for the caller to close. */
static bool
open_ends(const BkChildSpec *spec, ChildEnds *ends, BkSpawned *spawned,
		  int *report)
{
	for (int i = 0; i < SPAWN_ENDS; i++)
	{
		ends->fd[i] = -1;
		ends->ours[i] = true;
	}
	spawned->input = -1;
	spawned->output = -1;
	spawned->errors = -1;
	ends->ours[0] = spec->input != BK_CHILD_FD;
	ends->ours[1] = spec->output != BK_CHILD_FD;
	return open_end(spec->input, spec->input_fd, &ends->fd[0],
					&ends->fd[0], &spawned->input) &&
		open_end(spec->output, spec->output_fd, &ends->fd[1],
				 &spawned->output, &ends->fd[1]) &&
		open_pipe(&spawned->errors, &ends->fd[2]) &&
		open_pipe(report, &ends->fd[SPAWN_REPORT_FD]) &&
		unblock(spawned->input) && unblock(spawned->output) &&
		unblock(spawned->errors);
}

/* One end of the child: theirs, or a pipe into its two places. */
static bool
open_end(BkChildEnd kind, int fd, int *theirs, int *read_end, int *write_end)
{
	if (kind == BK_CHILD_PIPE)
		return open_pipe(read_end, write_end);
	*theirs = kind == BK_CHILD_FD ? fd : open("/dev/null", O_RDWR | O_CLOEXEC);
	return kind == BK_CHILD_FD || *theirs >= 0;
}

static bool
open_pipe(int *read_end, int *write_end)
{
	int			fd[2];

	if (pipe2(fd, O_CLOEXEC) != 0)
		return false;
	*read_end = fd[0];
	*write_end = fd[1];
	return true;
}

static bool
unblock(int fd)
{
	return fd < 0 || fcntl(fd, F_SETFL, O_NONBLOCK) == 0;
}

static void
close_ends(ChildEnds *ends)
{
	for (int i = 0; i < SPAWN_ENDS; i++)
	{
		if (ends->ours[i])
			close_end(&ends->fd[i]);
	}
}

static void
close_spawned(BkSpawned *spawned)
{
	close_end(&spawned->input);
	close_end(&spawned->output);
	close_end(&spawned->errors);
}

static void
close_end(int *fd)
{
	if (*fd >= 0)
		close(*fd);
	*fd = -1;
}

static pid_t
fork_blocked(const BkChildSpec *spec, const ChildEnds *ends)
{
	sigset_t	all;
	sigset_t	before;
	pid_t		parent = getpid();
	pid_t		pid;
	int			code;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	pid = fork();
	if (pid == 0)
		become(spec, ends, parent);
	code = errno;
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	errno = code;
	return pid;
}

/* In the child: turn into the program. */
static void
become(const BkChildSpec *spec, const ChildEnds *ends, pid_t parent)
{
	int			report = ends->fd[SPAWN_REPORT_FD];
	int			code;

	if (prctl(PR_SET_PDEATHSIG, SIGKILL) == 0 && getppid() == parent &&
		place_ends(ends, &report))
	{
		close_above(SPAWN_REPORT_FD);
		reset_signals();
		execve(spec->program, spec->argv, spec->envp);
	}
	code = errno;
	if (write(report, &code, sizeof(code)) < 0)
		_exit(126);
	_exit(127);
}

/*
 * Put the ends where the program expects them. They are moved up first, since
 * one may sit where another belongs.
 */
static bool
place_ends(const ChildEnds *ends, int *report)
{
	int			high[SPAWN_ENDS];

	for (int i = 0; i < SPAWN_ENDS; i++)
	{
		high[i] = fcntl(ends->fd[i], F_DUPFD_CLOEXEC, SPAWN_HIGH_FD);
		if (high[i] < 0)
			return false;
	}
	*report = high[SPAWN_REPORT_FD];
	for (int i = 0; i < SPAWN_REPORT_FD; i++)
	{
		if (dup2(high[i], i) < 0)
			return false;
	}
	if (dup3(high[SPAWN_REPORT_FD], SPAWN_REPORT_FD, O_CLOEXEC) < 0)
		return false;
	*report = SPAWN_REPORT_FD;
	return true;
}

static void
close_above(int last)
{
	struct rlimit limit;

	if (syscall(SYS_close_range, last + 1, ~0U, 0) == 0 ||
		getrlimit(RLIMIT_NOFILE, &limit) != 0)
		return;
	for (rlim_t fd = (rlim_t) last + 1; fd < limit.rlim_cur; fd++)
		close((int) fd);
}

static void
reset_signals(void)
{
	struct sigaction standard = {.sa_handler = SIG_DFL};
	sigset_t	none;

	/*
	 * SIGKILL and SIGSTOP cannot be set and need no reset; the C library keeps
	 * two more to itself.
	 */
	for (int number = 1; number < NSIG; number++)
		sigaction(number, &standard, NULL);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
}

/* 0 when exec has closed the pipe, else the child's errno. */
static int
read_report(int report)
{
	int			code = 0;
	ssize_t		size;

	do
		size = read(report, &code, sizeof(code));
	while (size < 0 && errno == EINTR);
	return size == sizeof(code) ? code : 0;
}
