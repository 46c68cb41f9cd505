/*
 * lifecycle.h
 *	  Whether a store's own rules leave a repository alone.
 */
#ifndef BK_JOB_LIFECYCLE_H
#define BK_JOB_LIFECYCLE_H

#include "core/host.h"
#include "repo/repository.h"

/*
 * Report, as a "check" record, whether a lifecycle rule of the store removes
 * or archives objects of the repository; nothing of a store without such
 * rules, or that does not let us ask.
 */
extern void bk_lifecycle_check(BkRepository *repo, const char *name,
							   const BkHost *host);

#endif
