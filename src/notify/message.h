/*
 * message.h
 *	  A message in words, for those channels that people read.
 */
#ifndef BK_NOTIFY_MESSAGE_H
#define BK_NOTIFY_MESSAGE_H

#include "core/buf.h"
#include "core/json.h"

/* What a change is. */
typedef enum BkChange
{
	BK_CHANGE_PROBLEM,			/* it has become worse, or better but not good */
	BK_CHANGE_REMINDER,			/* it is still bad */
	BK_CHANGE_RECOVERY
} BkChange;

/* The changes that the message lists; NULL: it lists none. Borrowed. */
extern const BkJson *bk_message_changes(const BkJson *message);

/* What this change is. */
extern BkChange bk_message_change(const BkJson *change);

/* A text of a message or a change; "" if it is not there. Borrowed. */
extern const char *bk_message_text(const BkJson *object, const char *name);

/* Append which server it is about: its cluster name, host and port. */
extern void bk_message_source(const BkJson *message, BkBuf *text);

/* Append one line that says what it is about, without a line feed. */
extern void bk_message_title(const BkJson *message, BkBuf *text);

/* Append a line for each change, and how many are not listed. */
extern void bk_message_lines(const BkJson *message, BkBuf *text);

#endif
