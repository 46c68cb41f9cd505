/*
 * instance.h
 *	  Start and stop a server on a data directory, with PostgreSQL's pg_ctl.
 *
 * A server that was started here is a process of its own: it outlives the
 * program.
 */
#ifndef BK_SOURCE_INSTANCE_H
#define BK_SOURCE_INSTANCE_H

#include <stdbool.h>

#include "core/host.h"

typedef struct BkInstance
{
	const char *bindir;			/* where pg_ctl is */
	const char *directory;		/* of the data */
	const BkHost *host;
} BkInstance;

/* Where a started server writes its messages, below the data directory. */
#define BK_INSTANCE_LOG		"startup.log"

/*
 * Start the server and wait until it has recovered and takes writes: a day at
 * most. If it fails the detail has the last lines it wrote.
 */
extern bool bk_instance_start(const BkInstance *instance, BkError *err);

/* Is a process alive that its postmaster.pid names? */
extern bool bk_instance_runs(const BkInstance *instance);

/* Stop it at once, without a checkpoint; success if none runs. */
extern bool bk_instance_stop(const BkInstance *instance, BkError *err);

#endif
