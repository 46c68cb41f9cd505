/*
 * pg.c
 *	  Talk to a server through libpq.
 *
 * The host switches SIGPIPE off; everything else that libpq needs is in here.
 */
#include "source/pg.h"

#include <poll.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <libpq-fe.h>

#include "core/buf.h"

struct BkPg
{
	PGconn	   *conn;
};

struct BkPgRows
{
	PGresult   *result;
};

/* A session that may live for hours, and whose names must mean one thing. */
static const char session_setup[] =
	"SET statement_timeout = 0;"
	"SET lock_timeout = 0;"
	"SET idle_in_transaction_session_timeout = 0;"
	"SET search_path = pg_catalog;"
	"SET client_encoding = 'UTF8';"
	"SET DateStyle = 'ISO';"
	"SET row_security = off;";

static bool start_session(BkPg *pg, const BkPgTarget *target, BkError *err);
static void append_option(BkBuf *buf, const char *key, const char *value);
static bool set_server_error(const PGresult *result, const PGconn *conn,
							 BkError *err);
static void copy_line(char *to, size_t size, const char *from);
static void drop_notice(void *arg, const PGresult *result);

char *
bk_pg_conninfo(const BkPgTarget *target, BkError *err)
{
	BkBuf		buf;

	bk_buf_init(&buf);
	bk_buf_printf(&buf, "%s", target->conninfo);
	append_option(&buf, "application_name", target->application);
	append_option(&buf, "dbname", target->database);
	if (!buf.failed)
		return buf.data;
	bk_buf_free(&buf);
	bk_error_memory(err);
	return NULL;
}

BkPg *
bk_pg_connect(const BkPgTarget *target, BkError *err)
{
	char	   *conninfo = bk_pg_conninfo(target, err);
	const char *const keys[] = {"connect_timeout", "dbname", NULL};
	const char *const values[] = {"30", conninfo, NULL};
	BkPg	   *pg;

	if (conninfo == NULL)
		return NULL;
	pg = calloc(1, sizeof(BkPg));
	if (pg == NULL)
	{
		free(conninfo);
		bk_error_memory(err);
		return NULL;
	}

	/* The conninfo is expanded once; the name inside it is not looked at. */
	pg->conn = PQconnectdbParams(keys, values, 1);
	free(conninfo);
	if (PQstatus(pg->conn) != CONNECTION_OK)
	{
		set_server_error(NULL, pg->conn, err);
		bk_error_hint(err, "The server must run, and pg_hba.conf must let this login in. To log in in another way, set backup_ext.conninfo, or --conninfo for the program.");
	}
	else if (start_session(pg, target, err))
		return pg;
	bk_pg_close(pg);
	return NULL;
}

void
bk_pg_close(BkPg *pg)
{
	if (pg == NULL)
		return;
	PQfinish(pg->conn);
	free(pg);
}

BkPgRows *
bk_pg_query(BkPg *pg, const char *sql, int count, const char *const *values,
			BkError *err)
{
	PGresult   *result = PQexecParams(pg->conn, sql, count, NULL, values,
									  NULL, NULL, 0);
	ExecStatusType status = PQresultStatus(result);
	BkPgRows   *rows;

	if (status != PGRES_TUPLES_OK && status != PGRES_COMMAND_OK)
	{
		set_server_error(result, pg->conn, err);
		PQclear(result);
		return NULL;
	}
	rows = calloc(1, sizeof(BkPgRows));
	if (rows == NULL)
	{
		PQclear(result);
		bk_error_memory(err);
		return NULL;
	}
	rows->result = result;
	return rows;
}

