/*
 * run.c
 *	  The worker that carries out one run: it writes the run's row, lets the
 *	  program do the work, and writes how it ended. While the program works the
 *	  worker holds no transaction, snapshot or lock, and handles every
 *	  interrupt. Whatever happens here ends as a failed run, and the process
 *	  with status 0 or 1: any other would restart the server.
 */
#include "postgres.h"

#include <limits.h>

#include "access/xact.h"
#include "fmgr.h"
#include "miscadmin.h"
#include "pgstat.h"
#include "portability/instr_time.h"
#include "postmaster/bgworker.h"
#include "postmaster/interrupt.h"
#include "storage/ipc.h"
#include "storage/latch.h"
#include "tcop/tcopprot.h"
#include "utils/builtins.h"
#include "utils/memutils.h"
#include "utils/timeout.h"
#include "utils/timestamp.h"

#include "server/catalogue.h"
#include "server/channel.h"
#include "server/child.h"
#include "server/event.h"
#include "server/previous.h"
#include "server/request.h"
#include "server/retention.h"
#include "server/retention_store.h"
#include "server/run.h"
#include "server/schedule.h"
#include "server/settings.h"
#include "server/shared.h"
#include "server/statement.h"

#define BK_LOG_LINES_MAX 1000	/* a program gone mad must not fill the disk */

/* All of one run; lives in TopMemoryContext until the process ends. */
typedef struct BkWork
{
	int			slot;
	BkRun		run;			/* a copy, see bk_work_refresh */
	BkRepository repository;
	BkReport	report;
	BkChild		child;
	BkOutcome	outcome;
	int			log_lines;		/* that were relayed */
	instr_time	began;			/* by a clock that does not jump */
	bool		took_too_long;
	bool		concluded;		/* the outcome is known, whatever comes */
	bool		finished;		/* the slot is not ours, yet or any more */
} BkWork;

static BkWork *bk_work_new(int slot);
static void bk_work_abandon(int code, Datum arg);
static void bk_work_carry_out(BkWork *work);
static void bk_work_do(BkWork *work);
static void bk_work_relay(BkWork *work);
static void bk_work_forget_missing(BkWork *work);
static bool bk_work_makes_room(const BkWork *work);
static void bk_work_succeed(BkWork *work);
static void bk_work_take_over(void);
static bool bk_work_record(BkWork *work);
static void bk_work_refresh(BkWork *work);
static void bk_work_on_event(void *arg, char *line, int length);
static void bk_work_on_log(void *arg, const char *line);
static bool bk_work_stop_wanted(void *arg);
static bool bk_work_takes_too_long(const BkWork *work);
static void bk_work_limit(BkWork *work);
static void bk_work_on_limit(void);
static void bk_work_tell_limit(BkWork *work);

void
bk_run_main(Datum arg)
{
	int64		run;
	BkWork	   *work;

	memcpy(&run, MyBgworkerEntry->bgw_extra, sizeof(run));
	pqsignal(SIGHUP, SignalHandlerForConfigReload);
	pqsignal(SIGTERM, die);
	BackgroundWorkerUnblockSignals();

	/* once the run is taken over, nothing may fail before it can be given up */
	work = bk_work_new(DatumGetInt32(arg));
	before_shmem_exit(bk_work_abandon, PointerGetDatum(work));
	if (!bk_shared_attach(work->slot, run))
		return;
	work->finished = false;
	bk_work_refresh(work);

	BackgroundWorkerInitializeConnection(bk_setting_database, NULL, 0);
	bk_catalogue_prepare_session();
	bk_work_carry_out(work);
}

static BkWork *
bk_work_new(int slot)
{
	BkWork	   *work = MemoryContextAllocZero(TopMemoryContext, sizeof(BkWork));

	work->slot = slot;
	bk_child_init(&work->child);
	work->finished = true;
	return work;
}

/*
 * Called when this process ends. If that is before the run has ended, nobody
 * is left to end it: the program is stopped, the caller is told, and the
 * recorder will write the row.
 */
static void
bk_work_abandon(int code, Datum arg)
{
	BkWork	   *work = (BkWork *) DatumGetPointer(arg);

	bk_child_stop(&work->child);
	if (work->finished)
		return;
	if (!work->concluded)
	{
		bk_outcome_fail(&work->outcome, ERRCODE_ADMIN_SHUTDOWN,
						"the worker of run " INT64_FORMAT " was ended", work->run.run);
		bk_outcome_hint(&work->outcome, "The server log says why.");
	}
	work->finished = true;
	bk_shared_finish(work->slot, &work->outcome, false);
}

