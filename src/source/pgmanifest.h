/*
 * pgmanifest.h
 *	  PostgreSQL's own list of a base backup's files, backup_manifest.
 *
 * PostgreSQL docs, "Backup Manifest Format". pg_verifybackup reads it, and
 * pg_combinebackup, and pg_basebackup --incremental.
 */
#ifndef BK_SOURCE_PGMANIFEST_H
#define BK_SOURCE_PGMANIFEST_H

#include <stdbool.h>
#include <stdint.h>

#include "core/digest.h"
#include "core/error.h"
#include "core/stream.h"
#include "source/datafile.h"

/* The WAL that the backup needs. */
typedef struct BkPgManifestWal
{
	uint32_t	timeline;
	uint64_t	start;
	uint64_t	stop;
} BkPgManifestWal;

typedef struct BkPgManifest BkPgManifest;

/*
 * Start a manifest for a server of this version (server_version_num), which
 * is written into "next" as it comes. "next" stays the caller's.
 */
extern BkPgManifest *bk_pgmanifest_open(BkWriter *next, int server_version,
										const char *system_identifier,
										BkError *err);

/*
 * Add a file. Its path below the data directory, which is bytes, is prefix and
 * path together.
 */
extern bool bk_pgmanifest_add(BkPgManifest *manifest, const char *prefix,
							  const char *path, const BkDataFileFacts *facts,
							  const char *sha256, BkError *err);

/* Write the end with its checksum; "next" is not finished. */
extern bool bk_pgmanifest_finish(BkPgManifest *manifest,
								 const BkPgManifestWal *wal, BkError *err);

/* Free it, finished or not; NULL is allowed. */
extern void bk_pgmanifest_free(BkPgManifest *manifest);

/* Does the manifest's text end in the checksum that it has (XX001)? */
extern bool bk_pgmanifest_check(BkReader *reader, BkError *err);

#endif
