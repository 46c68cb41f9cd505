/*
 * slots.c
 *	  Which slots of a schedule are due.
 */
#include "postgres.h"

#include "common/hashfn.h"
#include "utils/timestamp.h"

#include "server/cron.h"
#include "server/slots.h"

#define BK_SLOTS_LATE (5 * USECS_PER_MINUTE)	/* later than that: missed */
#define BK_SLOTS_AHEAD USECS_PER_DAY

/* A schedule that could be read. */
typedef struct BkPlan
{
	BkCron		cron;
	pg_tz	   *zone;
} BkPlan;

static void bk_slots_set_none(BkSchedule *schedule);
static bool bk_slots_read(BkSchedule *schedule, BkPlan *plan);
static void bk_slots_set_next(BkSchedule *schedule, const BkPlan *plan, TimestampTz after);
static int64 bk_slots_jitter(const BkSchedule *schedule, const BkPlan *plan, TimestampTz slot);
static char *bk_slots_local(const BkPlan *plan, TimestampTz time);
static TimestampTz bk_slots_last_due(const BkSchedule *schedule, const BkPlan *plan,
									 TimestampTz now);

void
bk_slots_plan(BkSchedule *schedule, TimestampTz now)
{
	BkPlan		plan;

	bk_slots_forget(schedule);
	if (bk_slots_read(schedule, &plan))
		bk_slots_set_next(schedule, &plan, now);
}

void
bk_slots_forget(BkSchedule *schedule)
{
	schedule->planned_for = schedule->changed_at;
	schedule->problem = NULL;
	bk_slots_set_none(schedule);
	schedule->queued_slot = 0;
	schedule->queued_reason = NULL;
}

static void
bk_slots_set_none(BkSchedule *schedule)
{
	schedule->next_slot = 0;
	schedule->next_run_at = 0;
	schedule->next_run_local = NULL;
}

bool
bk_slots_take(BkSchedule *schedule, TimestampTz now, BkDueSlot *due)
{
	BkPlan		plan;

	if (schedule->next_slot == 0)
		return false;
	if (!bk_slots_read(schedule, &plan))
	{
		bk_slots_set_none(schedule);
		return false;
	}
	if (schedule->last_slot > now + BK_SLOTS_AHEAD)
	{
		ereport(LOG,
				(errmsg("schedule \"%s\" begins anew, since the clock has gone back by more than a day",
						schedule->name)));
		schedule->last_slot = 0;
		bk_slots_set_next(schedule, &plan, now);
	}
	if (schedule->next_slot == 0 || schedule->next_run_at > now)
		return false;
	due->at = bk_slots_last_due(schedule, &plan, now);
	due->missed = now - due->at - bk_slots_jitter(schedule, &plan, due->at) > BK_SLOTS_LATE;
	schedule->last_slot = due->at;
	bk_slots_set_next(schedule, &plan, due->at);
	return true;
}

/* The slot that is planned, or a later one of which the jitter is over as well. */
static TimestampTz
bk_slots_last_due(const BkSchedule *schedule, const BkPlan *plan, TimestampTz now)
{
	TimestampTz before = schedule->next_slot - 1;
	TimestampTz slot = bk_cron_last(&plan->cron, plan->zone, before, now);

	/* jitter ends before the next slot, so the one before is due */
	if (slot > schedule->next_slot &&
		slot + bk_slots_jitter(schedule, plan, slot) > now)
		slot = bk_cron_last(&plan->cron, plan->zone, before, slot - 1);
	return Max(slot, schedule->next_slot);
}

/* What came with a dump may be unknown to this server. */
static bool
bk_slots_read(BkSchedule *schedule, BkPlan *plan)
{
	BkOutcome	problem;

	plan->zone = bk_cron_zone(schedule->timezone);
	if (plan->zone == NULL)
		schedule->problem = psprintf("time zone \"%s\" is not known here",
									 schedule->timezone);
	else if (!bk_cron_parse(schedule->schedule, &plan->cron, &problem))
		schedule->problem = pstrdup(problem.message);
	else
		return true;
	return false;
}

static void
bk_slots_set_next(BkSchedule *schedule, const BkPlan *plan, TimestampTz after)
{
	TimestampTz slot = bk_cron_takes(after) ?
		bk_cron_next(&plan->cron, plan->zone, after) : DT_NOEND;

	bk_slots_set_none(schedule);
	if (slot == DT_NOEND)
		return;
	schedule->next_slot = slot;
	schedule->next_run_at = slot + bk_slots_jitter(schedule, plan, slot);
	schedule->next_run_local = bk_slots_local(plan, schedule->next_run_at);
}

/* By how much a slot is met later: always the same for one slot. */
static int64
bk_slots_jitter(const BkSchedule *schedule, const BkPlan *plan, TimestampTz slot)
{
	TimestampTz next;
	uint64		hash;

	if (schedule->jitter <= 0)
		return 0;
	next = bk_cron_next(&plan->cron, plan->zone, slot);
	hash = hash_bytes_extended((const unsigned char *) schedule->name,
							   strlen(schedule->name), (uint64) slot);
	return (int64) (hash % (uint64) Min(schedule->jitter, next - slot));
}

static char *
bk_slots_local(const BkPlan *plan, TimestampTz time)
{
	pg_time_t	seconds = timestamptz_to_time_t(time);
	char		text[64];

	pg_strftime(text, sizeof(text), "%Y-%m-%d %H:%M:%S %Z",
				pg_localtime(&seconds, plan->zone));
	return pstrdup(text);
}
