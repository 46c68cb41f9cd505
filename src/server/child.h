/*
 * child.h
 *	  The program as a child process: start, lines from its pipes, stop.
 *
 * Its owner has one child at a time. The child leads a session and process
 * group of its own, so that it and everything it starts can be stopped
 * together.
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
	/* Asked by bk_child_relay at each wake-up: must the child be stopped? */
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
	int			in;				/* -1: its input is ended */
	BkChildPipe out;
	BkChildPipe err;
} BkChild;

/* Why a wait has ended. */
typedef enum BkChildWake
{
	BK_CHILD_HEARD,				/* a pipe has something, or the time is over */
	BK_CHILD_LATCHED,			/* the latch was set, and is reset now */
	BK_CHILD_ORPHANED			/* the postmaster is gone */
} BkChildWake;

/* Makes a child that is none yet; bk_child_stop may be called from then on. */
extern void bk_child_init(BkChild *child);

/*
 * Starts "pg_backup_ext COMMAND" and gives it the request, a line of less than
 * 60 kB; its input stays open. Raises an error with SQLSTATE 58P01 if there is
 * no such program.
 */
extern void bk_child_start(BkChild *child, const char *command,
						   const char *request);

/* Sends one more line; false: the child does not take it. Never waits. */
extern bool bk_child_send(BkChild *child, const char *line);

/* Ends the child's input. */
extern void bk_child_end_input(BkChild *child);

/*
 * Ends the input and hands on lines until the child has ended. Raises an error
 * when a line is longer than 1 MiB, and on interrupts; the child then still
 * runs.
 */
extern void bk_child_relay(BkChild *child, const BkChildHost *host);

/* Waits for the latch, for something in a pipe, or for the time; -1: for ever. */
extern BkChildWake bk_child_wait(BkChild *child, long timeout_ms);

/*
 * Hands on the lines that are there, and returns whether the child has ended.
 * Raises errors as bk_child_relay does.
 */
extern bool bk_child_take(BkChild *child, const BkChildHost *host);

/* Stops the child if it runs, within about a second, and frees what it had. */
extern void bk_child_stop(BkChild *child);

#endif							/* BK_SERVER_CHILD_H */
