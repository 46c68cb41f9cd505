/*
 * history.c
 *	  Parse history files.
 */
#include "repo/history.h"

#include <stdlib.h>
#include <string.h>

#define BLANKS	" \t\r\v\f"

static bool parse_line(const char *line, size_t len, bool *comment,
					   BkHistoryEntry *entry);
static const char *parse_number(const char *at, const char *end, int base,
								uint32_t *number);
static const char *skip_blanks(const char *at, const char *end);
static int	digit_value(char c);
static bool add_entry(BkHistory *history, const BkHistoryEntry *entry,
					  BkError *err);

bool
bk_history_parse(const char *text, size_t len, uint32_t timeline,
				 BkHistory *history, BkError *err)
{
	const char *end = text + len;
	bool		ok = true;

	*history = (BkHistory) {0};
	for (int number = 1; ok && text < end; number++)
	{
		const char *feed = memchr(text, '\n', (size_t) (end - text));
		size_t		size = (size_t) ((feed == NULL ? end : feed) - text);
		uint32_t	before = history->count == 0 ? 0 :
			history->entries[history->count - 1].timeline;
		BkHistoryEntry entry;
		bool		comment;

		if (!parse_line(text, size, &comment, &entry))
		{
			ok = bk_error(err, BK_STATE_CORRUPT,
						  "line %d of the history of timeline %u is not a timeline and a WAL position",
						  number, timeline);
			bk_error_detail(err, "The line is \"%.*s\".", size < 80 ? (int) size : 80, text);
		}
		else if (!comment && (entry.timeline <= before || entry.timeline >= timeline))
			ok = bk_error(err, BK_STATE_CORRUPT,
						  "line %d of the history of timeline %u has timeline %u out of order",
						  number, timeline, entry.timeline);
		else if (!comment)
			ok = add_entry(history, &entry, err);
		text += size + 1;
		if (feed == NULL)
			break;
	}
	if (!ok)
		bk_history_free(history);
	return ok;
}

void
bk_history_free(BkHistory *history)
{
	free(history->entries);
	*history = (BkHistory) {0};
}

/* A line of blanks or one that begins with # is a comment. */
static bool
parse_line(const char *line, size_t len, bool *comment, BkHistoryEntry *entry)
{
	const char *end = line + len;
	const char *at = skip_blanks(line, end);
	uint32_t	high;
	uint32_t	low;

	*comment = at == end || *at == '#';
	if (*comment)
		return true;
	at = parse_number(at, end, 10, &entry->timeline);
	if (at == NULL || at == end || strchr(BLANKS, *at) == NULL)
		return false;
	at = parse_number(skip_blanks(at, end), end, 16, &high);
	if (at == NULL || at == end || *at != '/')
		return false;
	at = parse_number(at + 1, end, 16, &low);
	if (at == NULL || (at < end && strchr(BLANKS, *at) == NULL))
		return false;
	entry->switch_lsn = (uint64_t) high << 32 | low;
	return true;
}

/* The place behind the digits; NULL if there are none, or too many. */
static const char *
parse_number(const char *at, const char *end, int base, uint32_t *number)
{
	uint64_t	value = 0;
	const char *start = at;

	for (; at < end && digit_value(*at) < base; at++)
	{
		value = value * (uint64_t) base + (uint64_t) digit_value(*at);
		if (value > UINT32_MAX)
			return NULL;
	}
	*number = (uint32_t) value;
	return at == start ? NULL : at;
}

static const char *
skip_blanks(const char *at, const char *end)
{
	while (at < end && *at != '\0' && strchr(BLANKS, *at) != NULL)
		at++;
	return at;
}

/* 99 for what is no hexadecimal digit. */
static int
digit_value(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	return c >= 'A' && c <= 'F' ? c - 'A' + 10 : 99;
}

static bool
add_entry(BkHistory *history, const BkHistoryEntry *entry, BkError *err)
{
	BkHistoryEntry *entries = reallocarray(history->entries, history->count + 1,
										   sizeof(*entries));

	if (entries == NULL)
		return bk_error_memory(err);
	entries[history->count++] = *entry;
	history->entries = entries;
	return true;
}
