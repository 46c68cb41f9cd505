/*
 * policy.c
 *	  Read the policies of a request (PROTOCOL.md, "Retention").
 */
#include "job/policy.h"

#include <stdlib.h>
#include <string.h>

#define COUNT_MAX	1000000
#define SECONDS_MAX	((int64_t) 1000 * 366 * 24 * 60 * 60)

static bool read_schedules(const BkRequest *request, BkPolicies *policies,
						   BkError *err);
static bool read_schedule(const BkJson *json, BkPolicy *policy, BkError *err);
static bool has_rule(const BkPolicy *policy);

bool
bk_policies_read(const BkRequest *request, BkPolicies *policies, BkError *err)
{
	BkPolicy	others = {
		.timezone = request->timezone,
		.last = request->keep_last,
		.within = request->keep_within / 1000,
		.daily = request->keep_daily,
		.weekly = request->keep_weekly,
		.monthly = request->keep_monthly,
		.yearly = request->keep_yearly,
	};

	*policies = (BkPolicies) {.count = 0};
	if (request->policies != NULL && !read_schedules(request, policies, err))
		return false;
	if (!has_rule(&others))
		return true;
	if (policies->list == NULL && (policies->list = calloc(1, sizeof(BkPolicy))) == NULL)
		return bk_error_memory(err);
	policies->list[policies->count++] = others;
	return true;
}

void
bk_policies_free(BkPolicies *policies)
{
	free(policies->list);
	bk_json_free(policies->json);
	*policies = (BkPolicies) {.count = 0};
}

/* One without a rule follows what is for all others. There is room for that. */
static bool
read_schedules(const BkRequest *request, BkPolicies *policies, BkError *err)
{
	const BkJson *list;

	policies->json = bk_json_parse(request->policies, strlen(request->policies),
								   "argument \"policies\"", err);
	if (policies->json == NULL)
	{
		memcpy(err->sqlstate, BK_STATE_BAD_ARGUMENT, sizeof(BK_STATE_BAD_ARGUMENT));
		return false;
	}
	list = bk_json_get(policies->json, "schedules");
	policies->list = calloc(bk_json_length(list) + 1, sizeof(BkPolicy));
	if (policies->list == NULL)
		return bk_error_memory(err);
	for (size_t i = 0; i < bk_json_length(list); i++)
	{
		BkPolicy   *policy = &policies->list[policies->count];

		if (!read_schedule(bk_json_at(list, i), policy, err))
			return false;
		policies->count += has_rule(policy);
	}
	return true;
}

static bool
read_schedule(const BkJson *json, BkPolicy *policy, BkError *err)
{
	struct
	{
		const char *name;
		int64_t    *value;
		int64_t		max;
	}			rules[] = {
		{"last", &policy->last, COUNT_MAX}, {"within", &policy->within, SECONDS_MAX},
		{"daily", &policy->daily, COUNT_MAX}, {"weekly", &policy->weekly, COUNT_MAX},
		{"monthly", &policy->monthly, COUNT_MAX}, {"yearly", &policy->yearly, COUNT_MAX},
	};

	policy->schedule = bk_json_string(bk_json_get(json, "schedule"), NULL);
	policy->timezone = bk_json_string(bk_json_get(json, "timezone"), "UTC");
	if (policy->schedule == NULL)
		return bk_error(err, BK_STATE_BAD_ARGUMENT, "a policy names no schedule");
	for (size_t i = 0; i < sizeof(rules) / sizeof(rules[0]); i++)
	{
		const BkJson *value = bk_json_get(json, rules[i].name);

		*rules[i].value = bk_json_int(value, 0);
		if (value != NULL && (!bk_json_is_int(value) || *rules[i].value < 1 ||
							  *rules[i].value > rules[i].max))
			return bk_error(err, BK_STATE_BAD_ARGUMENT,
							"the policy of schedule \"%.60s\" has an invalid number \"%s\"",
							policy->schedule, rules[i].name);
	}
	return true;
}

static bool
has_rule(const BkPolicy *policy)
{
	return policy->last != 0 || policy->within != 0 || policy->daily != 0 ||
		policy->weekly != 0 || policy->monthly != 0 || policy->yearly != 0;
}
