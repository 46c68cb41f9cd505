/*
 * previous.h
 *	  The backup with which a new one is compared.
 */
#ifndef BK_SERVER_PREVIOUS_H
#define BK_SERVER_PREVIOUS_H

#include "server/shared.h"

/*
 * Adds to a run that backs up a database the newest good backup of it, as the
 * catalogue knows it. Other runs stay as they are.
 */
extern void bk_previous_add(BkRun *run);

#endif							/* BK_SERVER_PREVIOUS_H */
