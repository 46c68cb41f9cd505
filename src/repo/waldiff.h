/*
 * waldiff.h
 *	  What WAL one repository has and another one lacks.
 */
#ifndef BK_REPO_WALDIFF_H
#define BK_REPO_WALDIFF_H

#include "repo/wal.h"

/*
 * Visit, in order, every archived file of a cluster in "from" whose content
 * "to" does not have under that name: it may have none, or another one. Only
 * the listing of one folder is kept in memory.
 */
extern bool bk_wal_diff(BkRepository *from, BkRepository *to,
						const char *system_identifier, BkWalVisit visit,
						void *arg, BkError *err);

#endif
