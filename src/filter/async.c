/*
 * async.c
 *	  A writer that lets a thread of its own do the writing below.
 *
 * The queue is a ring. Slots from "head" on, "filled" of them, belong to the
 * thread; the slot behind them is filled by the writer's side. Everything in
 * AsyncWriter below "lock" is protected by it, except the bytes of a slot,
 * which belong to one side at a time. "state" goes forward only; the error
 * record is the thread's until it has ended in ASYNC_FAILED.
 *
 * The writer's side waits in slices and calls tick between them, without the
 * lock: tick may take its time, and the thread writes on meanwhile.
 */
#include "filter/async.h"

#include <stdlib.h>
#include <string.h>

#include "core/thread.h"

#define ASYNC_SLOTS		4
#define ASYNC_SLICE_MS	100

typedef enum AsyncState
{
	ASYNC_WRITING,
	ASYNC_FINISHING,			/* all is queued: write it, then finish next */
	ASYNC_STOPPING,				/* given up: drop everything */
	ASYNC_FAILED				/* next has failed, see "error" */
} AsyncState;

typedef struct AsyncSlot
{
	size_t		len;
	char		data[BK_STREAM_BUFFER];
} AsyncSlot;

typedef struct AsyncWriter
{
	BkWriter	base;
	BkWriter   *next;
	bool		(*tick) (void *arg, BkError *err);
	void	   *arg;
	pthread_t	thread;
	pthread_mutex_t lock;
	pthread_cond_t changed;
	AsyncState	state;
	bool		ended;			/* the thread touches nothing any more */
	size_t		head;
	size_t		filled;
	BkError		error;
	AsyncSlot	slots[ASYNC_SLOTS];
} AsyncWriter;

static bool async_write(BkWriter *writer, const void *buf, size_t len,
						BkError *err);
static bool async_finish(BkWriter *writer, BkError *err);
static void async_close(BkWriter *writer);
static void *run(void *arg);
static bool write_slots(AsyncWriter *self);
static AsyncSlot *wait_for_slot(AsyncWriter *self);
static AsyncSlot *wait_for_room(AsyncWriter *self, BkError *err);
static bool wait_for_end(AsyncWriter *self, BkError *err);
static bool wait_slice(AsyncWriter *self, BkError *err);
static void hand_over(AsyncWriter *self);
static void set_state(AsyncWriter *self, AsyncState state);

static const BkWriterOps async_ops = {
	.write = async_write,
	.finish = async_finish,
	.close = async_close,
};

BkWriter *
bk_async_writer(BkWriter *next, bool (*tick) (void *arg, BkError *err),
				void *arg, BkError *err)
{
	AsyncWriter *self = calloc(1, sizeof(*self));

	if (self == NULL)
	{
		bk_error_memory(err);
		return NULL;
	}
	self->base.ops = &async_ops;
	self->next = next;
	self->tick = tick;
	self->arg = arg;
	pthread_mutex_init(&self->lock, NULL);
	bk_thread_cond_init(&self->changed);
	if (!bk_thread_start(&self->thread, run, self))
	{
		pthread_cond_destroy(&self->changed);
		pthread_mutex_destroy(&self->lock);
		free(self);
		bk_error(err, BK_STATE_SYSTEM, "could not start a thread");
		return NULL;
	}
	return &self->base;
}

bool
bk_async_given_up(BkWriter *writer)
{
	AsyncWriter *self = (AsyncWriter *) writer;
	bool		given_up;

	pthread_mutex_lock(&self->lock);
	given_up = self->state == ASYNC_STOPPING;
	pthread_mutex_unlock(&self->lock);
	return given_up;
}

static bool
async_write(BkWriter *writer, const void *buf, size_t len, BkError *err)
{
	AsyncWriter *self = (AsyncWriter *) writer;
	const char *next = buf;

	while (len > 0)
	{
		AsyncSlot  *slot = wait_for_room(self, err);
		size_t		step;

		if (slot == NULL)
			return false;
		step = sizeof(slot->data) - slot->len;
		if (step > len)
			step = len;
		memcpy(slot->data + slot->len, next, step);
		slot->len += step;
		next += step;
		len -= step;
		if (slot->len == sizeof(slot->data))
			hand_over(self);
	}
	return true;
}

