/*
 * registrar.c
 *	  Runs the program's verb "register" once the standby has streamed from its
 *	  primary: that is what a clone never does, and what a failover needs.
 *
 * The worker is connected to no database. When there is nothing to do, it looks
 * only every few minutes whether the server has been promoted, and ends then.
 */
#include "postgres.h"

#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include "access/xlog.h"
#include "miscadmin.h"
#include "postmaster/bgworker.h"
#include "postmaster/interrupt.h"
#include "replication/walreceiver.h"
#include "storage/ipc.h"
#include "storage/latch.h"
#include "tcop/tcopprot.h"
#include "utils/guc.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"
#include "utils/wait_event.h"

#include "server/child.h"
#include "server/message.h"
#include "server/registrar.h"
#include "server/request.h"
#include "server/settings.h"

#define BK_REGISTRAR_LOOK_MS 5000	/* while nothing streams yet */
#define BK_REGISTRAR_RETRY_MS 10000 /* after a failure, then twice as long */
#define BK_REGISTRAR_RETRY_MAX_MS (5 * 60 * 1000)
#define BK_REGISTRAR_IDLE_MS (5 * 60 * 1000)
#define BK_REGISTRAR_RESTART_S 60

/* what such a fence begins with, as the program writes it */
#define BK_FENCE_STANDBY "standby restored from "

/* All of the worker; lives in TopMemoryContext. */
typedef struct BkRegistrar
{
	char	   *registered;		/* URL of the repository; NULL: none yet */
	TimestampTz not_before;		/* of the next attempt; 0: at once */
	int			pause_ms;
	BkChild		child;
	bool		done;			/* of this attempt */
	BkOutcome	problem;		/* of the last failed one; empty: none */
} BkRegistrar;

static long bk_registrar_look(BkRegistrar *registrar);
static bool bk_registrar_is_fenced(void);
static bool bk_registrar_try(BkRegistrar *registrar);
static char *bk_registrar_request(void);
static void bk_registrar_hurry(BkRegistrar *registrar);
static void bk_registrar_complain(BkRegistrar *registrar,
								  const BkOutcome *before);
static void bk_registrar_on_exit(int code, Datum arg);
static void bk_registrar_on_event(void *arg, char *line, int length);
static void bk_registrar_on_log(void *arg, const char *line);
static bool bk_registrar_stop_wanted(void *arg);

void
bk_registrar_register(void)
{
	BackgroundWorker worker = {0};

	/* the postmaster works in its data directory */
	if (access("standby.signal", F_OK) != 0)
		return;
	snprintf(worker.bgw_name, BGW_MAXLEN, "backup_ext registrar");
	snprintf(worker.bgw_type, BGW_MAXLEN, "backup_ext registrar");
	snprintf(worker.bgw_library_name, sizeof(worker.bgw_library_name), "backup_ext");
	snprintf(worker.bgw_function_name, sizeof(worker.bgw_function_name),
			 "bk_registrar_main");
	worker.bgw_flags = BGWORKER_SHMEM_ACCESS;
	/* without hot_standby no other state comes before the promotion */
	worker.bgw_start_time = BgWorkerStart_PostmasterStart;
	worker.bgw_restart_time = BK_REGISTRAR_RESTART_S;
	RegisterBackgroundWorker(&worker);
}

void
bk_registrar_main(Datum arg)
{
	BkRegistrar *registrar = MemoryContextAllocZero(TopMemoryContext,
													sizeof(BkRegistrar));

	bk_child_init(&registrar->child);
	bk_registrar_hurry(registrar);
	before_shmem_exit(bk_registrar_on_exit, PointerGetDatum(registrar));
	pqsignal(SIGHUP, SignalHandlerForConfigReload);
	pqsignal(SIGTERM, die);
	BackgroundWorkerUnblockSignals();

	/* status 0: not to be started again */
	while (RecoveryInProgress())
	{
		WaitLatch(MyLatch, WL_LATCH_SET | WL_TIMEOUT | WL_EXIT_ON_PM_DEATH,
				  bk_registrar_look(registrar), PG_WAIT_EXTENSION);
		ResetLatch(MyLatch);
		if (ProcDiePending)
			proc_exit(1);		/* a stop is not worth a message */
		CHECK_FOR_INTERRUPTS();
		if (ConfigReloadPending)
		{
			ConfigReloadPending = false;
			ProcessConfigFile(PGC_SIGHUP);
			bk_registrar_hurry(registrar);
		}
	}
	proc_exit(0);
}

