/*
 * lease.h
 *	  Which server carries out a slot of a schedule.
 *
 * After a failover, two servers can hold the same schedule for due. The one
 * that carries out a slot says so in the repository, and others leave it alone.
 * That spares double work; nothing is safe or unsafe by it.
 */
#ifndef BK_REPO_LEASE_H
#define BK_REPO_LEASE_H

#include "core/host.h"
#include "core/place.h"
#include "repo/repository.h"

/* Who asks for which slot. */
typedef struct BkLeaseSlot
{
	const char *system_identifier;
	const BkPlace *place;
	const char *schedule;		/* 1 to 63 bytes */
	int64_t		at;				/* seconds since 1970 */
	const char *object;			/* what of several things; "": all of it */
	int			patience_ms;	/* how long one who came as well may take to step back */
} BkLeaseSlot;

/*
 * Take a slot for this place, and set the key (BK_KEY_SIZE bytes) of what was
 * written. Another place that has done it, or whose process lives, is an error
 * (55S01). A process that nobody here can look at, and that has not said that it
 * is done, is believed for 20 minutes (55S02). What is a day old and of no live
 * process is removed.
 */
extern bool bk_lease_take(BkRepository *repo, const BkLeaseSlot *slot,
						  const BkHost *host, char *key, BkError *err);

/* Say that it is done: that counts, whatever becomes of this process. */
extern bool bk_lease_finish(BkRepository *repo, const BkLeaseSlot *slot,
							const char *key, BkError *err);

/* Leave the slot to others; what cannot be removed now stays for a day. */
extern void bk_lease_give_back(BkRepository *repo, const char *key);

#endif
