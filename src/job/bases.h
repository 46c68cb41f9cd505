/*
 * bases.h
 *	  The base backups of one cluster, as a repository has them.
 */
#ifndef BK_JOB_BASES_H
#define BK_JOB_BASES_H

#include <stdbool.h>
#include <stddef.h>

#include "job/plan.h"
#include "job/request.h"
#include "repo/manifest.h"
#include "repo/repository.h"

typedef struct BkBases
{
	char		system_identifier[32];	/* of the cluster */
	BkPlanBackup *backups;		/* in order of time */
	BkManifest **manifests;		/* the same, in full */
	size_t		count;
} BkBases;

/*
 * Read the manifests and verdicts of all base backups of a cluster: the one of
 * the request, that of the backup it names, or the only one that has any.
 * Backups that cannot be read are left out with a warning. Errors: several
 * clusters to choose from (55000, which lists them), no such backup (42704).
 */
extern bool bk_bases_read(BkRepository *repo, const BkRequest *request,
						  const BkHost *host, BkBases *bases, BkError *err);

/* The manifest of a backup of these. */
extern const BkManifest *bk_bases_manifest(const BkBases *bases,
										   const BkPlanBackup *backup);

/*
 * Look where the restore point of a target lies, and complete the target with
 * its position and timeline. *found is false where it is not known; the names
 * that are, some of them at least, then stand in "names".
 */
extern bool bk_bases_mark(BkRepository *repo, const BkHost *host,
						  const BkBases *bases, BkTarget *target,
						  bool *found, BkBuf *names, BkError *err);

/* Free what was read. */
extern void bk_bases_free(BkBases *bases);

#endif
