/*
 * s3_lifecycle.h
 *	  The lifecycle rules of a bucket. Used by the S3 driver only; the rules
 *	  are those of storage.h.
 */
#ifndef BK_STORAGE_S3_LIFECYCLE_H
#define BK_STORAGE_S3_LIFECYCLE_H

#include "storage/storage.h"

/* "lifecycle" in storage.h. */
extern bool bk_s3_lifecycle(BkStorage *storage, BkLifecycleVisit visit,
							void *arg, BkError *err);

/* "set_lifecycle" in storage.h. */
extern bool bk_s3_set_lifecycle(BkStorage *storage,
								const BkLifecycleWish *wish, BkError *err);

#endif
