/*
 * judge.h
 *	  A verification: checks that are reported one by one, and the first
 *	  problem among them.
 */
#ifndef BK_JOB_JUDGE_H
#define BK_JOB_JUDGE_H

#include "job/common.h"

typedef struct BkJudge
{
	const BkRequest *request;
	const BkHost *host;
	BkRepository *repo;
	BkManifest *manifest;
	char		problem[512];	/* the first one found, or "" */
} BkJudge;

/*
 * Report one check. Damage is a verdict and the work goes on (true); any other
 * failure ends it, since it says nothing about the backup.
 */
extern bool bk_judge(BkJudge *judge, const char *name, bool ok,
					 const char *detail, BkError *err);

/* Check each object's stored bytes. */
extern bool bk_judge_objects(BkJudge *judge, BkError *err);

/* Check those of one object, if it is there, by its name. */
extern bool bk_judge_object(BkJudge *judge, const char *name, BkError *err);

#endif
