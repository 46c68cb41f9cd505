/*
 * history.h
 *	  The history of a timeline: which timelines it comes from.
 *
 * PostgreSQL writes the file when a server is promoted, and reads it in
 * readTimeLineHistory (src/backend/access/transam/timeline.c): a line for
 * each ancestor, oldest first, with the ancestor's id, the position at which
 * it was left, and words for people.
 */
#ifndef BK_REPO_HISTORY_H
#define BK_REPO_HISTORY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/error.h"

/* A larger file is refused. */
#define BK_HISTORY_MAX_SIZE	(1024 * 1024)

typedef struct BkHistoryEntry
{
	uint32_t	timeline;
	uint64_t	switch_lsn;		/* where it was left; no byte from here on counts */
} BkHistoryEntry;

typedef struct BkHistory
{
	BkHistoryEntry *entries;	/* the ids grow */
	size_t		count;
} BkHistory;

/*
 * Parse the bytes of the history file of a timeline. As in PostgreSQL, ids
 * must grow and be below that of the timeline. Errors: XX001. An empty
 * history, also after a failure, needs no freeing.
 */
extern bool bk_history_parse(const char *text, size_t len, uint32_t timeline,
							 BkHistory *history, BkError *err);

/* Give the memory back and leave an empty history. */
extern void bk_history_free(BkHistory *history);

#endif
