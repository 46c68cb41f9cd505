/*
 * timetable.c
 *	  Has done what schedules want, when they want it.
 *
 * Each schedule has a transaction of its own, in which its row is locked. A run
 * gets its number there and is queued after the commit: if the server is lost
 * between the two, the next look finds a number that nobody knows, and the run
 * is begun again.
 */
#include "postgres.h"

#include "utils/timestamp.h"

#include "server/catalogue.h"
#include "server/schedule_part.h"
#include "server/settings.h"
#include "server/slots.h"
#include "server/statement.h"
#include "server/timetable.h"

#define BK_TIMETABLE_RETRY USECS_PER_MINUTE /* when a schedule could not be looked at */
#define BK_TIMETABLE_FULL (10 * USECS_PER_SEC)	/* when no more runs can be queued */
#define BK_TIMETABLE_ROOM 16	/* of the places for runs: for people, and alarms */

static List *bk_timetable_glances(TimestampTz now);
static bool bk_timetable_has_room(void);
static TimestampTz bk_timetable_try(const char *name, TimestampTz now);
static TimestampTz bk_timetable_keep_one(const char *name, TimestampTz now);
static TimestampTz bk_timetable_advance(BkSchedule *schedule, TimestampTz now, BkTask *task);
static TimestampTz bk_timetable_rest(BkSchedule *schedule);
static void bk_timetable_take(BkSchedule *schedule, const BkDueSlot *due, BkTask *task);
static void bk_timetable_begin(BkSchedule *schedule, TimestampTz slot_at, char *reason,
							   BkTask *task);
static TimestampTz bk_timetable_next(const BkSchedule *schedule, TimestampTz now);
static void bk_timetable_take_turn(BkSchedule *schedule, TimestampTz now, BkTask *task);

TimestampTz
bk_timetable_keep(TimestampTz now)
{
	TimestampTz next = 0;
	ListCell   *cell;

	foreach(cell, bk_timetable_glances(now))
	{
		BkScheduleGlance *glance = lfirst(cell);
		TimestampTz wanted = glance->next_run_at;

		if (glance->wants_look || (glance->wants_turn && bk_timetable_has_room()))
			wanted = bk_timetable_try(glance->name, now);
		else if (glance->wants_turn)
			wanted = now + BK_TIMETABLE_FULL;
		if (wanted != 0 && (next == 0 || wanted < next))
			next = wanted;
	}
	return next;
}

/* All schedules; what is left of others goes. */
static List *
bk_timetable_glances(TimestampTz now)
{
	MemoryContext caller = bk_statement_begin();
	List	   *glances = NIL;
	List	   *found;
	ListCell   *cell;

	bk_schedule_remove_orphans();
	found = bk_schedule_glance(now, bk_setting_fence[0] == '\0');
	MemoryContextSwitchTo(caller);
	foreach(cell, found)
	{
		BkScheduleGlance *glance = palloc(sizeof(BkScheduleGlance));

		*glance = *(BkScheduleGlance *) lfirst(cell);
		glance->name = pstrdup(glance->name);
		glances = lappend(glances, glance);
	}
	bk_statement_commit(caller);
	return glances;
}

/* Many schedules for one time must not take all places for hours. */
static bool
bk_timetable_has_room(void)
{
	return bk_shared_room() > BK_TIMETABLE_ROOM;
}

/* What is wrong with one schedule does not keep the others waiting. */
static TimestampTz
bk_timetable_try(const char *name, TimestampTz now)
{
	MemoryContext context = CurrentMemoryContext;
	volatile TimestampTz next = now + BK_TIMETABLE_RETRY;
	BkOutcome	ignored;

	PG_TRY();
	{
		next = bk_timetable_keep_one(name, now);
	}
	PG_CATCH();
	{
		bk_catalogue_catch(&ignored, context);
	}
	PG_END_TRY();
	return next;
}

static TimestampTz
bk_timetable_keep_one(const char *name, TimestampTz now)
{
	BkTask		task = {0};
	TimestampTz next = now + BK_TIMETABLE_RETRY;
	BkSchedule *schedule;
	ListCell   *cell;

	task.context = bk_statement_begin();
	schedule = bk_schedule_lock(name);
	if (schedule != NULL)
		next = bk_timetable_advance(schedule, now, &task);
	bk_statement_commit(task.context);

	foreach(cell, task.rows)
		bk_catalogue_write_run(lfirst(cell), NULL);
	if (task.run != NULL && bk_shared_queue(task.run) < 0)
		next = now + BK_TIMETABLE_FULL;
	return next;
}

