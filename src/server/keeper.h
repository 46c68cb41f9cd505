/*
 * keeper.h
 *	  The short-lived worker that looks after what time brings.
 */
#ifndef BK_SERVER_KEEPER_H
#define BK_SERVER_KEEPER_H

#include "postgres.h"

/* A worker that makes one look, and says when the next one is to be. */
extern PGDLLEXPORT void bk_keeper_main(Datum arg);

#endif							/* BK_SERVER_KEEPER_H */
