/*
 * schedule_part.h
 *	  The parts of a slot's work: one for each database or backup that it is
 *	  about, one after the other. As in schedule.h, the caller has a transaction.
 */
#ifndef BK_SERVER_SCHEDULE_PART_H
#define BK_SERVER_SCHEDULE_PART_H

#include "server/schedule.h"
#include "server/shared.h"

/* What is to be done when the transaction is committed. */
typedef struct BkTask
{
	MemoryContext context;		/* where its runs live */
	List	   *rows;			/* BkRun that will never be: their rows */
	BkRun	   *run;			/* to be queued; NULL: none */
} BkTask;

/*
 * Sees how the runs that were begun have ended: their parts go, or are to be
 * tried again.
 */
extern void bk_part_settle(BkSchedule *schedule, TimestampTz now);

/* Is a run of the schedule under way? */
extern bool bk_part_is_running(const BkSchedule *schedule);

/* Is there a part that was not begun yet, and does not wait to be tried again? */
extern bool bk_part_is_left(const BkSchedule *schedule);

/* Takes away the parts that no run is under way for. */
extern void bk_part_drop_waiting(BkSchedule *schedule);

/* Makes the parts of the slot that the schedule is at. */
extern void bk_part_expand(BkSchedule *schedule, BkTask *task);

/* Begins a part that may begin now, if there is one; it is to be queued then. */
extern void bk_part_begin_next(BkSchedule *schedule, TimestampTz now, BkTask *task);

/* When may the first part begin that waits? 0: at once; DT_NOEND: none waits. */
extern TimestampTz bk_part_next(const BkSchedule *schedule);

/* Notes that a slot was skipped, and why. */
extern void bk_part_skip(const BkSchedule *schedule, TimestampTz slot_at,
						 BkTask *task, const char *why);

#endif							/* BK_SERVER_SCHEDULE_PART_H */
