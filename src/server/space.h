/*
 * space.h
 *	  What room a repository's store has, over the last weeks.
 */
#ifndef BK_SERVER_SPACE_H
#define BK_SERVER_SPACE_H

#include "utils/jsonb.h"

/* Remembers what a "space" event says of the repository at a URL. */
extern void bk_space_put(const char *url, Jsonb *event);

#endif							/* BK_SERVER_SPACE_H */
