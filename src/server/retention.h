/*
 * retention.h
 *	  What the worker of a run has to do with retention.
 */
#ifndef BK_SERVER_RETENTION_H
#define BK_SERVER_RETENTION_H

#include "server/shared.h"

/*
 * Returns the arguments of an "expire" run that only its worker knows: the
 * policies may be too many for the slot of a run. Needs no transaction.
 */
extern char *bk_retention_arguments(void);

/*
 * Queues a run that expires what a new backup makes superfluous, if anything may be
 * and none is queued. Needs no transaction; a failure is logged.
 */
extern void bk_retention_follow(void);

#endif							/* BK_SERVER_RETENTION_H */
