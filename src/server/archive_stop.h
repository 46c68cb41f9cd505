/*
 * archive_stop.h
 *	  When the archiver has to come to an end.
 *
 * The postmaster lets the archiver go on until the last, with SIGUSR2, and
 * waits for it as long as it takes. So a store that does not answer would keep
 * the server from stopping.
 */
#ifndef BK_SERVER_ARCHIVE_STOP_H
#define BK_SERVER_ARCHIVE_STOP_H

#include "postgres.h"

/* Begins to look for the signal; to be called once, in the archiver. */
extern void bk_archive_stop_watch(void);

/*
 * Returns how many milliseconds are left for archiving, counted from the first
 * call after the server was told to stop; -1: it was not.
 */
extern long bk_archive_stop_left(void);

#endif							/* BK_SERVER_ARCHIVE_STOP_H */
