/*
 * detach.c
 *	  Go on in the background.
 *
 * Two forks: the first process leads the new session and ends at once, so the
 * second has no parent that would have to reap it, and can get no terminal.
 */
#define _GNU_SOURCE 1
#include "core/detach.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

static void leave(void (*run) (void *arg), void *arg)
			__attribute__((noreturn));
static bool drop_descriptors(void);

bool
bk_detach(void (*run) (void *arg), void *arg, BkError *err)
{
	pid_t		pid = fork();
	int			status = 1;

	if (pid == 0)
		leave(run, arg);
	while (pid > 0 && waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	if (pid < 0 || status != 0)
		return bk_error_errno(err, "could not start a process in the background");
	return true;
}

static void
leave(void (*run) (void *arg), void *arg)
{
	pid_t		pid = setsid() < 0 ? -1 : fork();

	if (pid != 0)
		_exit(pid < 0);
	if (drop_descriptors())
		run(arg);
	_exit(0);
}

static bool
drop_descriptors(void)
{
	int			null = open("/dev/null", O_RDWR);
	struct rlimit limit;
	bool		ok = null >= 0;

	for (int fd = 0; ok && fd <= 2; fd++)
		ok = dup2(null, fd) == fd;
	if (!ok || syscall(SYS_close_range, 3, ~0U, 0) == 0)
		return ok;
	if (getrlimit(RLIMIT_NOFILE, &limit) != 0)
		return false;
	for (rlim_t fd = 3; fd < limit.rlim_cur; fd++)
		close((int) fd);
	return true;
}
