/*
 * host.c
 *	  Convenience around the host's callbacks.
 */
#include "core/host.h"

#include <stdarg.h>
#include <stdio.h>

void
bk_log(const BkHost *host, BkLogLevel level, const char *fmt,...)
{
	char		line[2048];
	va_list		args;
	int			length;

	va_start(args, fmt);
	length = vsnprintf(line, sizeof(line), fmt, args);
	va_end(args);
	if (length >= 0)
		host->log(host->ctx, level, line);
}

bool
bk_go_on(const BkHost *host, BkError *err)
{
	if (host->stop(host->ctx))
		return bk_error(err, BK_STATE_CANCELED, "canceled on request");
	return true;
}

void
bk_progress(const BkHost *host, const char *phase, const char *object,
			uint64_t done, uint64_t total)
{
	BkProgress	progress = {
		.phase = phase,
		.object = object,
		.done = done,
		.total = total,
	};

	host->progress(host->ctx, &progress);
}
