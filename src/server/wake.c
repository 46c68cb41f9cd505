/*
 * wake.c
 *	  When the keeper is to look next.
 */
#include "postgres.h"

#include "access/xact.h"
#include "commands/trigger.h"
#include "fmgr.h"
#include "storage/shmem.h"
#include "storage/spin.h"
#include "utils/timestamp.h"

#include "server/shared.h"
#include "server/wake.h"

typedef struct BkWake
{
	slock_t		lock;
	uint64		asked;			/* how often; the start of the server counts */
	uint64		answered;		/* the last of them that a look was made for */
	uint64		looks;
	TimestampTz looked_at;
	TimestampTz next;			/* 0: none */
	TimestampTz pruned_at;		/* of the history; 0: not yet */
} BkWake;

static BkWake *bk_wake;
static bool bk_wake_wanted;		/* by the transaction of this backend */

static void bk_wake_at_end(XactEvent event, void *arg);

PG_FUNCTION_INFO_V1(bk_wake_keeper);

Size
bk_wake_size(void)
{
	return sizeof(BkWake);
}

void
bk_wake_startup(void)
{
	bool		found;

	bk_wake = ShmemInitStruct("backup_ext keeper", sizeof(BkWake), &found);
	if (found)
		return;
	memset(bk_wake, 0, sizeof(BkWake));
	SpinLockInit(&bk_wake->lock);
	bk_wake->asked = 1;
}

void
bk_wake_ask(void)
{
	if (bk_wake == NULL)
		return;
	SpinLockAcquire(&bk_wake->lock);
	bk_wake->asked++;
	SpinLockRelease(&bk_wake->lock);
	bk_shared_wake_launcher();
}

/* A trigger of the tables that the keeper reads, whoever writes into them. */
Datum
bk_wake_keeper(PG_FUNCTION_ARGS)
{
	if (!CALLED_AS_TRIGGER(fcinfo))
		ereport(ERROR,
				(errcode(ERRCODE_E_R_I_E_TRIGGER_PROTOCOL_VIOLATED),
				 errmsg("function \"%s\" was not called as a trigger", "backup_wake_keeper")));
	bk_wake_ask_at_commit();
	return PointerGetDatum(NULL);
}

void
bk_wake_ask_at_commit(void)
{
	static bool registered = false;

	if (!registered)
		RegisterXactCallback(bk_wake_at_end, NULL);
	registered = true;
	bk_wake_wanted = true;
}

static void
bk_wake_at_end(XactEvent event, void *arg)
{
	if (event == XACT_EVENT_PRE_COMMIT || event == XACT_EVENT_PARALLEL_PRE_COMMIT ||
		event == XACT_EVENT_PRE_PREPARE)
		return;
	if (bk_wake_wanted && event != XACT_EVENT_ABORT)
		bk_wake_ask();
	bk_wake_wanted = false;
}

void
bk_wake_run_ended(void)
{
	TimestampTz now = GetCurrentTimestamp();
	bool		wanted;

	SpinLockAcquire(&bk_wake->lock);
	/* where time is not watched, nobody else sees to it that old rows go */
	wanted = bk_wake->next != 0 || now - bk_wake->looked_at > USECS_PER_DAY;
	SpinLockRelease(&bk_wake->lock);
	if (wanted)
		bk_wake_ask();
}

bool
bk_wake_is_due(TimestampTz now)
{
	bool		due;

	SpinLockAcquire(&bk_wake->lock);
	due = bk_wake->asked != bk_wake->answered ||
		(bk_wake->next != 0 &&
		 (now >= bk_wake->next || now < bk_wake->looked_at));
	SpinLockRelease(&bk_wake->lock);
	return due;
}

TimestampTz
bk_wake_next(void)
{
	TimestampTz next;

	SpinLockAcquire(&bk_wake->lock);
	next = bk_wake->next;
	SpinLockRelease(&bk_wake->lock);
	return next;
}

uint64
bk_wake_looks(void)
{
	uint64		looks;

	SpinLockAcquire(&bk_wake->lock);
	looks = bk_wake->looks;
	SpinLockRelease(&bk_wake->lock);
	return looks;
}

uint64
bk_wake_asked(void)
{
	uint64		asked;

	SpinLockAcquire(&bk_wake->lock);
	asked = bk_wake->asked;
	SpinLockRelease(&bk_wake->lock);
	return asked;
}

void
bk_wake_looked(uint64 asked, TimestampTz next)
{
	TimestampTz now = GetCurrentTimestamp();

	SpinLockAcquire(&bk_wake->lock);
	bk_wake->answered = asked;
	bk_wake->looks++;
	bk_wake->looked_at = now;
	/* whatever goes wrong, there is a pause between two looks */
	bk_wake->next = next == 0 ? 0 : Max(next, now + USECS_PER_SEC);
	SpinLockRelease(&bk_wake->lock);
	bk_shared_wake_launcher();
}

TimestampTz
bk_wake_pruned_at(void)
{
	TimestampTz at;

	SpinLockAcquire(&bk_wake->lock);
	at = bk_wake->pruned_at;
	SpinLockRelease(&bk_wake->lock);
	return at;
}

void
bk_wake_set_pruned_at(TimestampTz now)
{
	SpinLockAcquire(&bk_wake->lock);
	bk_wake->pruned_at = now;
	SpinLockRelease(&bk_wake->lock);
}
