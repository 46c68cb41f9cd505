/*
 * rows.c
 *	  Count restored rows.
 *
 * Names stand in the contents as bytes of the database's encoding, so the
 * session speaks that encoding.
 */
#include "job/rows.h"

#include <stdlib.h>
#include <string.h>

#include "core/buf.h"
#include "job/contents.h"
#include "repo/layout.h"
#include "repo/object.h"

typedef struct Count
{
	const BkHost *host;
	BkPg	   *pg;
	int64_t		tables;
	int64_t		large_objects;
	bool		has_large_objects;
} Count;

static bool count_line(void *arg, const BkContentsLine *line, BkError *err);
static bool count_table(Count *count, const char *table,
						const BkContentsLine *line, BkError *err);
static bool is_of_extension(BkPg *pg, const char *table, BkError *err);
static bool check_large_objects(Count *count, BkError *err);
static bool query_number(BkPg *pg, const char *sql, int64_t *number,
						 BkError *err);
static bool differ(const char *name, int64_t expected, int64_t found,
				   BkError *err);

bool
bk_rows_check(const BkPgTarget *target, const BkHost *host,
			  BkRepository *repo, const BkManifest *manifest, BkError *err)
{
	Count		count = {.host = host};
	BkReader   *reader = NULL;
	bool		ok;

	count.pg = bk_pg_connect(target, err);
	ok = count.pg != NULL &&
		bk_pg_run(count.pg, "SELECT set_config('client_encoding', current_setting('server_encoding'), false)", err) &&
		(reader = bk_object_reader(repo, manifest, BK_STREAM_CONTENTS, err)) != NULL &&
		bk_contents_read(reader, NULL, count_line, &count, err) &&
		check_large_objects(&count, err);
	bk_reader_close(reader);
	bk_pg_close(count.pg);
	return ok;
}

static bool
count_line(void *arg, const BkContentsLine *line, BkError *err)
{
	Count	   *count = arg;
	char	   *schema;
	char	   *name;
	BkBuf		table;
	bool		ok;

	if (!bk_go_on(count->host, err))
		return false;
	if (line->name == NULL)
	{
		count->has_large_objects = true;
		count->large_objects += line->rows;
		return true;
	}
	bk_progress(count->host, "count", line->name, 0, 0);
	schema = bk_pg_identifier(count->pg, line->schema == NULL ? "" : line->schema);
	name = bk_pg_identifier(count->pg, line->name);
	bk_buf_init(&table);
	if (schema != NULL && name != NULL)
		bk_buf_printf(&table, "%s.%s", schema, name);
	else
		table.failed = true;
	ok = bk_buf_check(&table, err) && count_table(count, table.data, line, err);
	bk_buf_free(&table);
	free(schema);
	free(name);
	return ok;
}

/* A dump has the rows of each table without those of its children. */
static bool
count_table(Count *count, const char *table, const BkContentsLine *line,
			BkError *err)
{
	BkBuf		sql;
	int64_t		found;
	bool		ok;

	bk_buf_init(&sql);
	bk_buf_printf(&sql, "SELECT count(*) FROM ONLY %s", table);
	ok = bk_buf_check(&sql, err) &&
		query_number(count->pg, sql.data, &found, err);
	bk_buf_free(&sql);
	if (!ok && bk_error_is(err, BK_STATE_NO_TABLE))
	{
		bk_error(err, BK_STATE_CORRUPT, "the restored database does not have the tables of its backup");
		return bk_error_detail(err, "%s is missing.", table);
	}
	if (!ok || found == line->rows)
		return ok;
	if (found > line->rows && is_of_extension(count->pg, table, err))
		return true;
	return differ(table, line->rows, found, err);
}

static bool
is_of_extension(BkPg *pg, const char *table, BkError *err)
{
	const char *values[] = {table};
	BkPgRows   *rows = bk_pg_query(pg, "SELECT 1 FROM pg_depend WHERE classid = 'pg_class'::regclass"
								   " AND objid = $1::regclass AND deptype = 'e'",
								   1, values, err);
	bool		found = rows != NULL && bk_pg_count(rows) > 0;

	bk_pg_free(rows);
	return found;
}

static bool
check_large_objects(Count *count, BkError *err)
{
	int64_t		found;

	if (!count->has_large_objects)
		return true;
	if (!query_number(count->pg, "SELECT count(*) FROM pg_largeobject_metadata",
					  &found, err))
		return false;
	return found == count->large_objects ||
		differ("large objects", count->large_objects, found, err);
}

static bool
query_number(BkPg *pg, const char *sql, int64_t *number, BkError *err)
{
	char	   *value;

	if (!bk_pg_value(pg, sql, NULL, &value, err))
		return false;
	*number = value == NULL ? 0 : strtoll(value, NULL, 10);
	free(value);
	return true;
}

static bool
differ(const char *name, int64_t expected, int64_t found, BkError *err)
{
	bk_error(err, BK_STATE_CORRUPT, "the restored database does not have the rows of its backup");
	return bk_error_detail(err, "%s has %lld rows, the backup has %lld.", name,
						   (long long) found, (long long) expected);
}
