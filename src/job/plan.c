/*
 * plan.c
 *	  Which backup, which timelines, and whether the WAL is there.
 *
 * Backups are tried from the newest to the oldest. A backup that is too young
 * for the target, or not on its line, leads on to the one before it. Missing
 * WAL does not: older backups need the same WAL and more.
 */
#include "job/plan.h"

#include <stdio.h>
#include <string.h>

#include "core/clock.h"

typedef enum PlanTry
{
	PLAN_GOOD,
	PLAN_OLDER,					/* an older backup may do */
	PLAN_FAILED
} PlanTry;

static bool choose(const BkPlanInput *input, BkPlan *plan, BkError *err);
static const BkPlanBackup *named(const BkPlanInput *input, BkError *err);
static PlanTry try_backup(const BkPlanInput *input,
						  const BkPlanBackup *backup, BkPlan *plan,
						  BkError *err);
static bool is_too_young(const BkTarget *target, const BkPlanBackup *backup);
static PlanTry complain_young(const BkPlanInput *input,
							  const BkPlanBackup *backup, BkError *err);
static PlanTry choose_line(const BkPlanInput *input, BkPlan *plan,
						   BkWalPath *path, BkError *err);
static uint32_t newest_line(const BkPlanInput *input,
							const BkPlanBackup *backup);
static PlanTry follow(const BkPlanInput *input, BkPlan *plan,
					  const BkWalPath *path, BkError *err);
static uint64_t needed_lsn(const BkPlanInput *input, const BkPlan *plan,
						   uint64_t end);
static bool ends_later(const BkPlanInput *input, BkPlan *plan,
					   const BkTimeline *line, const char *missing);
static bool complain_missing(const BkPlanInput *input, const BkPlan *plan,
							 const char *missing, BkError *err);
static bool complain_late(const BkPlanInput *input, const BkPlan *plan,
						  BkError *err);
static void tell_reach(const BkPlanInput *input, const BkPlan *plan,
					   BkError *err);

bool
bk_plan_make(const BkPlanInput *input, BkPlan *plan, BkError *err)
{
	memset(plan, 0, sizeof(*plan));
	if (input->target->kind == BK_TARGET_XID && input->id == NULL)
	{
		bk_error(err, BK_STATE_BAD_ARGUMENT,
				 "a transaction id does not tell which backup to begin with");
		return bk_error_hint(err, "Name a base backup that was finished before the transaction: pg_backup_ext restore ID ...");
	}
	return choose(input, plan, err);
}

static bool
choose(const BkPlanInput *input, BkPlan *plan, BkError *err)
{
	const BkPlanBackup *only = NULL;
	bool		tried = false;

	if (input->id != NULL && (only = named(input, err)) == NULL)
		return false;
	for (size_t i = input->count; i > 0; i--)
	{
		const BkPlanBackup *backup = &input->backups[i - 1];
		BkError		problem;
		PlanTry		result;

		if (only != NULL ? backup != only : backup->bad)
			continue;
		result = try_backup(input, backup, plan, &problem);
		if (result == PLAN_GOOD)
			return true;
		*err = problem;
		tried = true;
		if (result == PLAN_FAILED)
			return false;
	}
	if (tried)
		return false;
	if (input->count == 0)
	{
		bk_error(err, BK_STATE_NO_OBJECT, "there is no base backup of this cluster");
		return bk_error_hint(err, "Look what there is: pg_backup_ext list");
	}
	bk_error(err, BK_STATE_WRONG_STATE, "every base backup of this cluster is bad");
	return bk_error_hint(err, "A bad backup can be restored in part: name it and use --force.");
}

static const BkPlanBackup *
named(const BkPlanInput *input, BkError *err)
{
	for (size_t i = 0; i < input->count; i++)
	{
		const BkPlanBackup *backup = &input->backups[i];

		if (strcmp(backup->id, input->id) != 0)
			continue;
		if (!backup->bad || input->force)
			return backup;
		bk_error(err, BK_STATE_WRONG_STATE, "backup \"%s\" is bad", backup->id);
		bk_error_hint(err, "Restore another one, or use --force to take it as it is.");
		return NULL;
	}
	bk_error(err, BK_STATE_NO_OBJECT, "there is no base backup \"%s\" of this cluster",
			 input->id);
	return NULL;
}

