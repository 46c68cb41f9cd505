/*
 * buf.h
 *	  A byte buffer that grows.
 *
 * The bytes are followed by a NUL at all times, also right after init. When
 * memory runs out the buffer keeps what it had, every later append is left
 * out, and "failed" stays true until reset: a caller may append many times
 * and ask once, with bk_buf_check() or bk_buf_take().
 */
#ifndef BK_CORE_BUF_H
#define BK_CORE_BUF_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>

#include "core/error.h"

typedef struct BkBuf
{
	char	   *data;			/* len bytes and a NUL; owned by the buffer */
	size_t		len;			/* bytes in use, the NUL not counted */
	size_t		size;			/* bytes allocated, 0 before the first append */
	bool		failed;			/* an append was left out */
} BkBuf;

/* Make an empty buffer; allocates nothing. */
extern void bk_buf_init(BkBuf *buf);

/* Append len bytes, which may hold NULs. */
extern void bk_buf_append(BkBuf *buf, const void *data, size_t len);

/* Append a string without its NUL. */
extern void bk_buf_append_string(BkBuf *buf, const char *text);

/* Append formatted text. */
extern void bk_buf_printf(BkBuf *buf, const char *fmt,...)
			__attribute__((format(printf, 2, 3)));
extern void bk_buf_vprintf(BkBuf *buf, const char *fmt, va_list args)
			__attribute__((format(printf, 2, 0)));

/*
 * Make room for "more" bytes behind data + len, which the caller may then
 * fill, adding to len and setting the NUL itself. False if memory is out.
 */
extern bool bk_buf_reserve(BkBuf *buf, size_t more);

/* Shorten to len bytes; a larger len changes nothing. */
extern void bk_buf_truncate(BkBuf *buf, size_t len);

/* Empty the buffer, keep its memory, forget a failure. */
extern void bk_buf_reset(BkBuf *buf);

/* Give the memory back and leave an empty buffer. */
extern void bk_buf_free(BkBuf *buf);

/* False, with an out-of-memory error (53200), if an append was left out. */
extern bool bk_buf_check(const BkBuf *buf, BkError *err);

/*
 * Take the bytes, NUL-terminated, out of the buffer, which is empty
 * afterwards; the caller frees them. NULL (53200) if an append was left out
 * or memory is out; the buffer is then freed.
 */
extern char *bk_buf_take(BkBuf *buf, BkError *err);

#endif
