/*
 * tool.h
 *	  PostgreSQL's own programs as child processes.
 */
#ifndef BK_SOURCE_TOOL_H
#define BK_SOURCE_TOOL_H

#include <stdbool.h>

#include "core/child.h"
#include "source/dump.h"

#define BK_TOOL_ARGUMENTS	24

/* A command line in the making. Errors are kept until bk_tool_spawn(). */
typedef struct BkTool
{
	const BkDumpSpec *spec;
	char	   *program;
	char	   *argv[BK_TOOL_ARGUMENTS];
	int			count;
	bool		failed;			/* out of memory, or too many arguments */
} BkTool;

/* Start a command line: the program of this name in the spec's bindir. */
extern void bk_tool_init(BkTool *tool, const BkDumpSpec *spec,
						 const char *name);

/* Add one argument; it is copied. */
extern void bk_tool_add(BkTool *tool, const char *argument);

/* Add --dbname with the target's escaped conninfo, its role, --no-password. */
extern void bk_tool_add_login(BkTool *tool, const BkPgTarget *target);

/*
 * Run it and free the command line, whatever happens. The child is the
 * caller's. output_fd counts with BK_CHILD_FD only.
 */
extern BkChild *bk_tool_spawn(BkTool *tool, BkChildEnd input,
							  BkChildEnd output, int output_fd, BkError *err);

#endif
