/*
 * download.c
 *	  Reading an object of a store over the network as a stream.
 *
 * The first range tells how large the object is. If there are others, threads
 * fetch them ahead, each into a slot: range n into slot n modulo their number.
 *
 * "lock" protects "next", "current", the states of the slots, "failed" and
 * "problem". The bytes of a slot belong to the thread that fills it, and once
 * it is ready to the reader.
 */
#include "storage/download.h"

#include <stdlib.h>
#include <string.h>

#include "core/thread.h"

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

typedef struct Fetcher
{
	BkReader	base;
	BkDownload *download;
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
} Fetcher;

static bool fetcher_read(BkReader *reader, void *buf, size_t len, size_t *got,
						 BkError *err);
static void fetcher_close(BkReader *reader);
static bool fetch_first(Fetcher *fetcher, BkError *err);
static void start_threads(Fetcher *fetcher);
static void *run(void *arg);
static bool next_range(Fetcher *fetcher, uint64_t *number);
static bool take_range(Fetcher *fetcher, BkError *err);
static uint64_t range_size(const Fetcher *fetcher, uint64_t number);

static const BkReaderOps fetcher_ops = {
	.read = fetcher_read,
	.close = fetcher_close,
};

BkReader *
bk_download_open(BkDownload *download, BkError *err)
{
	Fetcher    *fetcher = calloc(1, sizeof(*fetcher));

	if (fetcher == NULL)
	{
		download->ops->free(download);
		bk_error_memory(err);
		return NULL;
	}
	fetcher->base.ops = &fetcher_ops;
	fetcher->download = download;
	fetcher->slot_count = download->jobs < SLOTS_MAX ? download->jobs : SLOTS_MAX;
	pthread_mutex_init(&fetcher->lock, NULL);
	bk_thread_cond_init(&fetcher->changed);
	if (fetch_first(fetcher, err))
		return &fetcher->base;
	fetcher_close(&fetcher->base);
	return NULL;
}

static bool
fetcher_read(BkReader *reader, void *buf, size_t len, size_t *got,
			 BkError *err)
{
	Fetcher    *fetcher = (Fetcher *) reader;

	if (fetcher->at == fetcher->data.len &&
		fetcher->current + 1 < fetcher->ranges && !take_range(fetcher, err))
		return false;
	*got = fetcher->data.len - fetcher->at;
	if (*got > len)
		*got = len;
	if (*got > 0)
		memcpy(buf, fetcher->data.data + fetcher->at, *got);
	fetcher->at += *got;
	return true;
}

static void
fetcher_close(BkReader *reader)
{
	Fetcher    *fetcher = (Fetcher *) reader;

	atomic_store(&fetcher->cancel, true);
	pthread_mutex_lock(&fetcher->lock);
	fetcher->failed = true;
	pthread_cond_broadcast(&fetcher->changed);
	pthread_mutex_unlock(&fetcher->lock);
	for (int i = 0; i < fetcher->thread_count; i++)
		pthread_join(fetcher->threads[i], NULL);
	for (int i = 0; i < fetcher->slot_count; i++)
		bk_buf_free(&fetcher->slots[i].data);
	bk_buf_free(&fetcher->data);
	fetcher->download->ops->free(fetcher->download);
	pthread_cond_destroy(&fetcher->changed);
	pthread_mutex_destroy(&fetcher->lock);
	free(fetcher);
}

static bool
fetch_first(Fetcher *fetcher, BkError *err)
{
	BkDownload *download = fetcher->download;
	void	   *connection = download->ops->take(download, NULL, err);
	bool		done;

	if (connection == NULL)
		return false;
	done = download->ops->first(download, connection, &fetcher->data, err);
	download->ops->give(connection);
	fetcher->ranges = (download->size + BK_DOWNLOAD_RANGE - 1) / BK_DOWNLOAD_RANGE;
	fetcher->next = 1;
	return done;
}

