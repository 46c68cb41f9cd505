/*
 * push.c
 *	  A pool of threads that archive what is asked for, and more ahead of time.
 *
 * All state is in a fixed table of items under one lock. An item is a file:
 * it waits, is worked on, and is done until somebody has been told. Items that
 * nobody has asked for are what is done ahead; a limit on them keeps both the
 * table and the time in which a result can become stale small.
 *
 * A result that was made ahead counts only for the file that was read, and not
 * for long: if another one stands under its name when it is asked for, or the
 * repository may have become another one meanwhile, it is pushed again.
 */
#include "job/push.h"

#include <stdatomic.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/clock.h"
#include "core/thread.h"
#include "job/lookahead.h"
#include "job/pusher.h"

#define THREADS_MAX		64
#define ITEMS			(BK_PUSH_ASKED_MAX + BK_PUSH_AHEAD_MAX + THREADS_MAX)
#define RECENT			BK_PUSH_ASKED_MAX
#define HELD_MAX		16384
#define IDLE			1000	/* milliseconds */
#define FRESH			10000	/* milliseconds that a result made ahead counts */

typedef enum ItemState
{
	ITEM_FREE,
	ITEM_WAITING,
	ITEM_WORKING,
	ITEM_DONE
} ItemState;

typedef struct Item
{
	ItemState	state;
	int			asked;			/* asks without an answer; 0: it is ahead */
	uint64_t	turn;			/* of the first ask */
	BkWalName	name;
	struct stat file;			/* what was stored */
	BkPushAnswer answer;		/* when it is done */
	int64_t		done_at;		/* on the monotonic clock */
	_Atomic uint64_t done;
	_Atomic uint64_t total;
} Item;

typedef struct Thread
{
	BkPush	   *push;
	BkPusher   *pusher;			/* its own from the start on */
	pthread_t	id;
} Thread;

struct BkPush
{
	const BkRequest *request;
	const BkHost *host;
	char	   *folder;
	int			ahead_max;
	int			event;			/* eventfd(2): something is done */
	atomic_bool stopping;

	pthread_mutex_t lock;		/* for all below */
	pthread_cond_t work;		/* there may be something to do */
	pthread_cond_t ended;		/* a thread has ended */
	Item		items[ITEMS];
	uint64_t	turns;
	bool		ahead;			/* the repository works: look ahead */
	bool		scan;			/* there may be more that is ready */
	bool		scanning;
	BkWalName	recent[RECENT]; /* answered, but perhaps still marked ready */
	size_t		recent_count;
	BkWalName  *held;			/* not asked for, and in some repositories only */
	size_t		held_count;
	Thread		threads[THREADS_MAX];
	int			started;
	int			running;
};

/* What a thread's work on an item needs to look at. */
typedef struct Watch
{
	BkPush	   *push;
	Item	   *item;
} Watch;

static bool set_up(BkPush *push, const char *folder, BkError *err);
static void tear_down(BkPush *push);
static bool start_thread(BkPush *push, BkError *err);
static void *run(void *arg);
static Item *next_item(BkPush *push);
static void work(BkPush *push, BkPusher *pusher, Item *item);
static void settle_asked(BkPush *push, Item *item, bool ahead);
static bool hold(BkPush *push, const BkWalName *name);
static bool watch_tick(void *arg, uint64_t bytes, uint64_t total,
					   BkError *err);
static bool wants_scan(const BkPush *push);
static void scan(BkPush *push);
static size_t list_known(const BkPush *push, BkWalName *known);
static void drop_stale(BkPush *push);
static int	count_ahead(const BkPush *push);
static Item *find_item(BkPush *push, const BkWalName *name);
static Item *add_item(BkPush *push, const BkWalName *name);
static void free_item(Item *item);
static Item *first_asked(BkPush *push, ItemState state);
static void notify(BkPush *push);

BkPush *
bk_push_start(const BkRequest *request, const BkHost *host,
			  const char *folder, int ahead, BkError *err)
{
	BkPush	   *push = calloc(1, sizeof(*push));

	if (push == NULL)
	{
		bk_error_memory(err);
		return NULL;
	}
	push->request = request;
	push->host = host;
	push->ahead_max = ahead < BK_PUSH_AHEAD_MAX ? ahead : BK_PUSH_AHEAD_MAX;
	push->ahead = true;
	if (!set_up(push, folder, err))
	{
		tear_down(push);
		return NULL;
	}
	while (push->started < request->jobs && push->started < THREADS_MAX)
	{
		if (!start_thread(push, err))
		{
			bk_push_stop(push, IDLE);
			return NULL;
		}
	}
	return push;
}

