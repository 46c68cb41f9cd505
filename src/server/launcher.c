/*
 * launcher.c
 *	  Starts a worker for each queued run, a recorder when rows are to be written
 *	  that no run's worker can write, and a keeper when time brings something.
 *
 * The launcher is connected to no database, so that none is kept from being
 * dropped, renamed or used as a template. The postmaster starts it when
 * recovery has ended: a standby has no launcher until it is promoted. It is
 * told nothing about the end of its workers (only connected processes are),
 * so it looks at them several times a second while one is starting or ending;
 * else it sleeps without a timeout, and whoever wants something wakes it.
 */
#include "postgres.h"

#include <signal.h>

#include "miscadmin.h"
#include "postmaster/bgworker.h"
#include "postmaster/interrupt.h"
#include "storage/ipc.h"
#include "storage/latch.h"
#include "utils/guc.h"
#include "utils/timestamp.h"
#include "utils/wait_event.h"

#include "server/launcher.h"
#include "server/settings.h"
#include "server/shared.h"
#include "server/wake.h"

#define BK_LAUNCHER_LOOK_MS 100 /* while a worker is starting or ending */
#define BK_START_RETRY_MS 1000	/* while no place is free for a worker */
#define BK_START_PATIENCE_MS 10000	/* how long a run waits for such a place */
#define BK_RECORDER_RETRY_MS 5000
#define BK_RECORDER_RETRY_MAX_MS 60000
#define BK_CLOCK_LOOK_MS 60000	/* the clock may jump while somebody waits for it */
#define BK_SWEEP_RETRY_MAX_MS (60 * 60 * 1000)	/* nobody waits for it */
#define BK_LAUNCHER_RESTART_S 5

/* A worker that was asked for and whose process has not ended yet. */
typedef struct BkRunWorker
{
	BackgroundWorkerHandle *handle; /* NULL: this entry is free */
	int			slot;
	int64		run;
} BkRunWorker;

typedef struct BkLauncher
{
	BkRunWorker workers[BK_SLOTS];
	TimestampTz start_not_before;	/* 0: there are places, as far as we know */
	BackgroundWorkerHandle *recorder;	/* set while there is one */
	TimestampTz recorder_not_before;
	int			recorder_pause_ms;
	bool		recorder_only_sweeps;	/* there was no other need of the last one */
	BackgroundWorkerHandle *keeper; /* set while there is one */
	TimestampTz keeper_not_before;
	int			keeper_pause_ms;
	uint64		looks;			/* of keepers, that were seen */
	TimestampTz seen_at;		/* what the clock last showed */
} BkLauncher;

static void bk_launcher_watch_clock(BkLauncher *launcher);
static void bk_launcher_start_runs(BkLauncher *launcher);
static BkRunWorker *bk_launcher_free_entry(BkLauncher *launcher);
static bool bk_launcher_start_run(BkRunWorker *worker, int slot);
static void bk_launcher_put_back(int slot, const BkRun *run);
static void bk_launcher_look_at_workers(BkLauncher *launcher);
static bool bk_launcher_has_lost(const BkRunWorker *worker, const BkRun *run);
static bool bk_launcher_is_running(const BkRunWorker *worker);
static void bk_launcher_keep_recorder(BkLauncher *launcher);
static void bk_launcher_hurry_recorder(BkLauncher *launcher);
static void bk_launcher_keep_keeper(BkLauncher *launcher);
static void bk_launcher_hurry_keeper(BkLauncher *launcher);
static long bk_launcher_timeout(BkLauncher *launcher);
static long bk_launcher_keeper_timeout(BkLauncher *launcher);
static bool bk_launcher_is_busy(BkLauncher *launcher);
static long bk_launcher_until(TimestampTz time);
static void bk_launcher_start_helper(const char *name, const char *function,
									 BackgroundWorkerHandle **handle);
static bool bk_launcher_start_worker(const char *name, const char *function,
									 int slot, int64 run,
									 BackgroundWorkerHandle **handle);
static bool bk_launcher_has_stopped(BackgroundWorkerHandle **handle);

void
bk_launcher_register(void)
{
	BackgroundWorker worker = {0};

	snprintf(worker.bgw_name, BGW_MAXLEN, "backup_ext launcher");
	snprintf(worker.bgw_type, BGW_MAXLEN, "backup_ext launcher");
	snprintf(worker.bgw_library_name, sizeof(worker.bgw_library_name), "backup_ext");
	snprintf(worker.bgw_function_name, sizeof(worker.bgw_function_name),
			 "bk_launcher_main");
	worker.bgw_flags = BGWORKER_SHMEM_ACCESS;
	worker.bgw_start_time = BgWorkerStart_RecoveryFinished;
	worker.bgw_restart_time = BK_LAUNCHER_RESTART_S;
	RegisterBackgroundWorker(&worker);
}

