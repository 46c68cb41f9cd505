/*
 * s3_get.c
 *	  Reading an object of an S3 store.
 *
 * The first range tells how large the object is and which version of it this
 * is; all others must be of the same version.
 */
#include "storage/s3_get.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "storage/download.h"
#include "storage/s3_object.h"

typedef struct S3Get
{
	BkDownload	base;
	BkS3	   *s3;
	char	   *key;
	char		etag[BK_S3_ETAG_SIZE];
} S3Get;

/* What one request shall bring. */
typedef struct Range
{
	S3Get	   *get;
	uint64_t	from;
	uint64_t	len;
	bool		first;
} Range;

static void *get_take(BkDownload *base, const atomic_bool *cancel,
					  BkError *err);
static void get_give(void *connection);
static bool get_first(BkDownload *base, void *connection, BkBuf *data,
					  BkError *err);
static bool get_fetch(BkDownload *base, void *connection, uint64_t from,
					  uint64_t len, BkBuf *data, BkError *err);
static void get_free(BkDownload *base);
static bool fetch(BkS3Client *client, Range *range, BkBuf *data, BkError *err);
static bool accept_range(void *arg, const BkHttpResponse *response,
						 BkError *err);
static bool accept_first(S3Get *get, const BkHttpResponse *response,
						 BkError *err);
static bool parse_content_range(const char *text, uint64_t *first,
								uint64_t *last, uint64_t *size);
static bool is_empty(S3Get *get, BkS3Client *client);

static const BkDownloadOps get_ops = {
	.take = get_take,
	.give = get_give,
	.first = get_first,
	.fetch = get_fetch,
	.free = get_free,
};

BkReader *
bk_s3_get_open(BkS3 *s3, const char *key, BkError *err)
{
	S3Get	   *get = calloc(1, sizeof(*get));

	if (get == NULL || (get->key = strdup(key)) == NULL)
	{
		free(get);
		bk_error_memory(err);
		return NULL;
	}
	get->base.ops = &get_ops;
	get->base.jobs = s3->jobs;
	get->s3 = s3;
	return bk_download_open(&get->base, err);
}

static void *
get_take(BkDownload *base, const atomic_bool *cancel, BkError *err)
{
	return bk_s3_take(((S3Get *) base)->s3, cancel, err);
}

static void
get_give(void *connection)
{
	bk_s3_give(connection);
}

static bool
get_first(BkDownload *base, void *connection, BkBuf *data, BkError *err)
{
	Range		range = {.get = (S3Get *) base, .len = BK_DOWNLOAD_RANGE, .first = true};

	return fetch(connection, &range, data, err);
}

static bool
get_fetch(BkDownload *base, void *connection, uint64_t from, uint64_t len,
		  BkBuf *data, BkError *err)
{
	Range		range = {.get = (S3Get *) base, .from = from, .len = len};

	return fetch(connection, &range, data, err);
}

static void
get_free(BkDownload *base)
{
	S3Get	   *get = (S3Get *) base;

	free(get->key);
	free(get);
}

/* One request for one range. */
static bool
fetch(BkS3Client *client, Range *range, BkBuf *data, BkError *err)
{
	S3Get	   *get = range->get;
	BkS3Request request;
	bool		done;

	bk_s3_request_init(&request, get->s3, "GET", (BkS3Deed) {"read", "s3:GetObject", get->key});
	if (!range->first)
		bk_http_header(&request.http, "If-Match", "\"%s\"", get->etag);
	bk_http_header(&request.http, "Range", "bytes=%" PRIu64 "-%" PRIu64,
				   range->from, range->from + range->len - 1);
	bk_s3_add_customer_key(&request, get->s3);
	request.accept = accept_range;
	request.arg = range;
	request.body_max = (size_t) range->len;
	done = bk_s3_call(client, &request, err);
	if (done)
	{
		bk_buf_free(data);
		*data = request.response.body;
		bk_buf_init(&request.response.body);
	}
	else if (range->first && request.fault.status == 416)
		done = is_empty(get, client);
	bk_s3_request_free(&request);
	return done;
}

/* Is it the range, of the object that was begun with, and all of it? */
static bool
accept_range(void *arg, const BkHttpResponse *response, BkError *err)
{
	Range	   *range = arg;
	S3Get	   *get = range->get;
	const char *text = bk_http_find(response, "content-range");
	char		etag[BK_S3_ETAG_SIZE];
	uint64_t	first;
	uint64_t	last;
	uint64_t	size;

	if (range->first)
		return accept_first(get, response, err);
	if (response->status == 206 && text != NULL &&
		parse_content_range(text, &first, &last, &size) &&
		first == range->from && size == get->base.size &&
		last - first + 1 == range->len &&
		response->body.len == range->len &&
		bk_s3_etag(response, etag, sizeof(etag)) && strcmp(etag, get->etag) == 0)
		return true;
	return bk_error(err, BK_STATE_PROTOCOL,
					"object \"%s\" in \"%s\" was answered with another range than was asked for",
					get->key, get->s3->place.place);
}

static bool
accept_first(S3Get *get, const BkHttpResponse *response, BkError *err)
{
	const char *text = bk_http_find(response, "content-range");
	uint64_t	first = 0;
	uint64_t	last = 0;
	bool		good = bk_s3_etag(response, get->etag, sizeof(get->etag));

	/* A store may send all of a small object, whatever was asked for. */
	if (good && response->status == 200)
		get->base.size = response->body.len;
	else
		good = good && response->status == 206 && text != NULL &&
			parse_content_range(text, &first, &last, &get->base.size) && first == 0 &&
			last + 1 == response->body.len &&
			last + 1 == (get->base.size < BK_DOWNLOAD_RANGE ? get->base.size : BK_DOWNLOAD_RANGE);
	return good ||
		bk_error(err, BK_STATE_PROTOCOL,
				 "object \"%s\" in \"%s\" was answered with less than was asked for",
				 get->key, get->s3->place.place);
}

/* "bytes 0-8388607/20971520" */
static bool
parse_content_range(const char *text, uint64_t *first, uint64_t *last,
					uint64_t *size)
{
	int			end = 0;

	return sscanf(text, "bytes %19" SCNu64 "-%19" SCNu64 "/%19" SCNu64 "%n",
				  first, last, size, &end) == 3 &&
		text[end] == '\0' && *first <= *last && *last < *size;
}

/* There is no range of an object without bytes: stores refuse to send it. */
static bool
is_empty(S3Get *get, BkS3Client *client)
{
	BkS3Head	head;
	BkError		problem;

	return bk_s3_head(client, get->s3, get->key, &head, &problem) &&
		head.stat.exists && head.stat.size == 0;
}
