/*
 * s3_get.c
 *	  Reading an object of an S3 store.
 *
 * The first range tells how large the object is and which version of it this
 * is; all others must be of the same version. If there are others, threads
 * fetch them ahead, each into a slot: range n into slot n modulo their number.
 *
 * "lock" protects "next", "current", the states of the slots, "failed" and
 * "problem". The bytes of a slot belong to the thread that fills it, and once
 * it is ready to the reader.
 */
#include "storage/s3_get.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/thread.h"
#include "storage/s3_object.h"

#define SLICE_MS	100
#define SLOTS_MAX	32

typedef enum SlotState
{
	SLOT_EMPTY,
	SLOT_FILLING,
	SLOT_READY
} SlotState;

typedef struct Slot
{
	SlotState	state;
	BkBuf		data;
} Slot;

typedef struct Get
{
	BkReader	base;
	BkS3	   *s3;
	char	   *key;
	char		etag[BK_S3_ETAG_SIZE];
	uint64_t	size;
	uint64_t	ranges;
	atomic_bool cancel;

	BkBuf		data;			/* of the range that is read now */
	size_t		at;				/* in it */

	pthread_mutex_t lock;
	pthread_cond_t changed;
	uint64_t	current;		/* range that is read now */
	uint64_t	next;			/* range that nobody fetches yet */
	bool		failed;
	BkError		problem;		/* if failed */
	int			slot_count;
	Slot		slots[SLOTS_MAX];
	int			thread_count;
	pthread_t	threads[SLOTS_MAX];
} Get;

/* What one request shall bring. */
typedef struct Range
{
	Get		   *get;
	uint64_t	number;
	bool		first;
} Range;

static bool get_read(BkReader *reader, void *buf, size_t len, size_t *got,
					 BkError *err);
static void get_close(BkReader *reader);
static bool fetch_first(Get *get, BkError *err);
static bool fetch(Get *get, BkS3Client *client, Range *range, BkBuf *data,
				  BkError *err);
static bool accept_range(void *arg, const BkHttpResponse *response,
						 BkError *err);
static bool accept_first(Get *get, const BkHttpResponse *response,
						 BkError *err);
static bool parse_content_range(const char *text, uint64_t *first,
								uint64_t *last, uint64_t *size);
static bool is_empty(Get *get, BkS3Client *client);
static void start_threads(Get *get);
static void *run(void *arg);
static bool next_range(Get *get, uint64_t *number);
static bool take_range(Get *get, BkError *err);
static uint64_t range_size(const Get *get, uint64_t number);

static const BkReaderOps get_ops = {
	.read = get_read,
	.close = get_close,
};

BkReader *
bk_s3_get_open(BkS3 *s3, const char *key, BkError *err)
{
	Get		   *get = calloc(1, sizeof(*get));

	if (get == NULL || (get->key = strdup(key)) == NULL)
	{
		free(get);
		bk_error_memory(err);
		return NULL;
	}
	get->base.ops = &get_ops;
	get->s3 = s3;
	get->slot_count = s3->jobs < SLOTS_MAX ? s3->jobs : SLOTS_MAX;
	pthread_mutex_init(&get->lock, NULL);
	bk_thread_cond_init(&get->changed);
	if (fetch_first(get, err))
		return &get->base;
	get_close(&get->base);
	return NULL;
}

static bool
get_read(BkReader *reader, void *buf, size_t len, size_t *got, BkError *err)
{
	Get		   *get = (Get *) reader;

	if (get->at == get->data.len && get->current + 1 < get->ranges &&
		!take_range(get, err))
		return false;
	*got = get->data.len - get->at;
	if (*got > len)
		*got = len;
	if (*got > 0)
		memcpy(buf, get->data.data + get->at, *got);
	get->at += *got;
	return true;
}

static void
get_close(BkReader *reader)
{
	Get		   *get = (Get *) reader;

	atomic_store(&get->cancel, true);
	pthread_mutex_lock(&get->lock);
	get->failed = true;
	pthread_cond_broadcast(&get->changed);
	pthread_mutex_unlock(&get->lock);
	for (int i = 0; i < get->thread_count; i++)
		pthread_join(get->threads[i], NULL);
	for (int i = 0; i < get->slot_count; i++)
		bk_buf_free(&get->slots[i].data);
	bk_buf_free(&get->data);
	pthread_cond_destroy(&get->changed);
	pthread_mutex_destroy(&get->lock);
	free(get->key);
	free(get);
}

static bool
fetch_first(Get *get, BkError *err)
{
	BkS3Client *client = bk_s3_take(get->s3, NULL, err);
	Range		range = {.get = get, .first = true};
	bool		done;

	if (client == NULL)
		return false;
	done = fetch(get, client, &range, &get->data, err);
	bk_s3_give(client);
	get->next = 1;
	return done;
}

