/*
 * request.h
 *	  A request to the program: the caller adds the arguments of its verb, the
 *	  worker puts them together with what the settings say. src/PROTOCOL.md is
 *	  the authority for both.
 */
#ifndef BK_SERVER_REQUEST_H
#define BK_SERVER_REQUEST_H

#include "lib/stringinfo.h"
#include "utils/array.h"

#include "server/catalogue.h"
#include "server/shared.h"

/* Is this the id of a backup, by its grammar? */
extern bool bk_request_is_id(const char *text);

/* Returns a new request of the current user; the run has no number yet. */
extern BkRun *bk_request_new(const char *verb);

/*
 * Adds an argument. Text is in the database's encoding and goes out as UTF-8;
 * raises an error with SQLSTATE 22021 if that is not possible.
 */
extern void bk_request_add_text(BkRun *run, const char *name, const char *value);

/* Adds an argument that is a number. */
extern void bk_request_add_number(BkRun *run, const char *name, int64 value);

/* Adds an argument that is true or false. */
extern void bk_request_add_bool(BkRun *run, const char *name, bool value);

/* Adds an argument that is a list of texts, from an array without nulls. */
extern void bk_request_add_list(BkRun *run, const char *name, ArrayType *list);

/* Adds a keyword and its value to a connection string. */
extern void bk_request_conninfo_word(StringInfo conninfo, const char *keyword,
									 const char *value);

/*
 * Returns the line to be sent to the program, with its line feed. "more" are
 * arguments that only the worker knows, as the run has its own.
 */
extern char *bk_request_line(const BkRun *run, const BkRepository *repository,
							 const char *more);

/* Adds an argument to such arguments. */
extern void bk_request_text(StringInfo arguments, const char *name,
								const char *value);

/* Returns the first line for the archiver's program; needs no database. */
extern char *bk_request_archive_line(void);

#endif							/* BK_SERVER_REQUEST_H */
