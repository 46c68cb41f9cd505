/*
 * ready.c
 *	  The conditions for a request, each with its own message and what to do.
 */
#include "postgres.h"

#include "access/xact.h"
#include "access/xlog.h"
#include "catalog/pg_class.h"
#include "catalog/pg_database.h"
#include "commands/dbcommands.h"
#include "miscadmin.h"
#include "postmaster/bgworker.h"
#include "storage/lock.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/varlena.h"

#include "server/installation.h"
#include "server/ready.h"
#include "server/settings.h"
#include "server/shared.h"

static bool bk_ready_preloaded(BkOutcome *problem);
static bool bk_ready_home(BkOutcome *problem);
static bool bk_ready_primary(BkOutcome *problem);
static bool bk_ready_repository(BkOutcome *problem);
static bool bk_ready_launcher(BkOutcome *problem);
static bool bk_ready_writable(BkOutcome *problem);
static bool bk_ready_unlocked(BkOutcome *problem);
static bool bk_ready_workers(BkOutcome *problem);
static bool bk_ready_is_own_exclusive(const LockInstanceData *lock);
static bool bk_ready_is_own_shared(const LockInstanceData *lock);

static const BkCondition bk_conditions[] =
{
	{"library is preloaded", true, bk_ready_preloaded},
	{"called in the home database", true, bk_ready_home},
	{"extension and library agree", true, bk_ready_version},
	{"server is not a standby", true, bk_ready_primary},
	{"repository is configured", true, bk_ready_repository},
	{"launcher is running", true, bk_ready_launcher},
	{"transaction is not read-only", true, bk_ready_writable},
	{"transaction holds no exclusive lock", true, bk_ready_unlocked},
	{"background workers suffice", false, bk_ready_workers},
	{NULL, false, NULL}
};

const BkCondition *
bk_ready_conditions(void)
{
	return bk_conditions;
}

void
bk_ready_require(void)
{
	const BkCondition *condition;
	BkOutcome	problem;

	for (condition = bk_conditions; condition->name != NULL; condition++)
	{
		if (condition->needed && !condition->holds(&problem))
			bk_outcome_report(&problem, ERROR);
	}
}

void
bk_ready_require_alarms(void)
{
	const BkCondition *condition;
	BkOutcome	problem;

	for (condition = bk_conditions; condition->name != NULL; condition++)
	{
		if (condition->needed && condition->holds != bk_ready_repository &&
			!condition->holds(&problem))
			bk_outcome_report(&problem, ERROR);
	}
}

void
bk_ready_require_replaceable(void)
{
	LockData   *locks;
	int			i;

	bk_ready_require();
	locks = GetLockStatusData();
	for (i = 0; i < locks->nelements; i++)
	{
		if (bk_ready_is_own_shared(&locks->locks[i]))
			ereport(ERROR,
					(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
					 errmsg("cannot replace a database while this transaction holds a lock on what all databases share"),
					 errdetail("The transaction has changed a database, a role, or another shared object."),
					 errhint("Run COMMIT first.")));
	}
}

/*
 * What this transaction has changed in a shared catalog may be a row that the
 * run must change too, and nobody would see that each waits for the other.
 */
static bool
bk_ready_is_own_shared(const LockInstanceData *lock)
{
	const LOCKTAG *tag = &lock->locktag;
	LOCKMASK	changing = LOCKBIT_ON(ShareUpdateExclusiveLock) |
		LOCKBIT_ON(ShareLock) | LOCKBIT_ON(ShareRowExclusiveLock) |
		LOCKBIT_ON(ExclusiveLock) | LOCKBIT_ON(AccessExclusiveLock);

	if (lock->pid != MyProcPid || tag->locktag_field1 != InvalidOid)
		return false;
	if (tag->locktag_type == LOCKTAG_RELATION)
		return (lock->holdMask & (changing | LOCKBIT_ON(RowExclusiveLock))) != 0;
	return tag->locktag_type == LOCKTAG_OBJECT &&
		tag->locktag_field2 == DatabaseRelationId &&
		(lock->holdMask & changing) != 0;
}

void
bk_ready_require_home(void)
{
	BkOutcome	problem;

	if (!bk_ready_preloaded(&problem) || !bk_ready_home(&problem))
		bk_outcome_report(&problem, ERROR);
}

/*
 * Each library must be a literal of its own: ALTER SYSTEM takes 'a,b' as the
 * name of one library.
 */
static bool
bk_ready_preloaded(BkOutcome *problem)
{
	StringInfoData list;
	List	   *libraries = NIL;
	ListCell   *cell;

	if (bk_shared_available())
		return true;
	initStringInfo(&list);
	if (shared_preload_libraries_string != NULL)
		(void) SplitDirectoriesString(pstrdup(shared_preload_libraries_string),
									  ',', &libraries);
	foreach(cell, libraries)
		appendStringInfo(&list, "%s, ", quote_literal_cstr(lfirst(cell)));
	bk_outcome_fail(problem, ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE,
					"backup_ext was not loaded when the server started");
	bk_outcome_hint(problem, "Run this and restart the server: ALTER SYSTEM SET shared_preload_libraries = %s'backup_ext';",
					list.data);
	return false;
}

