/*
 * plan.h
 *	  Which backup, which timelines, and whether the WAL for a recovery is
 *	  there: found out before anything is written.
 *
 * PostgreSQL notices only after hours of recovery that its target cannot be
 * reached. Nothing here looks at anything but its input.
 */
#ifndef BK_JOB_PLAN_H
#define BK_JOB_PLAN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "job/target.h"
#include "repo/timeline.h"

/* A base backup. */
typedef struct BkPlanBackup
{
	const char *id;
	uint32_t	timeline;
	uint64_t	start_lsn;
	uint64_t	stop_lsn;		/* recovery must come this far at least */
	int64_t		finished_at;
	bool		bad;
} BkPlanBackup;

typedef struct BkPlanInput
{
	const BkPlanBackup *backups;	/* of one cluster, in order of time */
	size_t		count;
	const BkWalMap *map;
	const BkTarget *target;
	const char *id;				/* the backup that must be taken, or NULL */
	bool		force;			/* take it even if it is bad */
} BkPlanInput;

typedef struct BkPlan
{
	const BkPlanBackup *backup;
	uint32_t	timeline;		/* on which recovery ends */
	bool		others;			/* it could have gone on with others as well */
	uint64_t	reach_lsn;		/* end of the WAL on this way */
	int64_t		reach_time;		/* when the last of it was stored */
	char		missing[BK_WAL_NAME_SIZE];	/* ends this way, behind the time that is wanted; or "" */
} BkPlan;

/*
 * Choose the newest good backup from which the target can be reached, and
 * check that all WAL on the way is there. Errors: no such backup (42704), a
 * bad one (55000), a target that no backup reaches or whose WAL is missing
 * (55000, 58P01, XX001), with what can be reached in the detail.
 */
extern bool bk_plan_make(const BkPlanInput *input, BkPlan *plan, BkError *err);

#endif
