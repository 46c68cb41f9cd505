/*
 * lifecycle.h
 *	  Rules by which a store moves and removes objects by itself.
 */
#ifndef BK_STORAGE_LIFECYCLE_H
#define BK_STORAGE_LIFECYCLE_H

#include <stdbool.h>
#include <stdint.h>

#include "core/error.h"

/* A rule that a store has. Strings are borrowed. */
typedef struct BkLifecycleRule
{
	const char *name;			/* may be "" */
	bool		enabled;
	const char *prefix;			/* of the objects that it is about */
	bool		narrowed;		/* only some of them, by tag or size */
	const char *deeds;			/* what it does, in words */
	bool		removes;		/* objects as they are, not only old versions */
	bool		archives;		/* objects to where they cannot be read at once */
} BkLifecycleRule;

typedef bool (*BkLifecycleVisit) (void *arg, const BkLifecycleRule *rule,
								  BkError *err);

/* The rule of ours. 0 and NULL: it does not do that. */
typedef struct BkLifecycleWish
{
	const char *name;
	int64_t		move_days;		/* objects, to another class */
	const char *move_class;
	int64_t		remove_days;	/* objects */
	int64_t		old_days;		/* remove versions that have been replaced so long */
	int64_t		abort_days;		/* uploads that were never completed */
} BkLifecycleWish;

#endif
