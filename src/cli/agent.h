/*
 * agent.h
 *	  The agent: one request of the extension, answered with events.
 */
#ifndef BK_CLI_AGENT_H
#define BK_CLI_AGENT_H

#include "cli/command.h"

/*
 * Read a request from standard input, carry it out, write events to standard
 * output. The command is the agent itself; if it has a verb, requests are for
 * that one, and have more lines behind them. "bindir" is where PostgreSQL's
 * programs are. Returns the exit status.
 */
extern int	bk_agent_run(const BkCommand *agent, const char *bindir);

#endif
