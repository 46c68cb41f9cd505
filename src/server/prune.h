/*
 * prune.h
 *	  Old rows of the history of runs go.
 */
#ifndef BK_SERVER_PRUNE_H
#define BK_SERVER_PRUNE_H

#include "datatype/timestamp.h"

/*
 * Takes out some of the rows that are older than backup_ext.history, but never
 * the last attempt or the last success of a verb for a database or a schedule.
 * A concern of the keeper: returns when it wants to go on; 0: any time will do.
 */
extern TimestampTz bk_prune_history(TimestampTz now);

#endif							/* BK_SERVER_PRUNE_H */
