/*
 * walk.h
 *	  Going through the folders of a posix store. Used by posix.c only.
 */
#ifndef BK_STORAGE_WALK_H
#define BK_STORAGE_WALK_H

#include <stdbool.h>

#include "storage/storage.h"

/*
 * Visit the objects below a folder of the root; "list" in storage.h has the
 * rules. A thing that is neither file nor folder is an error (55000): it can
 * hide objects. The place names the root in messages.
 */
extern bool bk_walk_objects(int root, const char *place, const char *prefix,
							BkStorageVisit visit, void *arg, BkError *err);

/* Visit the objects whose keys begin so; "match" in storage.h has the rules. */
extern bool bk_walk_matches(int root, const char *place, const char *beginning,
							BkStorageVisit visit, void *arg, BkError *err);

/* Remove the temporaries below a folder whose writers are gone. */
extern bool bk_walk_sweep(int root, const char *place, const char *prefix,
						  BkError *err);

#endif
