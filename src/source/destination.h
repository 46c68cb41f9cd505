/*
 * destination.h
 *	  The directory that a restore writes into.
 *
 * A restore may be killed at any time. Until it is complete its directory has
 * a mark, and no global/pg_control: no server starts on it, and another
 * restore knows what it is and can complete it.
 */
#ifndef BK_SOURCE_DESTINATION_H
#define BK_SOURCE_DESTINATION_H

#include <limits.h>
#include <stdbool.h>
#include <stdint.h>

#include "core/error.h"
#include "core/stream.h"

/* The mark: a file with the cluster's system identifier. */
#define BK_DESTINATION_MARK		"backup_ext.restore"

/* The mark of a clone: a file with the path it was made at. */
#define BK_DESTINATION_CLONE	"backup_ext.clone"

#define BK_CONTROL_FILE			"global/pg_control"

typedef struct BkDestination
{
	char		path[PATH_MAX];
	int			root;			/* open and locked, -1 until it is opened */
	bool		exists;			/* was it there before? */
	bool		filled;			/* was something in it? */
	bool		foreign;		/* something that is no temporary of ours? */
	bool		marked;			/* was a restore interrupted here? */
} BkDestination;

/*
 * May a cluster be restored into this directory? Nothing is changed. It must
 * be an absolute path; be absent, with a parent that is there, or empty; or,
 * with delta, hold a stopped server of this system identifier or what an
 * interrupted restore of it has left. Errors: 22023, 55000, 55006.
 */
extern bool bk_destination_check(BkDestination *destination, const char *path,
								 bool delta, const char *system_identifier,
								 BkError *err);

/* The same for the directory of a tablespace; there "filled" is no error. */
extern bool bk_destination_check_other(BkDestination *destination,
									   const char *path, BkError *err);

/*
 * Make the directory if it is absent, with mode 0700, or 0750 where the group
 * may read, open it, and lock it against another restore (55006).
 */
extern bool bk_destination_open(BkDestination *destination, bool group,
								BkError *err);

/*
 * Set the mark and take pg_control away, durably: from here on nothing starts
 * here.
 */
extern bool bk_destination_begin(const BkDestination *destination,
								 const char *system_identifier, BkError *err);

/* Take the mark away. */
extern bool bk_destination_end(const BkDestination *destination,
							   BkError *err);

/*
 * Write a file below the root with exactly this text, durably and at once:
 * it has all of it or is not there. One that is there is replaced.
 */
extern bool bk_destination_put(const BkDestination *destination,
							   const char *name, const char *text, size_t len,
							   BkError *err);

/* The same with all bytes of a reader, which stays the caller's. */
extern bool bk_destination_copy(const BkDestination *destination,
								const char *name, BkReader *reader,
								BkError *err);

/* Free bytes of its file system, or of that it will be on. */
extern bool bk_destination_free_space(const BkDestination *destination,
									  uint64_t *bytes, BkError *err);

/*
 * The text of a small file below the root, NUL-terminated, which the caller
 * frees; an absent one gives an empty text.
 */
extern char *bk_destination_text(const BkDestination *destination,
								 const char *name, BkError *err);

/* Close it; what was written stays. */
extern void bk_destination_close(BkDestination *destination);

#endif
