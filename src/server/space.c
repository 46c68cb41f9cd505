/*
 * space.c
 *	  One measure an hour is kept, so that a view can cheaply tell how fast a
 *	  store fills up. Expired backups give room back, and others may use it as
 *	  well: both are in the measures, and not in the sizes of backups.
 */
#include "postgres.h"

#include "catalog/pg_type.h"

#include "server/catalogue.h"
#include "server/space.h"
#include "server/statement.h"

static const char bk_sql_put_space[] =
"INSERT INTO %s.backup_space_data AS s (repository, hour, seen_at, free, total)"
" SELECT $1, pg_catalog.date_trunc('hour', pg_catalog.now()), pg_catalog.now(), e.free, e.total"
" FROM pg_catalog.jsonb_to_record($2) AS e (free bigint, total bigint)"
" WHERE e.free IS NOT NULL AND e.total > 0"
" ON CONFLICT (repository, hour) DO UPDATE SET seen_at = excluded.seen_at,"
" free = excluded.free, total = excluded.total";

static const char bk_sql_forget_old_space[] =
"DELETE FROM %s.backup_space_data"
" WHERE hour < pg_catalog.now() - '15 days'::pg_catalog.interval";

void
bk_space_put(const char *url, Jsonb *event)
{
	MemoryContext caller;
	BkValues	values = {0};
	BkValues	none = {0};

	bk_catalogue_put_repository(url, event);
	caller = bk_statement_begin();
	bk_values_add_text(&values, url);
	bk_values_add(&values, JSONBOID, JsonbPGetDatum(event), false);
	bk_statement_execute(bk_sql_put_space, &values);
	bk_statement_execute(bk_sql_forget_old_space, &none);
	bk_statement_commit(caller);
}