/* The whole life of a run. */
static void
bk_work_carry_out(BkWork *work)
{
	MemoryContext context = CurrentMemoryContext;
	bool		recorded;

	PG_TRY();
	{
		bk_work_do(work);
	}
	PG_CATCH();
	{
		bk_catalogue_catch(&work->outcome, context);
	}
	PG_END_TRY();
	work->concluded = true;
	bk_child_stop(&work->child);
	recorded = bk_work_record(work);
	work->finished = true;
	bk_shared_finish(work->slot, &work->outcome, recorded);
	pgstat_report_activity(STATE_IDLE, NULL);
}

static void
bk_work_do(BkWork *work)
{
	char	   *request;
	char	   *more = "";

	/* let the row be seen before anything is done */
	pgstat_report_activity(STATE_RUNNING,
						   psprintf("run " INT64_FORMAT ": %s %s", work->run.run,
									work->run.verb, work->run.database));
	bk_catalogue_write_run(&work->run, NULL);

	/* the caller has looked at the setting, but it may have changed */
	work->repository.url = MemoryContextStrdup(TopMemoryContext,
											   bk_setting_repository);
	bk_catalogue_find_repository(&work->repository);
	bk_report_init(&work->report, work->slot, work->run.verb,
				   work->repository.url);

	bk_previous_add(&work->run);

	/* encodings are looked up in catalogs */
	if (strcmp(work->run.verb, "expire") == 0)
		more = bk_retention_arguments();
	StartTransactionCommand();
	request = MemoryContextStrdup(TopMemoryContext,
								  bk_request_line(&work->run, &work->repository, more));
	CommitTransactionCommand();

	/* it may have been canceled while the worker came to life */
	bk_work_refresh(work);
	if (work->run.cancel)
	{
		bk_outcome_fail(&work->outcome, ERRCODE_QUERY_CANCELED,
						"run " INT64_FORMAT " was canceled before it started",
						work->run.run);
		return;
	}

	/* let the program work */
	bk_work_limit(work);
	bk_child_start(&work->child, "agent", request);
	bk_work_relay(work);

	/* say how it went */
	bk_work_refresh(work);
	bk_report_conclude(&work->report, work->child.status, work->run.cancel,
					   &work->outcome);
	if (work->took_too_long && !work->outcome.ok)
		bk_work_tell_limit(work);
	if (strcmp(work->run.verb, "delete") == 0)
		bk_work_forget_missing(work);
	if (work->outcome.ok)
		bk_work_succeed(work);
	if (bk_work_makes_room(work))
		bk_retention_follow();
	work->concluded = true;
	if (!work->outcome.ok)
		ereport(LOG,
				(bk_outcome_is_skipped(&work->outcome) ?
				 errmsg("run " INT64_FORMAT " was skipped: %s",
						work->run.run, work->outcome.message) :
				 errmsg("run " INT64_FORMAT " failed: %s",
						work->run.run, work->outcome.message),
				 work->outcome.detail[0] != '\0' ?
				 errdetail_internal("%s", work->outcome.detail) : 0));
}

static void
bk_work_relay(BkWork *work)
{
	BkChildHost host;

	host.event = bk_work_on_event;
	host.log = bk_work_on_log;
	host.stop_wanted = bk_work_stop_wanted;
	host.arg = work;
	bk_child_relay(&work->child, &host);
}

/*
 * A backup that has vanished cannot be deleted; whoever asks for that knows it,
 * and then it is no longer missed. The program has looked in all repositories.
 */
static void
bk_work_forget_missing(BkWork *work)
{
	bool		is_nowhere = !work->outcome.ok &&
		strcmp(work->outcome.sqlstate, "42704") == 0;

	if ((work->outcome.ok || is_nowhere) &&
		bk_catalogue_forget_missing(work->run.backup_id))
		bk_outcome_succeed(&work->outcome, NULL);
}

/* After a backup; and where there was no room for one, there never would be. */
static bool
bk_work_makes_room(const BkWork *work)
{
	return strcmp(work->run.verb, "backup") == 0 &&
		(work->outcome.ok || strcmp(work->outcome.sqlstate, "53100") == 0);
}

