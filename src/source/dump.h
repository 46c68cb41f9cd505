/*
 * dump.h
 *	  pg_dump and pg_dumpall as readers of bytes.
 */
#ifndef BK_SOURCE_DUMP_H
#define BK_SOURCE_DUMP_H

#include <stdbool.h>
#include <stdint.h>

#include "core/stream.h"
#include "source/pg.h"

typedef struct BkDumpSpec
{
	const char *bindir;			/* where pg_dump and pg_restore are */
	const BkPgTarget *target;
	const char *maintenance;	/* database to read the globals from */
	const char *snapshot;		/* exported snapshot to dump */
	const char *content;		/* all, schema, data */
	int64_t		lock_timeout;	/* milliseconds to wait for a table lock */

	/* Called at least five times a second; false ends the dump. */
	bool		(*tick) (void *arg, BkError *err);

	/* A line that the program wrote to its standard error. */
	void		(*log) (void *arg, const char *line);
	void	   *arg;
} BkDumpSpec;

/*
 * Start pg_dump: the reader gives an uncompressed custom archive, and reports
 * its end only if pg_dump exited with status 0.
 */
extern BkReader *bk_dump_open(const BkDumpSpec *spec, BkError *err);

/*
 * Start pg_dumpall --globals-only: SQL text with roles, memberships and
 * tablespaces. Passwords can be read by superusers only.
 */
extern BkReader *bk_dump_globals_open(const BkDumpSpec *spec, bool passwords,
									  BkError *err);

#endif
