/*
 * label.c
 *	  Make and check backup ids.
 */
#include "repo/label.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "core/clock.h"
#include "core/digest.h"

#define TIME_LENGTH		16		/* 20261121T101500Z */
#define RANDOM_LENGTH	4
#define NAME_MAX_BYTES	63

static bool is_plain(unsigned char c);
static bool has_name(const char *name, size_t len);
static bool has_random(const char *tail);

bool
bk_label_encode(const char *name, char *encoded)
{
	size_t		len = strlen(name);

	if (len == 0 || len > NAME_MAX_BYTES)
		return false;
	for (; *name != '\0'; name++)
	{
		if (is_plain((unsigned char) *name))
			*encoded++ = *name;
		else
			encoded += snprintf(encoded, 4, "%%%02X", (unsigned char) *name);
	}
	*encoded = '\0';
	return true;
}

bool
bk_label_make(int64_t now, const char *name, char *id, BkError *err)
{
	char		time[BK_CLOCK_COMPACT_SIZE];
	char		random[RANDOM_LENGTH + 1];
	char		encoded[BK_LABEL_ENCODED_SIZE];

	if (!bk_label_encode(name, encoded))
		return bk_error(err, BK_STATE_BAD_ARGUMENT,
						"name \"%.80s\" must have 1 to %d bytes", name,
						NAME_MAX_BYTES);
	if (!bk_random_label(random, RANDOM_LENGTH, err))
		return false;
	bk_clock_format_compact(now, time);
	snprintf(id, BK_LABEL_SIZE, "%s-%s-%s", time, encoded, random);
	return true;
}

bool
bk_label_check(const char *id, BkError *err)
{
	size_t		len = strlen(id);
	size_t		fixed = TIME_LENGTH + 1 + 1 + RANDOM_LENGTH;

	if (len > fixed && len < BK_LABEL_SIZE &&
		bk_label_time(id) >= 0 &&
		id[TIME_LENGTH] == '-' &&
		has_name(id + TIME_LENGTH + 1, len - fixed) &&
		has_random(id + len - RANDOM_LENGTH - 1))
		return true;
	bk_error(err, BK_STATE_BAD_ARGUMENT, "invalid backup id \"%.230s\"", id);
	return bk_error_hint(err, "An id looks like 20261121T101500Z-app-7x2m; backup_list() shows those that exist.");
}

bool
bk_label_same_name(const char *a, const char *b)
{
	size_t		len = strlen(a);

	return len == strlen(b) &&
		strncmp(a + TIME_LENGTH, b + TIME_LENGTH,
				len - TIME_LENGTH - RANDOM_LENGTH) == 0;
}

int64_t
bk_label_time(const char *id)
{
	char		time[BK_CLOCK_COMPACT_SIZE];
	int64_t		when;

	snprintf(time, sizeof(time), "%.*s", TIME_LENGTH, id);
	return bk_clock_parse_compact(time, &when) ? when : -1;
}

void
bk_label_name(const char *id, char *name)
{
	const char *at = id + TIME_LENGTH + 1;
	const char *end = id + strlen(id) - RANDOM_LENGTH - 1;
	size_t		len = 0;

	for (; at < end && len < NAME_MAX_BYTES; at++)
	{
		unsigned	byte = (unsigned char) *at;

		if (*at == '%')
		{
			(void) sscanf(at + 1, "%2x", &byte);
			at += 2;
		}
		name[len++] = (char) byte;
	}
	name[len] = '\0';
}

/* Characters that stand for themselves; all others are percent-encoded. */
static bool
is_plain(unsigned char c)
{
	return c < 0x80 && (isalnum(c) || c == '_' || c == '.' || c == '-');
}

static bool
has_name(const char *name, size_t len)
{
	for (size_t i = 0; i < len; i++)
	{
		if (is_plain((unsigned char) name[i]))
			continue;
		if (name[i] != '%' || i + 2 >= len ||
			strchr("0123456789ABCDEF", name[i + 1]) == NULL ||
			strchr("0123456789ABCDEF", name[i + 2]) == NULL)
			return false;
		i += 2;
	}
	return true;
}

static bool
has_random(const char *tail)
{
	if (*tail++ != '-')
		return false;
	return strspn(tail, "0123456789abcdefghijklmnopqrstuvwxyz") == RANDOM_LENGTH;
}
