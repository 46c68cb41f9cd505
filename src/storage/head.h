/*
 * head.h
 *	  The lines that an HTTP server sends before the body, which are counted.
 *	  Used by wire.c only.
 */
#ifndef BK_STORAGE_HEAD_H
#define BK_STORAGE_HEAD_H

#include <stdbool.h>
#include <stddef.h>

/* Begin with zeros. */
typedef struct BkHead
{
	size_t		bytes;
	int			lines;
	bool		ended;			/* the empty line behind it has come */
} BkHead;

/*
 * Take in a line; *text is its length without its line end. False: there are
 * too many of them, or they are too long (BK_WIRE_HEADERS_MAX and
 * BK_WIRE_LINES_MAX).
 */
extern bool bk_head_take(BkHead *head, const char *line, size_t len,
						 size_t *text);

#endif
