/*
 * words.h
 *	  What a server says, made fit to be shown.
 */
#ifndef BK_STORAGE_WORDS_H
#define BK_STORAGE_WORDS_H

#include <stddef.h>

/*
 * Copy as much of a text as has room, in whole characters. What moves a
 * cursor, and what is no UTF-8, becomes a question mark.
 */
extern void bk_words_copy(char *to, size_t size, const char *text);

#endif
