/*
 * fence.h
 *	  The setting that keeps a restored server from writing into the
 *	  repository that it came from.
 *
 * A restore writes backup_ext.fence, and empty archive settings, into
 * postgresql.auto.conf: an extra file would fail pg_verifybackup.
 */
#ifndef BK_SOURCE_FENCE_H
#define BK_SOURCE_FENCE_H

#include "core/host.h"
#include "source/pg.h"

/*
 * Reset the fence, and the archive settings that were emptied along with it,
 * and wait until the server has them. Errors (55000): the login leads to
 * another cluster, or the fence is still up, since another file sets it, too.
 */
extern bool bk_fence_lift(BkPg *pg, const char *system_identifier,
						  const BkHost *host, BkError *err);

#endif
