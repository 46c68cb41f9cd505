/*
 * archive_agent.h
 *	  The archiver's long-lived child, "pg_backup_ext archive-agent"; see
 *	  src/PROTOCOL.md, "Archiving".
 *
 * The child is started when a file is to be archived, and started anew when it
 * has died, has fallen silent, or when a setting that it was given has changed.
 */
#ifndef BK_SERVER_ARCHIVE_AGENT_H
#define BK_SERVER_ARCHIVE_AGENT_H

#include "server/outcome.h"

typedef enum BkPush
{
	BK_PUSH_DONE,				/* durable and confirmed in the repository */
	BK_PUSH_FAILED,
	BK_PUSH_LATER				/* nothing new is wrong: ask again */
} BkPush;

/*
 * Has a file of pg_wal archived. Waits as long as something moves, but neither
 * beyond a stop of the server nor beyond a change of its settings. Sets
 * *failure if it failed. May raise any error; then call bk_agent_drop.
 */
extern BkPush bk_agent_push(const char *name, BkOutcome *failure);

/*
 * Was the latch of this process reset since the last question? Whoever waits
 * for it next must not miss what it was set for.
 */
extern bool bk_agent_took_latch(void);

/* Stops the child if there is one. */
extern void bk_agent_drop(void);

#endif							/* BK_SERVER_ARCHIVE_AGENT_H */
