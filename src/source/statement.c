/*
 * statement.c
 *	  Statements in handy forms: what pg.h builds on its own few calls.
 */
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "core/buf.h"
#include "source/pg.h"

bool
bk_pg_run(BkPg *pg, const char *sql, BkError *err)
{
	return bk_pg_start_async(pg, sql, err) && bk_pg_finish_async(pg, err);
}

bool
bk_pg_runf(BkPg *pg, BkError *err, const char *fmt,...)
{
	BkBuf		buf;
	va_list		args;
	bool		ok;

	bk_buf_init(&buf);
	va_start(args, fmt);
	bk_buf_vprintf(&buf, fmt, args);
	va_end(args);
	ok = buf.failed ? bk_error_memory(err) : bk_pg_run(pg, buf.data, err);
	bk_buf_free(&buf);
	return ok;
}

bool
bk_pg_value(BkPg *pg, const char *sql, const char *parameter, char **value,
			BkError *err)
{
	const char *values[1] = {parameter};
	BkPgRows   *rows = bk_pg_query(pg, sql, parameter != NULL, values, err);
	const char *field;
	bool		ok = true;

	*value = NULL;
	if (rows == NULL)
		return false;
	if (bk_pg_count(rows) == 0)
		ok = bk_error(err, BK_STATE_NO_OBJECT, "the server returned no row");
	else if ((field = bk_pg_field(rows, 0, 0)) != NULL &&
			 (*value = strdup(field)) == NULL)
		ok = bk_error_memory(err);
	bk_pg_free(rows);
	return ok;
}

bool
bk_pg_has(BkPg *pg, const char *sql, const char *parameter, bool *has,
		  BkError *err)
{
	const char *values[1] = {parameter};
	BkPgRows   *rows = bk_pg_query(pg, sql, parameter != NULL, values, err);

	*has = rows != NULL && bk_pg_count(rows) > 0;
	bk_pg_free(rows);
	return rows != NULL;
}

BkJson *
bk_pg_json(BkPg *pg, const char *sql, const char *parameter, BkError *err)
{
	char	   *text;
	BkJson	   *json;

	if (!bk_pg_value(pg, sql, parameter, &text, err))
		return NULL;
	if (text == NULL)
	{
		bk_error(err, BK_STATE_NO_OBJECT, "the server returned nothing");
		return NULL;
	}
	json = bk_json_parse(text, strlen(text), "what the server returned", err);
	free(text);
	return json;
}
