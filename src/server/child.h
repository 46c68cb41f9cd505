/*
 * child.h
 *	  The program as a child process: start, lines from its pipes, stop.
 *
 * A worker has one child. The child leads a session and process group of its
 * own, so that it and everything it starts can be stopped together.
 */
#ifndef BK_SERVER_CHILD_H
#define BK_SERVER_CHILD_H

#include <sys/types.h>

#include "lib/stringinfo.h"

/* What the owner of a child gives: all members are set. */
typedef struct BkChildHost
{
	/* One line of standard output, without its line feed. May raise an error. */
	void		(*event) (void *arg, char *line, int length);
	/* One line of standard error, at most a few kB long; printable. */
	void		(*log) (void *arg, const char *line);
	/* Asked at each wake-up: must the child be stopped? */
	bool		(*stop_wanted) (void *arg);
	void	   *arg;
} BkChildHost;

typedef struct BkChildPipe
{
	int			fd;				/* -1: at its end */
	StringInfoData text;		/* what has come since the last line feed */
} BkChildPipe;

typedef struct BkChild
{
	pid_t		pid;			/* 0: none is running */
	int			status;			/* as from waitpid, once it has ended */
	BkChildPipe out;
	BkChildPipe err;
} BkChild;

/*
 * Starts "pg_backup_ext agent" and gives it the request, a line of less than
 * 60 kB. Raises an error with SQLSTATE 58P01 if there is no such program. The
 * latch of this process is set when the child ends.
 */
extern void bk_child_start(BkChild *child, const char *request);

/*
 * Hands on lines until the child has ended. Raises an error when a line is
 * longer than 1 MiB, and on interrupts; the child then still runs.
 */
extern void bk_child_relay(BkChild *child, const BkChildHost *host);

/* Stops the child if it runs, within about a second, and closes its pipes. */
extern void bk_child_stop(BkChild *child);

#endif							/* BK_SERVER_CHILD_H */
