/*
 * spawn.h
 *	  The start of a child process: pipes, fork, exec. Used by child.c only.
 */
#ifndef BK_CORE_SPAWN_H
#define BK_CORE_SPAWN_H

#include <stdbool.h>
#include <sys/types.h>

#include "core/child.h"
#include "core/error.h"

typedef struct BkSpawned
{
	pid_t		pid;
	int			input;			/* our non-blocking ends, -1 without a pipe */
	int			output;
	int			errors;
} BkSpawned;

/*
 * Start the program of the spec. True means that exec succeeded; the caller
 * then owns the descriptors and has to reap the process. On failure nothing
 * is left: no process and no descriptor.
 */
extern bool bk_spawn(const BkChildSpec *spec, BkSpawned *spawned, BkError *err);

#endif
