/*
 * retention.c
 *	  Which backups are kept, which go, and why.
 *
 * Every rule can only keep. What no rule, floor, window, pin or doubt has kept
 * goes. Good backups alone count toward any number.
 */
#include "job/retention.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/clock.h"
#include "job/period.h"

#define DAY				(24 * 60 * 60)
#define CLOCK_TOLERANCE	(5 * 60)

/* Backups of one group, newest first. */
typedef struct Group
{
	BkCandidate **list;
	size_t		count;
} Group;

/* How backups are put into groups. */
typedef struct Order
{
	int			(*groups) (const BkCandidate *a, const BkCandidate *b);
} Order;

typedef void (*Judge) (const BkRetention *retention, const Group *group);

/* A rule that keeps the newest of each of some periods. */
typedef struct PeriodRule
{
	const char *name;
	size_t		wanted;			/* offset of the number in the policy */
	BkPeriod	period;
} PeriodRule;

static bool stays(const BkRetention *retention, BkCandidate *candidate);
static void keep_pinned(const BkRetention *retention, BkCandidate *candidate);
static void each_group(const BkRetention *retention, BkCandidate **list,
					   size_t count, const Order *order, Judge judge);
static int	compare(const void *a, const void *b, void *order);
static int	compare_kinds(const BkCandidate *a, const BkCandidate *b);
static int	compare_policies(const BkCandidate *a, const BkCandidate *b);
static void judge_policy(const BkRetention *retention, const Group *group);
static void keep_last(const Group *group, int64_t last);
static void keep_within(const Group *group, int64_t now, int64_t within);
static void keep_period(const Group *group, const PeriodRule *rule,
						int64_t count);
static void keep_bad(const BkRetention *retention, const Group *group);
static void judge_floor(const BkRetention *retention, const Group *group);
static void keep_floor(const BkRetention *retention, const Group *group,
					   uint32_t line);
static void keep_anchor(const BkRetention *retention, const Group *group,
						uint32_t line);
static void keep_before_corruption(const Group *group);
static bool leads_to(const BkRetention *retention,
					 const BkCandidate *candidate, uint32_t line);
static uint32_t newest_line(const BkRetention *retention);
static void explain_end(BkCandidate *candidate);
static void keep(BkCandidate *candidate, bool by_rule, const char *fmt,...)
			__attribute__((format(printf, 3, 4)));
static void age_words(int64_t seconds, char words[32]);
static int64_t wanted(const BkPolicy *policy, const PeriodRule *rule);

static const PeriodRule period_rules[] = {
	{"daily", offsetof(BkPolicy, daily), BK_PERIOD_DAY},
	{"weekly", offsetof(BkPolicy, weekly), BK_PERIOD_WEEK},
	{"monthly", offsetof(BkPolicy, monthly), BK_PERIOD_MONTH},
	{"yearly", offsetof(BkPolicy, yearly), BK_PERIOD_YEAR},
};

bool
bk_retention_decide(const BkRetention *retention, BkCandidate *candidates,
					size_t count, BkError *err)
{
	BkCandidate **list = calloc(count + 1, sizeof(*list));
	Order		by_policy = {.groups = compare_policies};
	Order		by_kind = {.groups = compare_kinds};
	size_t		open = 0;

	if (list == NULL)
		return bk_error_memory(err);
	for (size_t i = 0; i < count; i++)
	{
		if (!stays(retention, &candidates[i]))
			list[open++] = &candidates[i];
	}
	/* What the policies want, each for its own backups. */
	each_group(retention, list, open, &by_policy, judge_policy);
	/* What nobody may lose, whichever schedule it is from. */
	each_group(retention, list, open, &by_kind, judge_floor);
	for (size_t i = 0; i < count; i++)
	{
		if (candidates[i].broken)
			continue;
		keep_pinned(retention, &candidates[i]);
		if (!candidates[i].keep)
			explain_end(&candidates[i]);
	}
	free(list);
	return true;
}

const BkPolicy *
bk_retention_policy(const BkRetention *retention, const char *schedule)
{
	const BkPolicy *found = NULL;

	if (retention->unscheduled && schedule != NULL)
		return NULL;
	for (size_t i = 0; i < retention->policy_count; i++)
	{
		const BkPolicy *policy = &retention->policies[i];

		if (policy->schedule == NULL)
			found = found == NULL ? policy : found;
		else if (schedule != NULL && strcmp(policy->schedule, schedule) == 0)
			return policy;
	}
	return found;
}

