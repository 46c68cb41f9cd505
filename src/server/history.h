/*
 * history.h
 *	  What a session reads of finished runs, in its own transaction. The rows
 *	  belong to the extension's owner, so they are read as that user; always
 *	  the newest rows, whatever the isolation level.
 */
#ifndef BK_SERVER_HISTORY_H
#define BK_SERVER_HISTORY_H

#include "postgres.h"

#include "funcapi.h"

#include "server/shared.h"

/*
 * Reads how a run has ended. Returns false if there is no row of it; a run
 * that is not closed yet counts as failed, since it is not in shared memory.
 */
extern bool bk_history_outcome(int64 run, BkOutcome *outcome);

/*
 * Adds the "check" lines of a run to a result with the columns name, ok,
 * detail and, if there are four columns, hint.
 */
extern void bk_history_checks(int64 run, ReturnSetInfo *result);

/* Adds a row for each decision of a run that expires backups. */
extern void bk_history_decisions(int64 run, ReturnSetInfo *result);

#endif							/* BK_SERVER_HISTORY_H */
