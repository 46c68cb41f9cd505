/*
 * shared.c
 *	  The slots of runs in shared memory, and every change of their state.
 */
#include "postgres.h"

#include "miscadmin.h"
#include "storage/condition_variable.h"
#include "storage/ipc.h"
#include "storage/latch.h"
#include "storage/lwlock.h"
#include "storage/shmem.h"
#include "utils/timestamp.h"
#include "utils/wait_event.h"

#include "server/archive_stats.h"
#include "server/shared.h"
#include "server/wake.h"

typedef struct BkSlot
{
	ConditionVariable changed;
	Latch	   *worker_latch;	/* NULL: no worker is attached */
	BkRun		run;
} BkSlot;

typedef struct BkShared
{
	LWLock	   *lock;
	Latch	   *launcher_latch; /* NULL: no launcher */
	bool		swept;
	BkSlot		slots[BK_SLOTS];
} BkShared;

static BkShared *bk_shared;
static shmem_request_hook_type bk_previous_request_hook;
static shmem_startup_hook_type bk_previous_startup_hook;

static void bk_shared_request_hook(void);
static void bk_shared_startup_hook(void);
static void bk_shared_launcher_detach(int code, Datum arg);
static int	bk_shared_find(int64 run);
static bool bk_run_tells(const BkRun *run);
static void bk_shared_finish_locked(BkSlot *slot, const BkOutcome *outcome);
static void bk_shared_finish_canceled(BkSlot *slot);
static void bk_shared_free_if_unneeded(BkSlot *slot);

/* --- memory --- */

void
bk_shared_request(void)
{
	bk_previous_request_hook = shmem_request_hook;
	shmem_request_hook = bk_shared_request_hook;
	bk_previous_startup_hook = shmem_startup_hook;
	shmem_startup_hook = bk_shared_startup_hook;
}

static void
bk_shared_request_hook(void)
{
	if (bk_previous_request_hook)
		bk_previous_request_hook();
	RequestAddinShmemSpace(sizeof(BkShared));
	RequestAddinShmemSpace(bk_archive_stats_size());
	RequestAddinShmemSpace(bk_wake_size());
	RequestNamedLWLockTranche("backup_ext", 1);
}

static void
bk_shared_startup_hook(void)
{
	bool		found;
	int			i;

	if (bk_previous_startup_hook)
		bk_previous_startup_hook();
	LWLockAcquire(AddinShmemInitLock, LW_EXCLUSIVE);
	bk_shared = ShmemInitStruct("backup_ext", sizeof(BkShared), &found);
	if (!found)
	{
		memset(bk_shared, 0, sizeof(BkShared));
		bk_shared->lock = &GetNamedLWLockTranche("backup_ext")->lock;
		for (i = 0; i < BK_SLOTS; i++)
			ConditionVariableInit(&bk_shared->slots[i].changed);
	}
	bk_archive_stats_startup();
	bk_wake_startup();
	LWLockRelease(AddinShmemInitLock);
}

bool
bk_shared_available(void)
{
	return bk_shared != NULL;
}

const char *
bk_run_state_name(const BkRun *run)
{
	if (run->state == BK_RUN_RUNNING)
		return "running";
	if (run->state != BK_RUN_DONE)
		return "queued";
	if (run->outcome.ok)
		return "done";
	if (bk_outcome_is_skipped(&run->outcome))
		return "skipped";
	return strcmp(run->outcome.sqlstate, "57014") == 0 ? "canceled" : "failed";
}

/* --- for callers --- */

int
bk_shared_queue(const BkRun *run)
{
	int			i;

	LWLockAcquire(bk_shared->lock, LW_EXCLUSIVE);
	for (i = 0; i < BK_SLOTS; i++)
	{
		if (bk_shared->slots[i].run.state == BK_RUN_FREE)
			break;
	}
	if (i < BK_SLOTS)
	{
		bk_shared->slots[i].run = *run;
		bk_shared->slots[i].run.state = BK_RUN_QUEUED;
	}
	LWLockRelease(bk_shared->lock);
	bk_shared_wake_launcher();
	return i < BK_SLOTS ? i : -1;
}

