/*
 * status.c
 *	  Ask the home database how backups stand. Nothing is written, and a
 *	  server that does not answer in time is an error.
 */
#include <stdlib.h>

#include "core/clock.h"
#include "job/common.h"
#include "job/verbs.h"

/* The host, which also stops us when the time is over. */
typedef struct Limit
{
	const BkHost *host;
	int64_t		until;
} Limit;

static bool is_over(void *limit);
static bool ask(BkPg *pg, const BkRequest *request, const BkHost *host,
				BkError *err);
static char *find_schema(BkPg *pg, const BkRequest *request, BkError *err);
static bool report(BkPg *pg, const char *kind, const char *sql,
				   const BkHost *host, BkError *err);

/* One statement, so that all rows are of one moment. */
static const char status_sql[] =
	"SELECT (SELECT pg_catalog.to_jsonb(h) FROM backup_health() AS h) || pg_catalog.jsonb_build_object('rows',"
	" (SELECT COALESCE(pg_catalog.jsonb_agg(pg_catalog.to_jsonb(s) || pg_catalog.jsonb_build_object("
	"   'last_success_age_seconds', GREATEST(0, EXTRACT(epoch FROM pg_catalog.now() - s.last_success_at)::bigint))"
	"   ORDER BY s.what), '[]') FROM backup_status AS s))";

static const char metrics_sql[] =
	"SELECT pg_catalog.jsonb_build_object('metrics', pg_catalog.jsonb_agg(pg_catalog.to_jsonb(m)"
	" || pg_catalog.jsonb_build_object('value', m.value::text) ORDER BY m.name, m.labels))"
	" FROM backup_metrics AS m";

bool
bk_job_status(const BkRequest *request, const BkHost *host, BkError *err)
{
	Limit		limit = {.host = host, .until = bk_clock_monotonic_ms() + request->timeout};
	/* A connection asks its host whether to stop, and for nothing else. */
	BkHost		limited = {.ctx = &limit, .stop = is_over};
	BkPgTarget	target;
	BkPg	   *pg;
	bool		ok;

	if (request->openmetrics && request->nagios)
		return bk_error(err, BK_STATE_BAD_ARGUMENT,
						"arguments \"openmetrics\" and \"nagios\" exclude each other");
	target = bk_common_target(request, &limited, bk_common_maintenance_database(request));
	pg = bk_pg_connect(&target, err);
	ok = pg != NULL && ask(pg, request, host, err);
	bk_pg_close(pg);
	if (ok || !is_over(&limit) || host->stop(host->ctx))
		return ok;
	return bk_error(err, BK_STATE_UNREACHABLE, "the server did not answer within %lld ms",
					(long long) request->timeout);
}

static bool
is_over(void *arg)
{
	const Limit *limit = arg;

	return bk_clock_monotonic_ms() >= limit->until || limit->host->stop(limit->host->ctx);
}

static bool
ask(BkPg *pg, const BkRequest *request, const BkHost *host, BkError *err)
{
	char	   *schema = NULL;
	bool		ok;

	/* Should we be killed, the server ends the query by itself. */
	ok = bk_pg_runf(pg, err, "SET statement_timeout = %lld", (long long) request->timeout) &&
		bk_pg_run(pg, "SET default_transaction_read_only = on", err) &&
		bk_pg_run(pg, "SET TimeZone = 'UTC'", err) &&
		(schema = find_schema(pg, request, err)) != NULL &&
		bk_pg_runf(pg, err, "SET search_path = pg_catalog, %s, pg_temp", schema) &&
		(request->openmetrics
		 ? report(pg, "metrics", metrics_sql, host, err)
		 : report(pg, "status", status_sql, host, err));
	free(schema);
	return ok;
}

/* Where the extension is, quoted; fresh. */
static char *
find_schema(BkPg *pg, const BkRequest *request, BkError *err)
{
	char	   *schema;

	if (bk_pg_value(pg, "SELECT quote_ident(n.nspname) FROM pg_extension AS e"
					" JOIN pg_namespace AS n ON n.oid = e.extnamespace"
					" WHERE e.extname = 'backup_ext'", NULL, &schema, err))
		return schema;
	if (bk_error_is(err, BK_STATE_NO_OBJECT))
	{
		bk_error(err, BK_STATE_NO_OBJECT, "extension \"backup_ext\" is not installed in database \"%s\"",
				 bk_common_maintenance_database(request));
		bk_error_hint(err, "Name the database in which it is with --home, or run there: CREATE EXTENSION backup_ext;");
	}
	return NULL;
}

static bool
report(BkPg *pg, const char *kind, const char *sql, const BkHost *host,
	   BkError *err)
{
	BkJson	   *body = bk_pg_json(pg, sql, NULL, err);

	if (body == NULL)
		return false;
	host->record(host->ctx, kind, body);
	bk_json_free(body);
	return true;
}
