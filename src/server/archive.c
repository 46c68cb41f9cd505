/*
 * archive.c
 *	  The archive module: what the archiver calls. An error never leaves a
 *	  callback, since it would end the archiver; and a callback answers soon
 *	  when the server stops or its settings change. See PostgreSQL docs,
 *	  "Archive Modules".
 */
#include "server/compat.h"

#include "access/xlog.h"
#include "miscadmin.h"
#include "pgstat.h"
#include "storage/lwlock.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"
#include "utils/wait_event.h"

#include "server/archive_agent.h"
#include "server/archive_stats.h"
#include "server/archive_stop.h"
#include "server/settings.h"

/* The same failure again is logged once in this time. */
#define BK_ARCHIVE_REPEAT_MS (60 * 1000)

static MemoryContext bk_archive_context;	/* emptied after each call */
static BkOutcome bk_archive_reported;
static TimestampTz bk_archive_reported_at;

static bool bk_archive_configured(BK_ARCHIVE_ARGUMENT);
static bool bk_archive_file(BK_ARCHIVE_ARGUMENTS const char *file,
							const char *path);
static void bk_archive_shutdown(BK_ARCHIVE_ARGUMENT);
static void bk_archive_begin(void);
static BkPush bk_archive_push(const char *file, BkOutcome *failure);
static BkPush bk_archive_try(const char *file, BkOutcome *failure);
static void bk_archive_recover(BkOutcome *failure);
static void bk_archive_fail(const char *file, const BkOutcome *failure);

BK_ARCHIVE_MODULE(bk_archive_configured, bk_archive_file, bk_archive_shutdown)

/*
 * Asked before each file. "No" lets the archiver give up for now without the
 * second that it sleeps after a failure: that is why a stop looks like a
 * setting that is missing.
 */
static bool
bk_archive_configured(BK_ARCHIVE_ARGUMENT)
{
	bk_archive_begin();
	if (IsBinaryUpgrade)
		BK_ARCHIVE_EXPLAIN("Nothing is archived during pg_upgrade.");
	else if (bk_setting_repository[0] == '\0')
		BK_ARCHIVE_EXPLAIN("\"backup_ext.repository\" is not set.");
	else if (bk_archive_stop_left() == 0)
		BK_ARCHIVE_EXPLAIN("The server stops; what is left is archived after its next start.");
	else
		return true;
	return false;
}

/* What there is to do once in the life of the archiver. */
static void
bk_archive_begin(void)
{
	if (bk_archive_context != NULL)
		return;
	bk_archive_context = AllocSetContextCreate(TopMemoryContext,
											   "backup_ext archive",
											   ALLOCSET_DEFAULT_SIZES);
	bk_archive_stop_watch();
	bk_archive_stats_child(0);
	if (XLogArchiveCommand[0] != '\0')
		ereport(WARNING,
				(errmsg("\"archive_command\" is not used, since \"archive_library\" is set"),
				 errhint("Set only one of them: ALTER SYSTEM RESET archive_command; SELECT pg_reload_conf();")));
}

/* True only if the file is durable in the repository, and that is confirmed. */
static bool
bk_archive_file(BK_ARCHIVE_ARGUMENTS const char *file, const char *path)
{
	BkOutcome	failure;
	BkPush		result = bk_archive_push(file, &failure);

	/* the archiver may have been woken for more, and would sleep for a minute */
	if (bk_agent_took_latch())
		SetLatch(MyLatch);
	if (result == BK_PUSH_FAILED)
		bk_archive_fail(file, &failure);
	return result == BK_PUSH_DONE;
}

/* Whatever goes wrong in here becomes a failure. */
static BkPush
bk_archive_push(const char *file, BkOutcome *failure)
{
	MemoryContext caller = MemoryContextSwitchTo(bk_archive_context);
	volatile BkPush result = BK_PUSH_FAILED;

	PG_TRY();
	{
		result = bk_archive_try(file, failure);
	}
	PG_CATCH();
	{
		bk_archive_recover(failure);
	}
	PG_END_TRY();
	MemoryContextSwitchTo(caller);
	MemoryContextReset(bk_archive_context);
	return result;
}

/* A fenced cluster need not ask: it may not write. */
static BkPush
bk_archive_try(const char *file, BkOutcome *failure)
{
	if (bk_setting_fence[0] == '\0')
		return bk_agent_push(file, failure);
	bk_agent_drop();
	bk_outcome_fail(failure, ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE,
					"this cluster is fenced: %s", bk_setting_fence);
	bk_outcome_hint(failure, "To let it take over the repository: SELECT backup_adopt();");
	return BK_PUSH_FAILED;
}

/*
 * Takes the error, and gives back what the callback held. The memory of the
 * call goes first: it may be what there is none of.
 */
static void
bk_archive_recover(BkOutcome *failure)
{
	ErrorData  *error;

	HOLD_INTERRUPTS();
	error_context_stack = NULL;
	MemoryContextSwitchTo(bk_archive_context);
	MemoryContextReset(bk_archive_context);
	error = CopyErrorData();
	FlushErrorState();
	bk_outcome_from_error(failure, error);
	LWLockReleaseAll();
	pgstat_report_wait_end();
	/* nobody knows what the child has said, or half said */
	bk_agent_drop();
	RESUME_INTERRUPTS();
}

/* Counts a failure, and logs it unless it is already known. */
static void
bk_archive_fail(const char *file, const BkOutcome *failure)
{
	TimestampTz now = GetCurrentTimestamp();
	BkOutcome	report = *failure;

	bk_archive_stats_failed(file, failure);
	if (strcmp(failure->message, bk_archive_reported.message) == 0 &&
		strcmp(failure->detail, bk_archive_reported.detail) == 0 &&
		!TimestampDifferenceExceeds(bk_archive_reported_at, now,
									BK_ARCHIVE_REPEAT_MS))
		return;
	bk_archive_reported = *failure;
	bk_archive_reported_at = now;
	snprintf(report.message, sizeof(report.message), "could not archive \"%s\": %s",
			 file, failure->message);
	bk_outcome_report(&report, WARNING);
}

static void
bk_archive_shutdown(BK_ARCHIVE_ARGUMENT)
{
	bk_agent_drop();
}
