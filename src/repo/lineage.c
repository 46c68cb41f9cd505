/*
 * lineage.c
 *	  Ways through the tree of timelines, and the tree as text.
 *
 * A history names all ancestors of its timeline, so a way needs one history
 * only. Where a server was recovered to a position before a fork and then
 * promoted, a later ancestor was left before it began: it has no bytes then,
 * and all before it end there, too.
 */
#include "repo/timeline.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "core/clock.h"

static bool has_use(const BkWalMap *map, uint32_t id,
					const BkTimeline **timeline, BkError *err);
static uint64_t switch_from(const BkTimeline *timeline, uint32_t ancestor);
static uint64_t end_of(const BkHistory *history, size_t index);
static uint64_t round_down(const BkWalMap *map, uint64_t lsn);
static void add_step(BkWalPath *path, uint32_t timeline, uint64_t from_lsn,
					 uint64_t to_lsn);
static const BkTimeline *only_child(const BkWalMap *map, uint32_t id,
									uint64_t lsn);
static bool goes_on_after(const BkWalMap *map, uint32_t id, uint64_t lsn);
static void print_branch(const BkWalMap *map, const BkTimeline *timeline,
						 int depth, BkBuf *text);
static void print_timeline(const BkWalMap *map, const BkTimeline *timeline,
						   BkBuf *text);
static void print_segments(const BkWalMap *map, const BkTimeline *timeline,
						   BkBuf *text);

bool
bk_wal_map_path(const BkWalMap *map, uint32_t from, uint64_t from_lsn,
				uint32_t to, BkWalPath *path, BkError *err)
{
	const BkTimeline *target = NULL;
	uint64_t	left;
	uint64_t	begin = from_lsn;
	size_t		index = 0;

	*path = (BkWalPath) {0};
	if (from != to && !has_use(map, to, &target, err))
		return false;
	left = from == to ? UINT64_MAX : switch_from(target, from);
	if (left == 0 || left < from_lsn)
	{
		char		lsn[BK_LSN_SIZE];

		bk_lsn_format(from_lsn, lsn);
		bk_error(err, BK_STATE_BAD_ARGUMENT,
				 "timeline %u does not come from timeline %u at %s", to, from, lsn);
		if (left == 0)
			return bk_error_detail(err, "Its history does not name timeline %u.", from);
		bk_lsn_format(left, lsn);
		return bk_error_detail(err, "It leaves timeline %u at %s already.", from, lsn);
	}
	path->steps = calloc(target == NULL ? 1 : target->history.count + 1,
						 sizeof(*path->steps));
	if (path->steps == NULL)
		return bk_error_memory(err);
	if (target != NULL)
	{
		const BkHistory *history = &target->history;

		while (history->entries[index].timeline != from)
			index++;
		for (; index < history->count; index++)
		{
			uint64_t	end = round_down(map, end_of(history, index));

			add_step(path, history->entries[index].timeline, begin, end);
			begin = end > begin ? end : begin;
		}
	}
	add_step(path, to, begin, UINT64_MAX);
	return true;
}

void
bk_wal_path_free(BkWalPath *path)
{
	free(path->steps);
	*path = (BkWalPath) {0};
}

BkWalLine
bk_wal_map_default_line(const BkWalMap *map, uint32_t timeline,
						uint64_t stop_lsn)
{
	BkWalLine	line = {.timeline = timeline};
	uint64_t	lsn = stop_lsn;
	const BkTimeline *child;
	const BkTimeline *end;

	while ((child = only_child(map, line.timeline, lsn)) != NULL &&
		   !goes_on_after(map, line.timeline, child->switch_lsn))
	{
		line.timeline = child->id;
		lsn = child->switch_lsn;
	}

	/* What else could be meant: all that comes from the backup, or may do so. */
	end = bk_wal_map_find(map, line.timeline);
	for (size_t i = 0; i < map->count && !line.others; i++)
	{
		const BkTimeline *other = &map->timelines[i];

		if (other->id == line.timeline || other->id == timeline ||
			(end != NULL && switch_from(end, other->id) > 0))
			continue;
		line.others = other->has_history
			? switch_from(other, timeline) >= stop_lsn : other->id > timeline;
	}
	return line;
}

void
bk_wal_map_tree(const BkWalMap *map, BkBuf *text)
{
	for (size_t i = 0; i < map->count; i++)
	{
		const BkTimeline *timeline = &map->timelines[i];

		if (timeline->parent == 0 ||
			bk_wal_map_find(map, timeline->parent) == NULL)
			print_branch(map, timeline, 0, text);
	}
}

