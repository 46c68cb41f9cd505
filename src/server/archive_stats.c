/*
 * archive_stats.c
 *	  The archiver writes, everybody reads. One lock, held for copies only.
 */
#include "postgres.h"

#include "miscadmin.h"
#include "storage/lwlock.h"
#include "storage/shmem.h"
#include "utils/timestamp.h"

#include "server/archive_stats.h"
#include "server/wake.h"

#define BK_SEGMENT_NAME_LENGTH 24
#define BK_TIMELINE_LENGTH 8	/* at the beginning of that name */

typedef struct BkArchiveShared
{
	LWLock		lock;
	BkArchiveStats stats;
} BkArchiveShared;

static BkArchiveShared *bk_archive_shared;	/* NULL: not preloaded */
static BkArchiveStats bk_archive_own;

static BkArchiveStats *bk_archive_stats_begin(void);
static void bk_archive_stats_end(void);
static void bk_archive_stats_count(BkArchiveStats *stats, int64 size,
								   bool is_segment);

/* --- for the start of the server --- */

Size
bk_archive_stats_size(void)
{
	return sizeof(BkArchiveShared);
}

void
bk_archive_stats_startup(void)
{
	bool		found;

	bk_archive_shared = ShmemInitStruct("backup_ext archiver",
										sizeof(BkArchiveShared), &found);
	if (!found)
	{
		memset(bk_archive_shared, 0, sizeof(BkArchiveShared));
		LWLockInitialize(&bk_archive_shared->lock,
						 GetNamedLWLockTranche("backup_ext")->lock.tranche);
	}
}

/* --- for the archiver --- */

void
bk_archive_stats_child(int pid)
{
	BkArchiveStats *stats = bk_archive_stats_begin();

	if (stats->since == 0)
		stats->since = GetCurrentTimestamp();
	stats->child_pid = pid;
	bk_archive_stats_end();
}

void
bk_archive_stats_archived(const char *name, int64 plain_size,
						  int64 stored_size)
{
	BkArchiveStats *stats = bk_archive_stats_begin();
	bool		is_segment = bk_wal_file_is_segment(name);
	bool		is_first = is_segment &&
		strncmp(stats->last_segment, name, BK_TIMELINE_LENGTH) != 0;

	stats->archived++;
	stats->plain_size += plain_size;
	stats->stored_size += stored_size;
	stats->last_at = GetCurrentTimestamp();
	if (is_segment)
		strlcpy(stats->last_segment, name, sizeof(stats->last_segment));
	if (strcmp(stats->failed_wal, name) == 0)
		stats->failing = false;
	bk_archive_stats_count(stats, plain_size, is_segment);
	bk_archive_stats_end();
	/* of its timeline: that may show what is missing before it */
	if (is_first)
		bk_wake_ask();
}

void
bk_archive_stats_failed(const char *name, const BkOutcome *failure)
{
	BkArchiveStats *stats = bk_archive_stats_begin();

	stats->failed++;
	strlcpy(stats->failed_wal, name, sizeof(stats->failed_wal));
	stats->failed_at = GetCurrentTimestamp();
	stats->failing = true;
	stats->failure = *failure;
	bk_archive_stats_end();
}

/* Only this process writes: what it has for itself needs no lock. */
static BkArchiveStats *
bk_archive_stats_begin(void)
{
	if (bk_archive_shared == NULL)
		return &bk_archive_own;
	LWLockAcquire(&bk_archive_shared->lock, LW_EXCLUSIVE);
	return &bk_archive_shared->stats;
}

static void
bk_archive_stats_end(void)
{
	if (bk_archive_shared != NULL)
		LWLockRelease(&bk_archive_shared->lock);
}

/* The buckets are a ring; one whose time is over is used again. */
static void
bk_archive_stats_count(BkArchiveStats *stats, int64 size, bool is_segment)
{
	int64		span = stats->last_at / USECS_PER_SEC / BK_RATE_S;
	BkRateBucket *bucket = &stats->rate[span % BK_RATE_BUCKETS];

	if (bucket->span != span)
	{
		bucket->span = span;
		bucket->size = 0;
		bucket->segments = 0;
	}
	bucket->size += size;
	if (is_segment)
		bucket->segments++;
}

/* --- for readers --- */

bool
bk_archive_stats_read(BkArchiveStats *copy)
{
	if (bk_archive_shared == NULL)
		return false;
	LWLockAcquire(&bk_archive_shared->lock, LW_SHARED);
	*copy = bk_archive_shared->stats;
	LWLockRelease(&bk_archive_shared->lock);
	return true;
}

bool
bk_wal_file_is_segment(const char *name)
{
	return strlen(name) == BK_SEGMENT_NAME_LENGTH &&
		strspn(name, "0123456789ABCDEF") == BK_SEGMENT_NAME_LENGTH;
}
