/*
 * head.c
 *	  The lines that an HTTP server sends before the body.
 */
#include "storage/head.h"

#include <string.h>

#include "storage/wire.h"

bool
bk_head_take(BkHead *head, const char *line, size_t len, size_t *text)
{
	head->bytes += len;
	head->lines++;
	if (head->bytes > BK_WIRE_HEADERS_MAX || head->lines > BK_WIRE_LINES_MAX)
		return false;
	*text = len;
	while (*text > 0 && (line[*text - 1] == '\r' || line[*text - 1] == '\n'))
		(*text)--;
	/* There may be several heads, and trailers behind the body. */
	head->ended = *text == 0 ||
		(head->ended && strncmp(line, "HTTP/", 5) != 0);
	return true;
}
