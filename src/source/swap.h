/*
 * swap.h
 *	  Put a restored database in the place of a live one.
 */
#ifndef BK_SOURCE_SWAP_H
#define BK_SOURCE_SWAP_H

#include <stdbool.h>

#include "core/host.h"
#include "source/pg.h"

typedef struct BkSwap
{
	const char *live;			/* name that the application uses */
	const char *restored;		/* the new database */
	const char *kept;			/* name for the old one */
} BkSwap;

/*
 * Can the database be renamed at all? Refused where it has prepared
 * transactions, logical replication slots or subscriptions (55006), which
 * are tied to it and would be left on the old one.
 */
extern bool bk_swap_check(BkPg *pg, const char *live, BkError *err);

/*
 * Rename a database inside an open transaction. The name is locked first, so
 * that new sessions wait; then the sessions on it are ended from "helper", a
 * second connection.
 */
extern bool bk_swap_rename(BkPg *pg, BkPg *helper, const char *from,
						   const char *to, const BkHost *host, BkError *err);

/*
 * Carry over owner, ACL, settings, comment and connection limit, and rename
 * both databases as bk_swap_rename() does, all in one transaction. On failure
 * everything is as it was.
 */
extern bool bk_swap_run(BkPg *pg, BkPg *helper, const BkSwap *swap,
						const BkHost *host, BkError *err);

#endif
