/*
 * command.h
 *	  The commands of the program, and which arguments each one takes.
 */
#ifndef BK_CLI_COMMAND_H
#define BK_CLI_COMMAND_H

#include <stdbool.h>

#include "cli/argument.h"
#include "job/request.h"

typedef struct BkCommand
{
	const char *name;
	const char *agent_verb;		/* its name in the protocol, NULL: none */
	BkVerb		run;			/* NULL: the agent itself */
	const char *positional;		/* arguments given without their names, or NULL */
	const char *summary;
} BkCommand;

/* All commands; ends with a NULL name. */
extern const BkCommand bk_commands[];

/* Find a command by name, or by the name it has in the protocol. */
extern const BkCommand *bk_command_find(const char *name);
extern const BkCommand *bk_command_find_verb(const char *verb);

/* Is it called by an extension: does it take a request and no options? */
extern bool bk_command_is_agent(const BkCommand *command);

/*
 * Does a server call it for each file of its WAL? Then it must be quick, and
 * has settings of its own.
 */
extern bool bk_command_is_archive(const BkCommand *command);

/*
 * Does a server call it to recover? Then no failure may look as if there were
 * no more WAL, and none that can be avoided may end a standby.
 */
extern bool bk_command_is_restore(const BkCommand *command);

/* Does the command take the argument? */
extern bool bk_command_takes(const BkCommand *command,
							 const BkArgument *argument);

/*
 * The first argument that the command cannot do without and that the request
 * does not have; NULL if it has them all.
 */
extern const BkArgument *bk_command_missing(const BkCommand *command,
											const BkRequest *request);

/* The argument that is given without its name at this place, from 0, or NULL. */
extern const BkArgument *bk_command_positional(const BkCommand *command,
											   int place);

/*
 * The exit status after a failure; with NULL after a wrong usage. Of
 * archive-get, PostgreSQL takes 1 to 125 for "there is no such file", 143
 * for "told to stop", and all else above 125 for a failure
 * (RestoreArchivedFile in src/backend/access/transam/xlogarchive.c). Of status,
 * a wrong usage must not look as if backups were critical.
 */
extern int	bk_command_status(const BkCommand *command, const BkError *err);

/* A variable of the environment; for hosts. */
extern const char *bk_command_variable(void *ctx, const char *name);

/* A request with the defaults of all arguments. */
extern BkRequest bk_command_defaults(void);

/* Print the help of the program, or of one command. */
extern void bk_command_help(const BkCommand *command);

#endif
