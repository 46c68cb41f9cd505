/*
 * pg.h
 *	  The one door to libpq.
 *
 * A connection is described by a target: where the server is, as a libpq
 * conninfo without a database, a role to become, and a database, whose name
 * is never interpreted. Statements that carry values take them as parameters;
 * names in DDL are quoted by bk_pg_identifier.
 *
 * While a function here waits, for a connection or for the end of a
 * statement, it asks the target's host several times a second whether to
 * stop. Then the statement is canceled and its end awaited, which leaves the
 * connection free for a ROLLBACK; the error is the host's (57014). A
 * statement that the cancel did not stop in time is a success.
 */
#ifndef BK_SOURCE_PG_H
#define BK_SOURCE_PG_H

#include <stdbool.h>
#include <stdint.h>

#include "core/host.h"

typedef struct BkPg BkPg;
typedef struct BkPgRows BkPgRows;

typedef struct BkPgTarget
{
	const char *conninfo;		/* where the server is; no dbname */
	const char *role;			/* SET ROLE to it; NULL: none */
	const char *database;
	const char *application;	/* application_name to show */
	const BkHost *host;			/* may stop every wait; NULL: nobody can */

	/*
	 * Switch event triggers off, those at login, too. Servers before version
	 * 17 and logins that are no superuser refuse such a connection.
	 */
	bool		no_event_triggers;
} BkPgTarget;

/*
 * The whole conninfo of a target as a fresh string (the caller frees it). The
 * database goes in as dbname='...' with quotes and backslashes escaped
 * (PostgreSQL docs, "Connection Strings"), last, so that it wins.
 */
extern char *bk_pg_conninfo(const BkPgTarget *target, BkError *err);

/*
 * Connect, set the role, and switch off the timeouts that could end a long
 * session. An attempt is limited to 10 seconds for each host, unless the
 * conninfo has a connect_timeout, and to 30 seconds in all. Errors: those of
 * the server, and 08001 where it cannot be reached. The host must live as
 * long as the connection.
 */
extern BkPg *bk_pg_connect(const BkPgTarget *target, BkError *err);

/*
 * For cleaning up: from now on the connection does not ask the host any more,
 * which may have stopped us, and gives up a statement after 10 seconds
 * (57014).
 */
extern void bk_pg_insist(BkPg *pg);

/* Disconnect and free; NULL is allowed. */
extern void bk_pg_close(BkPg *pg);

/*
 * Run one statement with up to "count" text parameters. The rows are the
 * caller's to free. NULL on failure, with the server's SQLSTATE and words.
 */
extern BkPgRows *bk_pg_query(BkPg *pg, const char *sql, int count,
							 const char *const *values, BkError *err);

/* Run one statement without parameters and drop its result. */
extern bool bk_pg_run(BkPg *pg, const char *sql, BkError *err);

/* Run one statement of printf form and drop its result. */
extern bool bk_pg_runf(BkPg *pg, BkError *err, const char *fmt,...)
			__attribute__((format(printf, 3, 4)));

/*
 * Run a query that gives one row with one column, as a fresh string that the
 * caller frees (*value is NULL for an SQL null). No row: 42704.
 */
extern bool bk_pg_value(BkPg *pg, const char *sql, const char *parameter,
						char **value, BkError *err);

/*
 * Start a statement without waiting. While it runs the connection is good for
 * nothing else. bk_pg_wait_async() tells whether the result is there after at
 * most "milliseconds", and asks nobody; bk_pg_finish_async() waits for the
 * end as the functions above do.
 */
extern bool bk_pg_start_async(BkPg *pg, const char *sql, BkError *err);
extern bool bk_pg_wait_async(BkPg *pg, int milliseconds, bool *done,
							 BkError *err);
extern bool bk_pg_finish_async(BkPg *pg, BkError *err);

/*
 * Cancel a started statement and wait for its end, whatever it was: two
 * seconds at most, and then the connection stays busy.
 */
extern void bk_pg_cancel_async(BkPg *pg);

/* Does a query with one parameter, or none (NULL), give any row? */
extern bool bk_pg_has(BkPg *pg, const char *sql, const char *parameter,
					  bool *has, BkError *err);

/*
 * Run a query that gives one JSON object as text. The caller frees it; NULL on
 * failure.
 */
extern BkJson *bk_pg_json(BkPg *pg, const char *sql, const char *parameter,
						  BkError *err);

/* Number of rows, a field (NULL for an SQL null), and the end of a result. */
extern int	bk_pg_count(const BkPgRows *rows);
extern const char *bk_pg_field(const BkPgRows *rows, int row, int column);
extern void bk_pg_free(BkPgRows *rows);

/* A name or a text as it stands in SQL, quoted; fresh, NULL if out of memory. */
extern char *bk_pg_identifier(BkPg *pg, const char *name);
extern char *bk_pg_literal(BkPg *pg, const char *text);

/* server_version_num of the server. */
extern int	bk_pg_version(const BkPg *pg);

#endif
