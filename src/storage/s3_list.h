/*
 * s3_list.h
 *	  Requests about many objects of an S3 store. Used by the S3 driver only.
 */
#ifndef BK_STORAGE_S3_LIST_H
#define BK_STORAGE_S3_LIST_H

#include "storage/s3_client.h"

/*
 * Visit the objects whose keys begin so; where "flat", only those without a
 * slash behind it. In byte order, and complete or an error.
 */
extern bool bk_s3_list(BkS3 *s3, const char *beginning, bool flat,
					   BkStorageVisit visit, void *arg, BkError *err);

/* Remove objects; "remove_all" in storage.h has the rules. */
extern bool bk_s3_remove_all(BkS3 *s3, const char *const *keys, size_t count,
							 BkError *err);

/*
 * Abort uploads of keys that begin so and have been open for a day, by the
 * store's clock; all of them if their writers are dead.
 */
extern bool bk_s3_sweep(BkS3 *s3, const char *beginning, bool dead,
						BkError *err);

#endif
