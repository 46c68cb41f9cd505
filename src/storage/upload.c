/*
 * upload.c
 *	  Writing an object of a store over the network as a stream.
 *
 * The caller fills one slot while threads send others. "lock" protects
 * "queued", the states of the slots, "ending", "failed" and "problem".
 */
#include "storage/upload.h"

#include <stdlib.h>
#include <string.h>

#include "core/thread.h"

#define SLICE_MS	100
#define THREADS_MAX	31
#define SLOTS_MAX	(THREADS_MAX + 1)

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
	char	   *data;			/* BK_UPLOAD_PART_SIZE bytes, once it is needed */
} Slot;

typedef struct Sender
{
	BkWriter	base;
	BkUpload   *upload;
	Slot	   *filling;		/* the caller's */
	bool		begun;			/* the upload in parts */
	bool		finished;
	int			count;			/* parts so far */
	atomic_bool cancel;

	pthread_mutex_t lock;
	pthread_cond_t changed;
	int			queued;			/* slots that wait for a thread */
	bool		ending;			/* nothing more will be queued */
	bool		failed;
	BkError		problem;		/* if failed */
	int			slot_count;
	Slot		slots[SLOTS_MAX];
	int			thread_count;
	pthread_t	threads[THREADS_MAX];
} Sender;

static bool sender_write(BkWriter *writer, const void *buf, size_t len,
						 BkError *err);
static bool sender_finish(BkWriter *writer, BkError *err);
static void sender_close(BkWriter *writer);
static bool begin(Sender *sender, BkError *err);
static bool queue_part(Sender *sender, BkError *err);
static bool take_slot(Sender *sender, BkError *err);
static bool wait_slice(Sender *sender, BkError *err);
static void *run(void *arg);
static Slot *next_slot(Sender *sender);
static bool complete(Sender *sender, BkError *err);
static void end_threads(Sender *sender);

static const BkWriterOps sender_ops = {
	.write = sender_write,
	.finish = sender_finish,
	.close = sender_close,
};

BkWriter *
bk_upload_open(BkUpload *upload, BkError *err)
{
	Sender	   *sender = calloc(1, sizeof(*sender));

	if (sender == NULL)
	{
		upload->ops->free(upload);
		bk_error_memory(err);
		return NULL;
	}
	sender->base.ops = &sender_ops;
	sender->upload = upload;
	sender->slot_count = upload->jobs < THREADS_MAX ? upload->jobs + 1 : SLOTS_MAX;
	pthread_mutex_init(&sender->lock, NULL);
	bk_thread_cond_init(&sender->changed);
	if (take_slot(sender, err))
		return &sender->base;
	sender_close(&sender->base);
	return NULL;
}

static bool
sender_write(BkWriter *writer, const void *buf, size_t len, BkError *err)
{
	Sender	   *sender = (Sender *) writer;
	const char *from = buf;

	while (len > 0)
	{
		size_t		room = BK_UPLOAD_PART_SIZE - sender->filling->len;
		size_t		chunk = len < room ? len : room;

		if (room == 0)
		{
			if (!queue_part(sender, err) || !take_slot(sender, err))
				return false;
			continue;
		}
		memcpy(sender->filling->data + sender->filling->len, from, chunk);
		sender->filling->len += chunk;
		from += chunk;
		len -= chunk;
	}
	return true;
}

static bool
sender_finish(BkWriter *writer, BkError *err)
{
	Sender	   *sender = (Sender *) writer;
	BkUpload   *upload = sender->upload;

	if (!sender->begun)
		sender->finished = upload->ops->whole(upload, sender->filling->data,
											  sender->filling->len, err);
	else
		sender->finished = queue_part(sender, err) && complete(sender, err);
	return sender->finished;
}

static void
sender_close(BkWriter *writer)
{
	Sender	   *sender = (Sender *) writer;

	atomic_store(&sender->cancel, true);
	end_threads(sender);
	if (sender->begun && !sender->finished)
		sender->upload->ops->abandon(sender->upload);
	for (int i = 0; i < sender->slot_count; i++)
		free(sender->slots[i].data);
	sender->upload->ops->free(sender->upload);
	pthread_cond_destroy(&sender->changed);
	pthread_mutex_destroy(&sender->lock);
	free(sender);
}

static bool
begin(Sender *sender, BkError *err)
{
	BkUpload   *upload = sender->upload;
	void	   *connection = upload->ops->take(upload, NULL, err);

	if (connection == NULL)
		return false;
	sender->begun = upload->ops->begin(upload, connection, err);
	upload->ops->give(connection);
	return sender->begun;
}

