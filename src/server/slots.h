/*
 * slots.h
 *	  Which slots of a schedule are due. Works on what is read and written with
 *	  schedule.h, and changes nothing else.
 *
 * A slot is never taken twice: what was taken last is remembered, and a clock
 * that is set back waits until it has come there again. Only if that would take
 * longer than a day, the clock is held to have been wrong before.
 */
#ifndef BK_SERVER_SLOTS_H
#define BK_SERVER_SLOTS_H

#include "server/schedule.h"

typedef struct BkDueSlot
{
	TimestampTz at;
	bool		missed;			/* by minutes, since nobody was there to see it */
} BkDueSlot;

/* Plans from now on, whatever was before; sets the problem if that cannot be. */
extern void bk_slots_plan(BkSchedule *schedule, TimestampTz now);

/* Plans nothing. */
extern void bk_slots_forget(BkSchedule *schedule);

/*
 * Takes the last slot that is due, and plans the one after it. Of several that
 * are due only the last one counts. Returns false if none is due.
 */
extern bool bk_slots_take(BkSchedule *schedule, TimestampTz now, BkDueSlot *due);

#endif							/* BK_SERVER_SLOTS_H */
