/*
 * s3_get.h
 *	  Reading an object of an S3 store. Used by the S3 driver only.
 */
#ifndef BK_STORAGE_S3_GET_H
#define BK_STORAGE_S3_GET_H

#include "storage/s3_client.h"

/*
 * Open an object for reading; "get" in storage.h has the rules. Its beginning
 * has been read when this returns.
 */
extern BkReader *bk_s3_get_open(BkS3 *s3, const char *key, BkError *err);

#endif
