/*
 * online.h
 *	  A server in backup mode: what is asked of it around a base backup.
 *
 * PostgreSQL docs, "Making a Base Backup Using the Low Level API". Backup mode
 * belongs to the session and ends with it.
 */
#ifndef BK_SOURCE_ONLINE_H
#define BK_SOURCE_ONLINE_H

#include <stdbool.h>
#include <stdint.h>

#include "core/json.h"
#include "core/walname.h"
#include "source/pg.h"

/* Where a backup begins or ends. */
typedef struct BkOnlinePoint
{
	uint32_t	timeline;
	uint64_t	lsn;
	char		wal[BK_WAL_NAME_SIZE];	/* segment that the position needs */
} BkOnlinePoint;

/*
 * What the cluster is: data_directory, in_recovery, wal_level, archive_mode,
 * block_size, segment_blocks (blocks in a full file), wal_segment_size,
 * data_checksums, tablespace_folder (the server's own within a tablespace),
 * and postmaster_pid, the text of postmaster.pid. The caller frees it.
 */
extern BkJson *bk_online_facts(BkPg *pg, BkError *err);

/*
 * The settings that came from files, the command line or the environment: an
 * object of texts. The caller frees it.
 */
extern BkJson *bk_online_settings(BkPg *pg, BkError *err);

/*
 * Does a data directory of this machine belong to the server? An error (55000)
 * where it cannot be read or is another one's.
 */
extern bool bk_online_check_directory(const BkJson *facts, BkError *err);

/* Begin: a checkpoint at once, or spread over time. */
extern bool bk_online_start(BkPg *pg, const char *label, bool fast,
							BkOnlinePoint *start, BkError *err);

/*
 * End, without waiting for the archiver. *label is the text of backup_label,
 * which the caller frees. An error (55000) if the timeline is not the start's.
 */
extern bool bk_online_stop(BkPg *pg, const BkOnlinePoint *start,
						   BkOnlinePoint *stop, char **label, BkError *err);

/*
 * Let the server begin a new WAL segment, so that the one which has the
 * present moment is archived. *last is the last one that is complete now;
 * *segment_size is in bytes.
 */
extern bool bk_online_switch(BkPg *pg, BkOnlinePoint *last,
							 uint32_t *segment_size, BkError *err);

/*
 * What the archiver says of itself, as a sentence: its last failure if that
 * is later than its last success.
 */
extern bool bk_online_archiver(BkPg *pg, char *text, size_t size,
							   BkError *err);

#endif
