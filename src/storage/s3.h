/*
 * s3.h
 *	  The store that speaks the S3 protocol: Amazon's, and many others'.
 */
#ifndef BK_STORAGE_S3_H
#define BK_STORAGE_S3_H

#include "storage/storage.h"

/*
 * Open a bucket, s3://bucket/prefix?option=value. Nothing is asked of the
 * store yet, and "create" makes nothing: the bucket must be there. Errors:
 * 22023 for what the URL says, and those of its files.
 */
extern BkStorage *bk_s3_open(const char *url, bool create,
							 const BkStorageAccess *access, BkError *err);

#endif
