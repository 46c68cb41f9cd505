/*
 * copy.h
 *	  Write the volumes of a base backup, several at a time.
 */
#ifndef BK_JOB_COPY_H
#define BK_JOB_COPY_H

#include "core/pace.h"
#include "job/making.h"
#include "job/volume.h"
#include "source/pg.h"

typedef struct BkCopy
{
	const BkMaking *making;
	BkVolumeSet *set;
	BkDataFileRules rules;		/* without its callback */
	BkPace	   *pace;
	BkPg	   *pg;				/* session in backup mode, looked after */

	int64_t		corrupt_pages;	/* found so far */
	char		first_corrupt[256];	/* which page was the first */
} BkCopy;

/*
 * Write all volumes, and put into each what it was stored in. Errors of
 * files name them. The session that is in backup mode must stay alive.
 */
extern bool bk_copy_run(BkCopy *copy, BkError *err);

#endif
