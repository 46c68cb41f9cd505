/*
 * signals.h
 *	  The wish to stop, as it comes by signal.
 */
#ifndef BK_CLI_SIGNALS_H
#define BK_CLI_SIGNALS_H

#include <stdbool.h>

/*
 * Take SIGTERM, SIGINT and SIGHUP as the wish to stop, and ignore SIGPIPE, so
 * that a closed pipe is an error of write(2).
 */
extern void bk_signals_install(void);

/* Has such a signal come? */
extern bool bk_signals_stop(void);

#endif
