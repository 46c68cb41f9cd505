/*
 * shrinkage.h
 *	  What a backup has lost since the one before: tables that have become
 *	  empty or much smaller, which a backup keeps as faithfully as any others.
 */
#ifndef BK_JOB_SHRINKAGE_H
#define BK_JOB_SHRINKAGE_H

#include <stdbool.h>
#include <stdint.h>

#include "core/host.h"
#include "repo/repository.h"
#include "source/archive.h"

/* A table with fewer rows than that before is not looked at. */
#define BK_SHRINKAGE_ROWS	100

typedef struct BkShrinkage
{
	int64_t		emptied;		/* tables that have no rows any more */
	int64_t		shrunk;			/* others that lost more than half of them */
} BkShrinkage;

/*
 * Compare what was dumped with the contents of an earlier backup. The tables
 * that lost most are told as a warning. False: it cannot be told, since that
 * backup cannot be read; that is logged, and no reason to fail.
 */
extern bool bk_shrinkage_find(BkRepository *repo, const char *previous,
							  const BkArchive *archive, const BkHost *host,
							  BkShrinkage *shrinkage);

#endif
