/*
 * command.h
 *	  The commands of the program, and the arguments that each one takes.
 *
 * One table of arguments serves the command line ("--no-owner") and the agent
 * ("no_owner"), so that both understand the same things.
 */
#ifndef BK_CLI_COMMAND_H
#define BK_CLI_COMMAND_H

#include <stdbool.h>
#include <stddef.h>

#include "job/request.h"

typedef struct BkCommand
{
	const char *name;
	const char *agent_verb;		/* its name in the protocol, NULL: none */
	BkVerb		run;			/* NULL: the agent itself */
	const char *positional;		/* argument given without its name, or NULL */
	const char *summary;
} BkCommand;

typedef enum BkArgumentType
{
	BK_ARGUMENT_STRING,
	BK_ARGUMENT_INT,
	BK_ARGUMENT_BOOL
} BkArgumentType;

typedef struct BkArgument
{
	const char *name;			/* in the protocol */
	const char *option;			/* on the command line, without dashes; NULL: none */
	BkArgumentType type;
	size_t		offset;			/* in BkRequest */
	const char *value_name;		/* for --help; NULL for a bool */
	const char *commands;		/* names of those that take it, "*": all */
	const char *help;
} BkArgument;

/* All commands; ends with a NULL name. */
extern const BkCommand bk_commands[];

/* All arguments; ends with a NULL name. */
extern const BkArgument bk_arguments[];

/* Find a command by name, or by the name it has in the protocol. */
extern const BkCommand *bk_command_find(const char *name);
extern const BkCommand *bk_command_find_verb(const char *verb);

/* Does the command take the argument? */
extern bool bk_command_takes(const BkCommand *command,
							 const BkArgument *argument);

/* A request with the defaults of all arguments. */
extern BkRequest bk_command_defaults(void);

/* Set one argument of a request. The string is borrowed. */
extern void bk_argument_set_string(const BkArgument *argument,
								   BkRequest *request, const char *value);
extern void bk_argument_set_int(const BkArgument *argument,
								BkRequest *request, int64_t value);
extern void bk_argument_set_bool(const BkArgument *argument,
								 BkRequest *request, bool value);

/* Print the help of the program, or of one command. */
extern void bk_command_help(const BkCommand *command);

#endif
