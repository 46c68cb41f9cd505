/*
 * statement.c
 *	  How a worker executes statements on the extension's tables.
 */
#include "postgres.h"

#include "access/xact.h"
#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "pgstat.h"
#include "utils/builtins.h"
#include "utils/snapmgr.h"
#include "utils/timestamp.h"

#include "server/installation.h"
#include "server/statement.h"

static char *bk_statement_first_table(const char *statement);

MemoryContext
bk_statement_begin(void)
{
	MemoryContext caller = CurrentMemoryContext;

	SetCurrentStatementStartTimestamp();
	StartTransactionCommand();
	SPI_connect();
	PushActiveSnapshot(GetTransactionSnapshot());
	return caller;
}

void
bk_statement_commit(MemoryContext caller)
{
	SPI_finish();
	PopActiveSnapshot();
	CommitTransactionCommand();
	pgstat_report_stat(true);
	MemoryContextSwitchTo(caller);
}

void
bk_statement_execute(const char *statement, BkValues *values)
{
	BkInstallation installation;
	BkActor		before;
	StringInfoData sql;
	const char *part = statement;
	const char *place;
	int			code;

	bk_installation_need(&installation);
	initStringInfo(&sql);
	while ((place = strstr(part, "%s")) != NULL)
	{
		appendBinaryStringInfo(&sql, part, place - part);
		appendStringInfoString(&sql, installation.schema);
		part = place + 2;
	}
	appendStringInfoString(&sql, part);

	bk_installation_act(&installation, bk_statement_first_table(statement),
						&before);
	code = SPI_execute_with_args(sql.data, values->count, values->types,
								 values->values, values->nulls, false, 0);
	bk_installation_act_end(&before);
	if (code < 0)
		elog(ERROR, "catalogue statement failed: %s", SPI_result_code_string(code));
	CommandCounterIncrement();
}

/* The table that a statement is about is the first thing in the schema. */
static char *
bk_statement_first_table(const char *statement)
{
	const char *name = strstr(statement, "%s.") + strlen("%s.");

	return pnstrdup(name, strspn(name, "abcdefghijklmnopqrstuvwxyz_"));
}

/* --- values --- */

void
bk_values_add(BkValues *values, Oid type, Datum value, bool is_null)
{
	Assert(values->count < BK_VALUES_MAX);
	values->types[values->count] = type;
	values->values[values->count] = value;
	values->nulls[values->count] = is_null ? 'n' : ' ';
	values->count++;
}

void
bk_values_add_text(BkValues *values, const char *text)
{
	bool		is_null = text == NULL || text[0] == '\0';

	bk_values_add(values, TEXTOID,
				  is_null ? (Datum) 0 : CStringGetTextDatum(text), is_null);
}

void
bk_values_add_time(BkValues *values, TimestampTz time)
{
	bk_values_add(values, TIMESTAMPTZOID, TimestampTzGetDatum(time), time == 0);
}

void
bk_values_add_size(BkValues *values, int64 size)
{
	bk_values_add(values, INT8OID, Int64GetDatum(size), size < 0);
}