void
bk_launcher_main(Datum arg)
{
	BkLauncher	launcher = {0};

	pqsignal(SIGHUP, SignalHandlerForConfigReload);
	pqsignal(SIGTERM, SignalHandlerForShutdownRequest);
	BackgroundWorkerUnblockSignals();
	bk_launcher_hurry_recorder(&launcher);
	bk_launcher_hurry_keeper(&launcher);
	bk_shared_launcher_attach();

	while (!ShutdownRequestPending)
	{
		long		timeout;

		bk_launcher_watch_clock(&launcher);
		bk_launcher_look_at_workers(&launcher);
		bk_launcher_start_runs(&launcher);
		bk_launcher_keep_recorder(&launcher);
		bk_launcher_keep_keeper(&launcher);

		timeout = bk_launcher_timeout(&launcher);
		WaitLatch(MyLatch,
				  WL_LATCH_SET | WL_EXIT_ON_PM_DEATH |
				  (timeout >= 0 ? WL_TIMEOUT : 0),
				  timeout, PG_WAIT_EXTENSION);
		ResetLatch(MyLatch);
		CHECK_FOR_INTERRUPTS();
		if (ConfigReloadPending)
		{
			ConfigReloadPending = false;
			ProcessConfigFile(PGC_SIGHUP);
			bk_launcher_hurry_recorder(&launcher);
			bk_launcher_hurry_keeper(&launcher);
			bk_wake_ask();
		}
	}

	/* status 1 lets the postmaster start it again if the server goes on */
	proc_exit(1);
}

/* A clock that is set back must not make pauses of seconds into ones of hours. */
static void
bk_launcher_watch_clock(BkLauncher *launcher)
{
	TimestampTz now = GetCurrentTimestamp();

	if (now < launcher->seen_at)
	{
		launcher->start_not_before = 0;
		launcher->recorder_not_before = 0;
		launcher->keeper_not_before = 0;
	}
	launcher->seen_at = now;
}

/* When there is no place for one worker, there is none for the next. */
static void
bk_launcher_start_runs(BkLauncher *launcher)
{
	BkRunWorker *worker;
	int			slot;

	if (GetCurrentTimestamp() < launcher->start_not_before)
		return;
	launcher->start_not_before = 0;
	while (launcher->start_not_before == 0 &&
		   (worker = bk_launcher_free_entry(launcher)) != NULL &&
		   (slot = bk_shared_next(bk_setting_max_runs)) >= 0)
	{
		if (!bk_launcher_start_run(worker, slot))
			launcher->start_not_before =
				TimestampTzPlusMilliseconds(GetCurrentTimestamp(), BK_START_RETRY_MS);
		else if (launcher->recorder_only_sweeps)
			bk_launcher_hurry_recorder(launcher);
	}
}

/*
 * A worker whose run is over but whose process is not still takes a place of
 * max_worker_processes, so it counts.
 */
static BkRunWorker *
bk_launcher_free_entry(BkLauncher *launcher)
{
	int			i;

	for (i = 0; i < Min(bk_setting_max_runs + BK_TELLING_RUNS, BK_SLOTS); i++)
	{
		if (launcher->workers[i].handle == NULL)
			return &launcher->workers[i];
	}
	return NULL;
}

static bool
bk_launcher_start_run(BkRunWorker *worker, int slot)
{
	BkRun	   *run = palloc(sizeof(BkRun));
	char		name[BGW_MAXLEN];
	bool		started;

	bk_shared_read(slot, run);
	worker->slot = slot;
	worker->run = run->run;
	snprintf(name, sizeof(name), "backup_ext run " INT64_FORMAT, run->run);
	started = bk_launcher_start_worker(name, "bk_run_main", slot, run->run,
									   &worker->handle);
	if (!started)
		bk_launcher_put_back(slot, run);
	pfree(run);
	return started;
}

/*
 * Parallel queries can take all places for a moment. A run waits a little for
 * one, and then fails: its caller must not wait for luck.
 */
