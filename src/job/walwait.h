/*
 * walwait.h
 *	  Wait until WAL that a server has written is in the repository.
 */
#ifndef BK_JOB_WALWAIT_H
#define BK_JOB_WALWAIT_H

#include "core/host.h"
#include "repo/repository.h"
#include "source/online.h"
#include "source/pg.h"

typedef struct BkWalWait
{
	const BkHost *host;
	BkRepository *repo;
	BkPg	   *pg;				/* asked about its archiver on failure */
	const char *cluster;		/* system identifier */
	uint32_t	segment_size;
	const BkOnlinePoint *start;
	const BkOnlinePoint *stop;
	int64_t		timeout;		/* milliseconds */
} BkWalWait;

/*
 * Wait for all segments from start to stop. Errors (55000): not all there in
 * time, which says what is missing and what the archiver says; one of them in
 * conflict (23505).
 */
extern bool bk_walwait_run(const BkWalWait *wait, BkError *err);

#endif