/* What remains to be done for some verbs when the program has succeeded. */
static void
bk_work_succeed(BkWork *work)
{
	ListCell   *cell;

	if (strcmp(work->run.verb, "adopt") == 0)
		bk_work_take_over();
	if (strcmp(work->run.verb, "sync") != 0)
		return;
	/* what is known of a repository that was not read to its end stays */
	foreach(cell, work->report.listed)
	{
		bk_catalogue_remove_unseen(lfirst(cell), work->report.since,
								   work->run.accept);
		bk_retention_forget_unseen(lfirst(cell), work->report.since);
	}
	snprintf(work->outcome.result, sizeof(work->outcome.result), INT64_FORMAT,
			 bk_catalogue_count_backups());
}

/* Who takes the repository over goes on with what was scheduled, and tells the same people. */
static void
bk_work_take_over(void)
{
	MemoryContext caller = bk_statement_begin();

	bk_schedule_adopt();
	bk_channel_adopt();
	bk_statement_commit(caller);
}

/* Writes the final row; false if that is left to the recorder. */
static bool
bk_work_record(BkWork *work)
{
	MemoryContext context = CurrentMemoryContext;
	volatile bool recorded = false;
	BkOutcome	ignored;

	bk_work_refresh(work);
	work->run.state = BK_RUN_DONE;
	work->run.outcome = work->outcome;
	work->run.finished_at = GetCurrentTimestamp();
	PG_TRY();
	{
		bk_catalogue_write_run(&work->run,
							   work->report.url == NULL ? NULL :
							   bk_report_checks(&work->report));
		recorded = true;
	}
	PG_CATCH();
	{
		bk_catalogue_catch(&ignored, context);
	}
	PG_END_TRY();
	return recorded;
}

static void
bk_work_refresh(BkWork *work)
{
	bk_shared_read(work->slot, &work->run);
}

/* --- callbacks of the relay --- */

static void
bk_work_on_event(void *arg, char *line, int length)
{
	BkWork	   *work = arg;

	bk_report_take(&work->report, line, length);
	/* a wait for a lock may have taken the news that the program has ended */
	SetLatch(MyLatch);
}

static void
bk_work_on_log(void *arg, const char *line)
{
	BkWork	   *work = arg;

	if (work->log_lines > BK_LOG_LINES_MAX)
		return;
	if (work->log_lines++ == BK_LOG_LINES_MAX)
		line = "what else the program says on standard error is not logged";
	ereport(LOG,
			(errmsg_internal("run " INT64_FORMAT ": %s", work->run.run, line)));
}

static bool
bk_work_stop_wanted(void *arg)
{
	BkWork	   *work = arg;

	bk_work_refresh(work);
	if (!work->run.cancel && bk_work_takes_too_long(work))
	{
		work->took_too_long = true;
		bk_shared_cancel(work->run.run);
		work->run.cancel = true;
	}
	return work->run.cancel;
}

/* --- the longest duration --- */

/* Lets the worker wake up when the time is over. */
static void
bk_work_limit(BkWork *work)
{
	int64		limit_ms = work->run.max_duration / 1000;

	INSTR_TIME_SET_CURRENT(work->began);
	if (limit_ms > 0 && limit_ms < INT_MAX)
		enable_timeout_after(RegisterTimeout(USER_TIMEOUT, bk_work_on_limit),
							 limit_ms + 1);
}

/* A signal handler. */
static void
bk_work_on_limit(void)
{
	SetLatch(MyLatch);
}

static bool
bk_work_takes_too_long(const BkWork *work)
{
	instr_time	now;

	if (work->run.max_duration == 0)
		return false;
	INSTR_TIME_SET_CURRENT(now);
	INSTR_TIME_SUBTRACT(now, work->began);
	return (int64) INSTR_TIME_GET_MICROSEC(now) > work->run.max_duration;
}

static void
bk_work_tell_limit(BkWork *work)
{
	Interval	limit = {0};

	limit.time = work->run.max_duration;
	bk_outcome_fail(&work->outcome, ERRCODE_QUERY_CANCELED,
					"run " INT64_FORMAT " exceeded its maximum duration of %s",
					work->run.run,
					DatumGetCString(DirectFunctionCall1(interval_out,
														IntervalPGetDatum(&limit))));
}
