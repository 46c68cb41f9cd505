/*
 * retention.h
 *	  Which backups are kept, which go, and why: the decision alone.
 *
 * It depends on nothing but its input: what a repository has, the policies and
 * the time. job/expire.c gathers that, and acts. DESIGN-NOTES.md has the
 * reasons for the rules.
 */
#ifndef BK_JOB_RETENTION_H
#define BK_JOB_RETENTION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/error.h"
#include "repo/timeline.h"

#define BK_REASON_SIZE	400
#define BK_PIN_FOREVER	INT64_MAX

/* What is kept of the backups of a schedule; a number of 0 is no rule. */
typedef struct BkPolicy
{
	const char *schedule;		/* NULL: of all that have no policy of their own */
	const char *timezone;		/* in which days, weeks, months and years are */
	int64_t		last;			/* newest backups */
	int64_t		within;			/* seconds of age */
	int64_t		daily;			/* days, weeks … of which the newest is kept */
	int64_t		weekly;
	int64_t		monthly;
	int64_t		yearly;
} BkPolicy;

typedef enum BkHealth
{
	BK_HEALTH_GOOD,
	BK_HEALTH_BAD,
	BK_HEALTH_CORRUPT,			/* bad: its pages have wrong checksums */
	BK_HEALTH_UNREADABLE		/* only the id is known */
} BkHealth;

/* A backup to decide on. Strings are borrowed; none but the schedule is NULL. */
typedef struct BkCandidate
{
	const char *id;
	const char *kind;
	const char *database;		/* "" of a base backup, as content */
	const char *content;
	const char *schedule;		/* NULL: none */
	const char *cluster;
	int64_t		finished_at;	/* UTC seconds; its age is counted from here */
	int64_t		local_at;		/* the same in the zone of its policy */
	BkHealth	health;
	int64_t		pinned_until;	/* 0: it is not pinned */
	bool		in_use;			/* a live run reads it */
	bool		gone;			/* it holds no WAL any more */
	bool		broken;			/* off the list, and does not come back: it counts for nothing */
	uint32_t	timeline;		/* of a base backup; else 0 */
	uint64_t	start_lsn;
	uint64_t	stop_lsn;

	/* The decision. */
	const BkPolicy *policy;		/* NULL: none */
	bool		keep;
	bool		by_rule;		/* not only since it is pinned or in use, or bad */
	bool		anchor;			/* the recovery window begins with it */
	char		reason[BK_REASON_SIZE];
} BkCandidate;

typedef struct BkRetention
{
	const BkPolicy *policies;
	size_t		policy_count;
	bool		unscheduled;	/* the policies are for none that a schedule has made */
	const char *cluster;		/* all others' backups stay */
	int64_t		now;			/* UTC seconds */
	int64_t		window;			/* seconds of WAL; -1: from the oldest kept base backup on */
	int64_t		minimum_good;
	const BkWalMap *map;		/* NULL: there is no WAL */
} BkRetention;

/* The policy for a backup of this schedule, which may be NULL; NULL: none. */
extern const BkPolicy *bk_retention_policy(const BkRetention *retention,
										   const char *schedule);

/* Decide on each of them, whatever their order. Fails for want of memory only. */
extern bool bk_retention_decide(const BkRetention *retention,
								BkCandidate *candidates, size_t count,
								BkError *err);

/*
 * May the clock be believed? Not where it differs from that of the store (0:
 * not known), or is behind the newest backup (55000).
 */
extern bool bk_retention_check_clock(const BkRetention *retention,
									 const BkCandidate *candidates,
									 size_t count, int64_t store_now,
									 BkError *err);

/* Does one timeline come from another one's WAL at or behind a position? */
extern bool bk_retention_comes_from(const BkWalMap *map, uint32_t timeline,
									uint32_t from, uint64_t lsn);

#endif
