/*
 * host.h
 *	  What the program around the library does for it.
 *
 * Library code never prints, exits or reads settings. It calls its host to
 * log a line, to hand over a record of its result, to show progress, and to
 * ask whether it should stop. The command line and the agent are the two
 * hosts; tests bring a third.
 */
#ifndef BK_CORE_HOST_H
#define BK_CORE_HOST_H

#include <stdbool.h>
#include <stdint.h>

#include "core/error.h"
#include "core/json.h"

typedef enum BkLogLevel
{
	BK_LOG_DEBUG,
	BK_LOG_INFO,
	BK_LOG_WARNING
} BkLogLevel;

typedef struct BkProgress
{
	const char *phase;			/* one word: dump, globals, confirm, ... */
	const char *object;			/* what is being worked on, or "" */
	uint64_t	done;			/* bytes of user data so far */
	uint64_t	total;			/* bytes expected, 0 if not known */
} BkProgress;

typedef struct BkHost
{
	void	   *ctx;			/* passed back to every callback */

	/* One line for the operator. Called at any time, from the main thread. */
	void		(*log) (void *ctx, BkLogLevel level, const char *message);

	/*
	 * One record of a verb's result ("backup", "check", ...). The host reads
	 * it during the call and does not keep it.
	 */
	void		(*record) (void *ctx, const char *kind, const BkJson *body);

	/* Called often, once per buffer of data; the host thins it out. */
	void		(*progress) (void *ctx, const BkProgress *progress);

	/*
	 * Asked once per buffer of data, and several times a second while
	 * something is waited for, from any thread: true means give up now.
	 */
	bool		(*stop) (void *ctx);

	/*
	 * A variable of the environment in which the program was started, or
	 * NULL; for credentials that are found there. NULL: there are none.
	 */
	const char *(*variable) (void *ctx, const char *name);
} BkHost;

/* Log a formatted line through the host. */
extern void bk_log(const BkHost *host, BkLogLevel level, const char *fmt,...)
			__attribute__((format(printf, 3, 4)));

/* False, with a "canceled" error (57014), when the host wants to stop. */
extern bool bk_go_on(const BkHost *host, BkError *err);

/* Show progress through the host. */
extern void bk_progress(const BkHost *host, const char *phase,
						const char *object, uint64_t done, uint64_t total);

#endif