/* What one look does for a schedule; returns when the next one is to be. */
static TimestampTz
bk_timetable_advance(BkSchedule *schedule, TimestampTz now, BkTask *task)
{
	BkDueSlot	due;

	/* see how what was begun has ended */
	bk_part_settle(schedule, now);

	/* rest where it is not to be obeyed, also in a copy of the cluster */
	if (!schedule->is_ours || bk_setting_fence[0] != '\0')
		return bk_timetable_rest(schedule);

	/* plan anew when it has been changed: what is under way comes to its end */
	if (schedule->planned_for != schedule->changed_at || schedule->next_slot == 0)
	{
		if (schedule->planned_for != schedule->changed_at)
			bk_part_drop_waiting(schedule);
		bk_slots_plan(schedule, now);
	}

	/* take what is due, and begin what comes next */
	if (bk_slots_take(schedule, now, &due))
		bk_timetable_take(schedule, &due, task);
	bk_timetable_take_turn(schedule, now, task);
	bk_schedule_save(schedule);
	return bk_timetable_next(schedule, now);
}

/* Nothing is planned; a run that is under way comes to its end. */
static TimestampTz
bk_timetable_rest(BkSchedule *schedule)
{
	if (schedule->planned_for == schedule->changed_at &&
		schedule->next_slot == 0 && schedule->parts == NIL)
		return 0;
	bk_part_drop_waiting(schedule);
	bk_slots_forget(schedule);
	if (schedule->parts == NIL)
		schedule->slot_at = 0;
	bk_schedule_save(schedule);
	return 0;
}

/* One slot at a time, and one more may wait for its end. */
static void
bk_timetable_take(BkSchedule *schedule, const BkDueSlot *due, BkTask *task)
{
	char	   *reason = due->missed ? "catch-up" : "schedule";

	if (due->missed && !schedule->catches_up)
		bk_part_skip(schedule, due->at, task,
					 "the time was missed, and the schedule does not catch up");
	else if (!bk_part_is_running(schedule) &&
			 (due->missed || !bk_part_is_left(schedule)))
	{
		/*
		 * What only waits to be tried again is part of this one now. The rest
		 * of a slot that is not is done first: else where a round takes longer
		 * than a period, the last databases would never have their turn.
		 */
		bk_part_drop_waiting(schedule);
		bk_timetable_begin(schedule, due->at, reason, task);
	}
	else if (schedule->queued_slot == 0)
	{
		schedule->queued_slot = due->at;
		schedule->queued_reason = reason;
	}
	else
		bk_part_skip(schedule, due->at, task,
					 "the run before is still under way, and one more is waiting for its end");
}

static void
bk_timetable_begin(BkSchedule *schedule, TimestampTz slot_at, char *reason,
				   BkTask *task)
{
	schedule->slot_at = slot_at;
	schedule->reason = reason;
	bk_part_expand(schedule, task);
}

/* Begins the next part of the slot, or the slot that waits for its end. */
static void
bk_timetable_take_turn(BkSchedule *schedule, TimestampTz now, BkTask *task)
{
	bool		wants_turn = schedule->parts != NIL || schedule->queued_slot != 0;

	if (bk_part_is_running(schedule) || (wants_turn && !bk_timetable_has_room()))
		return;
	bk_part_begin_next(schedule, now, task);
	if (task->run != NULL || schedule->queued_slot == 0)
	{
		if (schedule->parts == NIL)
			schedule->slot_at = 0;
		return;
	}
	bk_part_drop_waiting(schedule);
	bk_timetable_begin(schedule, schedule->queued_slot, schedule->queued_reason, task);
	schedule->queued_slot = 0;
	schedule->queued_reason = NULL;
	bk_part_begin_next(schedule, now, task);
}

static TimestampTz
bk_timetable_next(const BkSchedule *schedule, TimestampTz now)
{
	TimestampTz next = schedule->next_run_at;
	TimestampTz again = bk_part_is_running(schedule) ? DT_NOEND : bk_part_next(schedule);

	/* what could begin now has found no room */
	if (again <= now)
		again = now + BK_TIMETABLE_FULL;
	if (again != DT_NOEND && (next == 0 || again < next))
		next = again;
	/* the end of a run is seen only where somebody waits for something */
	if (next == 0 && schedule->parts != NIL)
		next = now + BK_TIMETABLE_RETRY;
	return next;
}