static PlanTry
try_backup(const BkPlanInput *input, const BkPlanBackup *backup,
		   BkPlan *plan, BkError *err)
{
	BkWalPath	path = {0};
	PlanTry		result;

	plan->backup = backup;
	result = choose_line(input, plan, &path, err);
	if (result == PLAN_GOOD && is_too_young(input->target, backup))
		result = complain_young(input, backup, err);
	if (result == PLAN_GOOD)
		result = follow(input, plan, &path, err);
	bk_wal_path_free(&path);
	return result;
}

static bool
is_too_young(const BkTarget *target, const BkPlanBackup *backup)
{
	if (target->kind == BK_TARGET_TIME)
		return backup->finished_at > target->time;
	return target->has_lsn && backup->stop_lsn > target->lsn;
}

static PlanTry
complain_young(const BkPlanInput *input, const BkPlanBackup *backup,
			   BkError *err)
{
	char		words[BK_TARGET_TEXT_SIZE + 32];
	char		finished[BK_CLOCK_TEXT_SIZE];
	char		stop[BK_LSN_SIZE];

	bk_target_words(input->target, words, sizeof(words));
	bk_clock_format(backup->finished_at, finished);
	bk_lsn_format(backup->stop_lsn, stop);
	bk_error(err, BK_STATE_WRONG_STATE, "the %s is before the end of %s \"%s\"",
			 words, input->id != NULL ? "backup" : "the oldest good base backup",
			 backup->id);
	bk_error_detail(err, "This backup was finished at %s, at WAL position %s; nothing before that can be reached from it.",
					finished, stop);
	return PLAN_OLDER;
}

/* The timeline to end on, and the way there. */
static PlanTry
choose_line(const BkPlanInput *input, BkPlan *plan, BkWalPath *path,
			BkError *err)
{
	const BkPlanBackup *backup = plan->backup;
	const BkTarget *target = input->target;
	const BkTimeline *line;

	plan->timeline = backup->timeline;
	plan->others = false;
	if (target->line == BK_LINE_NUMBER)
		plan->timeline = target->timeline;
	else if (target->line == BK_LINE_LATEST)
		plan->timeline = newest_line(input, backup);
	else if (target->line == BK_LINE_DEFAULT)
	{
		BkWalLine	found = bk_wal_map_default_line(input->map, backup->timeline,
													backup->stop_lsn);

		plan->timeline = found.timeline;
		plan->others = found.others;
	}
	line = bk_wal_map_find(input->map, plan->timeline);
	if (line == NULL || (plan->timeline != 1 && !line->has_history))
	{
		bk_error(err, BK_STATE_MISSING_FILE,
				 "the archive has no history of timeline %u", plan->timeline);
		bk_error_detail(err, "Without the file %08X.history recovery cannot know how to get there.",
						plan->timeline);
		return PLAN_FAILED;
	}
	if (bk_wal_map_path(input->map, backup->timeline, backup->start_lsn,
						plan->timeline, path, err))
		return PLAN_GOOD;
	/* A timeline that does not come from this backup may come from another. */
	return bk_error_is(err, BK_STATE_BAD_ARGUMENT) ? PLAN_OLDER : PLAN_FAILED;
}

static uint32_t
newest_line(const BkPlanInput *input, const BkPlanBackup *backup)
{
	for (size_t i = input->map->count; i > 0; i--)
	{
		uint32_t	id = input->map->timelines[i - 1].id;
		BkWalPath	path = {0};
		BkError		ignored;
		bool		found = bk_wal_map_path(input->map, backup->timeline,
											backup->stop_lsn, id, &path, &ignored);

		bk_wal_path_free(&path);
		if (found)
			return id;
	}
	return backup->timeline;
}

