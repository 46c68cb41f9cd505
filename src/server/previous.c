/*
 * previous.c
 *	  The program would have to list the repository; the catalogue knows it.
 */
#include "postgres.h"

#include "executor/spi.h"

#include "server/previous.h"
#include "server/request.h"
#include "server/statement.h"

static const char bk_sql_find_previous[] =
"SELECT c.id FROM %s.backup_catalogue AS c"
" WHERE c.first AND c.database = $1 AND c.kind = 'logical'"
" AND c.content = 'all' AND c.state = 'good'"
" AND c.system_identifier = (SELECT i.system_identifier::text FROM pg_catalog.pg_control_system() AS i)"
" ORDER BY c.started_at DESC NULLS LAST, c.id DESC LIMIT 1";

void
bk_previous_add(BkRun *run)
{
	MemoryContext caller;
	BkValues	values = {0};

	if (strcmp(run->verb, "backup") != 0 || strcmp(run->kind, "logical") != 0)
		return;
	caller = bk_statement_begin();
	bk_values_add_text(&values, run->database);
	bk_statement_execute(bk_sql_find_previous, &values);
	if (SPI_processed == 1)
		bk_request_add_text(run, "previous",
							SPI_getvalue(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1));
	bk_statement_commit(caller);
}
