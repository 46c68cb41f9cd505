/*
 * ranges.h
 *	  Tell what WAL a repository has.
 */
#ifndef BK_JOB_RANGES_H
#define BK_JOB_RANGES_H

#include "core/host.h"
#include "repo/repository.h"
#include "repo/timeline.h"

/*
 * Send a "wal" record for each timeline of each cluster that the repository
 * knows, or of the one that is named. "further" may be NULL; it is called for
 * the map of each cluster.
 */
extern bool bk_ranges_report(BkRepository *repo, const char *system_identifier,
							 void (*further) (const BkRepository *repo,
											  const BkWalMap *map,
											  const char *system_identifier,
											  const BkHost *host),
							 const BkHost *host, BkError *err);

/* Send the record of one timeline: "wal", or another that is like it. */
extern void bk_ranges_tell(const BkRepository *repo, const BkWalMap *map,
						   const BkTimeline *timeline,
						   const char *system_identifier, const char *kind,
						   const BkHost *host);

#endif
