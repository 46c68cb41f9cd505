/*
 * timetable.h
 *	  Has done what schedules want, when they want it.
 */
#ifndef BK_SERVER_TIMETABLE_H
#define BK_SERVER_TIMETABLE_H

#include "datatype/timestamp.h"

/*
 * Sees how runs of schedules have ended, takes the slots that are due, and
 * queues runs. A concern of the keeper: returns when it wants to look again.
 */
extern TimestampTz bk_timetable_keep(TimestampTz now);

#endif							/* BK_SERVER_TIMETABLE_H */
