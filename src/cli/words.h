/*
 * words.h
 *	  Text of others on a terminal: names, labels, messages.
 *
 * Whatever a terminal could take for a command is not sent to it.
 */
#ifndef BK_CLI_WORDS_H
#define BK_CLI_WORDS_H

#include <stdio.h>

#include "core/buf.h"

/*
 * Print text for people, without the line feed at its end. A further line is
 * indented, so that it is taken for no message of its own.
 */
extern void bk_words_print(FILE *to, const char *text);

/*
 * Append text as a part of one line: a control becomes a space, what is no
 * UTF-8 a question mark.
 */
extern void bk_words_append(BkBuf *buf, const char *text);

/* The number of characters of a text: its width, as far as one can know. */
extern int	bk_words_width(const char *text);

/* Print a line of JSON. Controls that JSON lets stand are escaped all the same. */
extern void bk_words_print_json(const char *text);

#endif
