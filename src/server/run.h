/*
 * run.h
 *	  Entry points of the short-lived workers.
 */
#ifndef BK_SERVER_RUN_H
#define BK_SERVER_RUN_H

#include "postgres.h"

/* A worker that carries out the run in the slot given by its argument. */
extern PGDLLEXPORT void bk_run_main(Datum arg);

/* A worker that writes rows which no run's worker could write. */
extern PGDLLEXPORT void bk_recorder_main(Datum arg);

#endif							/* BK_SERVER_RUN_H */
