/*
 * s3_upload.h
 *	  Writing an object of an S3 store as a stream. Used by the S3 driver only.
 */
#ifndef BK_STORAGE_S3_UPLOAD_H
#define BK_STORAGE_S3_UPLOAD_H

#include "storage/s3_client.h"

/*
 * Start an object under a key that is free; "put" in storage.h has the rules.
 * What fits in one part is stored with one request.
 */
extern BkWriter *bk_s3_upload_open(BkS3 *s3, const char *key, BkError *err);

#endif
