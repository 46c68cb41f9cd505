/*
 * s3_upload.c
 *	  Writing an object of an S3 store as a stream.
 *
 * The caller fills one slot while threads send others. A slot keeps its bytes
 * until the store has acknowledged them, so that they can be sent again; how
 * many slots there are bounds the memory. An upload begins when a second part
 * does: what fits in one is stored at the end with a single request.
 *
 * "lock" protects "queued", the states of the slots, "parts" (which grows when
 * a part is queued), "ending", "failed" and "problem".
 */
#include "storage/s3_upload.h"

#include <stdlib.h>
#include <string.h>

#include "core/thread.h"
#include "storage/s3_get.h"
#include "storage/s3_multipart.h"

#define SLICE_MS	100
#define THREADS_MAX	31
#define SLOTS_MAX	(THREADS_MAX + 1)
#define ABORT_MS	5000

typedef enum SlotState
{
	SLOT_FREE,
	SLOT_QUEUED,
	SLOT_SENDING
} SlotState;

typedef struct Slot
{
	SlotState	state;
	int			number;			/* of the part, from 1 */
	size_t		len;
	char	   *data;			/* BK_S3_PART_SIZE bytes, once it is needed */
} Slot;

typedef struct Upload
{
	BkWriter	base;
	BkS3	   *s3;
	char	   *key;
	Slot	   *filling;		/* the caller's */
	bool		begun;			/* the upload in parts */
	bool		finished;
	BkS3Multipart multipart;
	atomic_bool cancel;

	pthread_mutex_t lock;
	pthread_cond_t changed;
	int			queued;			/* slots that wait for a thread */
	int			count;			/* parts so far */
	int			room;			/* for parts */
	BkS3Part   *parts;
	bool		ending;			/* nothing more will be queued */
	bool		failed;
	BkError		problem;		/* if failed */
	int			slot_count;
	Slot		slots[SLOTS_MAX];
	int			thread_count;
	pthread_t	threads[THREADS_MAX];
} Upload;

/* Compares what is written with what is there. */
typedef struct Same
{
	BkWriter	base;
	BkS3	   *s3;
	char	   *key;
	BkReader   *there;
	char		buf[BK_STREAM_BUFFER];
} Same;

static bool upload_write(BkWriter *writer, const void *buf, size_t len,
						 BkError *err);
static bool upload_finish(BkWriter *writer, BkError *err);
static void upload_close(BkWriter *writer);
static bool begin(Upload *upload, BkError *err);
static bool queue_part(Upload *upload, BkError *err);
static bool make_room(Upload *upload, BkError *err);
static bool take_slot(Upload *upload, BkError *err);
static bool wait_slice(Upload *upload, BkError *err);
static void *run(void *arg);
static Slot *next_slot(Upload *upload);
static bool send_part(Upload *upload, BkS3Client *client, const Slot *slot,
					  BkError *err);
static bool complete(Upload *upload, BkError *err);
static void end_threads(Upload *upload);
static void give_up(Upload *upload);
static bool same_write(BkWriter *writer, const void *buf, size_t len,
					   BkError *err);
static bool same_finish(BkWriter *writer, BkError *err);
static void same_close(BkWriter *writer);
static bool differs(const Same *same, BkError *err);

static const BkWriterOps upload_ops = {
	.write = upload_write,
	.finish = upload_finish,
	.close = upload_close,
};

static const BkWriterOps same_ops = {
	.write = same_write,
	.finish = same_finish,
	.close = same_close,
};

BkWriter *
bk_s3_upload_open(BkS3 *s3, const char *key, BkError *err)
{
	Upload	   *upload = calloc(1, sizeof(*upload));

	if (upload == NULL || (upload->key = strdup(key)) == NULL)
	{
		free(upload);
		bk_error_memory(err);
		return NULL;
	}
	upload->base.ops = &upload_ops;
	upload->s3 = s3;
	upload->slot_count = s3->jobs < THREADS_MAX ? s3->jobs + 1 : SLOTS_MAX;
	pthread_mutex_init(&upload->lock, NULL);
	bk_thread_cond_init(&upload->changed);
	if (take_slot(upload, err))
		return &upload->base;
	upload_close(&upload->base);
	return NULL;
}

BkWriter *
bk_s3_same_open(BkS3 *s3, const char *key, BkError *err)
{
	Same	   *same = calloc(1, sizeof(*same));

	if (same == NULL || (same->key = strdup(key)) == NULL)
	{
		free(same);
		bk_error_memory(err);
		return NULL;
	}
	same->base.ops = &same_ops;
	same->s3 = s3;
	same->there = bk_s3_get_open(s3, key, err);
	if (same->there != NULL)
		return &same->base;
	same_close(&same->base);
	return NULL;
}

