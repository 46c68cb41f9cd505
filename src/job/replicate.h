/*
 * replicate.h
 *	  What a repository has, into others.
 */
#ifndef BK_JOB_REPLICATE_H
#define BK_JOB_REPLICATE_H

#include "job/request.h"

/*
 * After a backup: copy what the other repositories of the request lack. What
 * fails is a warning, since the backup is good, and is made up for by the next
 * run.
 */
extern void bk_replicate_after(const BkRequest *request, const BkHost *host);

#endif
