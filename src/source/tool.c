/*
 * tool.c
 *	  Build command lines of PostgreSQL's programs and run them.
 */
#include "source/tool.h"

#include <stdlib.h>
#include <string.h>

#include "core/buf.h"

static char *path_of(const char *bindir, const char *name);

void
bk_tool_init(BkTool *tool, const BkDumpSpec *spec, const char *name)
{
	memset(tool, 0, sizeof(*tool));
	tool->spec = spec;
	tool->program = path_of(spec->bindir, name);
	/* pg_dumpall looks for pg_dump beside its own argv[0]. */
	if (tool->program == NULL)
		tool->failed = true;
	else
		bk_tool_add(tool, tool->program);
}

void
bk_tool_add(BkTool *tool, const char *argument)
{
	char	   *copy = strdup(argument);

	/* The last place stays NULL. */
	if (copy == NULL || tool->count == BK_TOOL_ARGUMENTS - 1)
	{
		free(copy);
		tool->failed = true;
		return;
	}
	tool->argv[tool->count++] = copy;
}

void
bk_tool_add_login(BkTool *tool, const BkPgTarget *target)
{
	BkError		ignored;
	BkBuf		buf;
	char	   *conninfo = bk_pg_conninfo(target, &ignored);

	if (conninfo == NULL)
	{
		tool->failed = true;
		return;
	}
	bk_buf_init(&buf);
	bk_buf_printf(&buf, "--dbname=%s", conninfo);
	free(conninfo);
	if (buf.failed)
		tool->failed = true;
	else
		bk_tool_add(tool, buf.data);
	bk_tool_add(tool, "--no-password");
	if (target->role != NULL)
	{
		bk_buf_reset(&buf);
		bk_buf_printf(&buf, "--role=%s", target->role);
		if (buf.failed)
			tool->failed = true;
		else
			bk_tool_add(tool, buf.data);
	}
	bk_buf_free(&buf);
}

BkChild *
bk_tool_spawn(BkTool *tool, BkChildEnd input, BkChildEnd output,
			  int output_fd, BkError *err)
{
	static char *const environment[] = {
		"PATH=/usr/bin:/bin", "LC_ALL=C", "TZ=UTC", NULL
	};
	BkChildSpec child = {
		.program = tool->program,
		.argv = tool->argv,
		.envp = environment,
		.input = input,
		.input_fd = -1,
		.output = output,
		.output_fd = output_fd,
		.tick = tool->spec->tick,
		.log = tool->spec->log,
		.arg = tool->spec->arg,
	};
	BkChild    *started = NULL;

	if (tool->failed)
		bk_error_memory(err);
	else
		started = bk_child_spawn(&child, err);
	for (int i = 0; i < tool->count; i++)
		free(tool->argv[i]);
	free(tool->program);
	return started;
}

static char *
path_of(const char *bindir, const char *name)
{
	BkBuf		buf;
	BkError		ignored;

	bk_buf_init(&buf);
	bk_buf_printf(&buf, "%s/%s", bindir, name);
	return bk_buf_take(&buf, &ignored);
}
