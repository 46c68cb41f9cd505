/*
 * survey.h
 *	  All that retention depends on, read from the repository at one moment:
 *	  backups, pins, verdicts, runs, WAL. Used by expire*.c only.
 *
 * What cannot be read for a reason of its own is kept; where it may only be out
 * of reach, there is no survey.
 */
#ifndef BK_JOB_SURVEY_H
#define BK_JOB_SURVEY_H

#include "job/common.h"
#include "job/retention.h"
#include "job/walneed.h"

/* Where a backup stands, beside what its candidate says. */
typedef struct BkSurveyed
{
	char		id[BK_LABEL_SIZE];
	BkManifest *manifest;		/* NULL: it cannot be read */
	BkVerdict	verdict;
	char		problem[256];	/* why it cannot be read */
	bool		listed;			/* else it has expired, and has a tombstone */
	bool		buried;			/* it has a tombstone */
	bool		whole;			/* not listed, but all of it is there */
	bool		stuck;			/* nothing is done with it: it stays off the list, as it is */
} BkSurveyed;

typedef struct BkSurvey
{
	BkRepository *repo;
	const BkHost *host;
	const char *cluster;
	BkSurveyed *list;
	BkCandidate *candidates;	/* of the same numbers */
	size_t		count;
	size_t		room;
	BkWalMap   *map;
	bool		mixed;			/* segments have had several sizes */
	BkWalNeeds	runs;			/* what those needed that were there before all else */
	char	  **noted;			/* ids that have notes, in order */
	size_t		noted_count;
	size_t		noted_room;
} BkSurvey;

/*
 * Read it; "own" is our announcement, or NULL. The caller frees it, also on
 * failure.
 */
extern bool bk_survey_read(BkSurvey *survey, BkRepository *repo,
						   const char *cluster, const BkIntent *own,
						   const BkHost *host, BkError *err);

/*
 * Decide, with the map of the survey, which is put into "retention". What is off
 * the list counts only where all of it is there.
 */
extern bool bk_survey_decide(BkSurvey *survey, BkRetention *retention,
							 BkError *err);

/*
 * What WAL is needed after the decision, by runs of this moment as well, and those
 * of the moment before the survey. Once only; the caller frees the needs.
 */
extern bool bk_survey_needs(BkSurvey *survey, const BkRetention *retention,
							const BkIntent *own, BkWalNeeds *needs,
							BkError *err);

/* Give the memory back. */
extern void bk_survey_free(BkSurvey *survey);

#endif