/* Is the WAL of every step there, as far as the target needs it? */
static PlanTry
follow(const BkPlanInput *input, BkPlan *plan, const BkWalPath *path,
	   BkError *err)
{
	char		missing[BK_WAL_NAME_SIZE];
	uint64_t	needed;

	plan->reach_lsn = plan->backup->start_lsn;
	plan->reach_time = plan->backup->finished_at;
	for (size_t i = 0; i < path->count; i++)
	{
		const BkWalStep *step = &path->steps[i];
		const BkTimeline *line = bk_wal_map_find(input->map, step->timeline);
		uint64_t	end = step->to_lsn;
		bool		is_last = i + 1 == path->count;

		if (is_last && line != NULL && line->last >= line->first)
			end = (line->last + 1) * input->map->segment_size;
		else if (is_last)
			end = step->from_lsn;
		needed = needed_lsn(input, plan, end);
		if (needed > step->from_lsn && step->from_lsn < end &&
			!bk_wal_map_covers(input->map, step->timeline, step->from_lsn,
							   needed < end ? needed : end, missing))
		{
			plan->reach_lsn = bk_wal_map_reach(input->map, step->timeline, step->from_lsn);
			if (ends_later(input, plan, line, missing))
				break;
			complain_missing(input, plan, missing, err);
			return PLAN_FAILED;
		}
		if (end > plan->reach_lsn)
			plan->reach_lsn = end;
		if (line != NULL && line->last_modified > plan->reach_time)
			plan->reach_time = line->last_modified;
	}
	if (plan->reach_lsn < plan->backup->stop_lsn ||
		(input->target->has_lsn && plan->reach_lsn < input->target->lsn) ||
		(input->target->kind == BK_TARGET_TIME && plan->reach_time < input->target->time))
	{
		complain_late(input, plan, err);
		return PLAN_FAILED;
	}
	return PLAN_GOOD;
}

/* How far a step that ends at "end" is read at most. */
static uint64_t
needed_lsn(const BkPlanInput *input, const BkPlan *plan, uint64_t end)
{
	if (input->target->kind == BK_TARGET_IMMEDIATE)
		return plan->backup->stop_lsn;
	return input->target->has_lsn ? input->target->lsn : end;
}

/*
 * No map tells what time a segment ends at, only when it was stored, which is
 * later. So a gap may still come too early; then recovery fails there.
 */
static bool
ends_later(const BkPlanInput *input, BkPlan *plan, const BkTimeline *line,
		   const char *missing)
{
	uint64_t	number = plan->reach_lsn / input->map->segment_size;

	if (input->target->kind != BK_TARGET_TIME || line == NULL)
		return false;
	for (size_t i = 0; i < line->gap_count; i++)
	{
		const BkWalGap *gap = &line->gaps[i];

		if (gap->first != number || gap->before <= input->target->time)
			continue;
		plan->reach_time = gap->before;
		snprintf(plan->missing, sizeof(plan->missing), "%s", missing);
		return true;
	}
	return false;
}

static bool
complain_missing(const BkPlanInput *input, const BkPlan *plan,
				 const char *missing, BkError *err)
{
	char		words[BK_TARGET_TEXT_SIZE + 32];

	bk_target_words(input->target, words, sizeof(words));
	bk_error(err, BK_STATE_MISSING_FILE,
			 "the %s cannot be reached: WAL file \"%s\" is missing or in conflict",
			 words, missing);
	tell_reach(input, plan, err);
	return false;
}

static bool
complain_late(const BkPlanInput *input, const BkPlan *plan, BkError *err)
{
	char		words[BK_TARGET_TEXT_SIZE + 32];

	bk_target_words(input->target, words, sizeof(words));
	bk_error(err, BK_STATE_WRONG_STATE, "the %s is behind the end of the archived WAL",
			 words);
	tell_reach(input, plan, err);
	return bk_error_hint(err, "Use --target latest to recover all there is.");
}

static void
tell_reach(const BkPlanInput *input, const BkPlan *plan, BkError *err)
{
	char		from[BK_LSN_SIZE];
	char		to[BK_LSN_SIZE];
	char		finished[BK_CLOCK_TEXT_SIZE];
	char		stored[BK_CLOCK_TEXT_SIZE];
	BkBuf		tree;

	bk_lsn_format(plan->backup->stop_lsn, from);
	bk_lsn_format(plan->reach_lsn, to);
	bk_clock_format(plan->backup->finished_at, finished);
	bk_clock_format(plan->reach_time, stored);
	bk_buf_init(&tree);
	if (input->map->count > 1)
	{
		bk_buf_append_string(&tree, "\nTimelines:\n");
		bk_wal_map_tree(input->map, &tree);
		bk_buf_truncate(&tree, tree.len - 1);
	}
	bk_error_detail(err, "With backup \"%s\" recovery is possible from %s (%s) to %s (stored until %s) on timeline %u.%s",
					plan->backup->id, from, finished, to, stored,
					plan->timeline, tree.data == NULL ? "" : tree.data);
	bk_buf_free(&tree);
}
