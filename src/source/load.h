/*
 * load.h
 *	  pg_restore as a place to write an archive to.
 */
#ifndef BK_SOURCE_LOAD_H
#define BK_SOURCE_LOAD_H

#include <stdbool.h>

#include "core/stream.h"
#include "source/dump.h"

typedef enum BkLoadMode
{
	BK_LOAD_DATABASE,			/* restore into the target's database */
	BK_LOAD_LIST,				/* parse the table of contents, print nothing */
	BK_LOAD_SCRIPT				/* write SQL text to output_fd */
} BkLoadMode;

typedef struct BkLoadSpec
{
	const BkDumpSpec *tool;		/* bindir, target, tick, log, arg */
	BkLoadMode	mode;
	int			output_fd;		/* of BK_LOAD_SCRIPT */
	bool		no_owner;
	bool		no_privileges;
	bool		subscriptions;	/* restore subscriptions, too */
} BkLoadSpec;

/*
 * Start pg_restore: what is written is its input. Finish succeeds only if it
 * read everything it wanted and exited with status 0; in BK_LOAD_DATABASE the
 * first error of the server ends it, and with it the write that notices.
 */
extern BkWriter *bk_load_open(const BkLoadSpec *spec, BkError *err);

#endif
