/*
 * physical.h
 *	  What the manifest of a base backup says beside what all manifests say.
 */
#ifndef BK_REPO_PHYSICAL_H
#define BK_REPO_PHYSICAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/json.h"
#include "core/walname.h"

typedef struct BkTablespace
{
	uint32_t	oid;
	const char *location;		/* absolute path on the server; borrowed */
} BkTablespace;

/* Strings are borrowed from the manifest's JSON. */
typedef struct BkPhysical
{
	uint32_t	timeline;
	uint64_t	start_lsn;		/* recovery begins here */
	uint64_t	stop_lsn;		/* and must come at least this far */
	BkWalName	start_wal;		/* the segments of both, on that timeline */
	BkWalName	stop_wal;
	uint32_t	wal_segment_size;
	uint32_t	block_size;
	uint32_t	segment_blocks; /* in a full file of a relation */
	bool		data_checksums;
	int64_t		corrupt_pages;
	const char *data_directory;
	BkTablespace *tablespaces;
	size_t		tablespace_count;
} BkPhysical;

/*
 * Read and check the members (XX001): types, ranges, positions that agree with
 * names and timeline, no tablespace twice. The result is the caller's; free it
 * also after a failure.
 */
extern bool bk_physical_read(const BkJson *json, BkPhysical *physical,
							 BkError *err);

/* Free what it holds. */
extern void bk_physical_free(BkPhysical *physical);

#endif
