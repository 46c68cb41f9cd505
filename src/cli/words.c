/*
 * words.c
 *	  Text of others on a terminal.
 */
#include "cli/words.h"

#include <stdbool.h>

#include "core/utf8.h"

static bool is_control(const char *text, size_t length);

void
bk_words_print(FILE *to, const char *text)
{
	while (*text != '\0')
	{
		size_t		length = bk_utf8_length(text);

		if (*text == '\n')
			fputs(text[1] == '\0' ? "" : "\n    ", to);
		else if (length == 0 || (is_control(text, length) && *text != '\t'))
			fputc('?', to);
		else
			fwrite(text, 1, length, to);
		text += length > 0 ? length : 1;
	}
}

void
bk_words_append(BkBuf *buf, const char *text)
{
	while (*text != '\0')
	{
		size_t		length = bk_utf8_length(text);

		if (length == 0)
			bk_buf_append_string(buf, "?");
		else if (is_control(text, length))
			bk_buf_append_string(buf, " ");
		else
			bk_buf_append(buf, text, length);
		text += length > 0 ? length : 1;
	}
}

int
bk_words_width(const char *text)
{
	int			width = 0;

	for (; *text != '\0'; width++)
	{
		size_t		length = bk_utf8_length(text);

		text += length > 0 ? length : 1;
	}
	return width;
}

void
bk_words_print_json(const char *text)
{
	size_t		length;

	for (; *text != '\0'; text += length)
	{
		length = bk_utf8_length(text);
		if (length == 0)
			length = 1;
		if (*text != '\n' && is_control(text, length))
			printf("\\u%04x", (unsigned char) text[length - 1]);
		else
			fwrite(text, 1, length, stdout);
	}
	putchar('\n');
}

/* C0, DEL and C1 (ECMA-48); C1 is U+0080 to U+009F, so C2 80 to C2 9F. */
static bool
is_control(const char *text, size_t length)
{
	unsigned char first = (unsigned char) text[0];

	if (length == 1)
		return first < 0x20 || first == 0x7f;
	return length == 2 && first == 0xc2 && (unsigned char) text[1] < 0xa0;
}
