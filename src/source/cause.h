/*
 * cause.h
 *	  Why one of PostgreSQL's programs failed, as far as its words tell.
 */
#ifndef BK_SOURCE_CAUSE_H
#define BK_SOURCE_CAUSE_H

#include <stdbool.h>

#include "core/error.h"

/* Which way the data was going: the same words call for different advice. */
typedef enum BkCauseWay
{
	BK_CAUSE_DUMP = 1,
	BK_CAUSE_RESTORE = 2
} BkCauseWay;

/*
 * If the words in the detail of a failed program (58000) tell a known cause,
 * give the error its SQLSTATE and a hint. Returns false.
 */
extern bool bk_cause_explain(BkCauseWay way, BkError *err);

#endif
