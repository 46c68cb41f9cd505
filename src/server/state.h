/*
 * state.h
 *	  Since when each thing of backup_status is in its state.
 */
#ifndef BK_SERVER_STATE_H
#define BK_SERVER_STATE_H

#include "datatype/timestamp.h"

/*
 * Compares backup_status with the states that were last seen, and notes what
 * has changed. A concern of the keeper: returns when it wants the next look,
 * which is soon while there is a schedule; 0: any time will do.
 */
extern TimestampTz bk_state_track(TimestampTz now);

#endif							/* BK_SERVER_STATE_H */
