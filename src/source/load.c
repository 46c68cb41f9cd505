/*
 * load.c
 *	  Feed pg_restore.
 *
 * The archive goes to its standard input and from there straight to the
 * server: no psql, whose backslash commands a hostile dump could use.
 */
#include "source/load.h"

#include <stdlib.h>

#include "core/child.h"
#include "source/cause.h"
#include "source/tool.h"

typedef struct Load
{
	BkWriter	base;
	BkChild    *child;
	bool		ended;			/* it has read all that it wanted */
} Load;

static bool load_write(BkWriter *writer, const void *buf, size_t len,
					   BkError *err);
static bool load_finish(BkWriter *writer, BkError *err);
static void load_close(BkWriter *writer);
static BkChild *start(const BkLoadSpec *spec, BkError *err);

static const BkWriterOps load_ops = {
	.write = load_write,
	.finish = load_finish,
	.close = load_close,
};

BkWriter *
bk_load_open(const BkLoadSpec *spec, BkError *err)
{
	Load	   *load = calloc(1, sizeof(Load));

	if (load == NULL)
	{
		bk_error_memory(err);
		return NULL;
	}
	load->base.ops = &load_ops;
	load->child = start(spec, err);
	if (load->child != NULL)
		return &load->base;
	free(load);
	return NULL;
}

static bool
load_write(BkWriter *writer, const void *buf, size_t len, BkError *err)
{
	Load	   *load = (Load *) writer;

	/* What comes after all that it wanted is dropped. */
	if (load->ended)
		return true;
	if (!bk_child_write(load->child, buf, len, &load->ended, err))
		return false;

	/* A child that stopped reading tells by its exit whether it failed. */
	return !load->ended || bk_child_finish(load->child, err) ||
		bk_cause_explain(BK_CAUSE_RESTORE, err);
}

static bool
load_finish(BkWriter *writer, BkError *err)
{
	Load	   *load = (Load *) writer;

	bk_child_close_stdin(load->child);
	return bk_child_finish(load->child, err) || bk_cause_explain(BK_CAUSE_RESTORE, err);
}

static void
load_close(BkWriter *writer)
{
	Load	   *load = (Load *) writer;

	bk_child_free(load->child);
	free(load);
}

static BkChild *
start(const BkLoadSpec *spec, BkError *err)
{
	BkTool		tool;
	bool		script = spec->mode == BK_LOAD_SCRIPT;

	bk_tool_init(&tool, spec->tool, "pg_restore");
	if (spec->mode == BK_LOAD_LIST)
		bk_tool_add(&tool, "--list");
	else if (script)
		bk_tool_add(&tool, "--file=-");
	else
	{
		bk_tool_add(&tool, "--exit-on-error");
		bk_tool_add_login(&tool, spec->tool->target);
	}
	if (spec->no_owner)
		bk_tool_add(&tool, "--no-owner");
	if (spec->no_privileges)
		bk_tool_add(&tool, "--no-privileges");
	if (!spec->subscriptions && spec->mode != BK_LOAD_LIST)
		bk_tool_add(&tool, "--no-subscriptions");
	return bk_tool_spawn(&tool, BK_CHILD_PIPE,
						 script ? BK_CHILD_FD : BK_CHILD_NULL,
						 spec->output_fd, err);
}
