/*
 * mark.h
 *	  Named restore points, so that a recovery can be planned to one by name.
 */
#ifndef BK_REPO_MARK_H
#define BK_REPO_MARK_H

#include "core/host.h"
#include "core/walname.h"
#include "repo/repository.h"

#define BK_MARK_NAME_SIZE	64	/* with its NUL, as PostgreSQL takes it */

typedef struct BkMark
{
	const char *system_identifier;
	const char *name;
	const char *lsn;			/* 0/16B3748, just behind the restore point */
	int64_t		timeline;
	const char *at;				/* 2026-11-21T10:15:00Z */
} BkMark;

/* 1 to 63 bytes, none of them a control character: else 22023. */
extern bool bk_mark_check_name(const char *name, BkError *err);

/* Has the cluster no mark of this name yet? An error (42710) if it has. */
extern bool bk_mark_require_new(BkRepository *repo, const BkHost *host,
								const char *system_identifier,
								const char *name, BkError *err);

/*
 * Store a mark. If another run has stored one of this name meanwhile, the
 * later of the two goes and is an error (42710).
 */
extern bool bk_mark_put(BkRepository *repo, const BkHost *host,
						const BkMark *mark, BkError *err);

/* The mark is borrowed for the call. False ends the walk. */
typedef bool (*BkMarkVisit) (void *arg, const BkMark *mark, BkError *err);

/*
 * Visit the marks of a cluster, or of all (NULL), in order of cluster and
 * position. One that is damaged or not
 * known as ours is left out with a warning.
 */
extern bool bk_mark_walk(BkRepository *repo, const BkHost *host,
						 const char *system_identifier, BkMarkVisit visit,
						 void *arg, BkError *err);

#endif
