/*
 * alarm.h
 *	  Tells people, by the channels, what has changed in backup_status.
 */
#ifndef BK_SERVER_ALARM_H
#define BK_SERVER_ALARM_H

#include "datatype/timestamp.h"

/*
 * The keeper's concern: learns how the last messages went, writes those that
 * are due, and has runs send them. Returns when it wants the next look; 0:
 * there is no channel.
 */
extern TimestampTz bk_alarm_look(TimestampTz now);

#endif							/* BK_SERVER_ALARM_H */
