/*
 * s3_client.h
 *	  Requests to an S3 store: signed, judged, tried again. Used by the S3
 *	  driver only.
 *
 * Clients are connections that are kept. Whoever has something to ask takes
 * one from the pool and gives it back; that may be done by any thread.
 */
#ifndef BK_STORAGE_S3_CLIENT_H
#define BK_STORAGE_S3_CLIENT_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "storage/credentials.h"
#include "storage/http.h"
#include "storage/s3_fault.h"
#include "storage/s3_place.h"
#include "storage/storage.h"

/* Connections that wait for the next who needs one. */
#define BK_S3_IDLE_MAX		16

typedef struct BkS3Client BkS3Client;

/* What all who work on one store share. */
typedef struct BkS3
{
	BkStorage	base;
	BkS3Place	place;
	const BkHost *host;			/* may be NULL */
	int			jobs;			/* transfers that a stream may have in flight */
	bool		brief;			/* give up soon */
	BkCredentialSource *credentials;
	_Atomic int64_t skew;		/* of the store's clock to ours, once it matters */
	pthread_mutex_t lock;		/* of what follows */
	int			idle_count;
	BkS3Client *idle[BK_S3_IDLE_MAX];
} BkS3;

/* Anything that can be asked for. */
typedef struct BkS3Request
{
	BkS3Deed	deed;
	BkHttpRequest http;			/* query, headers and body are the caller's */

	/*
	 * Does a 2xx answer say what it should? Called once per attempt; false,
	 * with an error, has it asked again. NULL: its status is enough.
	 */
	bool		(*accept) (void *arg, const BkHttpResponse *response,
						   BkError *err);
	void	   *arg;
	size_t		body_max;		/* of the answer, 0: as usual */
	int			stall_ms;		/* that the answer may take, 0: as usual */
	BkHttpResponse response;	/* of the last attempt, after a call */
	BkS3Fault	fault;			/* after a call that was refused */
} BkS3Request;

/*
 * Take a client. While it is out, *cancel (which may be NULL) ends its waits,
 * as the host does. NULL on failure.
 */
extern BkS3Client *bk_s3_take(BkS3 *s3, const atomic_bool *cancel,
							  BkError *err);
extern void bk_s3_give(BkS3Client *client);

/* One whose waits end after so many milliseconds, and that nobody stops. */
extern BkS3Client *bk_s3_take_brief(BkS3 *s3, int milliseconds, BkError *err);

/* Close all clients that wait. */
extern void bk_s3_close_idle(BkS3 *s3);

/*
 * Make a request about an object, or with deed.key NULL the bucket. Free it
 * in any case.
 */
extern void bk_s3_request_init(BkS3Request *request, const BkS3 *s3,
							   const char *method, BkS3Deed deed);
extern void bk_s3_request_free(BkS3Request *request);

/*
 * Carry it out. Errors: as bk_s3_fault_error() makes them, and those of
 * bk_http_call(); what came is an answer that was accepted.
 */
extern bool bk_s3_call(BkS3Client *client, BkS3Request *request,
					   BkError *err);

/* Add the customer's key, where the store has to know it. */
extern void bk_s3_add_customer_key(BkS3Request *request, const BkS3 *s3);

/* The store's clock as of the last answer to this client, else ours. */
extern int64_t bk_s3_time(const BkS3Client *client);

/* The unquoted ETag of an answer; false if it has none. */
extern bool bk_s3_etag(const BkHttpResponse *response, char *etag, size_t size);

#endif
