/*
 * retention_store.h
 *	  What the tables know of retention: the policies, and what has expired.
 */
#ifndef BK_SERVER_RETENTION_STORE_H
#define BK_SERVER_RETENTION_STORE_H

#include "datatype/timestamp.h"
#include "utils/jsonb.h"

/*
 * Returns the policies of schedules as the protocol has them; in the caller's
 * memory. Is any set, here or in the settings?
 */
extern char *bk_retention_policies(void);
extern bool bk_retention_is_set(void);

/* Remembers that a backup has expired, and that it is not listed any more. */
extern void bk_retention_put_expired(const char *url, Jsonb *event);

/* Forgets one that is deleted, or those that a sync has not seen. */
extern void bk_retention_forget(const char *url, const char *id);
extern void bk_retention_forget_unseen(const char *url, TimestampTz since);

#endif							/* BK_SERVER_RETENTION_STORE_H */
