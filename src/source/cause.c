/*
 * cause.c
 *	  The words of pg_dump and pg_restore, with what to do about them.
 *
 * The programs do not print SQLSTATEs. The first row that fits counts. Words
 * of the server are known in English only; in other languages the error keeps
 * its words and goes without a hint.
 */
#include "source/cause.h"

#include <stdio.h>
#include <string.h>

typedef struct Cause
{
	int			ways;			/* of BkCauseWay */
	const char *words;
	const char *sqlstate;
	const char *hint;
} Cause;

#define BOTH	(BK_CAUSE_DUMP | BK_CAUSE_RESTORE)

static const Cause causes[] = {
	/* pg_dump's --lock-wait-timeout is a statement timeout of the server. */
	{BK_CAUSE_DUMP, "statement timeout", BK_STATE_LOCKED,
	"Another session held a lock for longer than backup_ext.lock_timeout. Try again when it has ended, or raise the setting."},
	{BK_CAUSE_DUMP, "row-level security", BK_STATE_NO_RIGHT,
	"Give the backup's role BYPASSRLS, or let backup_ext.role be a superuser: a dump that leaves out rows is no backup."},
	{BOTH, "max_locks_per_transaction", BK_STATE_NO_MEMORY,
	"Raise max_locks_per_transaction and restart the server: every table of the database is locked."},
	{BK_CAUSE_DUMP, "server version mismatch", BK_STATE_UNSUPPORTED,
	"Install the client programs of the server's version beside pg_backup_ext."},
	{BK_CAUSE_RESTORE, "unsupported version", BK_STATE_UNSUPPORTED,
	"Use the pg_restore of the version that made the backup, or a newer one."},
	{BK_CAUSE_DUMP, "permission denied", BK_STATE_NO_RIGHT,
	"Set backup_ext.role to a role that may read everything, such as a member of pg_read_all_data, or to a superuser."},
	{BK_CAUSE_RESTORE, "permission denied", BK_STATE_NO_RIGHT,
	"Let backup_ext.role be a superuser, or use no_owner => true and no_privileges => true."},
	{BK_CAUSE_DUMP, "does not exist", BK_STATE_NO_OBJECT,
	"Something was dropped while the dump began. Try again."},
	{BK_CAUSE_RESTORE, "tablespace \"", BK_STATE_NO_OBJECT,
	"Create the tablespace, or restore the backup's globals first (pg_backup_ext restore --globals)."},
	{BK_CAUSE_RESTORE, "is not available", BK_STATE_NO_OBJECT,
	"Install the package of the extension on this server."},
	{BK_CAUSE_RESTORE, "does not exist", BK_STATE_NO_OBJECT,
	"If a role is missing, restore the backup's globals first (pg_backup_ext restore --globals), or use no_owner => true and no_privileges => true."},
	{BOTH, "No space left on device", BK_STATE_DISK_FULL,
	"Free space on the server and try again."},
};

bool
bk_cause_explain(BkCauseWay way, BkError *err)
{
	if (!bk_error_is(err, BK_STATE_SYSTEM))
		return false;
	for (size_t i = 0; i < sizeof(causes) / sizeof(causes[0]); i++)
	{
		if ((causes[i].ways & (int) way) == 0 ||
			strstr(err->detail, causes[i].words) == NULL)
			continue;
		snprintf(err->sqlstate, sizeof(err->sqlstate), "%s", causes[i].sqlstate);
		return bk_error_hint(err, "%s", causes[i].hint);
	}
	return false;
}
