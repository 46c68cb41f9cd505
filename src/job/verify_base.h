/*
 * verify_base.h
 *	  Check a base backup.
 */
#ifndef BK_JOB_VERIFY_BASE_H
#define BK_JOB_VERIFY_BASE_H

#include "job/judge.h"

/* All objects as they are stored, and whether the WAL is there. */
extern bool bk_verify_base_stored(BkJudge *judge, BkError *err);

/*
 * Everything is read: each volume against the contents, file by file, with
 * the checksums of pages; PostgreSQL's manifest; the WAL from start to stop.
 */
extern bool bk_verify_base_readable(BkJudge *judge, BkError *err);

#endif
