/*
 * pg.c
 *	  Talk to a server through libpq.
 *
 * The host switches SIGPIPE off; everything else that libpq needs is in here.
 *
 * Every statement goes through wait_end(), the one loop that waits for the
 * server. It waits in slices, and asks between them whether to go on. Calls
 * of libpq that wait on their own (a connection attempt with its name lookup,
 * the request to cancel) are errands, which can be given up.
 *
 * A statement that was given up may still run: its connection stays busy, and
 * libpq refuses every other statement on it.
 */
#include "source/pg.h"

#include <poll.h>
#include <stdlib.h>
#include <string.h>

#include <libpq-fe.h>

#include "core/buf.h"
#include "core/clock.h"
#include "core/errand.h"

/* Limits in milliseconds */
#define SLICE_MS		100		/* from one question whether to stop to the next */
#define CONNECT_MS		30000	/* a connection attempt with all its hosts */
#define INSIST_MS		10000	/* a statement after bk_pg_insist() */
#define CANCEL_MS		2000	/* the end of a statement that was canceled */

struct BkPg
{
	PGconn	   *conn;
	const BkHost *host;			/* may stop the waits; NULL: nobody can */
	int			limit;			/* milliseconds for a statement, 0: none */
	int64_t		until;			/* when the time of the started one is over */
};

struct BkPgRows
{
	PGresult   *result;
};

/* What an errand needs to connect. */
typedef struct Attempt
{
	char	   *conninfo;
	PGconn	   *conn;
} Attempt;

/* A session that may live for hours, and whose names must mean one thing. */
static const char session_setup[] =
	"SET statement_timeout = 0;"
	"SET lock_timeout = 0;"
	"SET idle_in_transaction_session_timeout = 0;"
	"SET idle_session_timeout = 0;"
	"SET default_transaction_read_only = off;"
	"SET search_path = pg_catalog;"
	"SET client_encoding = 'UTF8';"
	"SET DateStyle = 'ISO';"
	"SET row_security = off;";

static PGconn *connect_server(const BkPgTarget *target, BkError *err);
static void run_attempt(void *arg);
static void drop_attempt(void *arg);
static bool start_session(BkPg *pg, const BkPgTarget *target, BkError *err);
static bool begin(BkPg *pg, BkError *err);
static bool go_on(const BkPg *pg, BkError *err);
static PGresult *finish(BkPg *pg, BkError *err);
static bool wait_end(BkPg *pg, PGresult **result, BkError *err);
static bool is_good(const PGresult *result);
static bool cancel(BkPg *pg, PGresult **result);
static bool send_cancel(const BkPg *pg);
static void run_cancel(void *arg);
static void drop_cancel(void *arg);
static void append_options(BkBuf *buf, const BkPgTarget *target);
static void append_option(BkBuf *buf, const char *key, const char *value);
static bool set_server_error(const PGresult *result, const PGconn *conn,
							 BkError *err);
static bool set_client_error(const PGconn *conn, const char *sqlstate,
							 BkError *err);
static void drop_notice(void *arg, const PGresult *result);