/* Fewer than wanted are enough. */
static void
start_threads(Fetcher *fetcher)
{
	uint64_t	left = fetcher->ranges - 1;

	while (fetcher->thread_count < fetcher->slot_count &&
		   (uint64_t) fetcher->thread_count < left &&
		   bk_thread_start(&fetcher->threads[fetcher->thread_count], run, fetcher))
		fetcher->thread_count++;
}

/* A thread that fetches ranges until there are no more. */
static void *
run(void *arg)
{
	Fetcher    *fetcher = arg;
	BkDownload *download = fetcher->download;
	BkError		err;
	void	   *connection = download->ops->take(download, &fetcher->cancel, &err);
	bool		good = connection != NULL;
	uint64_t	number;

	while (good && next_range(fetcher, &number))
	{
		Slot	   *slot = &fetcher->slots[number % (uint64_t) fetcher->slot_count];

		good = download->ops->fetch(download, connection, number * BK_DOWNLOAD_RANGE,
									range_size(fetcher, number), &slot->data, &err);
		pthread_mutex_lock(&fetcher->lock);
		if (good)
			slot->state = SLOT_READY;
		pthread_cond_broadcast(&fetcher->changed);
		pthread_mutex_unlock(&fetcher->lock);
	}
	pthread_mutex_lock(&fetcher->lock);
	if (!good && !fetcher->failed)
	{
		fetcher->failed = true;
		fetcher->problem = err;
	}
	pthread_cond_broadcast(&fetcher->changed);
	pthread_mutex_unlock(&fetcher->lock);
	if (connection != NULL)
		download->ops->give(connection);
	return NULL;
}

/* The next range to fetch, once there is room for it; false: no more. */
static bool
next_range(Fetcher *fetcher, uint64_t *number)
{
	bool		more = false;

	pthread_mutex_lock(&fetcher->lock);
	while (!fetcher->failed && fetcher->next < fetcher->ranges && !more)
	{
		more = fetcher->next <= fetcher->current + (uint64_t) fetcher->slot_count;
		if (!more)
			bk_thread_cond_wait(&fetcher->changed, &fetcher->lock, SLICE_MS);
	}
	if (more)
	{
		*number = fetcher->next++;
		fetcher->slots[*number % (uint64_t) fetcher->slot_count].state = SLOT_FILLING;
	}
	pthread_mutex_unlock(&fetcher->lock);
	return more;
}

/* Go on to the next range, waiting for it. */
static bool
take_range(Fetcher *fetcher, BkError *err)
{
	Slot	   *slot = &fetcher->slots[(fetcher->current + 1) % (uint64_t) fetcher->slot_count];
	bool		good = true;

	if (fetcher->thread_count == 0)
		start_threads(fetcher);
	if (fetcher->thread_count == 0)
		return bk_error(err, BK_STATE_SYSTEM, "could not start a thread");
	pthread_mutex_lock(&fetcher->lock);
	while (good && slot->state != SLOT_READY)
	{
		if (fetcher->failed)
		{
			*err = fetcher->problem;
			good = false;
		}
		else
			bk_thread_cond_wait(&fetcher->changed, &fetcher->lock, SLICE_MS);
	}
	if (good)
	{
		/* A range in flight brings its own memory. */
		bk_buf_free(&fetcher->data);
		fetcher->data = slot->data;
		bk_buf_init(&slot->data);
		slot->state = SLOT_EMPTY;
		fetcher->current++;
		fetcher->at = 0;
		pthread_cond_broadcast(&fetcher->changed);
	}
	pthread_mutex_unlock(&fetcher->lock);
	return good;
}

static uint64_t
range_size(const Fetcher *fetcher, uint64_t number)
{
	uint64_t	left = fetcher->download->size - number * BK_DOWNLOAD_RANGE;

	return left < BK_DOWNLOAD_RANGE ? left : BK_DOWNLOAD_RANGE;
}
