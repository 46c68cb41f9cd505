/*
 * archive.h
 *	  Read an archive of pg_dump's custom format from its first to its last
 *	  byte, and count what is in it.
 *
 * A custom archive has no end mark. It is whole when the header and the table
 * of contents parse, and every entry that announced data is followed by its
 * data block, up to the end of the stream. The format is that of
 * pg_backup_archiver.c and pg_backup_custom.c, versions 1.14 (PostgreSQL 12)
 * to 1.16 (17 and newer).
 */
#ifndef BK_SOURCE_ARCHIVE_H
#define BK_SOURCE_ARCHIVE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/stream.h"

/* One entry with data: a table, or a set of large objects. */
typedef struct BkArchiveData
{
	int			id;
	char	   *schema;			/* NULL for large objects */
	char	   *name;
	bool		is_table;
	bool		found;			/* its block was in the stream */
	uint64_t	rows;			/* rows of a table, or large objects */
	uint64_t	bytes;			/* of COPY text or of content */
} BkArchiveData;

typedef struct BkArchive
{
	char	   *database;
	char	   *server_version;
	int			entry_count;	/* of the table of contents */
	BkArchiveData *data;		/* in order of id */
	size_t		data_count;
} BkArchive;

/*
 * Gets every byte of the stream, in order, in large pieces, as the reading
 * goes on. NULL: nobody wants them.
 */
typedef bool (*BkArchiveForward) (void *arg, const void *buf, size_t len,
								  BkError *err);

/*
 * Read a whole archive. The reader stays the caller's. NULL on failure:
 * XX001 where the stream is no archive, ends too early, holds compressed data
 * or blocks that nobody announced; and the errors of reader and forward.
 */
extern BkArchive *bk_archive_read(BkReader *reader, BkArchiveForward forward,
								  void *arg, BkError *err);

/* Free it; NULL is allowed. */
extern void bk_archive_free(BkArchive *archive);

#endif
