/*
 * error.c
 *	  The error record: formatting and the words for errno.
 *
 * Every text in a record is well-formed UTF-8, whatever went into it (file
 * names, the output of other programs), so that it always fits into JSON:
 * bytes that are not are shown as "?", and a text that is too long is cut
 * between two characters. The texts are formatted aside first, because a
 * caller may quote a text of the same record.
 */
#include "core/error.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "core/utf8.h"

static const char *state_of_errno(int code);
static void put_text(char *target, size_t size, const char *fmt, va_list args)
			__attribute__((format(printf, 3, 0)));
static void put_clean(char *target, size_t size, const char *text);

bool
bk_error(BkError *err, const char *sqlstate, const char *fmt,...)
{
	va_list		args;

	va_start(args, fmt);
	put_text(err->message, sizeof(err->message), fmt, args);
	va_end(args);
	put_clean(err->sqlstate, sizeof(err->sqlstate), sqlstate);
	err->detail[0] = '\0';
	err->hint[0] = '\0';
	return false;
}

bool
bk_error_detail(BkError *err, const char *fmt,...)
{
	va_list		args;

	va_start(args, fmt);
	put_text(err->detail, sizeof(err->detail), fmt, args);
	va_end(args);
	return false;
}

bool
bk_error_hint(BkError *err, const char *fmt,...)
{
	va_list		args;

	va_start(args, fmt);
	put_text(err->hint, sizeof(err->hint), fmt, args);
	va_end(args);
	return false;
}

bool
bk_error_errno(BkError *err, const char *fmt,...)
{
	int			code = errno;
	char		text[sizeof(err->message)];
	va_list		args;

	va_start(args, fmt);
	put_text(text, sizeof(text), fmt, args);
	va_end(args);
	return bk_error(err, state_of_errno(code), "%s: %s", text, strerror(code));
}

bool
bk_error_memory(BkError *err)
{
	return bk_error(err, BK_STATE_NO_MEMORY, "out of memory");
}

bool
bk_error_is(const BkError *err, const char *sqlstate)
{
	return strcmp(err->sqlstate, sqlstate) == 0;
}

static const char *
state_of_errno(int code)
{
	switch (code)
	{
		case ENOSPC:
		case EDQUOT:
			return BK_STATE_DISK_FULL;
		case ENOENT:
			return BK_STATE_MISSING_FILE;
		case EACCES:
		case EPERM:
		case EROFS:
			return BK_STATE_NO_RIGHT;
		case ENOMEM:
			return BK_STATE_NO_MEMORY;
		default:
			return BK_STATE_IO;
	}
}

static void
put_text(char *target, size_t size, const char *fmt, va_list args)
{
	char		text[sizeof(((BkError *) 0)->detail) + 4];

	if (vsnprintf(text, sizeof(text), fmt, args) < 0)
		text[0] = '\0';
	put_clean(target, size, text);
}

/* Copy what fits, in whole characters. */
static void
put_clean(char *target, size_t size, const char *text)
{
	size_t		used = 0;

	while (*text != '\0')
	{
		size_t		length = bk_utf8_length(text);
		size_t		step = length > 0 ? length : 1;

		if (used + step >= size)
			break;
		if (length > 0)
			memcpy(target + used, text, length);
		else
			target[used] = '?';
		used += step;
		text += step;
	}
	target[used] = '\0';
}
