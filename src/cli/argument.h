/*
 * argument.h
 *	  The arguments of all commands, in one table.
 *
 * It serves the command line ("--no-owner"), the agent ("no_owner") and the
 * settings that -D reads ("backup_ext.role"), so that all three understand
 * the same things and refuse the same values.
 */
#ifndef BK_CLI_ARGUMENT_H
#define BK_CLI_ARGUMENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "job/request.h"

typedef enum BkArgumentType
{
	BK_ARGUMENT_STRING,
	BK_ARGUMENT_INT,
	BK_ARGUMENT_TIME,			/* a number of milliseconds, or with a unit */
	BK_ARGUMENT_RATE,			/* bytes per second; as text kB, or with a unit */
	BK_ARGUMENT_BOOL,
	BK_ARGUMENT_LIST			/* a string that may be given several times */
} BkArgumentType;

typedef struct BkArgument
{
	const char *name;			/* in the protocol and in messages */
	const char *option;			/* on the command line, without dashes; NULL: none */
	const char *setting;		/* of the server, read for -D; NULL: none */
	const char *archive_setting;	/* in its place for archive commands; NULL: the same */
	bool		agent;			/* may stand in a request (PROTOCOL.md) */
	BkArgumentType type;
	size_t		offset;			/* in BkRequest */
	int64_t		min;			/* range of a number or a time */
	int64_t		max;

	/* Is the string good? Sets message and SQLSTATE 22023. NULL: any is. */
	bool		(*check) (const char *name, const char *value, BkError *err);

	const char *commands;		/* names of those that take it, "*": all */
	const char *needed;			/* names of those that cannot do without it */
	const char *instead;		/* one that makes it unnecessary, or NULL */
	const char *value_name;		/* for --help; NULL for a bool */
	const char *help;			/* NULL: none on the command line */
} BkArgument;

/* Room for so many rows of the table. */
#define BK_ARGUMENT_MAX 256

/* A set of arguments: member n stands for bk_arguments[n]. */
typedef struct BkArgumentSet
{
	bool		has[BK_ARGUMENT_MAX];
} BkArgumentSet;

/* All arguments; ends with a NULL name. */
extern const BkArgument bk_arguments[];

/* Put an argument into a set; is it in there? */
extern void bk_argument_add(BkArgumentSet *set, const BkArgument *argument);
extern bool bk_argument_is_in(const BkArgumentSet *set,
							  const BkArgument *argument);

/* Find an argument by its name; NULL if there is none. */
extern const BkArgument *bk_argument_find(const char *name);

/*
 * Set one argument of a request; a list is added to. A value that may not be is an error (22023)
 * that names the argument. The string is borrowed.
 */
extern bool bk_argument_set_string(const BkArgument *argument,
								   BkRequest *request, const char *value,
								   BkError *err);
extern bool bk_argument_set_int(const BkArgument *argument,
								BkRequest *request, int64_t value,
								BkError *err);
extern void bk_argument_set_bool(const BkArgument *argument,
								 BkRequest *request, bool value);

/*
 * Set an argument that is no bool from text, as people write it: numbers in
 * digits, times and rates as in postgresql.conf. The text is borrowed.
 */
extern bool bk_argument_set_text(const BkArgument *argument,
								 BkRequest *request, const char *text,
								 BkError *err);

/* Is it an empty string, false, or not there at all? A number never is. */
extern bool bk_argument_is_missing(const BkArgument *argument,
								   const BkRequest *request);

/*
 * Read a time as PostgreSQL does (PostgreSQL docs, "Parameter Names and
 * Values"): a number of milliseconds, or one with a unit: us, ms, s, min, h,
 * d. Fractions are rounded. False if it is none, or below zero.
 */
extern bool bk_argument_parse_time(const char *text, int64_t *milliseconds);

#endif