/* Registers if it is time; returns for how long to wait in milliseconds. */
static long
bk_registrar_look(BkRegistrar *registrar)
{
	TimestampTz now = GetCurrentTimestamp();
	const char *url = bk_setting_repository;

	if (url[0] == '\0' || bk_registrar_is_fenced() ||
		(registrar->registered != NULL && strcmp(registrar->registered, url) == 0))
		return BK_REGISTRAR_IDLE_MS;
	if (now < registrar->not_before)
		return TimestampDifferenceMilliseconds(now, registrar->not_before);
	if (!WalRcvStreaming())
		return BK_REGISTRAR_LOOK_MS;
	if (bk_registrar_try(registrar))
	{
		registrar->registered = MemoryContextStrdup(TopMemoryContext, url);
		return BK_REGISTRAR_IDLE_MS;
	}
	registrar->not_before =
		TimestampTzPlusMilliseconds(GetCurrentTimestamp(), registrar->pause_ms);
	registrar->pause_ms = Min(registrar->pause_ms * 2, BK_REGISTRAR_RETRY_MAX_MS);
	return TimestampDifferenceMilliseconds(GetCurrentTimestamp(),
										   registrar->not_before);
}

/* The fence of a restored standby falls when it registers (PROTOCOL.md). */
static bool
bk_registrar_is_fenced(void)
{
	return bk_setting_fence[0] != '\0' &&
		strncmp(bk_setting_fence, BK_FENCE_STANDBY, strlen(BK_FENCE_STANDBY)) != 0;
}

static bool
bk_registrar_try(BkRegistrar *registrar)
{
	MemoryContext context = AllocSetContextCreate(TopMemoryContext,
												  "backup_ext registrar",
												  ALLOCSET_DEFAULT_SIZES);
	MemoryContext old = MemoryContextSwitchTo(context);
	BkOutcome	before = registrar->problem;
	BkChildHost host;

	registrar->done = false;
	bk_outcome_fail(&registrar->problem, ERRCODE_SYSTEM_ERROR,
					"the backup program ended without an answer");
	host.event = bk_registrar_on_event;
	host.log = bk_registrar_on_log;
	host.stop_wanted = bk_registrar_stop_wanted;
	host.arg = registrar;
	bk_child_start(&registrar->child, "agent", bk_registrar_request());
	bk_child_relay(&registrar->child, &host);
	bk_child_stop(&registrar->child);
	registrar->done = registrar->done &&
		WIFEXITED(registrar->child.status) &&
		WEXITSTATUS(registrar->child.status) == 0;
	MemoryContextSwitchTo(old);
	MemoryContextDelete(context);

	if (registrar->done)
		ereport(LOG,
				(errmsg("this standby is registered in the backup repository")));
	else
		bk_registrar_complain(registrar, &before);
	return registrar->done;
}

/* The id of the repository is in a table; that its cluster is there must do. */
static char *
bk_registrar_request(void)
{
	BkRun	   *run = palloc0(sizeof(BkRun));
	BkRepository repository = {0};

	bk_text_copy(run->verb, sizeof(run->verb), "register");
	repository.url = bk_setting_repository;
	return bk_request_line(run, &repository, "");
}

/* Something has changed: what has failed may succeed now. */
static void
bk_registrar_hurry(BkRegistrar *registrar)
{
	registrar->not_before = 0;
	registrar->pause_ms = BK_REGISTRAR_RETRY_MS;
}

/* Says the same thing once. */
static void
bk_registrar_complain(BkRegistrar *registrar, const BkOutcome *before)
{
	const BkOutcome *problem = &registrar->problem;

	if (strcmp(problem->message, before->message) == 0)
		return;
	ereport(WARNING,
			(errmsg("this standby is not registered in the backup repository: %s",
					problem->message),
			 problem->detail[0] != '\0' ?
			 errdetail_internal("%s", problem->detail) : 0,
			 errhint("While that is so, it cannot archive after a promotion.")));
}

static void
bk_registrar_on_exit(int code, Datum arg)
{
	bk_child_stop(&((BkRegistrar *) DatumGetPointer(arg))->child);
}

/* --- callbacks of the relay --- */

static void
bk_registrar_on_event(void *arg, char *line, int length)
{
	BkRegistrar *registrar = arg;
	Jsonb	   *event = bk_message_parse(line, length);
	char	   *name = bk_message_needed_text(event, "event");

	if (strcmp(name, "hello") == 0)
		bk_message_hello(event);
	else if (strcmp(name, "done") == 0)
		registrar->done = true;
	else if (strcmp(name, "failed") == 0)
		bk_outcome_from_program(&registrar->problem,
								bk_message_text(event, "sqlstate"),
								bk_message_text(event, "message"),
								bk_message_text(event, "detail"),
								bk_message_text(event, "hint"));
}

static void
bk_registrar_on_log(void *arg, const char *line)
{
	ereport(LOG, (errmsg_internal("registrar: %s", line)));
}

/* A stop of the server is an interrupt, and ends the relay by itself. */
static bool
bk_registrar_stop_wanted(void *arg)
{
	return false;
}