bool
bk_push_ask(BkPush *push, const BkWalName *name, BkError *err)
{
	Item	   *item;
	int			asked = 0;

	pthread_mutex_lock(&push->lock);
	for (int i = 0; i < ITEMS; i++)
		asked += push->items[i].asked;
	if (asked < BK_PUSH_ASKED_MAX)
	{
		item = find_item(push, name);
		if (item == NULL)
			item = add_item(push, name);
		if (item->asked++ == 0)
			item->turn = push->turns++;
		if (item->state == ITEM_DONE)
		{
			if (bk_clock_monotonic_ms() - item->done_at > FRESH ||
				!bk_pusher_is_same(push->folder, name, &item->file))
				item->state = ITEM_WAITING;
			notify(push);
		}
		push->scan = true;
		pthread_cond_broadcast(&push->work);
	}
	pthread_mutex_unlock(&push->lock);
	return asked < BK_PUSH_ASKED_MAX ||
		bk_error(err, BK_STATE_TOO_LARGE, "more than %d files are asked for at once",
				 BK_PUSH_ASKED_MAX);
}

int
bk_push_descriptor(const BkPush *push)
{
	return push->event;
}

bool
bk_push_answer(BkPush *push, BkPushAnswer *answer)
{
	uint64_t	count;
	Item	   *item;

	pthread_mutex_lock(&push->lock);
	item = first_asked(push, ITEM_DONE);
	if (item == NULL)
	{
		/* Under the lock, so that no later notice is taken away. */
		(void) !read(push->event, &count, sizeof(count));
	}
	else
	{
		*answer = item->answer;
		if (--item->asked == 0)
		{
			push->recent[push->recent_count++ % RECENT] = item->name;
			free_item(item);
			pthread_cond_broadcast(&push->work);
		}
	}
	pthread_mutex_unlock(&push->lock);
	return item != NULL;
}

bool
bk_push_progress(BkPush *push, size_t index, BkPushProgress *progress)
{
	bool		found = false;

	pthread_mutex_lock(&push->lock);
	for (int i = 0; i < ITEMS && !found; i++)
	{
		Item	   *item = &push->items[i];

		if (item->asked == 0 || index-- > 0)
			continue;
		found = true;
		memcpy(progress->name, item->name.text, sizeof(progress->name));
		progress->done = item->done;
		progress->total = item->total;
	}
	pthread_mutex_unlock(&push->lock);
	return found;
}

bool
bk_push_settle(BkPush *push)
{
	bool		settled = true;
	uint64_t	count;

	pthread_mutex_lock(&push->lock);
	push->ahead_max = 0;
	push->ahead = false;
	for (int i = 0; i < ITEMS; i++)
		settled = settled && push->items[i].state != ITEM_WORKING;
	if (!settled)
		(void) !read(push->event, &count, sizeof(count));
	pthread_mutex_unlock(&push->lock);
	return settled;
}

void
bk_push_stop(BkPush *push, int milliseconds)
{
	int64_t		until = bk_clock_monotonic_ms() + milliseconds;
	int64_t		left = milliseconds;
	bool		ended;

	if (push == NULL)
		return;
	push->stopping = true;
	pthread_mutex_lock(&push->lock);
	pthread_cond_broadcast(&push->work);
	while (push->running > 0 && left > 0)
	{
		bk_thread_cond_wait(&push->ended, &push->lock, (int) left);
		left = until - bk_clock_monotonic_ms();
	}
	ended = push->running == 0;
	pthread_mutex_unlock(&push->lock);
	for (int i = 0; i < push->started; i++)
	{
		if (ended)
			pthread_join(push->threads[i].id, NULL);
		else
			pthread_detach(push->threads[i].id);
	}
	if (ended)
		tear_down(push);
}

static bool
set_up(BkPush *push, const char *folder, BkError *err)
{
	pthread_mutex_init(&push->lock, NULL);
	bk_thread_cond_init(&push->work);
	bk_thread_cond_init(&push->ended);
	push->folder = strdup(folder);
	push->event = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (push->event < 0)
		return bk_error_errno(err, "could not make an event descriptor");
	return push->folder != NULL || bk_error_memory(err);
}

