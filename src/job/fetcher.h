/*
 * fetcher.h
 *	  The process that fetches ahead. Used by ahead.c only.
 */
#ifndef BK_JOB_FETCHER_H
#define BK_JOB_FETCHER_H

#include "job/ahead.h"

typedef struct BkFetcher
{
	BkAhead		ahead;			/* its descriptor is not open any more */
	const BkHost *host;			/* asked whether to stop; never told anything */
	BkWalName	last;			/* what was fetched without it */
	uint32_t	segment_size;
} BkFetcher;

/*
 * Fetch what follows until the server ends, nobody has asked for anything for
 * a while, or something goes wrong; then clean up. The argument is a
 * BkFetcher; for bk_detach().
 */
extern void bk_fetcher_run(void *fetcher);

#endif
