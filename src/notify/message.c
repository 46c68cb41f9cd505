/*
 * message.c
 *	  A message in words.
 */
#include "notify/message.h"

#include <string.h>

static const char *say_state(const BkJson *change);
static const char *worst_state(const BkJson *changes);
static void append_words(const char *words, BkBuf *text);

const BkJson *
bk_message_changes(const BkJson *message)
{
	const BkJson *changes = bk_json_get(message, "changes");

	return bk_json_length(changes) > 0 ? changes : NULL;
}

BkChange
bk_message_change(const BkJson *change)
{
	const char *event = bk_message_text(change, "event");

	if (strcmp(event, "recovery") == 0)
		return BK_CHANGE_RECOVERY;
	return strcmp(event, "reminder") == 0 ? BK_CHANGE_REMINDER : BK_CHANGE_PROBLEM;
}

const char *
bk_message_text(const BkJson *object, const char *name)
{
	return bk_json_string(bk_json_get(object, name), "");
}

void
bk_message_source(const BkJson *message, BkBuf *text)
{
	const char *cluster = bk_message_text(message, "cluster");
	int64_t		port = bk_json_int(bk_json_get(message, "port"), 0);

	append_words(cluster, text);
	if (cluster[0] != '\0')
		bk_buf_append_string(text, " on ");
	append_words(bk_message_text(message, "host"), text);
	if (port != 0)
		bk_buf_printf(text, ":%lld", (long long) port);
}

void
bk_message_title(const BkJson *message, BkBuf *text)
{
	const BkJson *changes = bk_message_changes(message);
	size_t		count = bk_json_length(changes) +
		(size_t) bk_json_int(bk_json_get(message, "more"), 0);

	bk_buf_append_string(text, "backup_ext, ");
	bk_message_source(message, text);
	if (strcmp(bk_message_text(message, "event"), "test") == 0)
		bk_buf_append_string(text, ": this is a test");
	else if (changes == NULL)
		bk_buf_append_string(text, ": it is alive");
	else if (count == 1)
	{
		bk_buf_append_string(text, ": ");
		append_words(bk_message_text(bk_json_at(changes, 0), "what"), text);
		bk_buf_printf(text, " is %s", say_state(bk_json_at(changes, 0)));
	}
	else
		bk_buf_printf(text, ": %zu changes, the worst is %s", count, worst_state(changes));
}

void
bk_message_lines(const BkJson *message, BkBuf *text)
{
	const BkJson *changes = bk_message_changes(message);
	int64_t		more = bk_json_int(bk_json_get(message, "more"), 0);

	for (size_t i = 0; i < bk_json_length(changes); i++)
	{
		const BkJson *change = bk_json_at(changes, i);

		append_words(bk_message_text(change, "what"), text);
		bk_buf_printf(text, " is %s: ", say_state(change));
		append_words(bk_message_text(change, "reason"), text);
		bk_buf_printf(text, " (since %s)\n", bk_message_text(change, "since"));
	}
	if (more > 0)
		bk_buf_printf(text, "and %lld more, see the view backup_status\n", (long long) more);
}

static const char *
say_state(const BkJson *change)
{
	bool		critical = strcmp(bk_message_text(change, "state"), "critical") == 0;

	switch (bk_message_change(change))
	{
		case BK_CHANGE_RECOVERY:
			return "ok again";
		case BK_CHANGE_REMINDER:
			return critical ? "still critical" : "still in state warning";
		case BK_CHANGE_PROBLEM:
			break;
	}
	return critical ? "critical" : "in state warning";
}

static const char *
worst_state(const BkJson *changes)
{
	const char *worst = "ok";

	for (size_t i = 0; i < bk_json_length(changes); i++)
	{
		const char *state = bk_message_text(bk_json_at(changes, i), "state");

		if (strcmp(state, "critical") == 0 ||
			(strcmp(state, "warning") == 0 && strcmp(worst, "ok") == 0))
			worst = state;
	}
	return worst;
}

/* The name of a database can have line feeds in it, to look like another line. */
static void
append_words(const char *words, BkBuf *text)
{
	for (; *words != '\0'; words++)
		bk_buf_append(text, (unsigned char) *words < ' ' || *words == 0x7f ? " " : words, 1);
}