static bool
upload_write(BkWriter *writer, const void *buf, size_t len, BkError *err)
{
	Upload	   *upload = (Upload *) writer;
	const char *from = buf;

	while (len > 0)
	{
		size_t		room = BK_S3_PART_SIZE - upload->filling->len;
		size_t		chunk = len < room ? len : room;

		if (room == 0)
		{
			if (!queue_part(upload, err) || !take_slot(upload, err))
				return false;
			continue;
		}
		memcpy(upload->filling->data + upload->filling->len, from, chunk);
		upload->filling->len += chunk;
		from += chunk;
		len -= chunk;
	}
	return true;
}

static bool
upload_finish(BkWriter *writer, BkError *err)
{
	Upload	   *upload = (Upload *) writer;

	if (!upload->begun)
		upload->finished = bk_s3_put_object(upload->s3, upload->key, upload->filling->data,
											upload->filling->len, &upload->cancel, err);
	else
		upload->finished = queue_part(upload, err) && complete(upload, err);
	return upload->finished;
}

static void
upload_close(BkWriter *writer)
{
	Upload	   *upload = (Upload *) writer;

	atomic_store(&upload->cancel, true);
	end_threads(upload);
	if (upload->begun && !upload->finished)
		give_up(upload);
	for (int i = 0; i < upload->slot_count; i++)
		free(upload->slots[i].data);
	bk_s3_multipart_free(&upload->multipart);
	pthread_cond_destroy(&upload->changed);
	pthread_mutex_destroy(&upload->lock);
	free(upload->parts);
	free(upload->key);
	free(upload);
}

static bool
begin(Upload *upload, BkError *err)
{
	BkS3Client *client = bk_s3_take(upload->s3, NULL, err);

	if (client == NULL)
		return false;
	upload->begun = bk_s3_multipart_begin(&upload->multipart, upload->s3,
										  client, upload->key, err);
	bk_s3_give(client);
	return upload->begun;
}

/* Hand the filled slot over to a thread. */
static bool
queue_part(Upload *upload, BkError *err)
{
	bool		good;

	if (!upload->begun && !begin(upload, err))
		return false;
	pthread_mutex_lock(&upload->lock);
	good = make_room(upload, err);
	if (good)
	{
		upload->filling->number = ++upload->count;
		upload->filling->state = SLOT_QUEUED;
		upload->filling = NULL;
		upload->queued++;
		pthread_cond_broadcast(&upload->changed);
	}
	pthread_mutex_unlock(&upload->lock);
	if (!good || upload->thread_count == upload->slot_count - 1)
		return good;
	/* Fewer threads than wanted are enough. */
	if (bk_thread_start(&upload->threads[upload->thread_count], run, upload))
		upload->thread_count++;
	return upload->thread_count > 0 ||
		bk_error(err, BK_STATE_SYSTEM, "could not start a thread");
}

static bool
make_room(Upload *upload, BkError *err)
{
	BkS3Part   *parts;

	if (upload->count == BK_S3_PARTS_MAX)
	{
		bk_error(err, BK_STATE_TOO_LARGE, "object \"%s\" is too large for \"%s\"",
				 upload->key, upload->s3->place.place);
		bk_error_detail(err, "It would have more than %d parts of %zu bytes.",
						BK_S3_PARTS_MAX, BK_S3_PART_SIZE);
		return bk_error_hint(err, "Set backup_ext.part_size to 64GB or less, so that backups are cut into smaller objects.");
	}
	if (upload->count < upload->room)
		return true;
	parts = realloc(upload->parts, (size_t) (upload->room * 2 + 16) * sizeof(*parts));
	if (parts == NULL)
		return bk_error_memory(err);
	upload->parts = parts;
	upload->room = upload->room * 2 + 16;
	return true;
}

/* Find a free slot to fill, waiting for one. */
static bool
take_slot(Upload *upload, BkError *err)
{
	bool		good = true;

	pthread_mutex_lock(&upload->lock);
	while (good && upload->filling == NULL)
	{
		for (int i = 0; i < upload->slot_count && upload->filling == NULL; i++)
		{
			if (upload->slots[i].state == SLOT_FREE)
				upload->filling = &upload->slots[i];
		}
		if (upload->filling == NULL)
			good = wait_slice(upload, err);
	}
	pthread_mutex_unlock(&upload->lock);
	if (!good)
		return false;
	upload->filling->len = 0;
	if (upload->filling->data == NULL)
		upload->filling->data = malloc(BK_S3_PART_SIZE);
	return upload->filling->data != NULL || bk_error_memory(err);
}

/* Wait a little, with the lock; false once something has failed. */
static bool
wait_slice(Upload *upload, BkError *err)
{
	if (!upload->failed)
		bk_thread_cond_wait(&upload->changed, &upload->lock, SLICE_MS);
	if (upload->failed)
		*err = upload->problem;
	return !upload->failed;
}

