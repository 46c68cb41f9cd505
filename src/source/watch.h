/*
 * watch.h
 *	  Notice when a dump keeps others waiting.
 *
 * A dump holds ACCESS SHARE on every table. A session that wants ACCESS
 * EXCLUSIVE queues behind it, and everybody else queues behind that session:
 * the application stands still although the dump itself blocks no reader. So
 * the dump gives way after a limit.
 */
#ifndef BK_SOURCE_WATCH_H
#define BK_SOURCE_WATCH_H

#include <stdbool.h>
#include <stdint.h>

#include "source/pg.h"

typedef struct BkWatch
{
	BkPg	   *pg;				/* any session of the server; borrowed */
	const char *application;	/* application_name of the dump's sessions */
	int64_t		limit;			/* milliseconds, 0: no watch */
	int64_t		next;			/* when to look again */
} BkWatch;

/* Start a watch; it looks once a second. */
extern void bk_watch_init(BkWatch *watch, BkPg *pg, const char *application,
						  int64_t limit);

/*
 * Look, if it is time to. An error (55P03) when somebody has waited for the
 * dump longer than the limit.
 */
extern bool bk_watch_look(BkWatch *watch, BkError *err);

#endif
