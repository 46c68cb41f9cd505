/*
 * globals.h
 *	  Run the SQL text of pg_dumpall --globals-only against a server.
 */
#ifndef BK_SOURCE_GLOBALS_H
#define BK_SOURCE_GLOBALS_H

#include <stdbool.h>

#include "core/host.h"
#include "core/stream.h"
#include "source/pg.h"

/*
 * Run every statement of the text, one by one. Roles and tablespaces that
 * exist already are logged and stay as they are, with their attributes and
 * passwords; memberships are granted to them, too. Other statements that fail are logged, the rest is run
 * all the same, and the first failure is the result. Lines for psql (those
 * that begin with a backslash) are passed over: nothing in the text can reach
 * a shell.
 */
extern bool bk_globals_run(BkPg *pg, BkReader *text, const BkHost *host,
						   BkError *err);

#endif