/* Can the way to a timeline be told from its history? */
static bool
has_use(const BkWalMap *map, uint32_t id, const BkTimeline **timeline,
		BkError *err)
{
	*timeline = bk_wal_map_find(map, id);
	if (*timeline == NULL)
		return bk_error(err, BK_STATE_MISSING_FILE,
						"there is no timeline %u in the repository", id);
	if ((*timeline)->history_problem != NULL)
	{
		bk_error(err, BK_STATE_CORRUPT, "the history of timeline %u is of no use", id);
		return bk_error_detail(err, "It cannot be read: %s.", (*timeline)->history_problem);
	}
	if (!(*timeline)->has_history && id != 1)
		return bk_error(err, BK_STATE_MISSING_FILE,
						"the history of timeline %u is not in the repository", id);
	return true;
}

/* Where a timeline's line leaves an ancestor, 0 if that is none. */
static uint64_t
switch_from(const BkTimeline *timeline, uint32_t ancestor)
{
	for (size_t i = 0; i < timeline->history.count; i++)
	{
		if (timeline->history.entries[i].timeline == ancestor)
			return end_of(&timeline->history, i);
	}
	return 0;
}

/* No ancestor counts beyond where a later one was left. */
static uint64_t
end_of(const BkHistory *history, size_t index)
{
	uint64_t	end = history->entries[index].switch_lsn;

	for (size_t i = index + 1; i < history->count; i++)
	{
		if (history->entries[i].switch_lsn < end)
			end = history->entries[i].switch_lsn;
	}
	return end;
}

static uint64_t
round_down(const BkWalMap *map, uint64_t lsn)
{
	return lsn - lsn % map->segment_size;
}

/* A step without bytes is none. */
static void
add_step(BkWalPath *path, uint32_t timeline, uint64_t from_lsn,
		 uint64_t to_lsn)
{
	if (from_lsn < to_lsn)
		path->steps[path->count++] = (BkWalStep) {timeline, from_lsn, to_lsn};
}

/* The one child that forks at the position or later; NULL if there are more. */
static const BkTimeline *
only_child(const BkWalMap *map, uint32_t id, uint64_t lsn)
{
	const BkTimeline *child = NULL;

	for (size_t i = 0; i < map->count; i++)
	{
		const BkTimeline *timeline = &map->timelines[i];

		if (timeline->parent != id || timeline->switch_lsn < lsn)
			continue;
		if (child != NULL)
			return NULL;
		child = timeline;
	}
	return child;
}

/* Is there a whole segment with nothing but what came after the position? */
static bool
goes_on_after(const BkWalMap *map, uint32_t id, uint64_t lsn)
{
	const BkTimeline *timeline = bk_wal_map_find(map, id);

	return timeline != NULL && timeline->segment_count > 0 &&
		timeline->last * map->segment_size >= lsn;
}

static void
print_branch(const BkWalMap *map, const BkTimeline *timeline, int depth,
			 BkBuf *text)
{
	size_t		children = 0;

	bk_buf_printf(text, "%*s", depth * 2, "");
	print_timeline(map, timeline, text);
	for (size_t i = 0; i < map->count; i++)
		children += map->timelines[i].parent == timeline->id;
	for (size_t i = 0; i < map->count; i++)
	{
		if (map->timelines[i].parent == timeline->id)
			print_branch(map, &map->timelines[i], depth + (children > 1), text);
	}
}

static void
print_timeline(const BkWalMap *map, const BkTimeline *timeline, BkBuf *text)
{
	char		lsn[BK_LSN_SIZE];

	bk_lsn_format(timeline->switch_lsn, lsn);
	bk_buf_printf(text, "timeline %u", timeline->id);
	if (timeline->history_problem != NULL)
		bk_buf_printf(text, ", history of no use (%s)", timeline->history_problem);
	else if (timeline->parent != 0)
		bk_buf_printf(text, ", from timeline %u at %s", timeline->parent, lsn);
	else if (timeline->id > 1)
		bk_buf_append_string(text, ", history missing");
	print_segments(map, timeline, text);
	if (timeline->conflict_count > 0)
		bk_buf_printf(text, ", conflicts: %zu (first %s)", timeline->conflict_count,
					  timeline->conflicts[0].name.text);
	bk_buf_append_string(text, "\n");
}

static void
print_segments(const BkWalMap *map, const BkTimeline *timeline, BkBuf *text)
{
	char		first[BK_WAL_NAME_SIZE];
	char		last[BK_WAL_NAME_SIZE];
	char		time[BK_CLOCK_TEXT_SIZE];

	if (timeline->segment_count == 0)
	{
		bk_buf_append_string(text, ": no segments");
		return;
	}
	bk_wal_segment_name(timeline->id, timeline->first, map->segment_size, first);
	bk_wal_segment_name(timeline->id, timeline->last, map->segment_size, last);
	bk_clock_format(timeline->last_modified, time);
	bk_buf_printf(text, ": %" PRIu64 " segments, %s to %s (%s)",
				  timeline->segment_count, first, last, time);
	if (timeline->gap_count > 0)
	{
		bk_wal_segment_name(timeline->id, timeline->gaps[0].first,
							map->segment_size, first);
		bk_buf_printf(text, ", gaps: %zu (first %s)", timeline->gap_count, first);
	}
}