bool
bk_shared_has(int64 run)
{
	bool		found;

	LWLockAcquire(bk_shared->lock, LW_SHARED);
	found = bk_shared_find(run) >= 0;
	LWLockRelease(bk_shared->lock);
	return found;
}

bool
bk_shared_is_open(int64 run)
{
	bool		open = false;
	int			slot;

	LWLockAcquire(bk_shared->lock, LW_SHARED);
	slot = bk_shared_find(run);
	if (slot >= 0)
		open = bk_shared->slots[slot].run.state != BK_RUN_DONE ||
			!bk_shared->slots[slot].run.recorded;
	LWLockRelease(bk_shared->lock);
	return open;
}

int
bk_shared_room(void)
{
	int			room = 0;
	int			i;

	LWLockAcquire(bk_shared->lock, LW_SHARED);
	for (i = 0; i < BK_SLOTS; i++)
	{
		if (bk_shared->slots[i].run.state == BK_RUN_FREE)
			room++;
	}
	LWLockRelease(bk_shared->lock);
	return room;
}

int
bk_shared_join(int64 run)
{
	int			slot;

	LWLockAcquire(bk_shared->lock, LW_EXCLUSIVE);
	slot = bk_shared_find(run);
	if (slot >= 0)
		bk_shared->slots[slot].run.waiters++;
	LWLockRelease(bk_shared->lock);
	return slot;
}

void
bk_shared_leave(int slot)
{
	LWLockAcquire(bk_shared->lock, LW_EXCLUSIVE);
	bk_shared->slots[slot].run.waiters--;
	bk_shared_free_if_unneeded(&bk_shared->slots[slot]);
	LWLockRelease(bk_shared->lock);
}

void
bk_shared_sleep(int slot, long timeout_ms)
{
	ConditionVariableTimedSleep(&bk_shared->slots[slot].changed, timeout_ms,
								PG_WAIT_EXTENSION);
}

bool
bk_shared_cancel(int64 run)
{
	BkSlot	   *slot;
	int			number;
	bool		told = false;

	LWLockAcquire(bk_shared->lock, LW_EXCLUSIVE);
	number = bk_shared_find(run);
	if (number >= 0 && bk_shared->slots[number].run.state != BK_RUN_DONE)
	{
		slot = &bk_shared->slots[number];
		told = true;
		slot->run.cancel = true;
		if (slot->worker_latch != NULL)
			SetLatch(slot->worker_latch);
		if (slot->run.state == BK_RUN_QUEUED)
			bk_shared_finish_canceled(slot);
	}
	LWLockRelease(bk_shared->lock);
	bk_shared_wake_launcher();
	return told;
}

bool
bk_shared_read(int slot, BkRun *copy)
{
	LWLockAcquire(bk_shared->lock, LW_SHARED);
	*copy = bk_shared->slots[slot].run;
	LWLockRelease(bk_shared->lock);
	return copy->state != BK_RUN_FREE;
}

bool
bk_shared_launcher_alive(void)
{
	bool		alive;

	LWLockAcquire(bk_shared->lock, LW_SHARED);
	alive = bk_shared->launcher_latch != NULL;
	LWLockRelease(bk_shared->lock);
	return alive;
}

/* --- for the launcher --- */

void
bk_shared_launcher_attach(void)
{
	int			i;

	LWLockAcquire(bk_shared->lock, LW_EXCLUSIVE);
	bk_shared->launcher_latch = MyLatch;
	for (i = 0; i < BK_SLOTS; i++)
	{
		if (bk_shared->slots[i].run.state == BK_RUN_STARTING)
			bk_shared->slots[i].run.state = BK_RUN_QUEUED;
	}
	LWLockRelease(bk_shared->lock);
	before_shmem_exit(bk_shared_launcher_detach, (Datum) 0);
}

