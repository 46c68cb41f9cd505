/*
 * async.c
 *	  A writer that lets a thread of its own do the writing below.
 *
 * The queue is a ring. Slots from "head" on, "filled" of them, belong to the
 * thread; the slot behind them is filled by the writer's side. Everything in
 * AsyncWriter below "lock" is protected by it, except the bytes of a slot,
 * which belong to one side at a time. "state" goes forward only; the error
 * record is the thread's until it has ended in ASYNC_FAILED.
 */
#include "filter/async.h"

#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#define ASYNC_SLOTS		4

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
	pthread_t	thread;
	bool		joined;
	pthread_mutex_t lock;
	pthread_cond_t changed;
	AsyncState	state;
	size_t		head;
	size_t		filled;
	BkError		error;
	AsyncSlot	slots[ASYNC_SLOTS];
} AsyncWriter;

static bool async_write(BkWriter *writer, const void *buf, size_t len,
						BkError *err);
static bool async_finish(BkWriter *writer, BkError *err);
static void async_close(BkWriter *writer);
static bool start_thread(AsyncWriter *self);
static void *run(void *arg);
static bool write_slots(AsyncWriter *self);
static AsyncSlot *wait_for_slot(AsyncWriter *self);
static AsyncSlot *wait_for_room(AsyncWriter *self);
static void hand_over(AsyncWriter *self);
static void set_state(AsyncWriter *self, AsyncState state);
static void join(AsyncWriter *self);

static const BkWriterOps async_ops = {
	.write = async_write,
	.finish = async_finish,
	.close = async_close,
};

BkWriter *
bk_async_writer(BkWriter *next, BkError *err)
{
	AsyncWriter *self = calloc(1, sizeof(*self));

	if (self == NULL)
	{
		bk_error_memory(err);
		return NULL;
	}
	self->base.ops = &async_ops;
	self->next = next;
	pthread_mutex_init(&self->lock, NULL);
	pthread_cond_init(&self->changed, NULL);
	if (!start_thread(self))
	{
		pthread_cond_destroy(&self->changed);
		pthread_mutex_destroy(&self->lock);
		free(self);
		bk_error(err, BK_STATE_SYSTEM, "could not start a thread");
		return NULL;
	}
	return &self->base;
}

static bool
async_write(BkWriter *writer, const void *buf, size_t len, BkError *err)
{
	AsyncWriter *self = (AsyncWriter *) writer;
	const char *next = buf;

	while (len > 0)
	{
		AsyncSlot  *slot = wait_for_room(self);
		size_t		step;

		if (slot == NULL)
		{
			*err = self->error;
			return false;
		}
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
	AsyncSlot  *slot = wait_for_room(self);

	if (slot != NULL && slot->len > 0)
		hand_over(self);
	set_state(self, ASYNC_FINISHING);
	join(self);
	if (self->state == ASYNC_FAILED)
	{
		*err = self->error;
		return false;
	}
	return true;
}

static void
async_close(BkWriter *writer)
{
	AsyncWriter *self = (AsyncWriter *) writer;

	set_state(self, ASYNC_STOPPING);
	join(self);
	bk_writer_close(self->next);
	pthread_cond_destroy(&self->changed);
	pthread_mutex_destroy(&self->lock);
	free(self);
}

static bool
start_thread(AsyncWriter *self)
{
	sigset_t	all;
	sigset_t	before;
	int			failure;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	failure = pthread_create(&self->thread, NULL, run, self);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	return failure == 0;
}

/* The thread. */
static void *
run(void *arg)
{
	AsyncWriter *self = arg;

	if (!write_slots(self))
		set_state(self, ASYNC_FAILED);
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

/* The slot to fill; NULL when the thread has failed. */
static AsyncSlot *
wait_for_room(AsyncWriter *self)
{
	AsyncSlot  *slot = NULL;

	pthread_mutex_lock(&self->lock);
	while (self->state == ASYNC_WRITING && self->filled == ASYNC_SLOTS)
		pthread_cond_wait(&self->changed, &self->lock);
	if (self->state == ASYNC_WRITING)
		slot = &self->slots[(self->head + self->filled) % ASYNC_SLOTS];
	pthread_mutex_unlock(&self->lock);
	return slot;
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

static void
join(AsyncWriter *self)
{
	if (!self->joined)
		pthread_join(self->thread, NULL);
	self->joined = true;
}
