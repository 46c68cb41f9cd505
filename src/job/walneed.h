/*
 * walneed.h
 *	  What WAL is needed, once it is decided which backups are kept.
 *
 * Like the decision (job/retention.h) it depends on its input alone.
 */
#ifndef BK_JOB_WALNEED_H
#define BK_JOB_WALNEED_H

#include "job/retention.h"

/*
 * WAL of one timeline (0: of each) between two positions. With to_lsn UINT64_MAX also all
 * that follows, on this timeline and those that come from it there.
 */
typedef struct BkWalNeed
{
	uint32_t	timeline;
	uint64_t	from_lsn;
	uint64_t	to_lsn;
} BkWalNeed;

typedef struct BkWalNeeds
{
	const char *everything;		/* why nothing may go at all; NULL: see below */
	BkWalNeed  *list;
	size_t		count;
	size_t		room;
	int64_t		since;			/* when the first backup that needs all that follows was made */
} BkWalNeeds;

/* Add what is needed from a position on, by a run that is making a backup. */
extern bool bk_walneed_add_run(BkWalNeeds *needs, uint64_t from_lsn,
							   BkError *err);

/* Add what the backups need that are not gone. They have been decided on. */
extern bool bk_walneed_add_backups(BkWalNeeds *needs,
								   const BkRetention *retention,
								   const BkCandidate *candidates,
								   size_t count, BkError *err);

/* Is a segment of the cluster's map needed, by its number? */
extern bool bk_walneed_has(const BkWalNeeds *needs, const BkWalMap *map,
						   uint32_t timeline, uint64_t number);

/* Give the memory back. */
extern void bk_walneed_free(BkWalNeeds *needs);

#endif
