/*
 * tombstone.h
 *	  Manifests of backups that retention has taken off the list.
 *
 * A tombstone has the bytes of the manifest. As long as it is there, and the data
 * are, the backup can be brought back by giving them their old name again; at
 * last it tells what is left to be deleted.
 */
#ifndef BK_REPO_TOMBSTONE_H
#define BK_REPO_TOMBSTONE_H

#include <stdbool.h>
#include <stdint.h>

#include "repo/manifest.h"
#include "repo/repository.h"
#include "repo/timeline.h"

/* Write the tombstone of a listed backup; one that is there already is good. */
extern bool bk_tombstone_put(BkRepository *repo, const char *id, BkError *err);

/* Is there one? */
extern bool bk_tombstone_exists(BkRepository *repo, const char *id,
								bool *exists, BkError *err);

/* When it was written, by the clock of the store, in UTC seconds; 0: none is there. */
extern bool bk_tombstone_written(BkRepository *repo, const char *id,
								 int64_t *modified, BkError *err);

/* Read the manifest in it. No such tombstone: 42704. */
extern BkManifest *bk_tombstone_manifest(BkRepository *repo, const char *id,
										 BkError *err);

/*
 * Is all of the backup there: each object, and its WAL in the cluster's map (NULL:
 * it is read)? An error (55000) where something is gone.
 */
extern bool bk_tombstone_check(BkRepository *repo, const BkManifest *manifest,
							   const BkWalMap *map, BkError *err);

/*
 * List the backup again, and remove its tombstone. The caller has seen that
 * everything of it is there, and keeps others from deleting it.
 */
extern bool bk_tombstone_raise(BkRepository *repo, const char *id,
							   BkError *err);

/* Remove it: nothing is left of the backup, or it is listed. */
extern bool bk_tombstone_remove(BkRepository *repo, const char *id,
								BkError *err);

/* Walk the ids of all of them in order of time. */
extern bool bk_tombstone_walk(BkRepository *repo, BkRepositoryVisit visit,
							  void *arg, BkError *err);

#endif
