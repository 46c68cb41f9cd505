/*
 * promotion.h
 *	  What a server that was promoted has to find out about its archived WAL.
 */
#ifndef BK_SERVER_PROMOTION_H
#define BK_SERVER_PROMOTION_H

#include "datatype/timestamp.h"

/*
 * A concern of the keeper. Once this server archives on a timeline that the
 * catalogue does not know, has the repositories looked at. Returns when it
 * wants to look again; 0: not before something is archived.
 */
extern TimestampTz bk_promotion_look(TimestampTz now);

#endif							/* BK_SERVER_PROMOTION_H */
