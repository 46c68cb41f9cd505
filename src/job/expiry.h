/*
 * expiry.h
 *	  The steps of retention in one repository. Used by expire*.c only.
 */
#ifndef BK_JOB_EXPIRY_H
#define BK_JOB_EXPIRY_H

#include "job/policy.h"
#include "job/survey.h"

typedef struct BkExpiry
{
	const BkRequest *request;
	const BkHost *host;
	char		cluster[BK_LAYOUT_CLUSTER_SIZE];
	BkRepository *repo;
	BkIntent   *intent;			/* NULL: nothing is changed */
	BkPolicies	policies;
	BkRetention retention;
	BkSurvey	survey;
	int64_t		grace;			/* seconds */
	int64_t		announced_at;	/* when the intent was written, by our clock */
	size_t		failed;			/* things that could not be done */
	BkError		problem;		/* the first of them */
} BkExpiry;

/* What becomes of a backup, or of WAL. */
#define BK_ACTION_KEEP		"keep"
#define BK_ACTION_EXPIRE	"expire"
#define BK_ACTION_GRACE		"grace"
#define BK_ACTION_DELETE	"delete"

/* When the grace of one that has expired at a time is over. */
extern int64_t bk_expiry_delete_after(const BkExpiry *expiry,
									  int64_t expired_at);

/* Send the "decision" record of a backup. */
extern void bk_expiry_report(const BkExpiry *expiry, size_t number,
							 const char *action, const char *reason);

/* Take a backup off the list; "false" where it is still listed. */
extern bool bk_expiry_unlist(BkExpiry *expiry, size_t number, BkError *err);

/*
 * List one again. An error (55000) where some of it is gone, as the cluster's map
 * (NULL: it is read) says of its WAL. The caller has announced a run that keeps
 * others from it.
 */
extern bool bk_expiry_raise(BkRepository *repo, const BkManifest *manifest,
							const BkWalMap *map, BkError *err);

/* Delete one whose grace is over. */
extern bool bk_expiry_delete(BkExpiry *expiry, size_t number, BkError *err);

/* Tell what has expired and is still there. Records: expired for each. */
extern bool bk_expiry_list(BkRepository *repo, const BkHost *host,
						   BkError *err);

/* Delete the WAL that is not needed any more, or tell what would go. */
extern bool bk_expiry_wal(BkExpiry *expiry, BkError *err);

#endif
