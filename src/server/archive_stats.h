/*
 * archive_stats.h
 *	  What the archiver has done, in shared memory. Where the library was not
 *	  preloaded the numbers are the archiver's own, and nobody can read them.
 */
#ifndef BK_SERVER_ARCHIVE_STATS_H
#define BK_SERVER_ARCHIVE_STATS_H

#include "datatype/timestamp.h"

#include "server/outcome.h"

#define BK_WAL_FILE_SIZE 64		/* longest name in pg_wal and its final zero */
#define BK_RATE_S 10			/* seconds that a bucket counts */
#define BK_RATE_BUCKETS 30

/* What was archived in one span of time. */
typedef struct BkRateBucket
{
	int64		span;			/* seconds since 2000, divided by BK_RATE_S */
	int64		size;
	int64		segments;
} BkRateBucket;

typedef struct BkArchiveStats
{
	TimestampTz since;			/* when counting began; 0: no archiver yet */
	int			child_pid;		/* of the program; 0: none */
	int64		archived;		/* files of all kinds */
	int64		plain_size;
	int64		stored_size;
	char		last_segment[BK_WAL_FILE_SIZE]; /* empty: none yet */
	TimestampTz last_at;		/* when a file was last archived; 0: none yet */
	int64		failed;			/* attempts */
	char		failed_wal[BK_WAL_FILE_SIZE];	/* the last that failed; or empty */
	TimestampTz failed_at;
	bool		failing;		/* failed_wal is not archived yet */
	BkOutcome	failure;		/* why; texts in UTF-8, maybe cut in a character */
	BkRateBucket rate[BK_RATE_BUCKETS];
} BkArchiveStats;

/* --- for the start of the server --- */

/* Bytes of shared memory that are needed. */
extern Size bk_archive_stats_size(void);

/* Makes or finds them; the caller holds AddinShmemInitLock. */
extern void bk_archive_stats_startup(void);

/* --- for the archiver --- */

/* Says that there is an archiver, and which process its program is; 0: none. */
extern void bk_archive_stats_child(int pid);

/* Counts a file that was archived. */
extern void bk_archive_stats_archived(const char *name, int64 plain_size,
									  int64 stored_size);

/* Counts an attempt that has failed. */
extern void bk_archive_stats_failed(const char *name, const BkOutcome *failure);

/* --- for readers --- */

/* Copies them; false: there are none. */
extern bool bk_archive_stats_read(BkArchiveStats *copy);

/* Is this the name of a whole segment? */
extern bool bk_wal_file_is_segment(const char *name);

#endif							/* BK_SERVER_ARCHIVE_STATS_H */
