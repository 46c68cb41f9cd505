/*
 * archive_check.c
 *	  What keeps WAL from being archived, each with its own message and what to
 *	  do.
 */
#include "server/compat.h"

#include "access/xlog.h"
#include "utils/backend_status.h"

#include "server/archive_check.h"
#include "server/settings.h"
#include "server/wal_state.h"

static bool bk_archive_check_mode(BkOutcome *problem);
static bool bk_archive_check_module(BkOutcome *problem);
static bool bk_archive_check_single(BkOutcome *problem);
static bool bk_archive_check_archiver(BkOutcome *problem);
static bool bk_archive_check_works(BkOutcome *problem);
static bool bk_archive_check_fence(BkOutcome *problem);

static const BkCondition bk_archive_check_all[] =
{
	{"cluster is not fenced", false, bk_archive_check_fence},
	{"archive_mode", false, bk_archive_check_mode},
	{"WAL is archived by backup_ext", false, bk_archive_check_module},
	{"one way to archive is set", false, bk_archive_check_single},
	{"archiver is running", false, bk_archive_check_archiver},
	{"WAL archiving works", false, bk_archive_check_works},
	{NULL, false, NULL}
};

static const BkCondition bk_archive_check_off[] =
{
	{"cluster is not fenced", false, bk_archive_check_fence},
	{"archive_mode", false, bk_archive_check_mode},
	{NULL, false, NULL}
};

const BkCondition *
bk_archive_check_conditions(void)
{
	return XLogArchiveMode == ARCHIVE_MODE_OFF ? bk_archive_check_off :
		bk_archive_check_all;
}

/* Not to archive is a choice; whether it is a good one is for the status. */
static bool
bk_archive_check_mode(BkOutcome *problem)
{
	if (XLogArchiveMode != ARCHIVE_MODE_OFF)
		bk_outcome_succeed(problem, NULL);
	else if (wal_level < WAL_LEVEL_REPLICA)
		bk_outcome_succeed(problem, "Archiving is off, and \"wal_level\" is minimal: there can be logical backups only.");
	else
		bk_outcome_succeed(problem, "Archiving is off: there can be logical backups only.");
	return true;
}

static bool
bk_archive_check_module(BkOutcome *problem)
{
	BkWalState	state;

	bk_wal_state_read(&state);
	if (bk_wal_state_is_ours(&state))
		return true;
	if (state.library[0] != '\0')
		bk_outcome_fail(problem, ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE,
						"\"archive_library\" is \"%s\"", state.library);
	else
		bk_outcome_fail(problem, ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE,
						state.command[0] == '\0' ?
						"neither \"archive_library\" nor \"archive_command\" is set" :
						"\"archive_command\" is set to something else");
	bk_outcome_hint(problem, "Base backups need WAL in the repository: ALTER SYSTEM SET archive_command = ''; ALTER SYSTEM SET archive_library = 'backup_ext'; SELECT pg_reload_conf();");
	return false;
}

/* 15 takes the library and says nothing; later versions refuse to archive. */
static bool
bk_archive_check_single(BkOutcome *problem)
{
	if (XLogArchiveLibrary[0] == '\0' || XLogArchiveCommand[0] == '\0')
		return true;
	bk_outcome_fail(problem, ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE,
					"both \"archive_library\" and \"archive_command\" are set");
	bk_outcome_detail(problem, "PostgreSQL 15 does not use the command then, and later versions do not archive at all.");
	bk_outcome_hint(problem, "Keep one of them: ALTER SYSTEM SET archive_command = ''; SELECT pg_reload_conf();");
	return false;
}

static bool
bk_archive_check_archiver(BkOutcome *problem)
{
	int			count = pgstat_fetch_stat_numbackends();
	int			i;

	if (RecoveryInProgress() && XLogArchiveMode != ARCHIVE_MODE_ALWAYS)
		return true;
	for (i = 1; i <= count; i++)
	{
		if (BkLocalBackendStatus(i)->backendStatus.st_backendType == B_ARCHIVER)
			return true;
	}
	bk_outcome_fail(problem, ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE,
					"the archiver is not running");
	bk_outcome_detail(problem, "It ends at once if \"archive_library\" cannot be loaded, and is started again after some seconds.");
	bk_outcome_hint(problem, "The server log says why.");
	return false;
}

static bool
bk_archive_check_works(BkOutcome *problem)
{
	BkWalState	state;
	BkWalCatalogue unknown = {0};
	char	   *reason;

	bk_wal_state_read(&state);
	if (strcmp(bk_wal_state_judge(&state, &unknown, &reason), "ok") == 0)
	{
		bk_outcome_succeed(problem, reason);
		return true;
	}
	bk_outcome_fail(problem, ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE, "%s", reason);
	bk_outcome_hint(problem, "The view backup_wal tells more.");
	return false;
}

static bool
bk_archive_check_fence(BkOutcome *problem)
{
	if (bk_setting_fence[0] == '\0')
		return true;
	bk_outcome_fail(problem, ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE,
					"this cluster is fenced: %s", bk_setting_fence);
	bk_outcome_detail(problem, "It archives nothing and takes no backups.");
	bk_outcome_hint(problem, "To let it take over the repository: SELECT backup_adopt();");
	return false;
}
