/*
 * making.h
 *	  A backup in the making, of any kind: announced before anything is
 *	  stored, listed at the end, and taken away again where it failed.
 */
#ifndef BK_JOB_MAKING_H
#define BK_JOB_MAKING_H

#include "job/common.h"
#include "repo/object.h"

/* Smaller parts would make a manifest that is larger than its data. */
#define BK_MAKING_PART_MIN	(64 * 1024)

typedef struct BkMaking
{
	const BkRequest *request;
	const BkHost *host;
	const char *kind;
	BkRepository *repo;
	BkIntent   *intent;
	char		id[BK_LABEL_SIZE];
	int64_t		started_at;
	BkJson	   *objects;		/* in the manifest's form */
} BkMaking;

/* Check what the kinds have in common in a request. */
extern bool bk_making_check(const BkRequest *request, BkError *err);

/*
 * Open the repository, clean up after dead runs, and announce a backup of
 * something called "name" by the server at this position. Request, host, kind
 * and "started_at" must be set. Whatever it returns, bk_making_end() follows.
 */
extern bool bk_making_begin(BkMaking *making, const BkJson *position,
							const char *name, BkError *err);

/*
 * What a writer of this backup's streams is made of: the caller sets the
 * stream's name and how it waits.
 */
extern BkObjectSpec bk_making_spec(const BkMaking *making);

/* Are the streams encrypted? */
extern bool bk_making_encrypts(const BkMaking *making);

/*
 * List the backup and report it. "json" has the members of its kind, those
 * that all have are added; it is freed. A cancel comes in time until here.
 */
extern bool bk_making_commit(BkMaking *making, BkJson *json,
							 int server_version, const char *cluster,
							 BkError *err);

/* Close all. If the backup failed, what it stored is removed. */
extern void bk_making_end(BkMaking *making, bool ok);

#endif
