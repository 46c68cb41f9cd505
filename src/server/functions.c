/*
 * functions.c
 *	  The SQL functions that act: each checks its arguments, makes a request,
 *	  and has a run made of it. Functions are not strict, so that a NULL is
 *	  refused and not answered with NULL and no action.
 */
#include "postgres.h"

#include "fmgr.h"
#include "utils/builtins.h"
#include "utils/pg_lsn.h"

#include "server/arguments.h"
#include "server/call.h"
#include "server/ready.h"
#include "server/request.h"

PG_FUNCTION_INFO_V1(bk_repository_create);
PG_FUNCTION_INFO_V1(bk_adopt);
PG_FUNCTION_INFO_V1(bk_now);
PG_FUNCTION_INFO_V1(bk_mark);
PG_FUNCTION_INFO_V1(bk_restore);
PG_FUNCTION_INFO_V1(bk_delete);
PG_FUNCTION_INFO_V1(bk_sync);
PG_FUNCTION_INFO_V1(bk_replicate);
PG_FUNCTION_INFO_V1(bk_cancel);

static const char *const bk_contents[] = {"all", "schema", "data", NULL};
static const char *const bk_kinds[] = {"logical", "base", NULL};
static const char *const bk_checkpoints[] = {"fast", "spread", NULL};

static void bk_now_logical(FunctionCallInfo fcinfo, BkRun *run);
static void bk_now_base(FunctionCallInfo fcinfo, BkRun *run);

Datum
bk_repository_create(PG_FUNCTION_ARGS)
{
	PG_RETURN_TEXT_P(cstring_to_text(bk_call(bk_request_new("init"), true)));
}

Datum
bk_adopt(PG_FUNCTION_ARGS)
{
	bool		force = bk_argument_bool(fcinfo, 0, "force");
	BkRun	   *run = bk_request_new("adopt");

	bk_request_add_bool(run, "force", force);
	PG_RETURN_TEXT_P(cstring_to_text(bk_call(run, true)));
}

Datum
bk_now(PG_FUNCTION_ARGS)
{
	char	   *kind = bk_argument_word(fcinfo, 0, "kind", bk_kinds);
	char	   *label = bk_argument_label(fcinfo, 3);
	bool		wait = bk_argument_bool(fcinfo, 4, "wait");
	BkRun	   *run = bk_request_new("backup");

	bk_text_copy(run->kind, sizeof(run->kind), kind);
	bk_request_add_text(run, "kind", kind);
	if (strcmp(kind, "base") == 0)
		bk_now_base(fcinfo, run);
	else
		bk_now_logical(fcinfo, run);
	if (label != NULL)
		bk_request_add_text(run, "label", label);
	PG_RETURN_TEXT_P(cstring_to_text(bk_call(run, wait)));
}

static void
bk_now_logical(FunctionCallInfo fcinfo, BkRun *run)
{
	Oid			oid;
	char	   *database = bk_argument_database(fcinfo, 1, &oid);
	char	   *content = bk_argument_word(fcinfo, 2, "content", bk_contents);

	bk_argument_word(fcinfo, 5, "checkpoint", bk_checkpoints);
	bk_text_copy(run->database, sizeof(run->database), database);
	bk_request_add_text(run, "database", database);
	bk_request_add_number(run, "database_oid", oid);
	bk_request_add_text(run, "content", content);
}

/* It has all of the cluster: nothing can be chosen from that. */
static void
bk_now_base(FunctionCallInfo fcinfo, BkRun *run)
{
	char	   *content = bk_argument_word(fcinfo, 2, "content", bk_contents);

	if (!PG_ARGISNULL(1) || strcmp(content, "all") != 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("a base backup has the whole cluster"),
				 errhint("Leave out the argument \"%s\".",
						 PG_ARGISNULL(1) ? "content" : "database")));
	bk_request_add_text(run, "checkpoint",
						bk_argument_word(fcinfo, 5, "checkpoint", bk_checkpoints));
}

Datum
bk_mark(PG_FUNCTION_ARGS)
{
	char	   *name = bk_argument_mark(fcinfo, 0);
	BkRun	   *run = bk_request_new("mark");

	bk_request_add_text(run, "name", name);
	PG_RETURN_DATUM(DirectFunctionCall1(pg_lsn_in,
										CStringGetDatum(bk_call(run, true))));
}

Datum
bk_restore(PG_FUNCTION_ARGS)
{
	char	   *id = bk_argument_id(fcinfo, 0);
	char	   *target = bk_argument_new_database(fcinfo, 1);
	bool		replace = bk_argument_bool(fcinfo, 2, "replace");
	bool		no_owner = bk_argument_bool(fcinfo, 3, "no_owner");
	bool		no_privileges = bk_argument_bool(fcinfo, 4, "no_privileges");
	bool		subscriptions = bk_argument_bool(fcinfo, 5, "subscriptions");
	bool		wait = bk_argument_bool(fcinfo, 6, "wait");
	BkRun	   *run = bk_request_new("restore");

	bk_text_copy(run->database, sizeof(run->database), target);
	bk_text_copy(run->backup_id, sizeof(run->backup_id), id);
	bk_request_add_text(run, "id", id);
	if (replace)
		bk_ready_require_replaceable();
	bk_request_add_text(run, "kind", "logical");
	bk_request_add_text(run, "target", target);
	bk_request_add_bool(run, "replace", replace);
	bk_request_add_bool(run, "no_owner", no_owner);
	bk_request_add_bool(run, "no_privileges", no_privileges);
	bk_request_add_bool(run, "subscriptions", subscriptions);
	PG_RETURN_TEXT_P(cstring_to_text(bk_call(run, wait)));
}

Datum
bk_delete(PG_FUNCTION_ARGS)
{
	char	   *id = bk_argument_id(fcinfo, 0);
	bool		force = bk_argument_bool(fcinfo, 1, "force");
	BkRun	   *run = bk_request_new("delete");

	bk_text_copy(run->backup_id, sizeof(run->backup_id), id);
	bk_request_add_text(run, "id", id);
	bk_request_add_bool(run, "force", force);
	bk_call(run, true);
	PG_RETURN_BOOL(true);
}

Datum
bk_sync(PG_FUNCTION_ARGS)
{
	bool		accept = bk_argument_bool(fcinfo, 0, "accept");
	BkRun	   *run = bk_request_new("sync");

	run->accept = accept;
	bk_request_add_bool(run, "accept", accept);
	PG_RETURN_INT64(pg_strtoint64(bk_call(run, true)));
}

Datum
bk_replicate(PG_FUNCTION_ARGS)
{
	bool		wait = bk_argument_bool(fcinfo, 1, "wait");
	BkRun	   *run = bk_request_new("replicate");

	if (!PG_ARGISNULL(0))
	{
		char	   *id = bk_argument_id(fcinfo, 0);

		bk_text_copy(run->backup_id, sizeof(run->backup_id), id);
		bk_request_add_text(run, "id", id);
	}
	PG_RETURN_INT64(pg_strtoint64(bk_call(run, wait)));
}

Datum
bk_cancel(PG_FUNCTION_ARGS)
{
	int64		run;

	bk_argument_needed(fcinfo, 0, "run");
	run = PG_GETARG_INT64(0);
	bk_ready_require_home();
	if (bk_shared_cancel(run))
		PG_RETURN_BOOL(true);
	ereport(WARNING,
			(errmsg("there is no queued or running run " INT64_FORMAT, run)));
	PG_RETURN_BOOL(false);
}