/* Hand the filled slot over to a thread. */
static bool
queue_part(Sender *sender, BkError *err)
{
	if (!sender->begun && !begin(sender, err))
		return false;
	if (!sender->upload->ops->expect(sender->upload, sender->count + 1, err))
		return false;
	pthread_mutex_lock(&sender->lock);
	sender->filling->number = ++sender->count;
	sender->filling->state = SLOT_QUEUED;
	sender->filling = NULL;
	sender->queued++;
	pthread_cond_broadcast(&sender->changed);
	pthread_mutex_unlock(&sender->lock);

	/* Fewer threads than wanted are enough. */
	if (sender->thread_count < sender->slot_count - 1 &&
		bk_thread_start(&sender->threads[sender->thread_count], run, sender))
		sender->thread_count++;
	return sender->thread_count > 0 ||
		bk_error(err, BK_STATE_SYSTEM, "could not start a thread");
}

/* Find a free slot to fill, waiting for one. */
static bool
take_slot(Sender *sender, BkError *err)
{
	bool		good = true;

	pthread_mutex_lock(&sender->lock);
	while (good && sender->filling == NULL)
	{
		for (int i = 0; i < sender->slot_count && sender->filling == NULL; i++)
		{
			if (sender->slots[i].state == SLOT_FREE)
				sender->filling = &sender->slots[i];
		}
		if (sender->filling == NULL)
			good = wait_slice(sender, err);
	}
	pthread_mutex_unlock(&sender->lock);
	if (!good)
		return false;
	sender->filling->len = 0;
	if (sender->filling->data == NULL)
		sender->filling->data = malloc(BK_UPLOAD_PART_SIZE);
	return sender->filling->data != NULL || bk_error_memory(err);
}

/* Wait a little, with the lock; false once something has failed. */
static bool
wait_slice(Sender *sender, BkError *err)
{
	if (!sender->failed)
		bk_thread_cond_wait(&sender->changed, &sender->lock, SLICE_MS);
	if (sender->failed)
		*err = sender->problem;
	return !sender->failed;
}

/* A thread that sends parts until there are no more. */
static void *
run(void *arg)
{
	Sender	   *sender = arg;
	BkUpload   *upload = sender->upload;
	BkError		err;
	void	   *connection = upload->ops->take(upload, &sender->cancel, &err);
	bool		good = connection != NULL;
	Slot	   *slot;

	while (good && (slot = next_slot(sender)) != NULL)
	{
		good = upload->ops->send(upload, connection, slot->number, slot->data,
								 slot->len, &err);
		pthread_mutex_lock(&sender->lock);
		slot->state = SLOT_FREE;
		pthread_cond_broadcast(&sender->changed);
		pthread_mutex_unlock(&sender->lock);
	}
	pthread_mutex_lock(&sender->lock);
	if (!good && !sender->failed)
	{
		sender->failed = true;
		sender->problem = err;
	}
	pthread_cond_broadcast(&sender->changed);
	pthread_mutex_unlock(&sender->lock);
	if (connection != NULL)
		upload->ops->give(connection);
	return NULL;
}

/* The next slot to send, of those with the lowest number; NULL: no more. */
static Slot *
next_slot(Sender *sender)
{
	Slot	   *next = NULL;

	pthread_mutex_lock(&sender->lock);
	while (sender->queued == 0 && !sender->ending && !sender->failed)
		bk_thread_cond_wait(&sender->changed, &sender->lock, SLICE_MS);
	for (int i = 0; i < sender->slot_count && !sender->failed; i++)
	{
		Slot	   *slot = &sender->slots[i];

		if (slot->state == SLOT_QUEUED &&
			(next == NULL || slot->number < next->number))
			next = slot;
	}
	if (next != NULL)
	{
		next->state = SLOT_SENDING;
		sender->queued--;
	}
	pthread_mutex_unlock(&sender->lock);
	return next;
}

/* All is queued: wait until it is sent, and make an object of it. */
static bool
complete(Sender *sender, BkError *err)
{
	BkUpload   *upload = sender->upload;
	void	   *connection;
	bool		done;

	end_threads(sender);
	if (sender->failed)
	{
		*err = sender->problem;
		return false;
	}
	connection = upload->ops->take(upload, NULL, err);
	if (connection == NULL)
		return false;
	done = upload->ops->complete(upload, connection, sender->count, err);
	upload->ops->give(connection);
	return done;
}

/* They send what is queued, unless they are cancelled or one has failed. */
static void
end_threads(Sender *sender)
{
	pthread_mutex_lock(&sender->lock);
	sender->ending = true;
	pthread_cond_broadcast(&sender->changed);
	pthread_mutex_unlock(&sender->lock);
	for (int i = 0; i < sender->thread_count; i++)
		pthread_join(sender->threads[i], NULL);
	sender->thread_count = 0;
}
