/*
 * tar.h
 *	  Tar volumes, written into a stream and read from one; the one door to
 *	  libarchive.
 *
 * The format is GNU tar. Names are bytes and mean nothing to us: no locale
 * converts them, and the reader reports what stands there, also what no
 * caller would follow. All bytes of a volume must be explained: a volume that
 * is cut, also between two members, or that has something behind its end, is
 * damaged.
 */
#ifndef BK_SOURCE_TAR_H
#define BK_SOURCE_TAR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "core/error.h"
#include "core/stream.h"

typedef struct BkTarWriter BkTarWriter;
typedef struct BkTarReader BkTarReader;

typedef enum BkTarType
{
	BK_TAR_FILE,
	BK_TAR_DIRECTORY,
	BK_TAR_OTHER				/* links, devices, sparse files: the reader's */
} BkTarType;

typedef struct BkTarEntry
{
	const char *name;			/* no slash at the end, also of directories */
	BkTarType	type;
	uint64_t	size;			/* of a file, 0 for all others */
	mode_t		mode;			/* permissions only */
	int64_t		mtime;			/* seconds since 1970 */
	uid_t		uid;
	gid_t		gid;
} BkTarEntry;

/* Start a volume. What it writes goes to "next", which stays the caller's. */
extern BkTarWriter *bk_tar_writer_open(BkWriter *next, BkError *err);

/* Begin a member, once the one before it has all its bytes. */
extern bool bk_tar_begin(BkTarWriter *tar, const BkTarEntry *entry,
						 BkError *err);

/* Add to the data of the member; in all exactly as much as it has. */
extern bool bk_tar_data(BkTarWriter *tar, const void *data, size_t len,
						BkError *err);

/* Write the end of the volume; "next" is not finished. */
extern bool bk_tar_finish(BkTarWriter *tar, BkError *err);

/* Free a writer, finished or not; NULL is allowed. */
extern void bk_tar_writer_free(BkTarWriter *tar);

/* Read a volume from a stream, which stays the caller's. */
extern BkTarReader *bk_tar_reader_open(BkReader *below, BkError *err);

/*
 * Go to the next member; what is left of the one before is skipped. *more is
 * false at the end, where the stream has been read to its own. The entry's
 * name is the reader's, until the next call. Damage is XX001; errors of the
 * stream pass through.
 */
extern bool bk_tar_next(BkTarReader *tar, BkTarEntry *entry, bool *more,
						BkError *err);

/* Read data of the member; *got is 0 at its end only. */
extern bool bk_tar_read(BkTarReader *tar, void *buf, size_t len, size_t *got,
						BkError *err);

/* Free a reader; NULL is allowed. */
extern void bk_tar_reader_free(BkTarReader *tar);

#endif
