/*
 * retention_store.c
 *	  The statements about retention.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "utils/builtins.h"

#include "server/retention_store.h"
#include "server/settings.h"
#include "server/statement.h"

/* Months and years of an interval count 30 and 365.25 days. */
static const char bk_sql_policies[] =
"SELECT pg_catalog.jsonb_build_object('schedules', COALESCE(pg_catalog.jsonb_agg("
" pg_catalog.jsonb_strip_nulls(pg_catalog.jsonb_build_object("
" 'schedule', s.name, 'timezone', s.timezone, 'last', s.keep_last,"
" 'within', pg_catalog.ceil(pg_catalog.date_part('epoch', s.keep_within))::bigint,"
" 'daily', s.keep_daily, 'weekly', s.keep_weekly,"
" 'monthly', s.keep_monthly, 'yearly', s.keep_yearly))), '[]'))::text, pg_catalog.count(*)"
" FROM %s.backup_schedule_data AS s"
" WHERE pg_catalog.num_nonnulls(s.keep_last, s.keep_within, s.keep_daily, s.keep_weekly,"
" s.keep_monthly, s.keep_yearly) > 0";

static const char bk_sql_unlist[] =
"DELETE FROM %s.backup_catalogue_data"
" WHERE repository = $1 AND id = $2 ->> 'id'";

/* A sync does not know why it has expired. */
static const char bk_sql_put_expired[] =
"INSERT INTO %s.backup_expired_data AS x (repository, seen_at, id, kind, database, content,"
" schedule, system_identifier, finished_at, stored_size, expired_at, reason)"
" SELECT $1, pg_catalog.clock_timestamp(), e.id, e.kind, e.database, e.content, e.schedule,"
" e.system_identifier, e.finished_at, e.stored_size, e.expired_at, e.reason"
" FROM pg_catalog.jsonb_to_record($2)"
" AS e (id text, kind text, database text, content text, schedule text,"
" system_identifier text, finished_at timestamptz, stored_size bigint,"
" expired_at timestamptz, reason text)"
" ON CONFLICT (repository, id) DO UPDATE SET seen_at = excluded.seen_at,"
" expired_at = excluded.expired_at, reason = COALESCE(excluded.reason, x.reason)";

static const char bk_sql_forget_expired[] =
"DELETE FROM %s.backup_expired_data WHERE repository = $1 AND id = $2";

static const char bk_sql_forget_unseen_expired[] =
"DELETE FROM %s.backup_expired_data WHERE repository = $1 AND seen_at < $2";

static char *bk_retention_read(int64 *count);

char *
bk_retention_policies(void)
{
	int64		count;

	return bk_retention_read(&count);
}

bool
bk_retention_is_set(void)
{
	int64		count;

	if (bk_setting_keep_last > 0 || bk_setting_keep_within > 0 ||
		bk_setting_keep_daily > 0 || bk_setting_keep_weekly > 0 ||
		bk_setting_keep_monthly > 0 || bk_setting_keep_yearly > 0 ||
		bk_setting_recovery_window >= 0)
		return true;
	pfree(bk_retention_read(&count));
	return count > 0;
}

/* Returns the policies, and how many schedules have one. */
static char *
bk_retention_read(int64 *count)
{
	MemoryContext caller = bk_statement_begin();
	BkValues	values = {0};
	char	   *policies;

	bk_statement_execute(bk_sql_policies, &values);
	policies = MemoryContextStrdup(caller, SPI_getvalue(SPI_tuptable->vals[0],
														SPI_tuptable->tupdesc, 1));
	*count = pg_strtoint64(SPI_getvalue(SPI_tuptable->vals[0],
										SPI_tuptable->tupdesc, 2));
	bk_statement_commit(caller);
	return policies;
}

void
bk_retention_put_expired(const char *url, Jsonb *event)
{
	MemoryContext caller = bk_statement_begin();
	BkValues	values = {0};

	bk_values_add_text(&values, url);
	bk_values_add(&values, JSONBOID, JsonbPGetDatum(event), false);
	bk_statement_execute(bk_sql_unlist, &values);
	bk_statement_execute(bk_sql_put_expired, &values);
	bk_statement_commit(caller);
}

void
bk_retention_forget(const char *url, const char *id)
{
	MemoryContext caller = bk_statement_begin();
	BkValues	values = {0};

	bk_values_add_text(&values, url);
	bk_values_add_text(&values, id);
	bk_statement_execute(bk_sql_forget_expired, &values);
	bk_statement_commit(caller);
}

void
bk_retention_forget_unseen(const char *url, TimestampTz since)
{
	MemoryContext caller = bk_statement_begin();
	BkValues	values = {0};

	bk_values_add_text(&values, url);
	bk_values_add_time(&values, since);
	bk_statement_execute(bk_sql_forget_unseen_expired, &values);
	bk_statement_commit(caller);
}
