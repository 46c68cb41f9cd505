/*
 * dump.c
 *	  Run pg_dump and pg_dumpall.
 *
 * Names reach the programs inside an escaped conninfo only, never as an
 * argument of their own, and the environment is built from nothing.
 */
#include "source/dump.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/buf.h"
#include "core/child.h"
#include "source/tool.h"

typedef struct Cause
{
	const char *words;
	const char *sqlstate;
	const char *hint;
} Cause;

/* pg_dump's --lock-wait-timeout is a statement timeout of the server. */
static const Cause causes[] = {
	{"statement timeout", BK_STATE_LOCKED,
	"Another session held a lock for longer than backup_ext.lock_timeout. Try again when it has ended, or raise the setting."},
	{"row-level security", BK_STATE_NO_RIGHT,
	"Give the backup's role BYPASSRLS, or let backup_ext.role be a superuser: a dump that leaves out rows is no backup."},
	{"max_locks_per_transaction", BK_STATE_NO_MEMORY,
	"Raise max_locks_per_transaction and restart the server: a dump locks every table of the database."},
	{"server version mismatch", BK_STATE_UNSUPPORTED,
	"Install the client programs of the server's version beside pg_backup_ext."},
	{"permission denied", BK_STATE_NO_RIGHT,
	"Set backup_ext.role to a role that may read everything, such as a member of pg_read_all_data, or to a superuser."},
	{"does not exist", BK_STATE_NO_OBJECT,
	"If a role is missing, restore the backup's globals first (pg_backup_ext restore --globals), or use no_owner => true and no_privileges => true. If an extension is missing, install its package."},
	{"No space left on device", BK_STATE_DISK_FULL, "Free space on the server and try again."},
};

static BkReader *start(BkTool *tool, const BkDumpSpec *spec, BkError *err);

BkReader *
bk_dump_open(const BkDumpSpec *spec, BkError *err)
{
	BkTool		tool;
	char		wait[64];
	char		snapshot[256];

	snprintf(wait, sizeof(wait), "--lock-wait-timeout=%lld",
			 (long long) spec->lock_timeout);
	snprintf(snapshot, sizeof(snapshot), "--snapshot=%s", spec->snapshot);
	bk_tool_init(&tool, spec, "pg_dump");
	bk_tool_add(&tool, "--format=custom");
	bk_tool_add(&tool, "--compress=0");
	bk_tool_add(&tool, wait);
	bk_tool_add(&tool, snapshot);
	if (strcmp(spec->content, "schema") == 0)
		bk_tool_add(&tool, "--schema-only");
	if (strcmp(spec->content, "data") == 0)
		bk_tool_add(&tool, "--data-only");
	return start(&tool, spec, err);
}

/*
 * pg_dumpall drops the database of --dbname and logs in to that of --database
 * (else to postgres or template1), which it reads as a conninfo if it looks
 * like one: so it gets one, where no name can be taken for anything else.
 */
BkReader *
bk_dump_globals_open(const BkDumpSpec *spec, bool passwords, BkError *err)
{
	BkPgTarget	maintenance = {
		.conninfo = "",
		.application = spec->target->application,
		.database = spec->maintenance,
	};
	BkTool		tool;
	BkBuf		database;
	char	   *conninfo = bk_pg_conninfo(&maintenance, err);

	if (conninfo == NULL)
		return NULL;
	bk_buf_init(&database);
	bk_buf_printf(&database, "--database=%s", conninfo);
	free(conninfo);
	if (!bk_buf_check(&database, err))
	{
		bk_buf_free(&database);
		return NULL;
	}
	bk_tool_init(&tool, spec, "pg_dumpall");
	bk_tool_add(&tool, "--globals-only");
	bk_tool_add(&tool, database.data);
	bk_buf_free(&database);
	if (!passwords)
		bk_tool_add(&tool, "--no-role-passwords");
	return start(&tool, spec, err);
}

bool
bk_dump_explain(BkError *err)
{
	if (strcmp(err->sqlstate, BK_STATE_SYSTEM) != 0)
		return false;
	for (size_t i = 0; i < sizeof(causes) / sizeof(causes[0]); i++)
	{
		if (strstr(err->detail, causes[i].words) == NULL)
			continue;
		snprintf(err->sqlstate, sizeof(err->sqlstate), "%s", causes[i].sqlstate);
		return bk_error_hint(err, "%s", causes[i].hint);
	}
	return false;
}

static BkReader *
start(BkTool *tool, const BkDumpSpec *spec, BkError *err)
{
	BkChild    *child;
	BkReader   *reader;

	bk_tool_add_login(tool, spec->target);
	child = bk_tool_spawn(tool, BK_CHILD_NULL, BK_CHILD_PIPE, -1, err);
	if (child == NULL)
		return NULL;
	reader = bk_child_reader(child, err);
	if (reader == NULL)
		bk_child_free(child);
	return reader;
}