bool
bk_pg_run(BkPg *pg, const char *sql, BkError *err)
{
	PGresult   *result = PQexec(pg->conn, sql);
	ExecStatusType status = PQresultStatus(result);
	bool		ok = status == PGRES_TUPLES_OK || status == PGRES_COMMAND_OK;

	if (!ok)
		set_server_error(result, pg->conn, err);
	PQclear(result);
	return ok;
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
bk_pg_start_async(BkPg *pg, const char *sql, BkError *err)
{
	return PQsendQuery(pg->conn, sql) == 1 ||
		set_server_error(NULL, pg->conn, err);
}

bool
bk_pg_wait_async(BkPg *pg, int milliseconds, bool *done, BkError *err)
{
	struct pollfd fd = {.fd = PQsocket(pg->conn), .events = POLLIN};

	*done = false;
	(void) poll(&fd, 1, milliseconds);
	if (PQconsumeInput(pg->conn) != 1)
		return set_server_error(NULL, pg->conn, err);
	*done = !PQisBusy(pg->conn);
	return true;
}

bool
bk_pg_finish_async(BkPg *pg, BkError *err)
{
	PGresult   *result;
	bool		ok = true;

	while ((result = PQgetResult(pg->conn)) != NULL)
	{
		ExecStatusType status = PQresultStatus(result);

		if (ok && status != PGRES_TUPLES_OK && status != PGRES_COMMAND_OK)
			ok = set_server_error(result, pg->conn, err);
		PQclear(result);
	}
	return ok;
}

void
bk_pg_cancel_async(BkPg *pg)
{
	PGcancel   *cancel = PQgetCancel(pg->conn);
	char		message[256];
	BkError		ignored;

	if (cancel != NULL)
		(void) PQcancel(cancel, message, sizeof(message));
	PQfreeCancel(cancel);
	(void) bk_pg_finish_async(pg, &ignored);
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

int
bk_pg_count(const BkPgRows *rows)
{
	return PQntuples(rows->result);
}

const char *
bk_pg_field(const BkPgRows *rows, int row, int column)
{
	if (PQgetisnull(rows->result, row, column))
		return NULL;
	return PQgetvalue(rows->result, row, column);
}

void
bk_pg_free(BkPgRows *rows)
{
	if (rows == NULL)
		return;
	PQclear(rows->result);
	free(rows);
}

char *
bk_pg_identifier(BkPg *pg, const char *name)
{
	char	   *quoted = PQescapeIdentifier(pg->conn, name, strlen(name));
	char	   *copy = quoted == NULL ? NULL : strdup(quoted);

	PQfreemem(quoted);
	return copy;
}

char *
bk_pg_literal(BkPg *pg, const char *text)
{
	char	   *quoted = PQescapeLiteral(pg->conn, text, strlen(text));
	char	   *copy = quoted == NULL ? NULL : strdup(quoted);

	PQfreemem(quoted);
	return copy;
}

int
bk_pg_version(const BkPg *pg)
{
	return PQserverVersion(pg->conn);
}

static bool
start_session(BkPg *pg, const BkPgTarget *target, BkError *err)
{
	char	   *role;
	bool		ok;

	PQsetNoticeReceiver(pg->conn, drop_notice, NULL);
	if (!bk_pg_run(pg, session_setup, err))
		return false;
	if (target->role == NULL)
		return true;
	role = bk_pg_identifier(pg, target->role);
	if (role == NULL)
		return bk_error_memory(err);
	ok = bk_pg_runf(pg, err, "SET ROLE %s", role);
	free(role);
	return ok;
}

static void
append_option(BkBuf *buf, const char *key, const char *value)
{
	bk_buf_printf(buf, " %s='", key);
	for (const char *c = value; *c != '\0'; c++)
	{
		if (*c == '\'' || *c == '\\')
			bk_buf_append(buf, "\\", 1);
		bk_buf_append(buf, c, 1);
	}
	bk_buf_append(buf, "'", 1);
}

/* Turn what the server, or libpq itself, said into an error record. */
static bool
set_server_error(const PGresult *result, const PGconn *conn, BkError *err)
{
	const char *sqlstate = PQresultErrorField(result, PG_DIAG_SQLSTATE);
	const char *message = PQresultErrorField(result, PG_DIAG_MESSAGE_PRIMARY);
	const char *detail = PQresultErrorField(result, PG_DIAG_MESSAGE_DETAIL);
	const char *hint = PQresultErrorField(result, PG_DIAG_MESSAGE_HINT);
	char		line[512];

	if (message == NULL)
	{
		copy_line(line, sizeof(line), PQerrorMessage(conn));
		return bk_error(err, PQstatus(conn) == CONNECTION_OK
						? BK_STATE_DISCONNECTED : BK_STATE_UNREACHABLE,
						"%s", line);
	}
	bk_error(err, sqlstate == NULL ? BK_STATE_SYSTEM : sqlstate, "%s", message);
	if (detail != NULL)
		bk_error_detail(err, "%s", detail);
	if (hint != NULL)
		bk_error_hint(err, "%s", hint);
	return false;
}

/* libpq's messages end in a line feed and may have several lines. */
static void
copy_line(char *to, size_t size, const char *from)
{
	size_t		len = strlen(from);

	while (len > 0 && from[len - 1] == '\n')
		len--;
	if (len >= size)
		len = size - 1;
	for (size_t i = 0; i < len; i++)
		to[i] = from[i] == '\n' || from[i] == '\t' ? ' ' : from[i];
	to[len] = '\0';
}

static void
drop_notice(void *arg, const PGresult *result)
{
	(void) arg;
	(void) result;
}
