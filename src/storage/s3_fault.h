/*
 * s3_fault.h
 *	  What a store says when it refuses a request, and what that means (Amazon
 *	  S3 API Reference, "Error responses"). Used by the S3 driver only.
 */
#ifndef BK_STORAGE_S3_FAULT_H
#define BK_STORAGE_S3_FAULT_H

#include "core/error.h"
#include "storage/http.h"
#include "storage/s3_place.h"

typedef struct BkS3Fault
{
	int			status;			/* of HTTP */
	char		code[64];		/* "": the answer is not a store's */
	char		message[300];	/* fit to be shown */
	char		request_id[128];
	char		region[BK_S3_REGION_SIZE];	/* the right one, or "" */
} BkS3Fault;

typedef enum BkS3Remedy
{
	BK_S3_FAIL,
	BK_S3_AGAIN,				/* it passes */
	BK_S3_RENEW,				/* with other credentials */
	BK_S3_SET_CLOCK				/* with the store's time */
} BkS3Remedy;

/* What was asked for, for messages. */
typedef struct BkS3Deed
{
	const char *verb;			/* "store", "read", ... */
	const char *right;			/* that it takes: "s3:GetObject" */
	const char *key;			/* NULL: it is about the bucket */
} BkS3Deed;

/* Read what an answer says; also one that claims to be a success. */
extern void bk_s3_fault_read(const BkHttpResponse *response, BkS3Fault *fault);

/* Set code or message (NULL: leave it) to what came in another document. */
extern void bk_s3_fault_say(BkS3Fault *fault, const char *code,
							const char *message);

/* What can be done about it. */
extern BkS3Remedy bk_s3_fault_remedy(const BkS3Fault *fault);

/* Does it carry this code? */
extern bool bk_s3_fault_is(const BkS3Fault *fault, const char *code);

/* Make the error of it. Returns false. */
extern bool bk_s3_fault_error(const BkS3Fault *fault, const BkS3Place *place,
							  const BkS3Deed *deed, BkError *err);

#endif
