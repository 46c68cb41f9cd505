/*
 * spawn.h
 *	  A new process of the program, with pipes to its standard streams.
 */
#ifndef BK_SERVER_SPAWN_H
#define BK_SERVER_SPAWN_H

#include <sys/types.h>

/* What the caller owns from then on. */
typedef struct BkSpawned
{
	pid_t		pid;			/* leads a session and process group of its own */
	int			in;				/* to its standard input */
	int			out;			/* from its standard output */
	int			err;			/* from its standard error */
} BkSpawned;

/*
 * Starts "pg_backup_ext COMMAND". Raises an error, with SQLSTATE 58P01 if there
 * is no such program; nothing is left open then.
 */
extern void bk_spawn(const char *command, BkSpawned *spawned);

#endif							/* BK_SERVER_SPAWN_H */
