/*
 * buf.c
 *	  A byte buffer that grows, by doubling.
 *
 * An empty buffer points at a shared NUL, which is never written to: size 0
 * says that nothing is allocated.
 */
#include "core/buf.h"

#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define BUF_FIRST_SIZE	256

static char buf_nothing[1];

static bool grow(BkBuf *buf, size_t size);

void
bk_buf_init(BkBuf *buf)
{
	buf->data = buf_nothing;
	buf->len = 0;
	buf->size = 0;
	buf->failed = false;
}

void
bk_buf_append(BkBuf *buf, const void *data, size_t len)
{
	if (len == 0 || !bk_buf_reserve(buf, len))
		return;
	memcpy(buf->data + buf->len, data, len);
	buf->len += len;
	buf->data[buf->len] = '\0';
}

void
bk_buf_append_string(BkBuf *buf, const char *text)
{
	bk_buf_append(buf, text, strlen(text));
}

void
bk_buf_printf(BkBuf *buf, const char *fmt,...)
{
	va_list		args;

	va_start(args, fmt);
	bk_buf_vprintf(buf, fmt, args);
	va_end(args);
}

void
bk_buf_vprintf(BkBuf *buf, const char *fmt, va_list args)
{
	va_list		again;
	int			length;

	va_copy(again, args);
	length = vsnprintf(NULL, 0, fmt, again);
	va_end(again);
	if (length < 0)
	{
		buf->failed = true;
		return;
	}
	if (!bk_buf_reserve(buf, (size_t) length))
		return;
	vsnprintf(buf->data + buf->len, (size_t) length + 1, fmt, args);
	buf->len += (size_t) length;
}

bool
bk_buf_reserve(BkBuf *buf, size_t more)
{
	size_t		needed;
	size_t		size;

	if (buf->failed)
		return false;
	if (more > SIZE_MAX / 4 - buf->len)
	{
		buf->failed = true;
		return false;
	}
	needed = buf->len + more + 1;
	if (needed <= buf->size)
		return true;
	size = buf->size > 0 ? buf->size : BUF_FIRST_SIZE;
	while (size < needed)
		size *= 2;
	return grow(buf, size);
}

void
bk_buf_truncate(BkBuf *buf, size_t len)
{
	if (len >= buf->len)
		return;
	buf->len = len;
	buf->data[len] = '\0';
}

void
bk_buf_reset(BkBuf *buf)
{
	bk_buf_truncate(buf, 0);
	buf->failed = false;
}

void
bk_buf_free(BkBuf *buf)
{
	if (buf->size > 0)
		free(buf->data);
	bk_buf_init(buf);
}

bool
bk_buf_check(const BkBuf *buf, BkError *err)
{
	if (buf->failed)
		return bk_error_memory(err);
	return true;
}

char *
bk_buf_take(BkBuf *buf, BkError *err)
{
	char	   *data;

	/* An empty buffer owns no memory yet, the caller shall get some. */
	if (!bk_buf_reserve(buf, 0))
	{
		bk_error_memory(err);
		bk_buf_free(buf);
		return NULL;
	}
	data = buf->data;
	bk_buf_init(buf);
	return data;
}

static bool
grow(BkBuf *buf, size_t size)
{
	char	   *data = realloc(buf->size > 0 ? buf->data : NULL, size);

	if (data == NULL)
	{
		buf->failed = true;
		return false;
	}
	data[buf->len] = '\0';
	buf->data = data;
	buf->size = size;
	return true;
}
