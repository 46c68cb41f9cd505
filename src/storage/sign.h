/*
 * sign.h
 *	  Signature version 4 of Amazon Web Services (IAM User Guide, "Create a
 *	  signed AWS API request"), with the payload always signed.
 */
#ifndef BK_STORAGE_SIGN_H
#define BK_STORAGE_SIGN_H

#include "storage/credentials.h"
#include "storage/http.h"

typedef struct BkSignScope
{
	const char *region;
	const char *service;		/* s3, sts */
	int64_t		time;			/* UTC seconds */
} BkSignScope;

/*
 * Set the headers Host, X-Amz-Date, X-Amz-Content-Sha256 (for s3),
 * X-Amz-Security-Token (if there is a token) and Authorization, in place of
 * those of an earlier attempt. All headers that are set are signed, and the
 * path as it stands: encoded once, which only S3 wants so where it is more
 * than a slash. Computes body_sha256 if it is not there. Without a key id the
 * request stays unsigned.
 */
extern bool bk_sign_v4(BkHttpRequest *request, const BkCredentials *key,
					   const BkSignScope *scope, BkError *err);

#endif
