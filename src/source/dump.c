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
