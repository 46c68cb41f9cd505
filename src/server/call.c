/*
 * call.c
 *	  The caller's side of a run: queue it, watch it, leave nothing behind.
 */
#include "postgres.h"

#include "commands/sequence.h"
#include "miscadmin.h"
#include "storage/condition_variable.h"
#include "storage/ipc.h"
#include "storage/latch.h"
#include "tcop/tcopprot.h"
#include "utils/lsyscache.h"
#include "utils/timestamp.h"

#include "server/call.h"
#include "server/compat.h"
#include "server/installation.h"
#include "server/ready.h"

#define BK_CALL_LOOK_MS 1000
#define BK_CALL_PROGRESS_MS (60 * 1000)
#define BK_CALL_STOP_MS 1200	/* how long a canceled caller waits for the end */
#define BK_CALL_STOP_POLL_MS 20

typedef struct BkWatch
{
	int			slot;
	bool		owned;			/* does the run end with this watch? */
	TimestampTz until;			/* 0: no limit */
	uint64		notices_shown;
	TimestampTz progress_shown_at;
	BkRun	   *run;			/* the newest copy */
} BkWatch;

static int	bk_call_queue(BkRun *request, bool wait, BkOutcome *problem);
static bool bk_call_watch(BkWatch *watch, BkOutcome *outcome);
static bool bk_call_is_over(BkWatch *watch);
static void bk_call_abandon(int code, Datum arg);
static void bk_call_show_notices(BkWatch *watch);
static void bk_call_show_progress(BkWatch *watch);
static void bk_call_check_client(void);

char *
bk_call(BkRun *request, bool wait)
{
	BkOutcome	outcome;

	bk_ready_require();
	if (wait)
		bk_call_outcome(request, &outcome);
	else if (bk_call_queue(request, false, &outcome) >= 0)
		return psprintf(INT64_FORMAT, request->run);
	if (!outcome.ok)
		bk_outcome_report(&outcome, ERROR);
	return pstrdup(outcome.result);
}

void
bk_call_outcome(BkRun *request, BkOutcome *outcome)
{
	BkWatch		watch = {0};

	watch.run = palloc(sizeof(BkRun));
	watch.owned = true;
	watch.slot = bk_call_queue(request, true, outcome);
	if (watch.slot >= 0)
		bk_call_watch(&watch, outcome);
	pfree(watch.run);
}

bool
bk_call_join(int64 run, TimestampTz until, BkOutcome *outcome)
{
	BkWatch		watch = {0};

	watch.run = palloc(sizeof(BkRun));
	watch.until = until;
	watch.slot = bk_shared_join(run);
	if (watch.slot < 0)
		return false;
	if (!bk_call_watch(&watch, outcome))
		bk_outcome_fail(outcome, ERRCODE_QUERY_CANCELED,
						"run " INT64_FORMAT " has not ended within the time given", run);
	pfree(watch.run);
	return true;
}

/* Returns the slot, which then waits for this backend; -1: there is a problem. */
static int
bk_call_queue(BkRun *request, bool wait, BkOutcome *problem)
{
	int			slot;

	request->run = bk_call_next_number();
	request->waiters = wait ? 1 : 0;
	slot = bk_shared_queue(request);
	if (slot < 0)
	{
		bk_outcome_fail(problem, ERRCODE_CONFIGURATION_LIMIT_EXCEEDED,
						"too many runs are waiting");
		bk_outcome_detail(problem, "At most %d runs can be queued or running.",
						  BK_SLOTS);
		bk_outcome_hint(problem, "Wait for some to end, or cancel some with backup_cancel().");
	}
	return slot;
}

/* The sequence is new after DROP EXTENSION, while older runs are still here. */
int64
bk_call_next_number(void)
{
	BkInstallation installation;
	Oid			sequence;
	int64		number;

	bk_installation_find(&installation);
	sequence = get_relname_relid("backup_run_number", installation.schema_oid);
	do
		number = nextval_internal(sequence, false);
	while (bk_shared_has(number));
	return number;
}

