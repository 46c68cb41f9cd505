/*
 * uproot.h
 *	  Remove a directory with all that is in it.
 */
#ifndef BK_SOURCE_UPROOT_H
#define BK_SOURCE_UPROOT_H

#include <stdbool.h>

#include "core/host.h"

/*
 * Remove everything below an open folder, and the file "last" in it, if it is
 * not NULL, after all else: it can tell what the folder is until then. Links
 * are removed, never followed.
 */
extern bool bk_uproot(int root, const char *last, const BkHost *host,
					  BkError *err);

#endif
