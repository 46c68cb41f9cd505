/*
 * s3_object.h
 *	  Single requests about single objects. Used by the S3 driver only.
 */
#ifndef BK_STORAGE_S3_OBJECT_H
#define BK_STORAGE_S3_OBJECT_H

#include "storage/s3_client.h"

#define BK_S3_ETAG_SIZE		128

typedef struct BkS3Head
{
	BkObjectStat stat;
	char		etag[BK_S3_ETAG_SIZE];	/* if it exists */
} BkS3Head;

/* Look at an object; a missing one is no error. */
extern bool bk_s3_head(BkS3Client *client, const BkS3 *s3, const char *key,
					   BkS3Head *head, BkError *err);

/*
 * Put an object with one request, replacing what is there, and make sure that
 * the store has got these bytes.
 */
extern bool bk_s3_put_object(BkS3 *s3, const char *key, const void *data,
							 size_t len, BkError *err);

/* Has an object this content? False with an error (42710) if it has not. */
extern bool bk_s3_same_content(BkS3 *s3, const char *key, const void *data,
							   size_t len, BkError *err);

/* Remove an object; a missing one is success. */
extern bool bk_s3_remove_object(BkS3Client *client, const BkS3 *s3,
								const char *key, BkError *err);

/* --- for uploads in parts ------------------------------------------------- */

/* Add what the URL says of new objects: class, encryption, tags, lock. */
extern void bk_s3_add_wishes(BkS3Request *request, const BkS3 *s3);

/*
 * Make data the body. *sha256 (BK_DIGEST_SIZE bytes) is its digest, which is
 * also sent for the store to say it again if "checksum" is true.
 */
extern bool bk_s3_set_body(BkS3Request *request, const BkS3 *s3,
						   const void *data, size_t len, bool checksum,
						   unsigned char *sha256, BkError *err);

/* Does the answer prove that the store has got the body, as set before? */
extern bool bk_s3_is_proof(const BkS3Request *request, const BkS3 *s3,
						   const unsigned char *sha256, bool *proof,
						   BkError *err);

/* Accepts an answer about one object: it has an ETag. */
extern bool bk_s3_accept_etag(void *arg, const BkHttpResponse *response,
							  BkError *err);

#endif
