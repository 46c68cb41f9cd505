/*
 * registrar.h
 *	  The background worker that registers a standby in the repository, so that
 *	  it may write there once it is promoted.
 */
#ifndef BK_SERVER_REGISTRAR_H
#define BK_SERVER_REGISTRAR_H

#include "postgres.h"

/*
 * Registers the worker where the server starts as a standby; to be called while
 * libraries are preloaded.
 */
extern void bk_registrar_register(void);

/* Entry point of the worker. */
extern PGDLLEXPORT void bk_registrar_main(Datum arg);

#endif							/* BK_SERVER_REGISTRAR_H */
