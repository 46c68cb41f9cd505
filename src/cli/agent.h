/*
 * agent.h
 *	  The agent: one request of the extension, answered with events.
 */
#ifndef BK_CLI_AGENT_H
#define BK_CLI_AGENT_H

/*
 * Read a request from standard input, carry it out, write events to standard
 * output. "bindir" is where PostgreSQL's programs are. Returns the exit
 * status.
 */
extern int	bk_agent_run(const char *bindir);

#endif