bool
bk_ready_is_home(void)
{
	char	   *here = get_database_name(MyDatabaseId);

	return here != NULL && strcmp(here, bk_setting_database) == 0;
}

char *
bk_ready_home_statements(void)
{
	return psprintf("ALTER SYSTEM SET backup_ext.database = %s; SELECT pg_reload_conf();",
					quote_literal_cstr(get_database_name(MyDatabaseId)));
}

static bool
bk_ready_home(BkOutcome *problem)
{
	if (bk_ready_is_home())
		return true;
	bk_outcome_fail(problem, ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE,
					"backup_ext works in database \"%s\"", bk_setting_database);
	bk_outcome_hint(problem, "Connect to that database, or make this one its home: %s",
					bk_ready_home_statements());
	return false;
}

bool
bk_ready_version(BkOutcome *problem)
{
	BkInstallation installation;

	bk_installation_find(&installation);
	if (installation.found && strcmp(installation.version, BK_VERSION) == 0)
		return true;
	bk_outcome_fail(problem, ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE,
					"the extension and its library are of different versions");
	bk_outcome_detail(problem, "The SQL objects are of version %s, the loaded library is of version %s.",
					  installation.found ? installation.version : "none", BK_VERSION);
	bk_outcome_hint(problem, "After an upgrade of the package restart the server, then run: ALTER EXTENSION backup_ext UPDATE;");
	return false;
}

static bool
bk_ready_primary(BkOutcome *problem)
{
	if (!RecoveryInProgress())
		return true;
	bk_outcome_fail(problem, ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE,
					"backups cannot be managed while the server is a standby");
	bk_outcome_hint(problem, "Call this function on the primary server.");
	return false;
}

static bool
bk_ready_repository(BkOutcome *problem)
{
	if (bk_setting_repository[0] != '\0')
		return true;
	bk_outcome_fail(problem, ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE,
					"no repository is configured");
	bk_outcome_hint(problem, "Set one: ALTER SYSTEM SET backup_ext.repository = 'file:///path'; SELECT pg_reload_conf();");
	return false;
}

static bool
bk_ready_launcher(BkOutcome *problem)
{
	if (bk_shared_available() && bk_shared_launcher_alive())
		return true;
	bk_outcome_fail(problem, ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE,
					"the backup_ext launcher is not running");
	bk_outcome_hint(problem, "Wait some seconds if the server has just started; otherwise the server log says why.");
	return false;
}

/* A run is given a number, and that is a change. */
static bool
bk_ready_writable(BkOutcome *problem)
{
	if (!XactReadOnly)
		return true;
	bk_outcome_fail(problem, ERRCODE_READ_ONLY_SQL_TRANSACTION,
					"cannot run in a read-only transaction");
	bk_outcome_hint(problem, "Begin the transaction with READ WRITE.");
	return false;
}

/* A run would wait for this transaction, and this transaction for the run. */
static bool
bk_ready_unlocked(BkOutcome *problem)
{
	LockData   *locks = GetLockStatusData();
	int			i;

	for (i = 0; i < locks->nelements; i++)
	{
		const LockInstanceData *lock = &locks->locks[i];
		char	   *name;

		if (!bk_ready_is_own_exclusive(lock))
			continue;
		name = get_rel_name(lock->locktag.locktag_field2);
		bk_outcome_fail(problem, ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE,
						"cannot run while this transaction holds an exclusive lock");
		if (name != NULL)
			bk_outcome_detail(problem, "The lock is on relation \"%s\".", name);
		else
			bk_outcome_detail(problem, "The lock is on a relation that this transaction has dropped.");
		bk_outcome_hint(problem, "Run COMMIT first.");
		return false;
	}
	return true;
}

/* Nobody else ever waits for a lock on a temporary relation. */
static bool
bk_ready_is_own_exclusive(const LockInstanceData *lock)
{
	Oid			database = lock->locktag.locktag_field1;
	Oid			relation = lock->locktag.locktag_field2;

	return lock->pid == MyProcPid &&
		lock->locktag.locktag_type == LOCKTAG_RELATION &&
		(lock->holdMask & LOCKBIT_ON(AccessExclusiveLock)) != 0 &&
		(database == InvalidOid || database == MyDatabaseId) &&
		(get_rel_relkind(relation) == '\0' ||	/* dropped by ourselves */
		 get_rel_persistence(relation) != RELPERSISTENCE_TEMP);
}

/*
 * The launcher, the recorder or keeper, and each run need a place. Parallel
 * queries may take the others for a moment; a run waits for that.
 */
static bool
bk_ready_workers(BkOutcome *problem)
{
	int			needed = bk_setting_max_runs + BK_TELLING_RUNS + 2;

	if (max_worker_processes >= needed)
		return true;
	bk_outcome_fail(problem, ERRCODE_CONFIGURATION_LIMIT_EXCEEDED,
					"\"max_worker_processes\" is %d, but backup_ext alone may need %d",
					max_worker_processes, needed);
	bk_outcome_hint(problem, "Run this and restart the server: ALTER SYSTEM SET max_worker_processes = %d;",
					needed + max_parallel_workers + 1);
	return false;
}