static void
bk_launcher_put_back(int slot, const BkRun *run)
{
	BkOutcome	outcome;

	if (!TimestampDifferenceExceeds(run->tried_at, GetCurrentTimestamp(),
									BK_START_PATIENCE_MS))
	{
		bk_shared_put_back(slot);
		return;
	}
	bk_outcome_fail(&outcome, ERRCODE_CONFIGURATION_LIMIT_EXCEEDED,
					"no background worker is free for run " INT64_FORMAT, run->run);
	bk_outcome_detail(&outcome, "All %d places of \"max_worker_processes\" are taken.",
					  max_worker_processes);
	bk_outcome_hint(&outcome, "Raise \"max_worker_processes\" and restart the server: ALTER SYSTEM SET max_worker_processes = %d;",
					max_worker_processes + bk_setting_max_runs + 2);
	bk_outcome_report(&outcome, LOG);
	bk_shared_finish(slot, &outcome, false);
}

/* Fails the runs that their worker has left open. */
static void
bk_launcher_look_at_workers(BkLauncher *launcher)
{
	BkRun	   *run = palloc(sizeof(BkRun));
	BkOutcome	outcome;
	int			i;

	for (i = 0; i < BK_SLOTS; i++)
	{
		BkRunWorker *worker = &launcher->workers[i];

		if (worker->handle == NULL || !bk_launcher_has_stopped(&worker->handle))
			continue;
		if (!bk_shared_read(worker->slot, run) ||
			!bk_launcher_has_lost(worker, run))
			continue;
		if (run->state == BK_RUN_RUNNING)
			bk_outcome_fail(&outcome, ERRCODE_ADMIN_SHUTDOWN,
							"the worker of run " INT64_FORMAT " was ended", run->run);
		else
			bk_outcome_fail(&outcome, ERRCODE_INSUFFICIENT_RESOURCES,
							"the worker of run " INT64_FORMAT " could not start", run->run);
		bk_outcome_hint(&outcome, "The server log says why.");
		bk_outcome_report(&outcome, LOG);
		bk_shared_finish(worker->slot, &outcome, false);
	}
	pfree(run);
}

/*
 * Is this run, whose worker has stopped, nobody's any more? After a restart of
 * the launcher a run can have been asked for twice: one of the two has it.
 */
static bool
bk_launcher_has_lost(const BkRunWorker *worker, const BkRun *run)
{
	if (run->run != worker->run || run->state == BK_RUN_DONE)
		return false;
	return run->state != BK_RUN_RUNNING || kill(run->worker_pid, 0) != 0;
}

/* Is the run of this worker at work, so that there is nothing to look for? */
static bool
bk_launcher_is_running(const BkRunWorker *worker)
{
	BkRun	   *run = palloc(sizeof(BkRun));
	bool		running = bk_shared_read(worker->slot, run) &&
		run->run == worker->run && run->state == BK_RUN_RUNNING;

	pfree(run);
	return running;
}

/* Starts a recorder when there is need of one, less often if it is in vain. */
static void
bk_launcher_keep_recorder(BkLauncher *launcher)
{
	TimestampTz now = GetCurrentTimestamp();
	bool		only_sweeps = !bk_shared_needs_recorder();

	if (launcher->recorder != NULL &&
		!bk_launcher_has_stopped(&launcher->recorder))
		return;
	if (only_sweeps && bk_shared_is_swept())
	{
		bk_launcher_hurry_recorder(launcher);
		return;
	}
	if (launcher->recorder_only_sweeps && !only_sweeps)
		bk_launcher_hurry_recorder(launcher);
	launcher->recorder_only_sweeps = only_sweeps;
	if (now < launcher->recorder_not_before)
		return;
	bk_launcher_start_helper("backup_ext recorder", "bk_recorder_main",
							 &launcher->recorder);
	launcher->recorder_not_before =
		TimestampTzPlusMilliseconds(now, launcher->recorder_pause_ms);
	launcher->recorder_pause_ms = Min(launcher->recorder_pause_ms * 2,
									  only_sweeps ? BK_SWEEP_RETRY_MAX_MS :
									  BK_RECORDER_RETRY_MAX_MS);
}

/* Forgets that earlier recorders were in vain: something has changed. */
static void
bk_launcher_hurry_recorder(BkLauncher *launcher)
{
	launcher->recorder_pause_ms = BK_RECORDER_RETRY_MS;
	launcher->recorder_not_before = 0;
	launcher->recorder_only_sweeps = false;
}

/*
 * Starts a keeper when a look is wanted, less often if it is in vain. Rows that
 * an earlier life of the server left open are closed before it looks.
 */
