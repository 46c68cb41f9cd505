/*
 * urls.h
 *	  The list of repositories in backup_ext.repository: URLs, separated by
 *	  commas and white space where another URL follows (PROTOCOL.md).
 */
#ifndef BK_SERVER_URLS_H
#define BK_SERVER_URLS_H

#include "c.h"

/* as many as the program takes */
#define BK_URLS_MAX 8

/*
 * Returns the next URL of a list and its length, and moves the list behind it;
 * NULL: there is none left. It is not terminated.
 */
extern const char *bk_urls_next(const char **list, Size *length);

/* Returns the number of a URL in the list, from 1; 0: it is not there. */
extern int	bk_urls_number(const char *list, const char *url);

/* Looks at the shape of each URL. For a check hook: sets what it complains of. */
extern bool bk_urls_check(const char *list);

#endif							/* BK_SERVER_URLS_H */
