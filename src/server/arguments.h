/*
 * arguments.h
 *	  Arguments of SQL functions, each checked before anything is done. All
 *	  functions raise an error that names the argument.
 */
#ifndef BK_SERVER_ARGUMENTS_H
#define BK_SERVER_ARGUMENTS_H

#include "postgres.h"

#include "fmgr.h"

/* Raises an error (22004) if the argument is NULL. */
extern void bk_argument_needed(FunctionCallInfo fcinfo, int number,
							   const char *name);

/* Returns a text argument that must not be NULL. */
extern char *bk_argument_text(FunctionCallInfo fcinfo, int number,
							  const char *name);

/* Returns a boolean argument that must not be NULL. */
extern bool bk_argument_bool(FunctionCallInfo fcinfo, int number,
							 const char *name);

/* Returns the id of a backup. */
extern char *bk_argument_id(FunctionCallInfo fcinfo, int number);

/* Returns a text argument that is one of the words; the last word is NULL. */
extern char *bk_argument_word(FunctionCallInfo fcinfo, int number,
							  const char *name, const char *const *words);

/*
 * Returns the name of a database that can be connected to, and its OID; NULL
 * stands for the one that it is called in.
 */
extern char *bk_argument_database(FunctionCallInfo fcinfo, int number, Oid *oid);

/* Returns a name for a new database. */
extern char *bk_argument_new_database(FunctionCallInfo fcinfo, int number);

/* Returns the name of a mark. */
extern char *bk_argument_mark(FunctionCallInfo fcinfo, int number);

/* Returns a name for a schedule. */
extern char *bk_argument_schedule(FunctionCallInfo fcinfo, int number);

/* Returns a label; NULL if there is none. */
extern char *bk_argument_label(FunctionCallInfo fcinfo, int number);

/* Has a text a control character in it? */
extern bool bk_argument_has_control(const char *text);

#endif							/* BK_SERVER_ARGUMENTS_H */