static void
bk_launcher_keep_keeper(BkLauncher *launcher)
{
	TimestampTz now = GetCurrentTimestamp();

	if (launcher->keeper != NULL && !bk_launcher_has_stopped(&launcher->keeper))
		return;
	if (launcher->looks != bk_wake_looks())
		bk_launcher_hurry_keeper(launcher);
	if (!bk_wake_is_due(now) || !bk_shared_is_swept() ||
		now < launcher->keeper_not_before)
		return;
	bk_launcher_start_helper("backup_ext keeper", "bk_keeper_main", &launcher->keeper);
	launcher->keeper_not_before =
		TimestampTzPlusMilliseconds(now, launcher->keeper_pause_ms);
	launcher->keeper_pause_ms = Min(launcher->keeper_pause_ms * 2,
									BK_RECORDER_RETRY_MAX_MS);
}

/* Forgets that earlier keepers were in vain: one was not, or something has changed. */
static void
bk_launcher_hurry_keeper(BkLauncher *launcher)
{
	launcher->keeper_pause_ms = BK_RECORDER_RETRY_MS;
	launcher->keeper_not_before = 0;
	launcher->looks = bk_wake_looks();
}

/* Returns the time until the next look in milliseconds; -1: none is needed. */
static long
bk_launcher_timeout(BkLauncher *launcher)
{
	long		timeout = bk_launcher_keeper_timeout(launcher);
	long		until;

	if (bk_launcher_is_busy(launcher))
		return BK_LAUNCHER_LOOK_MS;
	if (launcher->start_not_before != 0)
	{
		until = bk_launcher_until(launcher->start_not_before);
		timeout = timeout < 0 ? until : Min(timeout, until);
	}
	if (bk_shared_needs_recorder() || !bk_shared_is_swept())
	{
		until = bk_launcher_until(launcher->recorder_not_before);
		timeout = timeout < 0 ? until : Min(timeout, until);
	}
	return timeout;
}

/* The same for the keeper alone; before the sweep, the recorder's time counts. */
static long
bk_launcher_keeper_timeout(BkLauncher *launcher)
{
	if (!bk_shared_is_swept())
		return -1;
	if (bk_wake_is_due(GetCurrentTimestamp()))
		return bk_launcher_until(launcher->keeper_not_before);
	if (bk_wake_next() == 0)
		return -1;
	return Min(bk_launcher_until(bk_wake_next()), BK_CLOCK_LOOK_MS);
}

/* Is a worker starting or ending? */
static bool
bk_launcher_is_busy(BkLauncher *launcher)
{
	int			i;

	for (i = 0; i < BK_SLOTS; i++)
	{
		if (launcher->workers[i].handle != NULL &&
			!bk_launcher_is_running(&launcher->workers[i]))
			return true;
	}
	return launcher->recorder != NULL || launcher->keeper != NULL;
}

static long
bk_launcher_until(TimestampTz time)
{
	return TimestampDifferenceMilliseconds(GetCurrentTimestamp(), time);
}

/* Nobody waits for one of these: where there is no place, the log must say so. */
static void
bk_launcher_start_helper(const char *name, const char *function,
						 BackgroundWorkerHandle **handle)
{
	if (!bk_launcher_start_worker(name, function, 0, 0, handle))
		ereport(LOG,
				(errmsg("no background worker is free for %s", name),
				 errdetail("All %d places of \"max_worker_processes\" are taken.",
						   max_worker_processes)));
}

static bool
bk_launcher_start_worker(const char *name, const char *function,
						 int slot, int64 run, BackgroundWorkerHandle **handle)
{
	BackgroundWorker worker = {0};

	snprintf(worker.bgw_name, BGW_MAXLEN, "%s", name);
	snprintf(worker.bgw_type, BGW_MAXLEN, "%s", run > 0 ? "backup_ext run" : name);
	snprintf(worker.bgw_library_name, sizeof(worker.bgw_library_name), "backup_ext");
	snprintf(worker.bgw_function_name, sizeof(worker.bgw_function_name),
			 "%s", function);
	worker.bgw_flags = BGWORKER_SHMEM_ACCESS | BGWORKER_BACKEND_DATABASE_CONNECTION;
	worker.bgw_start_time = BgWorkerStart_RecoveryFinished;
	worker.bgw_restart_time = BGW_NEVER_RESTART;
	worker.bgw_main_arg = Int32GetDatum(slot);
	memcpy(worker.bgw_extra, &run, sizeof(run));
	return RegisterDynamicBackgroundWorker(&worker, handle);
}

/* If the worker has stopped, frees its handle. */
static bool
bk_launcher_has_stopped(BackgroundWorkerHandle **handle)
{
	pid_t		pid;

	if (GetBackgroundWorkerPid(*handle, &pid) != BGWH_STOPPED)
		return false;
	pfree(*handle);
	*handle = NULL;
	return true;
}
