/*
 * s3_multipart.h
 *	  The requests of an upload in parts (S3 User Guide, "Uploading and copying
 *	  objects using multipart upload"). Used by the S3 driver only.
 */
#ifndef BK_STORAGE_S3_MULTIPART_H
#define BK_STORAGE_S3_MULTIPART_H

#include "storage/s3_client.h"
#include "storage/s3_object.h"
#include "storage/same.h"

/* More than this no store takes. */
#define BK_S3_PARTS_MAX		10000

/* A part that the store has acknowledged. */
typedef struct BkS3Part
{
	BkSamePart	content;
	char		etag[BK_S3_ETAG_SIZE];
	bool		proof;			/* the store has shown that it has the bytes */
} BkS3Part;

typedef struct BkS3Multipart
{
	BkS3	   *s3;
	const char *key;
	char	   *upload_id;
	bool		checksums;		/* the store knows checksums of parts */
} BkS3Multipart;

/* Begin; nothing can be seen under the key yet. Free it in any case. */
extern bool bk_s3_multipart_begin(BkS3Multipart *upload, BkS3 *s3,
								  BkS3Client *client, const char *key,
								  BkError *err);
extern void bk_s3_multipart_free(BkS3Multipart *upload);

/* Send a part, numbered from 1. Threads may do so at the same time. */
extern bool bk_s3_multipart_send(const BkS3Multipart *upload,
								 BkS3Client *client, int number,
								 const void *data, size_t len, BkS3Part *part,
								 BkError *err);

/*
 * Make an object of the parts, and make sure that the store has it: from here
 * on it can be seen. Also where the answer was lost.
 */
extern bool bk_s3_multipart_complete(const BkS3Multipart *upload,
									 BkS3Client *client,
									 const BkS3Part *parts, int count,
									 BkError *err);

/* Have the store forget the upload. A missing one is success. */
extern bool bk_s3_multipart_abort(const BkS3 *s3, BkS3Client *client,
								  const char *key, const char *upload_id,
								  BkError *err);

#endif
