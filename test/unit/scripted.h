/*
 * scripted.h
 *	  A server on loopback that does what a script says, once per request:
 *	  for tests of those who speak HTTP.
 */
#ifndef BK_TEST_SCRIPTED_H
#define BK_TEST_SCRIPTED_H

#include <stdbool.h>
#include <stddef.h>

/* What follows an answer. */
typedef enum ScriptEnd
{
	SCRIPT_KEEP,				/* the next request */
	SCRIPT_CLOSE,
	SCRIPT_RESET,
	SCRIPT_STALL,				/* nothing, for ever */
	SCRIPT_DRIP,				/* "more", a byte at a time, and then close */
	SCRIPT_FLOOD				/* "more", again and again */
} ScriptEnd;

typedef struct ScriptTurn
{
	const char *answer;			/* sent as it stands */
	size_t		len;			/* of it; 0: all */
	ScriptEnd	end;
	const char *more;
} ScriptTurn;

typedef struct ScriptServer ScriptServer;

/* What to do for a request; it counts them from 0. Called in any thread. */
typedef const ScriptTurn *(*ScriptChoose) (void *arg, int number,
										   const char *request);

/* Start a server: every request has the same turn, or those of a list. */
extern ScriptServer *script_start(ScriptChoose choose, void *arg);

/* Read only so many bytes of each request, and so slowly; before a request. */
extern void script_read_max(ScriptServer *server, size_t bytes);
extern void script_read_slowly(ScriptServer *server);

/* http://127.0.0.1:port */
extern const char *script_origin(const ScriptServer *server);

/* How many there were. */
extern int	script_connections(ScriptServer *server);
extern int	script_requests(ScriptServer *server);

/* The last request, head and body; to be freed. */
extern char *script_last_request(ScriptServer *server);

/* End it, with all its connections. */
extern void script_stop(ScriptServer *server);

#endif