static void
bk_shared_launcher_detach(int code, Datum arg)
{
	LWLockAcquire(bk_shared->lock, LW_EXCLUSIVE);
	bk_shared->launcher_latch = NULL;
	LWLockRelease(bk_shared->lock);
}

void
bk_shared_wake_launcher(void)
{
	LWLockAcquire(bk_shared->lock, LW_SHARED);
	if (bk_shared->launcher_latch != NULL)
		SetLatch(bk_shared->launcher_latch);
	LWLockRelease(bk_shared->lock);
}

int
bk_shared_next(int limit)
{
	int			oldest = -1;
	int			at_work[2] = {0, 0};
	int			i;

	LWLockAcquire(bk_shared->lock, LW_EXCLUSIVE);
	for (i = 0; i < BK_SLOTS; i++)
	{
		BkRun	   *run = &bk_shared->slots[i].run;

		if (run->state == BK_RUN_STARTING || run->state == BK_RUN_RUNNING)
			at_work[bk_run_tells(run)]++;
	}
	for (i = 0; i < BK_SLOTS; i++)
	{
		BkRun	   *run = &bk_shared->slots[i].run;

		if (run->state == BK_RUN_QUEUED &&
			at_work[bk_run_tells(run)] < (bk_run_tells(run) ? BK_TELLING_RUNS : limit) &&
			(oldest < 0 || run->run < bk_shared->slots[oldest].run.run))
			oldest = i;
	}
	if (oldest >= 0)
	{
		BkRun	   *run = &bk_shared->slots[oldest].run;

		run->state = BK_RUN_STARTING;
		if (run->tried_at == 0)
			run->tried_at = GetCurrentTimestamp();
	}
	LWLockRelease(bk_shared->lock);
	return oldest;
}

/* Does it tell people, which is not to wait for backups? */
static bool
bk_run_tells(const BkRun *run)
{
	return strcmp(run->verb, "notify") == 0;
}

void
bk_shared_put_back(int slot)
{
	BkSlot	   *own = &bk_shared->slots[slot];

	LWLockAcquire(bk_shared->lock, LW_EXCLUSIVE);
	own->run.state = BK_RUN_QUEUED;
	if (own->run.cancel)
		bk_shared_finish_canceled(own);
	LWLockRelease(bk_shared->lock);
}

/* --- for workers and the launcher --- */

bool
bk_shared_attach(int slot, int64 run)
{
	BkSlot	   *own = &bk_shared->slots[slot];
	bool		taken;

	LWLockAcquire(bk_shared->lock, LW_EXCLUSIVE);
	taken = own->run.state == BK_RUN_STARTING && own->run.run == run;
	if (taken)
	{
		own->run.state = BK_RUN_RUNNING;
		own->run.started_at = GetCurrentTimestamp();
		own->run.worker_pid = MyProcPid;
		own->worker_latch = MyLatch;
	}
	LWLockRelease(bk_shared->lock);
	return taken;
}

void
bk_shared_set_progress(int slot, const BkProgress *progress)
{
	LWLockAcquire(bk_shared->lock, LW_EXCLUSIVE);
	bk_shared->slots[slot].run.progress = *progress;
	LWLockRelease(bk_shared->lock);
}

void
bk_shared_set_backup(int slot, const char *backup_id,
					 int64 plain_size, int64 stored_size)
{
	BkRun	   *run = &bk_shared->slots[slot].run;

	LWLockAcquire(bk_shared->lock, LW_EXCLUSIVE);
	bk_text_copy(run->backup_id, sizeof(run->backup_id), backup_id);
	run->plain_size = plain_size;
	run->stored_size = stored_size;
	LWLockRelease(bk_shared->lock);
}

