/*
 * words.c
 *	  What a server says, made fit to be shown.
 */
#include "storage/words.h"

#include <string.h>

#include "core/utf8.h"

void
bk_words_copy(char *to, size_t size, const char *text)
{
	size_t		at = 0;

	while (*text != '\0')
	{
		size_t		len = bk_utf8_length(text);
		size_t		take = len == 0 ? 1 : len;

		if (at + take >= size)
			break;
		if (len == 0 || (unsigned char) *text < ' ' || *text == 0x7f)
			to[at] = '?';
		else
			memcpy(to + at, text, take);
		at += take;
		text += take;
	}
	to[at] = '\0';
}
