/*
 * inventory.h
 *	  The contents of a base backup: every directory and file in its volumes.
 *
 * FORMAT.md, "Contents of a base backup". Lines stand in order of the
 * volumes' names, and within a volume in the order of its members.
 */
#ifndef BK_JOB_INVENTORY_H
#define BK_JOB_INVENTORY_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "core/json.h"
#include "core/stream.h"

/* Longer paths are refused; PostgreSQL takes none of more than 1023 bytes. */
#define BK_INVENTORY_NAME_SIZE	4096

typedef struct BkInventoryLine
{
	const char *stream;			/* the volume: base.0003.tar */
	const char *name;			/* relative, plain, bytes */
	bool		directory;
	uint64_t	size;			/* of a file */
	mode_t		mode;			/* permissions */
	int64_t		mtime;			/* seconds since 1970 */
	const char *sha256;			/* of a file's bytes; NULL of a directory */
} BkInventoryLine;

/* Write the head, which is freed; "format" is put into it. */
extern bool bk_inventory_write_head(BkWriter *writer, BkJson *head,
									BkError *err);

/* Write one line. */
extern bool bk_inventory_write_line(BkWriter *writer,
									const BkInventoryLine *line,
									BkError *err);

/* Called for each line after the head; what it points at is borrowed. */
typedef bool (*BkInventoryVisit) (void *arg, const BkInventoryLine *line,
								  BkError *err);

/*
 * Read contents to their end. Lines that say too little or have a name that
 * is not plain are an error (XX001). *head, or NULL, gets the first line,
 * which the caller frees, also on failure.
 */
extern bool bk_inventory_read(BkReader *reader, BkJson **head,
							  BkInventoryVisit visit, void *arg,
							  BkError *err);

/* No slash at either end, no empty component, no ".", no ".."? */
extern bool bk_inventory_is_plain(const char *name);

#endif
