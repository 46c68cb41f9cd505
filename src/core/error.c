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

/* What a number of the system means for users, and what they can do. */
typedef struct Meaning
{
	int			code;
	const char *sqlstate;
	const char *hint;
} Meaning;

static const Meaning meanings[] = {
	{ENOSPC, BK_STATE_DISK_FULL, "Free space there and try again."},
	{EDQUOT, BK_STATE_DISK_FULL, "Free space there, or raise the quota, and try again."},
	{ENOENT, BK_STATE_MISSING_FILE, ""},
	{EACCES, BK_STATE_NO_RIGHT, "Give the user that runs the server or this program rights there, and on every directory above."},
	{EPERM, BK_STATE_NO_RIGHT, ""},
	{EROFS, BK_STATE_NO_RIGHT, "Mount the file system for writing."},
	{ENOMEM, BK_STATE_NO_MEMORY, ""},
};

static const Meaning other_meaning = {0, BK_STATE_IO, ""};

static const Meaning *meaning_of(int code);
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
	bk_error(err, meaning_of(code)->sqlstate, "%s: %s", text, strerror(code));
	return bk_error_hint(err, "%s", meaning_of(code)->hint);
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

static const Meaning *
meaning_of(int code)
{
	for (size_t i = 0; i < sizeof(meanings) / sizeof(meanings[0]); i++)
	{
		if (meanings[i].code == code)
			return &meanings[i];
	}
	return &other_meaning;
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
