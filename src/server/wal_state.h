/*
 * wal_state.h
 *	  How WAL archiving stands at this moment, and a verdict.
 *
 * The facts come from the server itself, so they are true also while the
 * archiver is dead, hangs, or never started: files that wait, and since when.
 */
#ifndef BK_SERVER_WAL_STATE_H
#define BK_SERVER_WAL_STATE_H

#include "access/xlogdefs.h"
#include "datatype/timestamp.h"

#include "server/archive_stats.h"

/* What only the catalogue knows. */
typedef struct BkWalCatalogue
{
	bool		has_base_backups;	/* of this cluster */
	int64		gaps;			/* in its archived WAL; 0 also if not known */
	int64		conflicts;
} BkWalCatalogue;

typedef struct BkWalState
{
	const char *mode;			/* of archiving: off, on, always */
	const char *library;		/* in use; empty if none */
	const char *command;		/* in use; empty if none */
	bool		in_recovery;
	TimeLineID	timeline;		/* 0: not known */
	int64		waiting;		/* files that are ready to be archived */
	char		oldest_wal[BK_WAL_FILE_SIZE];
	TimestampTz oldest_since;	/* 0: nothing waits */
	int64		directory_size; /* bytes in pg_wal */
	int			disk_used;		/* percent of the file system; -1: not known */
	int64		disk_free;		/* bytes */
	int64		disk_total;		/* bytes; 0: not known */
	TimestampTz full_at;		/* when it is full if nothing changes; 0: never */
	char		last_wal[BK_WAL_FILE_SIZE]; /* newest archived segment, or empty */
	XLogRecPtr	last_lsn;		/* end of that */
	TimestampTz last_at;		/* 0: nothing was archived yet */
	int64		archived;
	int64		failed;
	char		failed_wal[BK_WAL_FILE_SIZE];	/* empty: none has failed */
	TimestampTz failed_at;
	bool		failing;		/* failed_wal still waits */
	bool		has_stats;		/* the rest is known */
	BkArchiveStats stats;
} BkWalState;

/* Looks at everything; needs no database. */
extern void bk_wal_state_read(BkWalState *state);

/*
 * Judges: "ok", "warning" or "critical", with a sentence that says why; NULL:
 * nothing is archived, and nothing needs it.
 */
extern const char *bk_wal_state_judge(const BkWalState *state,
									  const BkWalCatalogue *catalogue,
									  char **reason);

/* Do this module or this program archive? */
extern bool bk_wal_state_is_ours(const BkWalState *state);

/* Bytes and segments that were archived per second of the last minutes. */
extern void bk_wal_state_rate(const BkArchiveStats *stats, double *bytes,
							  double *segments);

#endif							/* BK_SERVER_WAL_STATE_H */
