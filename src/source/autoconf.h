/*
 * autoconf.h
 *	  The text of postgresql.auto.conf.
 *
 * One setting per line, the last one counts (PostgreSQL docs, "Parameter
 * Interaction via the Configuration File").
 */
#ifndef BK_SOURCE_AUTOCONF_H
#define BK_SOURCE_AUTOCONF_H

#include "core/buf.h"

/* Append a line that sets "name", with the value in quotes. */
extern void bk_autoconf_set(BkBuf *text, const char *name, const char *value);

/*
 * Append a word of a command line: quoted for the shell, and its percent
 * signs doubled, since the server replaces %f and the like in commands.
 */
extern void bk_autoconf_add_word(BkBuf *command, const char *word);

/*
 * Append the lines of "old" except comments, and those that set a name of the
 * NULL-terminated list.
 */
extern void bk_autoconf_copy(BkBuf *text, const char *old,
							 const char *const *except);

#endif
