/*
 * datafile.h
 *	  Read a file that the server may write at the same time.
 *
 * The size is fixed when the file is opened: what is added later is not read,
 * and what is cut off is read as zeros, since replay of WAL does both again.
 * Pages of relations are compared with their checksums on the way. A page is
 * blamed only if it stays wrong: it may have been read while it was written,
 * and one that was changed after the backup began is written anew by replay.
 */
#ifndef BK_SOURCE_DATAFILE_H
#define BK_SOURCE_DATAFILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "core/digest.h"
#include "core/error.h"

/* What a page must be like. */
typedef struct BkDataFileRules
{
	bool		checksums;		/* has the cluster any? */
	uint32_t	block_size;
	uint32_t	segment_blocks; /* blocks in a full file of a relation */
	uint64_t	start_lsn;		/* of the backup */

	/* Called for each page that is wrong, with its block in the file. */
	void		(*corrupt) (void *arg, const char *path, uint32_t block);
	void	   *arg;
} BkDataFileRules;

typedef struct BkDataFile BkDataFile;

/* What is known of an open file. */
typedef struct BkDataFileFacts
{
	uint64_t	size;
	int64_t		mtime;
	mode_t		mode;			/* permissions */
} BkDataFileFacts;

/*
 * Make what one thread needs to read one file after another; the rules must
 * outlive it. NULL on failure.
 */
extern BkDataFile *bk_datafile_new(const BkDataFileRules *rules, BkError *err);

/*
 * Open a file below a root, without following links. *vanished is set where
 * it is gone, and nothing is open then. The path must live until the file is
 * closed.
 */
extern bool bk_datafile_open(BkDataFile *file, int root, const char *path,
							 bool *vanished, BkError *err);

/* Facts of the open file. */
extern const BkDataFileFacts *bk_datafile_facts(const BkDataFile *file);

/*
 * Read the next bytes, which stay the file's; *len is 0 at the end. In all
 * they are as many as the size says.
 */
extern bool bk_datafile_next(BkDataFile *file, const void **data, size_t *len,
							 BkError *err);

/* At the end: the SHA-256 of all bytes that were given. Once. */
extern bool bk_datafile_digest(BkDataFile *file, char hex[BK_DIGEST_HEX_SIZE],
							   BkError *err);

/* Close the file, if one is open; the next can be opened. */
extern void bk_datafile_close(BkDataFile *file);

/* Close and free; NULL is allowed. */
extern void bk_datafile_free(BkDataFile *file);

#endif
