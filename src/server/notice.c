/*
 * notice.c
 *	  One message by one channel.
 */
#include "postgres.h"

#include <unistd.h>

#include "access/htup_details.h"
#include "access/xlog.h"
#include "catalog/pg_type.h"
#include "commands/async.h"
#include "executor/spi.h"
#include "postmaster/postmaster.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/guc.h"
#include "utils/timestamp.h"

#include "server/notice.h"
#include "server/request.h"

#define BK_HOST_SIZE 256

/* The arguments of the request that are columns of their own, in their order. */
static const char *const bk_notice_arguments[BK_NOTICE_COLUMN_COUNT] =
{
	"channel", "target", "secret_file", "sender", "recipients", "login",
	"program_arguments", "ca_file", "proxy", "plaintext", NULL
};

static void bk_notice_add(BkRun *run, const char *name, Oid type, Datum value);

BkRun *
bk_notice_send(HeapTuple row, TupleDesc columns, const char *message,
			   MemoryContext context)
{
	MemoryContext old;
	BkRun	   *run;
	char	   *kind = SPI_getvalue(row, columns, 1);
	int			i;

	if (strcmp(kind, "notify") == 0)
	{
		Async_Notify(SPI_getvalue(row, columns, 2), message);
		return NULL;
	}
	old = MemoryContextSwitchTo(context);
	run = bk_request_new("notify");
	MemoryContextSwitchTo(old);
	bk_text_copy(run->kind, sizeof(run->kind), kind);
	bk_text_copy(run->reason, sizeof(run->reason), "alarm");
	bk_text_copy(run->requested_by, sizeof(run->requested_by),
				 SPI_getvalue(row, columns, BK_NOTICE_COLUMN_COUNT));
	for (i = 0; bk_notice_arguments[i] != NULL; i++)
	{
		bool		is_null;
		Datum		value = SPI_getbinval(row, columns, i + 1, &is_null);

		if (!is_null)
			bk_notice_add(run, bk_notice_arguments[i], SPI_gettypeid(columns, i + 1), value);
	}
	bk_request_add_text(run, "message", message);
	return run;
}

static void
bk_notice_add(BkRun *run, const char *name, Oid type, Datum value)
{
	if (type == BOOLOID)
		bk_request_add_bool(run, name, DatumGetBool(value));
	else if (type == TEXTARRAYOID)
		bk_request_add_list(run, name, DatumGetArrayTypeP(value));
	else
		bk_request_add_text(run, name, TextDatumGetCString(value));
}

char *
bk_notice_test(void)
{
	BkValues	values = {0};
	char	   *message;

	bk_notice_add_server(&values, GetCurrentTimestamp());
	if (SPI_execute_with_args("SELECT json_build_object(" BK_NOTICE_SERVER
							  ", 'event', 'test', 'changes', '[]'::json, 'more', 0)",
							  values.count, values.types, values.values, values.nulls,
							  true, 1) != SPI_OK_SELECT)
		elog(ERROR, "could not write a message");
	message = SPI_getvalue(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1);
	return message;
}

void
bk_notice_add_server(BkValues *values, TimestampTz now)
{
	char		host[BK_HOST_SIZE] = "";
	const char *cluster = GetConfigOption("cluster_name", true, false);

	(void) gethostname(host, sizeof(host) - 1);
	bk_values_add_time(values, now);
	bk_values_add_text(values, psprintf(UINT64_FORMAT, GetSystemIdentifier()));
	bk_values_add(values, TEXTOID, CStringGetTextDatum(cluster == NULL ? "" : cluster), false);
	bk_values_add(values, TEXTOID, CStringGetTextDatum(host), false);
	bk_values_add(values, INT4OID, Int32GetDatum(PostPortNumber), false);
}
