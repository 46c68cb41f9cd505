/*
 * wake.c
 *	  When the keeper is to look next.
 */
#include "postgres.h"

#include "access/xact.h"
#include "access/xlog.h"
#include "commands/trigger.h"
#include "datatype/timestamp.h"
#include "fmgr.h"
#include "portability/instr_time.h"
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
	int64		looked_s;		/* the same, as asked_s by a clock that does not jump */
	int64		asked_s;		/* when the first was that no look was made for */
	TimestampTz next;			/* 0: none */
	TimestampTz pruned_at;		/* of the history; 0: not yet */
} BkWake;

static BkWake *bk_wake;
static bool bk_wake_wanted;		/* by the transaction of this backend */

static void bk_wake_at_end(XactEvent event, void *arg);
static int64 bk_wake_seconds(void);

PG_FUNCTION_INFO_V1(bk_wake_keeper);
PG_FUNCTION_INFO_V1(bk_keeper_missing);

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
	bk_wake->asked_s = bk_wake_seconds();
}

void
bk_wake_ask(void)
{
	int64		now_s;

	if (bk_wake == NULL)
		return;
	now_s = bk_wake_seconds();
	SpinLockAcquire(&bk_wake->lock);
	if (bk_wake->asked == bk_wake->answered)
		bk_wake->asked_s = now_s;
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
	if (event == XACT_EVENT_PRE_COMMIT || event == XACT_EVENT_PARALLEL_PRE_COMMIT)
		return;
	/* whoever commits it later, and perhaps in another life, would not ask */
	if (event == XACT_EVENT_PRE_PREPARE && bk_wake_wanted)
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("cannot PREPARE a transaction that has changed schedules or channels")));
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
	int64		now_s = bk_wake_seconds();

	SpinLockAcquire(&bk_wake->lock);
	bk_wake->answered = asked;
	bk_wake->looks++;
	bk_wake->looked_at = now;
	bk_wake->looked_s = now_s;
	bk_wake->asked_s = now_s;
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

/*
 * Serves backup_status: when the last look was made, if one has been wanted for
 * longer than an interval since; NULL: all is well, or nobody is to look here.
 */
Datum
bk_keeper_missing(PG_FUNCTION_ARGS)
{
	const Interval *patience = PG_GETARG_INTERVAL_P(0);
	TimestampTz now = GetCurrentTimestamp();
	int64		now_s = bk_wake_seconds();
	int64		since_s;
	TimestampTz looked_at;
	bool		wanted;

	if (bk_wake == NULL || RecoveryInProgress())
		PG_RETURN_NULL();
	SpinLockAcquire(&bk_wake->lock);
	wanted = bk_wake->asked != bk_wake->answered ||
		(bk_wake->next != 0 && now >= bk_wake->next);
	since_s = bk_wake->asked != bk_wake->answered ? bk_wake->asked_s : bk_wake->looked_s;
	looked_at = bk_wake->looked_at;
	SpinLockRelease(&bk_wake->lock);
	if (!wanted || now_s - since_s < patience->time / USECS_PER_SEC)
		PG_RETURN_NULL();
	PG_RETURN_TIMESTAMPTZ(looked_at != 0 ? looked_at : PgStartTime);
}

static int64
bk_wake_seconds(void)
{
	instr_time	now;

	INSTR_TIME_SET_CURRENT(now);
	return (int64) INSTR_TIME_GET_DOUBLE(now);
}