void
bk_shared_add_notice(int slot, bool warning, const char *text,
					 const char *hint)
{
	BkRun	   *run = &bk_shared->slots[slot].run;
	BkNotice   *notice;

	LWLockAcquire(bk_shared->lock, LW_EXCLUSIVE);
	notice = &run->notices[run->notice_count % BK_NOTICES];
	notice->warning = warning;
	bk_text_copy(notice->text, sizeof(notice->text), text);
	bk_text_copy(notice->hint, sizeof(notice->hint), hint != NULL ? hint : "");
	run->notice_count++;
	LWLockRelease(bk_shared->lock);
	ConditionVariableBroadcast(&bk_shared->slots[slot].changed);
}

void
bk_shared_finish(int slot, const BkOutcome *outcome, bool recorded)
{
	LWLockAcquire(bk_shared->lock, LW_EXCLUSIVE);
	bk_shared->slots[slot].run.recorded = recorded;
	bk_shared_finish_locked(&bk_shared->slots[slot], outcome);
	LWLockRelease(bk_shared->lock);
	bk_shared_wake_launcher();
	if (recorded)
		bk_wake_run_ended();
}

void
bk_shared_set_recorded(int slot)
{
	LWLockAcquire(bk_shared->lock, LW_EXCLUSIVE);
	bk_shared->slots[slot].run.recorded = true;
	bk_shared_free_if_unneeded(&bk_shared->slots[slot]);
	LWLockRelease(bk_shared->lock);
	bk_wake_run_ended();
}

void
bk_shared_set_row_written(int slot, int64 run)
{
	LWLockAcquire(bk_shared->lock, LW_EXCLUSIVE);
	if (bk_shared->slots[slot].run.run == run)
		bk_shared->slots[slot].run.row_written = true;
	LWLockRelease(bk_shared->lock);
}

bool
bk_run_needs_recorder(const BkRun *run)
{
	return (run->state == BK_RUN_DONE && !run->recorded) ||
		(run->state == BK_RUN_QUEUED && !run->row_written);
}

bool
bk_shared_needs_recorder(void)
{
	bool		needed = false;
	int			i;

	LWLockAcquire(bk_shared->lock, LW_SHARED);
	for (i = 0; i < BK_SLOTS; i++)
	{
		if (bk_run_needs_recorder(&bk_shared->slots[i].run))
			needed = true;
	}
	LWLockRelease(bk_shared->lock);
	return needed;
}

bool
bk_shared_is_swept(void)
{
	bool		swept;

	LWLockAcquire(bk_shared->lock, LW_SHARED);
	swept = bk_shared->swept;
	LWLockRelease(bk_shared->lock);
	return swept;
}

void
bk_shared_set_swept(void)
{
	LWLockAcquire(bk_shared->lock, LW_EXCLUSIVE);
	bk_shared->swept = true;
	LWLockRelease(bk_shared->lock);
}

/* --- helpers; the caller holds the lock --- */

static int
bk_shared_find(int64 run)
{
	int			i;

	for (i = 0; i < BK_SLOTS; i++)
	{
		if (bk_shared->slots[i].run.state != BK_RUN_FREE &&
			bk_shared->slots[i].run.run == run)
			return i;
	}
	return -1;
}

static void
bk_shared_finish_locked(BkSlot *slot, const BkOutcome *outcome)
{
	slot->run.outcome = *outcome;
	slot->run.state = BK_RUN_DONE;
	slot->run.finished_at = GetCurrentTimestamp();
	slot->worker_latch = NULL;
	ConditionVariableBroadcast(&slot->changed);
	bk_shared_free_if_unneeded(slot);
}

/* Ends a run that no worker has. */
static void
bk_shared_finish_canceled(BkSlot *slot)
{
	BkOutcome	outcome;

	bk_outcome_fail(&outcome, ERRCODE_QUERY_CANCELED,
					"run " INT64_FORMAT " was canceled before it started",
					slot->run.run);
	bk_shared_finish_locked(slot, &outcome);
}

static void
bk_shared_free_if_unneeded(BkSlot *slot)
{
	if (slot->run.state == BK_RUN_DONE && slot->run.recorded &&
		slot->run.waiters == 0)
		slot->run.state = BK_RUN_FREE;
}