char *
bk_pg_conninfo(const BkPgTarget *target, BkError *err)
{
	BkBuf		buf;

	bk_buf_init(&buf);
	bk_buf_printf(&buf, "%s", target->conninfo);
	if (target->no_event_triggers)
		append_options(&buf, target);
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
	BkPg	   *pg = calloc(1, sizeof(BkPg));

	if (pg == NULL)
	{
		bk_error_memory(err);
		return NULL;
	}
	pg->host = target->host;
	pg->conn = connect_server(target, err);
	if (pg->conn != NULL && start_session(pg, target, err))
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

void
bk_pg_insist(BkPg *pg)
{
	pg->host = NULL;
	pg->limit = INSIST_MS;
}

BkPgRows *
bk_pg_query(BkPg *pg, const char *sql, int count, const char *const *values,
			BkError *err)
{
	PGresult   *result;
	BkPgRows   *rows;

	if (!begin(pg, err))
		return NULL;
	if (PQsendQueryParams(pg->conn, sql, count, NULL, values, NULL, NULL, 0) != 1)
	{
		set_client_error(pg->conn, BK_STATE_DISCONNECTED, err);
		return NULL;
	}
	result = finish(pg, err);
	if (result == NULL)
		return NULL;
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
bk_pg_start_async(BkPg *pg, const char *sql, BkError *err)
{
	return begin(pg, err) &&
		(PQsendQuery(pg->conn, sql) == 1 ||
		 set_client_error(pg->conn, BK_STATE_DISCONNECTED, err));
}

bool
bk_pg_wait_async(BkPg *pg, int milliseconds, bool *done, BkError *err)
{
	struct pollfd fd = {.fd = PQsocket(pg->conn), .events = POLLIN};

	/* A long statement may wait for room in the socket. */
	if (PQflush(pg->conn) == 1)
		fd.events |= POLLOUT;
	*done = !PQisBusy(pg->conn);
	if (*done)
		return true;
	(void) poll(&fd, 1, milliseconds);
	if (PQconsumeInput(pg->conn) != 1)
		return set_client_error(pg->conn, BK_STATE_DISCONNECTED, err);
	*done = !PQisBusy(pg->conn);
	return true;
}

bool
bk_pg_finish_async(BkPg *pg, BkError *err)
{
	PGresult   *result = finish(pg, err);

	PQclear(result);
	return result != NULL;
}

void
bk_pg_cancel_async(BkPg *pg)
{
	PGresult   *result = NULL;

	(void) cancel(pg, &result);
	PQclear(result);
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

/*
 * Connect by way of an errand: PQconnectPoll() would look up names, which
 * cannot be interrupted, and would not go on from a host that is silent to
 * the next one of a list, as PQconnectdbParams() does.
 */
static PGconn *
connect_server(const BkPgTarget *target, BkError *err)
{
	int64_t		until = bk_clock_monotonic_ms() + CONNECT_MS;
	Attempt    *attempt = calloc(1, sizeof(Attempt));
	BkErrand   *errand = NULL;
	PGconn	   *conn;

	if (attempt == NULL)
	{
		bk_error_memory(err);
		return NULL;
	}
	attempt->conninfo = bk_pg_conninfo(target, err);
	if (attempt->conninfo != NULL)
		errand = bk_errand_start(run_attempt, drop_attempt, attempt, err);
	if (errand == NULL)
	{
		drop_attempt(attempt);
		return NULL;
	}
	while (!bk_errand_wait(errand, SLICE_MS))
	{
		bool		late = bk_clock_monotonic_ms() >= until;

		if (late)
			bk_error(err, BK_STATE_UNREACHABLE,
					 "the server did not answer within %d seconds", CONNECT_MS / 1000);
		if (late || (target->host != NULL && !bk_go_on(target->host, err)))
		{
			bk_errand_abandon(errand);
			return NULL;
		}
	}
	conn = attempt->conn;
	attempt->conn = NULL;
	drop_attempt(attempt);
	if (PQstatus(conn) == CONNECTION_OK)
		return conn;
	set_client_error(conn, BK_STATE_UNREACHABLE, err);
	bk_error_hint(err, "The server must run, and pg_hba.conf must let this login in. To log in in another way, set backup_ext.conninfo, or --conninfo for the program.");
	PQfinish(conn);
	return NULL;
}

/* What stands in the conninfo wins over what stands before it. */
static void
run_attempt(void *arg)
{
	Attempt    *attempt = arg;
	const char *const keys[] = {
		"connect_timeout",		/* seconds, for each host */
		"keepalives_idle", "keepalives_interval", "keepalives_count",
		"dbname", NULL
	};
	const char *const values[] = {
		"10", "60", "10", "6", attempt->conninfo, NULL
	};

	/* The conninfo is expanded once; the name inside it is not looked at. */
	attempt->conn = PQconnectdbParams(keys, values, 1);
}

static void
drop_attempt(void *arg)
{
	Attempt    *attempt = arg;

	PQfinish(attempt->conn);
	free(attempt->conninfo);
	free(attempt);
}

static bool
start_session(BkPg *pg, const BkPgTarget *target, BkError *err)
{
	char	   *role;
	bool		ok;

	PQsetNoticeReceiver(pg->conn, drop_notice, NULL);
	if (PQsetnonblocking(pg->conn, 1) != 0)
		return set_client_error(pg->conn, BK_STATE_DISCONNECTED, err);
	if (!bk_pg_run(pg, session_setup, err) ||
		(bk_pg_version(pg) >= 170000 &&
		 !bk_pg_run(pg, "SET transaction_timeout = 0", err)))
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

/* Before a statement is sent: may it be, and until when may it run? */
static bool
begin(BkPg *pg, BkError *err)
{
	pg->until = pg->limit == 0 ? 0 : bk_clock_monotonic_ms() + pg->limit;
	return go_on(pg, err);
}

/* May we go on waiting? */
static bool
go_on(const BkPg *pg, BkError *err)
{
	if (pg->host != NULL && !bk_go_on(pg->host, err))
		return false;
	if (pg->until == 0 || bk_clock_monotonic_ms() < pg->until)
		return true;
	return bk_error(err, BK_STATE_CANCELED,
					"the server did not end a statement within %d seconds",
					pg->limit / 1000);
}

/*
 * Wait for the end of what was sent, or have it canceled. Its last result, or
 * NULL with the error of the first that failed.
 */
static PGresult *
finish(BkPg *pg, BkError *err)
{
	PGresult   *result = NULL;

	if (wait_end(pg, &result, err))
	{
		if (is_good(result))
			return result;
		set_server_error(result, pg->conn, err);
	}
	else if (cancel(pg, &result) && is_good(result))
		return result;			/* the cancel came too late: it is done */
	PQclear(result);
	return NULL;
}

/*
 * Wait until the connection is free again. *result becomes the last result,
 * or the first that failed. False if the wait may not go on, or cannot.
 */
static bool
wait_end(BkPg *pg, PGresult **result, BkError *err)
{
	for (;;)
	{
		PGresult   *next;
		ExecStatusType status;
		bool		done = false;

		while (!done)
		{
			if (!go_on(pg, err))
				return false;
			/* The server's last words tell more than that it has gone. */
			if (!bk_pg_wait_async(pg, SLICE_MS, &done, err))
				return *result != NULL && !is_good(*result);
		}
		next = PQgetResult(pg->conn);
		if (next == NULL)
			return true;
		status = PQresultStatus(next);
		if (*result == NULL || is_good(*result))
		{
			PQclear(*result);
			*result = next;
		}
		else
			PQclear(next);
		/* Its result would come again and again. */
		if (status == PGRES_COPY_IN || status == PGRES_COPY_OUT ||
			status == PGRES_COPY_BOTH)
			return bk_error(err, BK_STATE_UNSUPPORTED,
							"a statement copies from or to its client");
	}
}

static bool
is_good(const PGresult *result)
{
	ExecStatusType status = PQresultStatus(result);

	return status == PGRES_TUPLES_OK || status == PGRES_COMMAND_OK;
}

/*
 * Have the statement canceled, and wait for its end. False if it may still
 * run: then the connection is good for nothing any more.
 */
static bool
cancel(BkPg *pg, PGresult **result)
{
	const BkHost *host = pg->host;
	BkError		ignored;
	bool		ended;

	pg->host = NULL;
	pg->until = bk_clock_monotonic_ms() + CANCEL_MS;
	ended = send_cancel(pg) && wait_end(pg, result, &ignored);
	pg->host = host;
	return ended;
}

/*
 * PQcancel() has no limit, so it is an errand. It must be over before the
 * connection is used again: a request that comes late hits what runs then.
 */
static bool
send_cancel(const BkPg *pg)
{
	PGcancel   *request = PQgetCancel(pg->conn);
	BkErrand   *errand = NULL;
	BkError		ignored;

	/* There is none on a connection that was lost. */
	if (request != NULL)
		errand = bk_errand_start(run_cancel, drop_cancel, request, &ignored);
	if (errand == NULL)
	{
		PQfreeCancel(request);
		return false;
	}
	while (!bk_errand_wait(errand, SLICE_MS))
	{
		if (go_on(pg, &ignored))
			continue;
		bk_errand_abandon(errand);
		return false;
	}
	PQfreeCancel(request);
	return true;
}

static void
run_cancel(void *arg)
{
	char		message[256];

	/* If it fails, the wait for the statement's end shows it. */
	(void) PQcancel(arg, message, sizeof(message));
}

static void
drop_cancel(void *arg)
{
	PQfreeCancel(arg);
}

/* Options that the conninfo has are kept: of two "options" the last one wins. */
static void
append_options(BkBuf *buf, const BkPgTarget *target)
{
	PQconninfoOption *given = PQconninfoParse(target->conninfo, NULL);
	BkBuf		options;

	bk_buf_init(&options);
	for (PQconninfoOption *o = given; o != NULL && o->keyword != NULL; o++)
	{
		if (strcmp(o->keyword, "options") == 0 && o->val != NULL)
			bk_buf_printf(&options, "%s ", o->val);
	}
	bk_buf_append_string(&options, "-c event_triggers=off");
	if (options.failed)
		buf->failed = true;
	else
		append_option(buf, "options", options.data);
	bk_buf_free(&options);
	PQconninfoFree(given);
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

	if (message == NULL)
		return set_client_error(conn, BK_STATE_DISCONNECTED, err);
	bk_error(err, sqlstate == NULL ? BK_STATE_SYSTEM : sqlstate, "%s", message);
	if (detail != NULL)
		bk_error_detail(err, "%s", detail);
	if (hint != NULL)
		bk_error_hint(err, "%s", hint);
	return false;
}

/* libpq's own words: the first line is the message, the others its detail. */
static bool
set_client_error(const PGconn *conn, const char *sqlstate, BkError *err)
{
	static const char blank[] = " \t\n";
	const char *text = PQerrorMessage(conn);
	size_t		len;
	BkBuf		rest;

	text += strspn(text, blank);
	len = strcspn(text, "\n");
	if (len == 0)
		return bk_error(err, sqlstate, "the server gave no answer");
	bk_error(err, sqlstate, "%.*s", (int) len, text);
	bk_buf_init(&rest);
	for (text += len; *(text += strspn(text, blank)) != '\0'; text += len)
	{
		len = strcspn(text, "\n");
		bk_buf_printf(&rest, "%s%.*s", rest.len > 0 ? "\n" : "", (int) len, text);
	}
	if (rest.len > 0 && !rest.failed)
		bk_error_detail(err, "%s", rest.data);
	bk_buf_free(&rest);
	return false;
}

static void
drop_notice(void *arg, const PGresult *result)
{
	(void) arg;
	(void) result;
}
