/*
 * child.h
 *	  Child processes: started without a shell, watched, and never left behind.
 *
 * A child gets exactly the arguments and the environment it is given, default
 * signal handling, and no descriptor but its own three. It stays in our
 * process group, and dies with us: by the kernel's parent-death signal, which
 * follows the thread that called bk_child_spawn(). Spawn from the main thread
 * only (prctl(2), PR_SET_PDEATHSIG).
 *
 * Its standard error is read along with everything else; each line goes to
 * the log callback, and the last 8 kB are kept for the error message. While a
 * function here waits, it calls tick at least every 200 ms. The program
 * around must ignore SIGPIPE.
 *
 * What we write to a child and what it answers are not pumped at the same
 * time: a child with pipes at both ends must read all before it answers, or
 * answer no more than a pipe holds (64 kB).
 */
#ifndef BK_CORE_CHILD_H
#define BK_CORE_CHILD_H

#include <stdbool.h>
#include <stddef.h>

#include "core/error.h"
#include "core/stream.h"

typedef enum BkChildEnd
{
	BK_CHILD_NULL,				/* /dev/null */
	BK_CHILD_PIPE,				/* a pipe to us */
	BK_CHILD_FD					/* a descriptor, which stays the caller's */
} BkChildEnd;

typedef struct BkChildSpec
{
	const char *program;		/* path of the program; PATH is not searched */
	char *const *argv;			/* arguments from the name on, NULL at the end */
	char *const *envp;			/* "NAME=value" strings, NULL at the end */
	BkChildEnd	input;			/* its standard input */
	int			input_fd;		/* with BK_CHILD_FD */
	BkChildEnd	output;			/* its standard output */
	int			output_fd;		/* with BK_CHILD_FD */

	/* Called at least every 200 ms while we wait; false ends the wait. */
	bool		(*tick) (void *arg, BkError *err);

	/* One line of standard error, without its line feed. */
	void		(*log) (void *arg, const char *line);
	void	   *arg;			/* for both callbacks */
} BkChildSpec;

typedef struct BkChild BkChild;

/*
 * Start a child. A program that cannot be executed is an error that names it
 * (58P01). The spec is needed during the call only, its arg until
 * bk_child_free(). NULL on failure.
 */
extern BkChild *bk_child_spawn(const BkChildSpec *spec, BkError *err);

/*
 * Read up to len bytes of its standard output, a pipe; *got is 0 at the end:
 * no writer is left, or the child has exited and the pipe is empty. Says
 * nothing about how the child ended.
 */
extern bool bk_child_read(BkChild *child, void *buf, size_t len, size_t *got,
						  BkError *err);

/*
 * Write len bytes to its standard input, a pipe. If the child no longer reads
 * that is no failure here: *ended is set, the rest is dropped, and the caller
 * learns from bk_child_wait() how it ended.
 */
extern bool bk_child_write(BkChild *child, const void *buf, size_t len,
						   bool *ended, BkError *err);

/* Close our end of its standard input: the child sees the end of data. */
extern void bk_child_close_stdin(BkChild *child);

/*
 * Wait until the child has exited. Both pipes are closed first: a child that
 * still has something to say gets SIGPIPE. *status is as from waitpid(2). May
 * be called again.
 */
extern bool bk_child_wait(BkChild *child, int *status, BkError *err);

/* The last bytes (8 kB at most) of its standard error; borrowed. */
extern const char *bk_child_stderr_tail(const BkChild *child);

/*
 * True if the status is a clean exit. Else an error (58000) "<program>
 * failed", whose detail tells the exit status or signal and ends with the
 * last lines of standard error.
 */
extern bool bk_child_check(const BkChild *child, int status, BkError *err);

/* bk_child_wait() and bk_child_check() in one. */
extern bool bk_child_finish(BkChild *child, BkError *err);

/*
 * A reader over its standard output that takes the child over (closing it
 * frees the child). It reports the end of data only after the child has
 * exited cleanly: a dump that was cut short never looks complete. NULL, and
 * the child stays with the caller, if memory is out.
 */
extern BkReader *bk_child_reader(BkChild *child, BkError *err);

/*
 * End a child that has not been waited for: SIGTERM, after 200 ms SIGKILL,
 * and reap it.
 */
extern void bk_child_kill(BkChild *child);

/* Kill the child if it runs, and free the handle; NULL is allowed. */
extern void bk_child_free(BkChild *child);

#endif