bool
bk_retention_check_clock(const BkRetention *retention,
						 const BkCandidate *candidates, size_t count,
						 int64_t store_now, BkError *err)
{
	int64_t		ahead = store_now == 0 ? 0 : retention->now - store_now;
	char		text[BK_CLOCK_TEXT_SIZE];
	char		now[BK_CLOCK_TEXT_SIZE];

	bk_clock_format(retention->now, now);
	if (ahead > CLOCK_TOLERANCE || ahead < -CLOCK_TOLERANCE)
	{
		bk_clock_format(store_now, text);
		bk_error(err, BK_STATE_WRONG_STATE, "nothing is expired, since the clock cannot be right");
		bk_error_detail(err, "It shows %s, that of the store %s.", now, text);
		return bk_error_hint(err, "Set the clock of this machine, or that of the store.");
	}
	for (size_t i = 0; i < count; i++)
	{
		const BkCandidate *candidate = &candidates[i];
		bool		ours = strcmp(candidate->cluster, retention->cluster) == 0;

		/* Other servers' clocks are never quite the same. */
		if (candidate->health == BK_HEALTH_UNREADABLE ||
			candidate->finished_at <= retention->now + (ours ? 0 : CLOCK_TOLERANCE))
			continue;
		bk_clock_format(candidate->finished_at, text);
		bk_error(err, BK_STATE_WRONG_STATE, "nothing is expired, since the clock cannot be right");
		bk_error_detail(err, "It shows %s, and backup \"%s\" has been complete since %s.",
						now, candidate->id, text);
		return bk_error_hint(err, "Set the clock of this machine; if it is right, the clock was wrong when that backup was made: delete it.");
	}
	return true;
}

bool
bk_retention_comes_from(const BkWalMap *map, uint32_t timeline, uint32_t from,
						uint64_t lsn)
{
	const BkTimeline *found = map == NULL ? NULL : bk_wal_map_find(map, timeline);

	if (timeline == from)
		return true;
	for (size_t i = 0; found != NULL && found->has_history && i < found->history.count; i++)
	{
		const BkHistoryEntry *entry = &found->history.entries[i];

		if (entry->timeline == from)
			return entry->switch_lsn >= lsn;
	}
	return false;
}

/* Is there nothing to decide? A doubt keeps, unless it has gone already. */
static bool
stays(const BkRetention *retention, BkCandidate *candidate)
{
	candidate->keep = candidate->by_rule = candidate->anchor = false;
	candidate->reason[0] = '\0';
	candidate->policy = NULL;
	if (candidate->health == BK_HEALTH_UNREADABLE)
		keep(candidate, false, "it cannot be read, and nobody knows what it is");
	else if (strcmp(candidate->cluster, retention->cluster) != 0)
		keep(candidate, false, "it is of another cluster");
	else if (candidate->broken)
	{
		snprintf(candidate->reason, sizeof(candidate->reason),
				 "it has expired, and counts no more");
		return true;
	}
	else if ((candidate->policy = bk_retention_policy(retention, candidate->schedule)) == NULL)
	{
		/* The floors still have to see it. */
		keep(candidate, candidate->health == BK_HEALTH_GOOD, "no retention is set for it");
		return false;
	}
	return candidate->keep;
}

static void
keep_pinned(const BkRetention *retention, BkCandidate *candidate)
{
	char		text[BK_CLOCK_TEXT_SIZE];

	if (candidate->pinned_until == BK_PIN_FOREVER)
		keep(candidate, false, "pinned");
	else if (candidate->pinned_until > retention->now)
	{
		bk_clock_format(candidate->pinned_until, text);
		keep(candidate, false, "pinned until %s", text);
	}
	if (candidate->in_use)
		keep(candidate, false, "a run is using it");
}

/* Judge each group of those that the order says are alike, newest first. */
static void
each_group(const BkRetention *retention, BkCandidate **list, size_t count,
		   const Order *order, Judge judge)
{
	Group		group = {.list = list};

	if (count > 0)
		qsort_r(list, count, sizeof(*list), compare, (void *) order);
	for (size_t i = 1; i <= count; i++)
	{
		if (i < count && order->groups(list[i], group.list[0]) == 0)
			continue;
		group.count = (size_t) (&list[i] - group.list);
		judge(retention, &group);
		group.list = &list[i];
	}
}

static int
compare(const void *a, const void *b, void *order)
{
	const BkCandidate *one = *(BkCandidate *const *) a;
	const BkCandidate *other = *(BkCandidate *const *) b;
	int			groups = ((const Order *) order)->groups(one, other);

	if (groups != 0)
		return groups;
	if (one->finished_at != other->finished_at)
		return one->finished_at > other->finished_at ? -1 : 1;
	return -strcmp(one->id, other->id);
}

