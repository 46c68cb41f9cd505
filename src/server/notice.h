/*
 * notice.h
 *	  One message by one channel. PROTOCOL.md ("Messages") is the authority for
 *	  what a message is.
 */
#ifndef BK_SERVER_NOTICE_H
#define BK_SERVER_NOTICE_H

#include "access/htup.h"
#include "access/tupdesc.h"

#include "server/shared.h"
#include "server/statement.h"

/* The columns of backup_channel_data, as c, that the function below reads first. */
#define BK_NOTICE_COLUMNS \
	"c.kind, c.target, c.secret_file, c.sender, c.recipients, c.login, c.arguments," \
	" c.ca_file, c.proxy, c.plaintext, c.changed_by"
#define BK_NOTICE_COLUMN_COUNT 11

/*
 * Returns a run, in a memory context, that sends a message by the channel of a
 * row with those columns; NULL: by this transaction, it is sent when that is
 * committed.
 */
extern BkRun *bk_notice_send(HeapTuple row, TupleDesc columns,
							 const char *message, MemoryContext context);

/* Returns a message that says that this is a test. */
extern char *bk_notice_test(void);

/*
 * Adds what every message says of this server, for the statements that write
 * messages: $1 the time, $2 system identifier, $3 cluster name, $4 host, $5 port.
 */
extern void bk_notice_add_server(BkValues *values, TimestampTz now);

/* The members that these are, for json_build_object(). */
#define BK_NOTICE_SERVER \
	"'version', 1, 'cluster', $3, 'host', $4, 'port', $5, 'system_identifier', $2," \
	" 'at', to_char($1 AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS\"Z\"')"

#endif							/* BK_SERVER_NOTICE_H */