static void
tear_down(BkPush *push)
{
	if (push->event >= 0)
		close(push->event);
	pthread_cond_destroy(&push->ended);
	pthread_cond_destroy(&push->work);
	pthread_mutex_destroy(&push->lock);
	free(push->held);
	free(push->folder);
	free(push);
}

static bool
start_thread(BkPush *push, BkError *err)
{
	Thread	   *thread = &push->threads[push->started];
	bool		started;

	thread->push = push;
	thread->pusher = bk_pusher_new(push->request, push->host, push->folder, err);
	if (thread->pusher == NULL)
		return false;
	pthread_mutex_lock(&push->lock);
	started = bk_thread_start(&thread->id, run, thread);
	push->started += started;
	push->running += started;
	pthread_mutex_unlock(&push->lock);
	if (started)
		return true;
	bk_pusher_free(thread->pusher);
	return bk_error(err, BK_STATE_SYSTEM, "could not start a thread");
}

/* A thread of the pool. */
static void *
run(void *arg)
{
	Thread	   *thread = arg;
	BkPush	   *push = thread->push;

	pthread_mutex_lock(&push->lock);
	while (!push->stopping)
	{
		Item	   *item = next_item(push);

		if (item != NULL)
			work(push, thread->pusher, item);
		else if (wants_scan(push))
			scan(push);
		else
			bk_thread_cond_wait(&push->work, &push->lock, IDLE);
	}
	pthread_mutex_unlock(&push->lock);
	bk_pusher_free(thread->pusher);
	pthread_mutex_lock(&push->lock);
	push->running--;
	pthread_cond_signal(&push->ended);
	pthread_mutex_unlock(&push->lock);
	return NULL;
}

/* What was asked for first, else the first of those ahead. */
static Item *
next_item(BkPush *push)
{
	Item	   *best = first_asked(push, ITEM_WAITING);

	if (best != NULL || !push->ahead)
		return best;
	for (int i = 0; i < ITEMS; i++)
	{
		Item	   *item = &push->items[i];

		if (item->state == ITEM_WAITING &&
			(best == NULL || bk_lookahead_compare(&item->name, &best->name) < 0))
			best = item;
	}
	return best;
}

static void
work(BkPush *push, BkPusher *pusher, Item *item)
{
	Watch		watch = {.push = push, .item = item};
	BkPusherWatch callbacks = {
		.tick = watch_tick, .arg = &watch, .ahead = item->asked == 0,
	};

	if (item->asked == 0 && !bk_lookahead_is_ready(push->folder, &item->name))
	{
		free_item(item);
		return;
	}
	item->state = ITEM_WORKING;
	item->done = 0;
	item->total = 0;
	pthread_mutex_unlock(&push->lock);
	bk_pusher_push(pusher, &item->name, &callbacks, &item->answer, &item->file);
	pthread_mutex_lock(&push->lock);
	item->state = ITEM_DONE;
	item->done_at = bk_clock_monotonic_ms();
	notify(push);
	if (item->asked > 0)
		settle_asked(push, item, callbacks.ahead);
	else if (!item->answer.ok)
	{
		/* Forgotten, and tried again when it is asked for. */
		push->ahead = push->ahead &&
			(!bk_lookahead_is_ready(push->folder, &item->name) ||
			 (item->answer.held && hold(push, &item->name)));
		push->scan = push->scan || item->answer.held;
		free_item(item);
	}
}

/* Where one repository fails, the others get all the same what comes next. */
static void
settle_asked(BkPush *push, Item *item, bool ahead)
{
	/* It was begun before somebody asked, and tried less then. */
	if (ahead && !item->answer.ok && item->answer.held)
		item->state = ITEM_WAITING;
	else
		push->ahead = (item->answer.ok || item->answer.held) && push->ahead_max > 0;
	if (item->answer.ok)
		push->held_count = 0;
	pthread_cond_broadcast(&push->work);
}

/* Remember a file that need not be pushed again until it is asked for. */
static bool
hold(BkPush *push, const BkWalName *name)
{
	if (push->held == NULL)
		push->held = calloc(HELD_MAX, sizeof(*push->held));
	if (push->held == NULL || push->held_count == HELD_MAX)
		return false;
	push->held[push->held_count++] = *name;
	return true;
}