/* One request for one range. */
static bool
fetch(Get *get, BkS3Client *client, Range *range, BkBuf *data, BkError *err)
{
	uint64_t	start = range->number * BK_S3_PART_SIZE;
	uint64_t	end = start + BK_S3_PART_SIZE - 1;
	BkS3Request request;
	bool		done;

	bk_s3_request_init(&request, get->s3, "GET", (BkS3Deed) {"read", "s3:GetObject", get->key});
	if (!range->first)
	{
		end = start + range_size(get, range->number) - 1;
		bk_http_header(&request.http, "If-Match", "\"%s\"", get->etag);
	}
	bk_http_header(&request.http, "Range", "bytes=%" PRIu64 "-%" PRIu64, start, end);
	bk_s3_add_customer_key(&request, get->s3);
	request.accept = accept_range;
	request.arg = range;
	request.body_max = BK_S3_PART_SIZE;
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
	Get		   *get = range->get;
	const char *text = bk_http_find(response, "content-range");
	char		etag[BK_S3_ETAG_SIZE];
	uint64_t	first;
	uint64_t	last;
	uint64_t	size;

	if (range->first)
		return accept_first(get, response, err);
	if (response->status == 206 && text != NULL &&
		parse_content_range(text, &first, &last, &size) &&
		first == range->number * BK_S3_PART_SIZE && size == get->size &&
		last - first + 1 == range_size(get, range->number) &&
		response->body.len == range_size(get, range->number) &&
		bk_s3_etag(response, etag, sizeof(etag)) && strcmp(etag, get->etag) == 0)
		return true;
	return bk_error(err, BK_STATE_PROTOCOL,
					"object \"%s\" in \"%s\" was answered with another range than was asked for",
					get->key, get->s3->place.place);
}

static bool
accept_first(Get *get, const BkHttpResponse *response, BkError *err)
{
	const char *text = bk_http_find(response, "content-range");
	uint64_t	first = 0;
	uint64_t	last = 0;
	bool		good = bk_s3_etag(response, get->etag, sizeof(get->etag));

	/* A store may send all of a small object, whatever was asked for. */
	if (good && response->status == 200)
		get->size = response->body.len;
	else
		good = good && response->status == 206 && text != NULL &&
			parse_content_range(text, &first, &last, &get->size) && first == 0 &&
			last + 1 == response->body.len &&
			last + 1 == (get->size < BK_S3_PART_SIZE ? get->size : BK_S3_PART_SIZE);
	get->ranges = (get->size + BK_S3_PART_SIZE - 1) / BK_S3_PART_SIZE;
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
is_empty(Get *get, BkS3Client *client)
{
	BkS3Head	head;
	BkError		problem;

	return bk_s3_head(client, get->s3, get->key, &head, &problem) &&
		head.stat.exists && head.stat.size == 0;
}

/* Fewer than wanted are enough. */
static void
start_threads(Get *get)
{
	uint64_t	left = get->ranges - 1;

	while (get->thread_count < get->slot_count &&
		   (uint64_t) get->thread_count < left &&
		   bk_thread_start(&get->threads[get->thread_count], run, get))
		get->thread_count++;
}

/* A thread that fetches ranges until there are no more. */
static void *
run(void *arg)
{
	Get		   *get = arg;
	BkError		err;
	BkS3Client *client = bk_s3_take(get->s3, &get->cancel, &err);
	Range		range = {.get = get};
	bool		good = client != NULL;

	while (good && next_range(get, &range.number))
	{
		Slot	   *slot = &get->slots[range.number % (uint64_t) get->slot_count];

		good = fetch(get, client, &range, &slot->data, &err);
		pthread_mutex_lock(&get->lock);
		if (good)
			slot->state = SLOT_READY;
		pthread_cond_broadcast(&get->changed);
		pthread_mutex_unlock(&get->lock);
	}
	pthread_mutex_lock(&get->lock);
	if (!good && !get->failed)
	{
		get->failed = true;
		get->problem = err;
	}
	pthread_cond_broadcast(&get->changed);
	pthread_mutex_unlock(&get->lock);
	bk_s3_give(client);
	return NULL;
}

/* The next range to fetch, once there is room for it; false: no more. */
static bool
next_range(Get *get, uint64_t *number)
{
	bool		more = false;

	pthread_mutex_lock(&get->lock);
	while (!get->failed && get->next < get->ranges && !more)
	{
		more = get->next <= get->current + (uint64_t) get->slot_count;
		if (!more)
			bk_thread_cond_wait(&get->changed, &get->lock, SLICE_MS);
	}
	if (more)
	{
		*number = get->next++;
		get->slots[*number % (uint64_t) get->slot_count].state = SLOT_FILLING;
	}
	pthread_mutex_unlock(&get->lock);
	return more;
}

/* Go on to the next range, waiting for it. */
static bool
take_range(Get *get, BkError *err)
{
	Slot	   *slot = &get->slots[(get->current + 1) % (uint64_t) get->slot_count];
	bool		good = true;

	if (get->thread_count == 0)
		start_threads(get);
	if (get->thread_count == 0)
		return bk_error(err, BK_STATE_SYSTEM, "could not start a thread");
	pthread_mutex_lock(&get->lock);
	while (good && slot->state != SLOT_READY)
	{
		if (get->failed)
		{
			*err = get->problem;
			good = false;
		}
		else
			bk_thread_cond_wait(&get->changed, &get->lock, SLICE_MS);
	}
	if (good)
	{
		BkBuf		used = get->data;

		get->data = slot->data;
		slot->data = used;
		slot->state = SLOT_EMPTY;
		get->current++;
		get->at = 0;
		pthread_cond_broadcast(&get->changed);
	}
	pthread_mutex_unlock(&get->lock);
	return good;
}

static uint64_t
range_size(const Get *get, uint64_t number)
{
	uint64_t	start = number * BK_S3_PART_SIZE;
	uint64_t	left = get->size - start;

	return left < BK_S3_PART_SIZE ? left : BK_S3_PART_SIZE;
}
