/*
 * judge.c
 *	  Report checks, and remember the first problem.
 */
#include "job/judge.h"

#include <stdio.h>
#include <string.h>

#include "repo/object.h"

bool
bk_judge(BkJudge *judge, const char *name, bool ok, const char *detail,
		 BkError *err)
{
	char		problem[2048];

	if (ok)
	{
		bk_common_report_check(judge->host, name, true, detail, NULL);
		return true;
	}
	if (!bk_error_is(err, BK_STATE_CORRUPT) &&
		!bk_error_is(err, BK_STATE_MISSING_FILE) &&
		!bk_error_is(err, BK_STATE_NO_OBJECT))
		return false;
	snprintf(problem, sizeof(problem), "%s%s%.900s", err->message,
			 err->detail[0] == '\0' ? "" : ": ", err->detail);
	bk_common_report_check(judge->host, name, false, problem, NULL);
	if (judge->problem[0] == '\0')
		snprintf(judge->problem, sizeof(judge->problem), "%.500s", err->message);
	return true;
}

bool
bk_judge_objects(BkJudge *judge, BkError *err)
{
	for (size_t i = 0; i < judge->manifest->object_count; i++)
	{
		const BkObject *object = &judge->manifest->objects[i];
		char		detail[128];
		bool		ok = bk_object_check(judge->repo, judge->manifest, object,
										 judge->host, err);

		snprintf(detail, sizeof(detail), "%llu bytes agree with their SHA-256",
				 (unsigned long long) object->size);
		if (!bk_judge(judge, object->name, ok, detail, err))
			return false;
	}
	return true;
}

bool
bk_judge_object(BkJudge *judge, const char *name, BkError *err)
{
	for (size_t i = 0; i < judge->manifest->object_count; i++)
	{
		const BkObject *object = &judge->manifest->objects[i];

		if (strcmp(object->name, name) == 0 &&
			!bk_judge(judge, name,
					  bk_object_check(judge->repo, judge->manifest, object,
									  judge->host, err),
					  "as it was written", err))
			return false;
	}
	return true;
}