static bool
watch_tick(void *arg, uint64_t bytes, uint64_t total, BkError *err)
{
	Watch	   *watch = arg;

	watch->item->total = total;
	watch->item->done += bytes;
	return !watch->push->stopping ||
		bk_error(err, BK_STATE_CANCELED, "canceled on request");
}

/*
 * To read the folder for each single place that becomes free would be much
 * work where very many files are ready.
 */
static bool
wants_scan(const BkPush *push)
{
	int			room = push->ahead_max - count_ahead(push);

	return push->ahead && push->scan && !push->scanning && room > 0 &&
		room * 4 >= push->ahead_max;
}

/* Called when nothing is waiting. The lock is given up meanwhile. */
static void
scan(BkPush *push)
{
	BkWalName  *known = calloc(ITEMS + RECENT + push->held_count, sizeof(*known));
	BkWalName	names[BK_PUSH_AHEAD_MAX + 1];
	size_t		known_count;
	size_t		room;
	size_t		found;

	push->scan = false;
	if (known == NULL)
		return;
	push->scanning = true;
	drop_stale(push);
	known_count = list_known(push, known);
	room = (size_t) (push->ahead_max - count_ahead(push));
	pthread_mutex_unlock(&push->lock);
	found = bk_lookahead_list(push->folder, known, known_count, names, room);
	free(known);
	pthread_mutex_lock(&push->lock);
	push->scanning = false;

	/* A full list may have left some out. */
	push->scan = push->scan || found == room;
	for (size_t i = 0; i < found && count_ahead(push) < push->ahead_max; i++)
	{
		if (find_item(push, &names[i]) == NULL)
			add_item(push, &names[i]);
	}
	if (found > 0)
		pthread_cond_broadcast(&push->work);
}

/* Every item, what was answered lately and may still be marked, what is held. */
static size_t
list_known(const BkPush *push, BkWalName *known)
{
	size_t		count = 0;

	for (int i = 0; i < ITEMS; i++)
	{
		if (push->items[i].state != ITEM_FREE)
			known[count++] = push->items[i].name;
	}
	for (size_t i = 0; i < RECENT && i < push->recent_count; i++)
		known[count++] = push->recent[i];
	for (size_t i = 0; i < push->held_count; i++)
		known[count++] = push->held[i];
	qsort(known, count, sizeof(*known), bk_lookahead_compare);
	return count;
}

/* Results that nobody will ask for any more. */
static void
drop_stale(BkPush *push)
{
	for (int i = 0; i < ITEMS; i++)
	{
		Item	   *item = &push->items[i];

		if (item->state == ITEM_DONE && item->asked == 0 &&
			!bk_lookahead_is_ready(push->folder, &item->name))
			free_item(item);
	}
}

static int
count_ahead(const BkPush *push)
{
	int			count = 0;

	for (int i = 0; i < ITEMS; i++)
		count += push->items[i].state != ITEM_FREE && push->items[i].asked == 0;
	return count;
}

static Item *
find_item(BkPush *push, const BkWalName *name)
{
	for (int i = 0; i < ITEMS; i++)
	{
		Item	   *item = &push->items[i];

		if (item->state != ITEM_FREE && strcmp(item->name.text, name->text) == 0)
			return item;
	}
	return NULL;
}

/* The limits of what is asked for and of what is ahead leave one free. */
static Item *
add_item(BkPush *push, const BkWalName *name)
{
	Item	   *item = push->items;

	while (item->state != ITEM_FREE)
		item++;
	item->state = ITEM_WAITING;
	item->name = *name;
	return item;
}

static void
free_item(Item *item)
{
	item->state = ITEM_FREE;
	item->asked = 0;
}

/* Of the items in this state that were asked for, the first one. */
static Item *
first_asked(BkPush *push, ItemState state)
{
	Item	   *first = NULL;

	for (int i = 0; i < ITEMS; i++)
	{
		Item	   *item = &push->items[i];

		if (item->state == state && item->asked > 0 &&
			(first == NULL || item->turn < first->turn))
			first = item;
	}
	return first;
}

/* Wake whoever waits on the descriptor. The lock is held. */
static void
notify(BkPush *push)
{
	uint64_t	one = 1;

	(void) !write(push->event, &one, sizeof(one));
}
