/*
 * label.h
 *	  Backup ids: readable names that sort by time.
 *
 * An id is a UTC time, the percent-encoded name of what was backed up, and
 * four random characters: 20261121T101500Z-app-7x2m. FORMAT.md has the
 * grammar. An id never contains a slash and never is "." or "..", so it can
 * stand in a key as it is.
 */
#ifndef BK_REPO_LABEL_H
#define BK_REPO_LABEL_H

#include <stdbool.h>
#include <stdint.h>

#include "core/error.h"

/* Longest id with its NUL: 16 of time, 63 bytes encoded by 3, 4 random, 2 dashes. */
#define BK_LABEL_SIZE	231

/* Room for an encoded name of 63 bytes, with its NUL. */
#define BK_LABEL_ENCODED_SIZE	(63 * 3 + 1)

/*
 * Percent-encode a name of 1 to 63 bytes, as it stands in an id and in other
 * keys; false where it has none or more.
 */
extern bool bk_label_encode(const char *name, char *encoded);

/*
 * Make the id of a run that starts now (seconds since 1970) on something
 * called name, of 1 to 63 bytes. Errors: name too long (22023), no random
 * bytes (58000).
 */
extern bool bk_label_make(int64_t now, const char *name, char *id,
						  BkError *err);

/* Check an id that came from outside; an error (22023) shows the grammar. */
extern bool bk_label_check(const char *id, BkError *err);

/* Are two valid ids of backups of the same name? */
extern bool bk_label_same_name(const char *a, const char *b);

/* The time in an id, in seconds since 1970; -1 where it begins with none. */
extern int64_t bk_label_time(const char *id);

/* The name in a valid id, decoded, into 64 bytes. */
extern void bk_label_name(const char *id, char *name);

#endif