/* A thread that sends parts until there are no more. */
static void *
run(void *arg)
{
	Upload	   *upload = arg;
	BkError		err;
	BkS3Client *client = bk_s3_take(upload->s3, &upload->cancel, &err);
	bool		good = client != NULL;
	Slot	   *slot;

	while (good && (slot = next_slot(upload)) != NULL)
	{
		good = send_part(upload, client, slot, &err);
		pthread_mutex_lock(&upload->lock);
		slot->state = SLOT_FREE;
		pthread_cond_broadcast(&upload->changed);
		pthread_mutex_unlock(&upload->lock);
	}
	pthread_mutex_lock(&upload->lock);
	if (!good && !upload->failed)
	{
		upload->failed = true;
		upload->problem = err;
	}
	pthread_cond_broadcast(&upload->changed);
	pthread_mutex_unlock(&upload->lock);
	bk_s3_give(client);
	return NULL;
}

/* The next slot to send, of those with the lowest number; NULL: no more. */
static Slot *
next_slot(Upload *upload)
{
	Slot	   *next = NULL;

	pthread_mutex_lock(&upload->lock);
	while (upload->queued == 0 && !upload->ending && !upload->failed)
		bk_thread_cond_wait(&upload->changed, &upload->lock, SLICE_MS);
	for (int i = 0; i < upload->slot_count && !upload->failed; i++)
	{
		Slot	   *slot = &upload->slots[i];

		if (slot->state == SLOT_QUEUED &&
			(next == NULL || slot->number < next->number))
			next = slot;
	}
	if (next != NULL)
	{
		next->state = SLOT_SENDING;
		upload->queued--;
	}
	pthread_mutex_unlock(&upload->lock);
	return next;
}

static bool
send_part(Upload *upload, BkS3Client *client, const Slot *slot, BkError *err)
{
	BkS3Part	part = {0};

	if (!bk_s3_multipart_send(&upload->multipart, client, slot->number,
							  slot->data, slot->len, &part, err))
		return false;
	pthread_mutex_lock(&upload->lock);
	upload->parts[slot->number - 1] = part;
	pthread_mutex_unlock(&upload->lock);
	return true;
}

/* All is queued: wait until it is sent, and make an object of it. */
static bool
complete(Upload *upload, BkError *err)
{
	BkS3Client *client;
	bool		done;

	end_threads(upload);
	if (upload->failed)
	{
		*err = upload->problem;
		return false;
	}
	client = bk_s3_take(upload->s3, NULL, err);
	if (client == NULL)
		return false;
	done = bk_s3_multipart_complete(&upload->multipart, client, upload->parts,
									upload->count, err);
	bk_s3_give(client);
	return done;
}

/* They send what is queued, unless they are cancelled or one has failed. */
static void
end_threads(Upload *upload)
{
	pthread_mutex_lock(&upload->lock);
	upload->ending = true;
	pthread_cond_broadcast(&upload->changed);
	pthread_mutex_unlock(&upload->lock);
	for (int i = 0; i < upload->thread_count; i++)
		pthread_join(upload->threads[i], NULL);
	upload->thread_count = 0;
}

/* What cannot be taken back now is swept away later. */
static void
give_up(Upload *upload)
{
	BkError		ignored;
	BkS3Client *client = bk_s3_take_brief(upload->s3, ABORT_MS, &ignored);

	if (client == NULL)
		return;
	(void) bk_s3_multipart_abort(upload->s3, client, upload->key,
								 upload->multipart.upload_id, &ignored);
	bk_s3_give(client);
}

static bool
same_write(BkWriter *writer, const void *buf, size_t len, BkError *err)
{
	Same	   *same = (Same *) writer;
	const char *from = buf;
	size_t		got;

	while (len > 0)
	{
		size_t		want = len < sizeof(same->buf) ? len : sizeof(same->buf);

		if (!bk_read(same->there, same->buf, want, &got, err))
			return false;
		if (got == 0 || memcmp(same->buf, from, got) != 0)
			return differs(same, err);
		from += got;
		len -= got;
	}
	return true;
}

static bool
same_finish(BkWriter *writer, BkError *err)
{
	Same	   *same = (Same *) writer;
	size_t		got;

	return bk_read(same->there, same->buf, sizeof(same->buf), &got, err) &&
		(got == 0 || differs(same, err));
}

static void
same_close(BkWriter *writer)
{
	Same	   *same = (Same *) writer;

	bk_reader_close(same->there);
	free(same->key);
	free(same);
}

static bool
differs(const Same *same, BkError *err)
{
	return bk_error(err, BK_STATE_DUP_OBJECT,
					"object \"%s\" in \"%s\" exists with other content",
					same->key, same->s3->place.place);
}
