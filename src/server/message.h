/*
 * message.h
 *	  One line that the program has said, as a JSON object. Whatever is wrong
 *	  with it is the program's fault: the functions raise an error with SQLSTATE
 *	  08P01. src/PROTOCOL.md is the authority.
 */
#ifndef BK_SERVER_MESSAGE_H
#define BK_SERVER_MESSAGE_H

#include "utils/jsonb.h"

#include "server/compat.h"

/*
 * Turns a line into an object, with its texts in the encoding of the database;
 * in a process without a database they stay as they are.
 */
extern Jsonb *bk_message_parse(char *line, int length);

/* Raises an error unless both sides speak the same version of the protocol. */
extern void bk_message_hello(Jsonb *event);

/* Returns a text; NULL if there is no such member, or if it is null. */
extern char *bk_message_text(Jsonb *event, const char *name);

/* Returns a text that must be there. */
extern char *bk_message_needed_text(Jsonb *event, const char *name);

/* Returns a number; otherwise: if there is no such member, or if it is null. */
extern int64 bk_message_number(Jsonb *event, const char *name, int64 otherwise);

/* Returns a truth value that must be there. */
extern bool bk_message_bool(Jsonb *event, const char *name);

/*
 * Returns a text of a process without a database for one that has one: in its
 * encoding, with "?" for what is not valid. Needs a transaction.
 */
extern char *bk_message_repair(const char *text);

/* Raises the error, which shows the start of what came. */
extern void bk_message_violation(const char *reason, const char *what) BK_NORETURN;

#endif							/* BK_SERVER_MESSAGE_H */