static int
compare_kinds(const BkCandidate *a, const BkCandidate *b)
{
	int			kind = strcmp(a->kind, b->kind);
	int			database = strcmp(a->database, b->database);

	return kind != 0 ? kind : database != 0 ? database : strcmp(a->content, b->content);
}

static int
compare_policies(const BkCandidate *a, const BkCandidate *b)
{
	int			kinds = compare_kinds(a, b);

	if (kinds != 0 || a->policy == b->policy)
		return kinds;
	return a->policy < b->policy ? -1 : 1;
}

/* --- the policy ------------------------------------------------------------- */

static void
judge_policy(const BkRetention *retention, const Group *group)
{
	const BkPolicy *policy = group->list[0]->policy;

	if (policy == NULL)
		return;
	keep_last(group, policy->last);
	keep_within(group, retention->now, policy->within);
	for (size_t i = 0; i < sizeof(period_rules) / sizeof(period_rules[0]); i++)
		keep_period(group, &period_rules[i], wanted(policy, &period_rules[i]));
	keep_bad(retention, group);
}

static void
keep_last(const Group *group, int64_t last)
{
	int64_t		rank = 0;

	for (size_t i = 0; i < group->count && rank < last; i++)
	{
		if (group->list[i]->health == BK_HEALTH_GOOD)
			keep(group->list[i], true, "newest (last %lld of %lld)",
				 (long long) ++rank, (long long) last);
	}
}

/* And one that is older: only that reaches back to the beginning of the time. */
static void
keep_within(const Group *group, int64_t now, int64_t within)
{
	char		words[32];

	age_words(within, words);
	for (size_t i = 0; i < group->count && within > 0; i++)
	{
		BkCandidate *candidate = group->list[i];

		if (candidate->health != BK_HEALTH_GOOD)
			continue;
		if (candidate->finished_at > now - within)
		{
			keep(candidate, true, "younger than %s", words);
			continue;
		}
		keep(candidate, true, "the newest that is older than %s", words);
		return;
	}
}

/*
 * Of as many periods as the rule says, among those that have any. Time may go
 * back where clocks are changed, and a period is not counted twice.
 */
static void
keep_period(const Group *group, const PeriodRule *rule, int64_t count)
{
	int64_t		last = INT64_MAX;
	int64_t		rank = 0;
	char		words[BK_PERIOD_NAME_SIZE];

	for (size_t i = 0; i < group->count && rank < count; i++)
	{
		BkCandidate *candidate = group->list[i];
		int64_t		number = bk_period_number(rule->period, candidate->local_at);

		if (candidate->health != BK_HEALTH_GOOD || number >= last)
			continue;
		last = number;
		bk_period_name(rule->period, candidate->local_at, words);
		keep(candidate, true, "newest of %s (%s %lld of %lld)", words,
			 rule->name, (long long) ++rank, (long long) count);
	}
}

/*
 * One that is bad counts for nothing, and is kept for people to look at for as
 * long as a good one of its age would be: by last, within and daily.
 */
static void
keep_bad(const BkRetention *retention, const Group *group)
{
	const BkPolicy *policy = group->list[0]->policy;
	int64_t		last_day = INT64_MAX;
	int64_t		newer = 0;		/* good ones, and their days */
	int64_t		days = 0;

	for (size_t i = 0; i < group->count; i++)
	{
		BkCandidate *candidate = group->list[i];
		int64_t		day = bk_period_number(BK_PERIOD_DAY, candidate->local_at);

		if (candidate->health == BK_HEALTH_GOOD)
		{
			newer++;
			days += day < last_day;
			last_day = day < last_day ? day : last_day;
		}
		else if (newer == 0)
			keep(candidate, false, "bad, and there is no newer good one");
		else if (newer < policy->last || days < policy->daily ||
				 candidate->finished_at > retention->now - policy->within)
			keep(candidate, false, "bad: it counts for nothing, and goes with those of its age");
	}
}

/* --- what nobody may lose --------------------------------------------------- */

static void
judge_floor(const BkRetention *retention, const Group *group)
{
	bool		is_base = group->list[0]->timeline != 0;
	uint32_t	line = is_base ? newest_line(retention) : 0;

	keep_floor(retention, group, 0);
	keep_before_corruption(group);
	if (is_base && retention->window >= 0)
		keep_anchor(retention, group, 0);
	/* Where the server has left a line, others count for nothing on the new one. */
	if (line != 0)
		keep_floor(retention, group, line);
	if (line != 0 && retention->window >= 0)
		keep_anchor(retention, group, line);
}

