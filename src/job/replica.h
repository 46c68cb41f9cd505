/*
 * replica.h
 *	  The steps of copying a repository. Used by replicate*.c only.
 *
 * Handles of the main thread are here; the threads that copy have their own.
 */
#ifndef BK_JOB_REPLICA_H
#define BK_JOB_REPLICA_H

#include <stddef.h>
#include <stdint.h>

#include "job/common.h"
#include "repo/wal.h"

typedef struct BkReplica
{
	const BkRequest *source;	/* of one repository */
	const BkRequest *target;	/* likewise */
	const BkHost *host;
	BkRepository *from;
	BkRepository *to;
	size_t		backups;		/* that were copied */
	uint64_t	wal;			/* files that were copied */
	uint64_t	bytes;			/* stored bytes that were read for it */
	size_t		failed;			/* things that could not be copied */
	BkError		problem;		/* the first of them */
} BkReplica;

/*
 * Is a failure about one thing alone, so that the others can be copied all the
 * same? Then it is kept, and true; else the run is over.
 */
extern bool bk_replica_forgive(BkReplica *replica, const BkError *problem);

/* Copy the objects of a backup with several threads. */
extern bool bk_replica_objects(BkReplica *replica, const BkManifest *manifest,
							   BkError *err);

/* Copy the WAL that a base backup needs. Error: some is missing (58P01). */
extern bool bk_replica_needed_wal(BkReplica *replica,
								  const BkManifest *manifest, BkError *err);

/* Copy all WAL of a cluster that the other repository lacks. */
extern bool bk_replica_all_wal(BkReplica *replica,
							   const char *system_identifier, BkError *err);

#endif
