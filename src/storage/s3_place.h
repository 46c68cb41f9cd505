/*
 * s3_place.h
 *	  What the URL of an S3 store says. Used by the S3 driver only.
 */
#ifndef BK_STORAGE_S3_PLACE_H
#define BK_STORAGE_S3_PLACE_H

#include <stdbool.h>
#include <stdint.h>

#include "core/base64.h"
#include "core/digest.h"
#include "core/error.h"

#define BK_S3_REGION_SIZE	64

/* What an upload is checked against before it is read back. */
typedef enum BkS3Checksum
{
	BK_S3_CHECKSUM_AUTO,		/* the SHA-256 that the store says, or the MD5 */
	BK_S3_CHECKSUM_SHA256,		/* the SHA-256 alone */
	BK_S3_CHECKSUM_NONE			/* no header for it is sent; the MD5 */
} BkS3Checksum;

/* What was not given is NULL, "" or 0. */
typedef struct BkS3Place
{
	char	   *place;			/* s3://bucket/prefix, for messages */
	char	   *bucket;
	char	   *prefix;			/* of all keys, with a slash at its end, or "" */
	char	   *endpoint;		/* https://host:port without the bucket */
	char	   *origin;			/* what requests are sent to */
	char	   *path;			/* with which their paths begin; ends in a slash */
	char		region[BK_S3_REGION_SIZE];
	bool		host_style;		/* the bucket is in the name of the host */
	bool		plain_http;		/* may be spoken to any host */
	char	   *ca_file;
	char	   *proxy;
	char	   *profile;
	char	   *credentials_file;
	char	   *storage_class;
	char	   *encryption;		/* AES256, aws:kms */
	char	   *encryption_key;	/* an id of KMS */
	char		customer_key[BK_BASE64_SIZE(BK_DIGEST_SIZE)];	/* SSE-C */
	char		customer_md5[BK_BASE64_SIZE(BK_DIGEST_MD5_SIZE)];
	char	   *tags;			/* a=1&b=2, encoded */
	const char *lock;			/* GOVERNANCE, COMPLIANCE */
	int64_t		lock_days;
	BkS3Checksum checksum;
} BkS3Place;

/*
 * Take the URL apart; the region is "" if it names none. Errors: 22023, and
 * for the file of a customer's key 42501 and those of reading. Free it in any
 * case.
 */
extern bool bk_s3_place_parse(const char *url, BkS3Place *place, BkError *err);
extern void bk_s3_place_free(BkS3Place *place);

/* The region is known: find endpoint, origin and path. */
extern bool bk_s3_place_settle(BkS3Place *place, const char *region,
							   BkError *err);

#endif