static void
keep_floor(const BkRetention *retention, const Group *group, uint32_t line)
{
	int64_t		rank = 0;

	for (size_t i = 0; i < group->count && rank < retention->minimum_good; i++)
	{
		BkCandidate *candidate = group->list[i];

		if (candidate->health != BK_HEALTH_GOOD ||
			!leads_to(retention, candidate, line))
			continue;
		rank++;
		if (!candidate->keep && retention->minimum_good == 1)
			keep(candidate, true, "needed: the last good one");
		else if (!candidate->keep)
			keep(candidate, true, "needed: one of the last %lld good ones",
				 (long long) retention->minimum_good);
		candidate->by_rule = true;
	}
}

/* The newest from which every moment of the recovery window can be reached. */
static void
keep_anchor(const BkRetention *retention, const Group *group, uint32_t line)
{
	char		words[32];

	age_words(retention->window, words);
	for (size_t i = 0; i < group->count; i++)
	{
		BkCandidate *candidate = group->list[i];

		if (candidate->health != BK_HEALTH_GOOD ||
			!leads_to(retention, candidate, line))
			continue;
		if (candidate->finished_at > retention->now - retention->window)
		{
			/* On any line means on each of them. */
			if (line == 0)
				keep(candidate, true, "within the recovery window of %s", words);
			continue;
		}
		if (!candidate->anchor)
			keep(candidate, true, "the recovery window of %s begins with it", words);
		candidate->anchor = true;
		return;
	}
}

/* Pages that are damaged now may have been so before anybody looked. */
static void
keep_before_corruption(const Group *group)
{
	if (group->list[0]->health != BK_HEALTH_CORRUPT)
		return;
	for (size_t i = 1; i < group->count; i++)
	{
		if (group->list[i]->health != BK_HEALTH_GOOD)
			continue;
		keep(group->list[i], true, "needed: the last good one before damaged pages were found");
		return;
	}
}

/* Can it be recovered to the end of this line? 0: any line will do. */
static bool
leads_to(const BkRetention *retention, const BkCandidate *candidate,
		 uint32_t line)
{
	return line == 0 || candidate->timeline == 0 ||
		bk_retention_comes_from(retention->map, line, candidate->timeline, candidate->stop_lsn);
}

/*
 * The line that was begun last, since every promotion takes a higher number. 0:
 * there is none, or nobody knows where it comes from.
 */
static uint32_t
newest_line(const BkRetention *retention)
{
	const BkWalMap *map = retention->map;
	const BkTimeline *newest = map == NULL || map->count == 0 ? NULL :
		&map->timelines[map->count - 1];

	return newest == NULL || !(newest->has_history || newest->id == 1) ? 0 : newest->id;
}

/* --- words ------------------------------------------------------------------ */

static void
explain_end(BkCandidate *candidate)
{
	const char *schedule = candidate->policy->schedule;

	if (candidate->health != BK_HEALTH_GOOD)
		snprintf(candidate->reason, sizeof(candidate->reason),
				 "bad, and newer good ones are there");
	else if (schedule != NULL)
		snprintf(candidate->reason, sizeof(candidate->reason),
				 "no rule of schedule \"%s\" keeps it", schedule);
	else
		snprintf(candidate->reason, sizeof(candidate->reason),
				 "no rule of the default retention keeps it");
}

/* Keep it, and add why. */
static void
keep(BkCandidate *candidate, bool by_rule, const char *fmt,...)
{
	size_t		length = strlen(candidate->reason);
	va_list		args;

	candidate->keep = true;
	candidate->by_rule |= by_rule;
	if (length > 0 && length < sizeof(candidate->reason) - 2)
	{
		memcpy(candidate->reason + length, "; ", 3);
		length += 2;
	}
	va_start(args, fmt);
	vsnprintf(candidate->reason + length, sizeof(candidate->reason) - length, fmt, args);
	va_end(args);
}

static void
age_words(int64_t seconds, char words[32])
{
	static const struct
	{
		int64_t		seconds;
		const char *name;
	}			units[] = {{DAY, "day"}, {60 * 60, "hour"}, {60, "minute"}, {1, "second"}};
	size_t		unit = 0;
	int64_t		number;

	while (seconds % units[unit].seconds != 0)
		unit++;
	number = seconds / units[unit].seconds;
	snprintf(words, 32, "%lld %s%s", (long long) number, units[unit].name,
			 number == 1 ? "" : "s");
}

static int64_t
wanted(const BkPolicy *policy, const PeriodRule *rule)
{
	return *(const int64_t *) ((const char *) policy + rule->wanted);
}
