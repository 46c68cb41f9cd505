/*
 * urls.h
 *	  Several repositories, as a setting or an option names them.
 *
 * URLs are separated by commas and white space. A separator counts only where
 * the beginning of a URL follows, so that a path may have it, too.
 */
#ifndef BK_REPO_URLS_H
#define BK_REPO_URLS_H

#include <stdbool.h>
#include <stddef.h>

#include "core/error.h"

/* More are refused. */
#define BK_URLS_MAX	8

typedef struct BkUrls
{
	size_t		count;			/* at least 1 */
	const char *urls[BK_URLS_MAX];
	const char *ids[BK_URLS_MAX];	/* what must be found there; NULL: any */
	char	   *text;			/* holds the URLs */
	char	   *id_text;		/* and the ids */
} BkUrls;

/*
 * Take a list apart, and with it the ids in the same order, separated by
 * spaces, "-" for one that is not known (NULL: none is). Errors (22023): too
 * many, one of them twice, more ids than URLs. Free it also on failure.
 */
extern bool bk_urls_parse(const char *list, const char *ids, BkUrls *urls,
						  BkError *err);

/* Give the memory back; zeroed ones are allowed. */
extern void bk_urls_free(BkUrls *urls);

#endif