static bool
async_finish(BkWriter *writer, BkError *err)
{
	AsyncWriter *self = (AsyncWriter *) writer;
	AsyncSlot  *slot = wait_for_room(self, err);

	if (slot == NULL)
		return false;
	if (slot->len > 0)
		hand_over(self);
	set_state(self, ASYNC_FINISHING);
	return wait_for_end(self, err);
}

static void
async_close(BkWriter *writer)
{
	AsyncWriter *self = (AsyncWriter *) writer;

	set_state(self, ASYNC_STOPPING);
	pthread_join(self->thread, NULL);
	bk_writer_close(self->next);
	pthread_cond_destroy(&self->changed);
	pthread_mutex_destroy(&self->lock);
	free(self);
}

/* The thread. */
static void *
run(void *arg)
{
	AsyncWriter *self = arg;

	if (!write_slots(self))
		set_state(self, ASYNC_FAILED);
	pthread_mutex_lock(&self->lock);
	self->ended = true;
	pthread_cond_signal(&self->changed);
	pthread_mutex_unlock(&self->lock);
	return NULL;
}

static bool
write_slots(AsyncWriter *self)
{
	AsyncSlot  *slot;
	bool		finish;

	while ((slot = wait_for_slot(self)) != NULL)
	{
		if (!bk_write(self->next, slot->data, slot->len, &self->error))
			return false;
		pthread_mutex_lock(&self->lock);
		slot->len = 0;
		self->head = (self->head + 1) % ASYNC_SLOTS;
		self->filled--;
		pthread_cond_signal(&self->changed);
		pthread_mutex_unlock(&self->lock);
	}
	pthread_mutex_lock(&self->lock);
	finish = self->state == ASYNC_FINISHING;
	pthread_mutex_unlock(&self->lock);
	return !finish || bk_finish(self->next, &self->error);
}

/* The thread's next slot; NULL when there is nothing more to write. */
static AsyncSlot *
wait_for_slot(AsyncWriter *self)
{
	AsyncSlot  *slot = NULL;

	pthread_mutex_lock(&self->lock);
	while (self->state == ASYNC_WRITING && self->filled == 0)
		pthread_cond_wait(&self->changed, &self->lock);
	if (self->state != ASYNC_STOPPING && self->filled > 0)
		slot = &self->slots[self->head];
	pthread_mutex_unlock(&self->lock);
	return slot;
}

/* The slot to fill; NULL when the thread or tick has failed. */
static AsyncSlot *
wait_for_room(AsyncWriter *self, BkError *err)
{
	AsyncSlot  *slot = NULL;
	bool		ok = true;

	pthread_mutex_lock(&self->lock);
	while (ok && self->state == ASYNC_WRITING && self->filled == ASYNC_SLOTS)
		ok = wait_slice(self, err);
	if (ok && self->state == ASYNC_WRITING)
		slot = &self->slots[(self->head + self->filled) % ASYNC_SLOTS];
	else if (ok)
		*err = self->error;
	pthread_mutex_unlock(&self->lock);
	return slot;
}

/* Wait until everything is written and finished. */
static bool
wait_for_end(AsyncWriter *self, BkError *err)
{
	bool		ok = true;

	pthread_mutex_lock(&self->lock);
	while (ok && !self->ended)
		ok = wait_slice(self, err);
	if (ok && self->state == ASYNC_FAILED)
	{
		*err = self->error;
		ok = false;
	}
	pthread_mutex_unlock(&self->lock);
	return ok;
}

/*
 * Under the lock: wait for a change, then ask without it whether to go on. If
 * not, the thread is told at once: it drops what is queued.
 */
static bool
wait_slice(AsyncWriter *self, BkError *err)
{
	bool		ok;

	bk_thread_cond_wait(&self->changed, &self->lock, ASYNC_SLICE_MS);
	pthread_mutex_unlock(&self->lock);
	ok = self->tick(self->arg, err);
	if (!ok)
		set_state(self, ASYNC_STOPPING);
	pthread_mutex_lock(&self->lock);
	return ok;
}

static void
hand_over(AsyncWriter *self)
{
	pthread_mutex_lock(&self->lock);
	self->filled++;
	pthread_cond_signal(&self->changed);
	pthread_mutex_unlock(&self->lock);
}

static void
set_state(AsyncWriter *self, AsyncState state)
{
	pthread_mutex_lock(&self->lock);
	if (state > self->state)
		self->state = state;
	pthread_cond_signal(&self->changed);
	pthread_mutex_unlock(&self->lock);
}
