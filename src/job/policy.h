/*
 * policy.h
 *	  The policies of a request: its own options, and those of schedules.
 */
#ifndef BK_JOB_POLICY_H
#define BK_JOB_POLICY_H

#include "core/json.h"
#include "job/request.h"
#include "job/retention.h"

typedef struct BkPolicies
{
	BkPolicy   *list;
	size_t		count;
	BkJson	   *json;			/* that names and zones are borrowed from */
} BkPolicies;

/*
 * Read them (22023: one that is none). Without any, nothing is to go. The caller
 * frees them, also on failure.
 */
extern bool bk_policies_read(const BkRequest *request, BkPolicies *policies,
							 BkError *err);

/* Give the memory back. */
extern void bk_policies_free(BkPolicies *policies);

#endif