/* Returns false if the time was over before the run was. */
static bool
bk_call_watch(BkWatch *watch, BkOutcome *outcome)
{
	bool		ended;

	watch->progress_shown_at = GetCurrentTimestamp();
	PG_ENSURE_ERROR_CLEANUP(bk_call_abandon, PointerGetDatum(watch));
	{
		while (!bk_call_is_over(watch))
		{
			bk_call_show_progress(watch);
			bk_call_check_client();
			bk_shared_sleep(watch->slot, BK_CALL_LOOK_MS);
		}
		ConditionVariableCancelSleep();
	}
	PG_END_ENSURE_ERROR_CLEANUP(bk_call_abandon, PointerGetDatum(watch));

	ended = watch->run->state == BK_RUN_DONE;
	*outcome = watch->run->outcome;
	bk_shared_leave(watch->slot);
	return ended;
}

/* Looks at the run, and at the clock. */
static bool
bk_call_is_over(BkWatch *watch)
{
	bk_shared_read(watch->slot, watch->run);
	bk_call_show_notices(watch);
	return watch->run->state == BK_RUN_DONE ||
		(watch->until != 0 && GetCurrentTimestamp() >= watch->until);
}

/*
 * Called when this backend is torn out of its wait. Its run is stopped, and
 * given a moment, so that nothing works any more when the user has the prompt.
 */
static void
bk_call_abandon(int code, Datum arg)
{
	BkWatch    *watch = (BkWatch *) DatumGetPointer(arg);
	int			waited;

	ConditionVariableCancelSleep();
	bk_shared_read(watch->slot, watch->run);
	if (watch->owned)
	{
		bk_shared_cancel(watch->run->run);
		for (waited = 0;
			 waited < BK_CALL_STOP_MS && watch->run->state != BK_RUN_DONE;
			 waited += BK_CALL_STOP_POLL_MS)
		{
			pg_usleep(BK_CALL_STOP_POLL_MS * 1000L);
			bk_shared_read(watch->slot, watch->run);
		}
	}
	bk_shared_leave(watch->slot);
}

static void
bk_call_show_notices(BkWatch *watch)
{
	const BkRun *run = watch->run;

	/* if they came faster than we looked, the oldest are gone */
	if (run->notice_count > watch->notices_shown + BK_NOTICES)
		watch->notices_shown = run->notice_count - BK_NOTICES;
	for (; watch->notices_shown < run->notice_count; watch->notices_shown++)
	{
		const BkNotice *notice =
			&run->notices[watch->notices_shown % BK_NOTICES];

		ereport(notice->warning ? WARNING : NOTICE,
				(errmsg_internal("%s", notice->text),
				 notice->hint[0] != '\0' ? errhint("%s", notice->hint) : 0));
	}
}

static void
bk_call_show_progress(BkWatch *watch)
{
	const BkProgress *progress = &watch->run->progress;
	TimestampTz now = GetCurrentTimestamp();

	if (!TimestampDifferenceExceeds(watch->progress_shown_at, now,
									BK_CALL_PROGRESS_MS))
		return;
	watch->progress_shown_at = now;
	if (watch->run->state != BK_RUN_RUNNING)
		ereport(NOTICE,
				(errmsg("run " INT64_FORMAT " is waiting to be started",
						watch->run->run)));
	else if (progress->total > 0)
		ereport(NOTICE,
				(errmsg("run " INT64_FORMAT ": %s, " INT64_FORMAT " of " INT64_FORMAT " MB",
						watch->run->run, progress->phase,
						progress->done / (1024 * 1024),
						progress->total / (1024 * 1024))));
	else
		ereport(NOTICE,
				(errmsg("run " INT64_FORMAT ": %s, " INT64_FORMAT " MB",
						watch->run->run, progress->phase,
						progress->done / (1024 * 1024))));
}

/* Nobody reads the answer of a client that is gone: end as the server would. */
static void
bk_call_check_client(void)
{
	if (MyProcPort == NULL || whereToSendOutput != DestRemote ||
		!WaitEventSetCanReportClosed() || pq_check_connection())
		return;
	ClientConnectionLost = true;
	InterruptPending = true;
	CHECK_FOR_INTERRUPTS();
}
