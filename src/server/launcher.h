/*
 * launcher.h
 *	  The background worker that starts the others.
 */
#ifndef BK_SERVER_LAUNCHER_H
#define BK_SERVER_LAUNCHER_H

#include "postgres.h"

/* Registers the launcher; to be called while libraries are preloaded. */
extern void bk_launcher_register(void);

/* Entry point of the launcher. */
extern PGDLLEXPORT void bk_launcher_main(Datum arg);

#endif							/* BK_SERVER_LAUNCHER_H */
