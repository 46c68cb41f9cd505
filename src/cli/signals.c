/*
 * signals.c
 *	  Remember that a signal asked us to stop.
 */
#include "cli/signals.h"

#include <signal.h>
#include <stddef.h>

static volatile sig_atomic_t stop_requested = 0;

static void
request_stop(int signal_number)
{
	(void) signal_number;
	stop_requested = 1;
}

void
bk_signals_install(void)
{
	static const int stopping[] = {SIGTERM, SIGINT, SIGHUP};
	struct sigaction action = {.sa_handler = request_stop};

	/* No SA_RESTART: a wait that is interrupted looks at the flag. */
	sigemptyset(&action.sa_mask);
	for (size_t i = 0; i < sizeof(stopping) / sizeof(stopping[0]); i++)
		sigaction(stopping[i], &action, NULL);
	/* These come back as errors of write(). */
	action.sa_handler = SIG_IGN;
	sigaction(SIGPIPE, &action, NULL);
	sigaction(SIGXFSZ, &action, NULL);
}

bool
bk_signals_stop(void)
{
	return stop_requested != 0;
}
