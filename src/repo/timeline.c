/*
 * timeline.c
 *	  Read the map of a cluster's WAL.
 *
 * One listing tells names and sizes. Of the content only the histories are
 * read, and the first page of one segment for the size of all; where only the
 * owner can read that, the manifest of a base backup tells.
 */
#include "repo/timeline.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* In the first page of a segment (src/include/access/xlog_internal.h). */
#define LONG_HEADER_SIZE	40
#define SEGMENT_SIZE_AT		32

/* Where there is no segment the size does not matter: PostgreSQL's default. */
#define DEFAULT_SEGMENT		(16 * 1024 * 1024)

#define BASE_NAME		"base"

typedef struct SizeSearch
{
	BkRepository *repo;
	const char *system_identifier;
	bool		closed;			/* we cannot open the segments */
	uint32_t	size;			/* 0: not found yet */
} SizeSearch;

static bool find_segment_size(BkRepository *repo, const char *system_identifier,
							  uint32_t *size, BkError *err);
static bool read_segment_size(void *arg, const BkWalName *name,
							  const BkWalFound *found, BkError *err);
static bool read_base_size(void *arg, const char *id, BkError *err);
static bool read_start(BkRepository *repo, const BkWalFound *found,
					   char *header, size_t len, BkError *err);
static bool add_visited(void *arg, const BkWalName *name,
						const BkWalFound *found, BkError *err);
static bool read_histories(BkRepository *repo, const char *system_identifier,
						   BkWalMap *map, BkError *err);
static bool read_history(BkRepository *repo, const char *system_identifier,
						 BkWalMap *map, BkTimeline *timeline, BkError *err);
static BkTimeline *last_timeline(BkWalMap *map, uint32_t id, BkError *err);
static bool add_segment(BkTimeline *timeline, uint64_t number,
						int64_t modified, BkError *err);
static uint64_t end_before_fork(const BkWalMap *map,
								const BkTimeline *timeline);
static bool add_gap(BkTimeline *timeline, uint64_t first, uint64_t last,
					BkError *err);
static bool add_conflict(BkTimeline *timeline, const BkWalName *name,
						 const char *key, const char *other_key, BkError *err);
static bool note_problem(BkTimeline *timeline, const char *problem,
						 BkError *err);

BkWalMap *
bk_wal_map_read(BkRepository *repo, const char *system_identifier,
				uint32_t segment_size, BkError *err)
{
	BkWalMap   *map;

	if (segment_size == 0 &&
		!find_segment_size(repo, system_identifier, &segment_size, err))
		return NULL;
	map = bk_wal_map_new(segment_size, err);
	if (map != NULL &&
		bk_wal_walk(repo, system_identifier, 0, add_visited, map, err) &&
		read_histories(repo, system_identifier, map, err) &&
		bk_wal_map_join(map, err))
		return map;
	bk_wal_map_free(map);
	return NULL;
}

void
bk_wal_map_free(BkWalMap *map)
{
	if (map == NULL)
		return;
	for (size_t i = 0; i < map->count; i++)
	{
		BkTimeline *timeline = &map->timelines[i];

		for (size_t j = 0; j < timeline->conflict_count; j++)
		{
			free(timeline->conflicts[j].key);
			free(timeline->conflicts[j].other_key);
		}
		free(timeline->conflicts);
		free(timeline->gaps);
		free(timeline->history_problem);
		bk_history_free(&timeline->history);
	}
	free(map->timelines);
	free(map);
}

BkWalMap *
bk_wal_map_new(uint32_t segment_size, BkError *err)
{
	BkWalMap   *map = calloc(1, sizeof(*map));

	if (map == NULL)
		bk_error_memory(err);
	else
		map->segment_size = segment_size;
	return map;
}

bool
bk_wal_map_add(BkWalMap *map, const BkWalName *name, const BkWalFound *found,
			   BkError *err)
{
	BkTimeline *timeline = last_timeline(map, name->timeline, err);
	bool		again = strcmp(name->text, map->name) == 0;
	bool		ok = timeline != NULL;

	if (ok && again && strcmp(found->digest, map->digest) != 0)
		ok = add_conflict(timeline, name, map->key, found->key, err);
	else if (ok && !again && name->kind == BK_WAL_SEGMENT)
		ok = add_segment(timeline, bk_wal_segment_number(name, map->segment_size),
						 found->modified, err);
	else if (ok && name->kind == BK_WAL_HISTORY)
		timeline->has_history = true;
	memcpy(map->name, name->text, sizeof(map->name));
	memcpy(map->digest, found->digest, sizeof(map->digest));
	memcpy(map->key, found->key, sizeof(map->key));
	return ok;
}

bool
bk_wal_map_add_history(BkWalMap *map, uint32_t timeline, const char *text,
					   size_t len, BkError *err)
{
	BkTimeline *place = (BkTimeline *) bk_wal_map_find(map, timeline);

	if (place == NULL)
		place = last_timeline(map, timeline, err);
	if (place == NULL)
		return false;
	bk_history_free(&place->history);
	if (!bk_history_parse(text, len, timeline, &place->history, err))
		return bk_error_is(err, BK_STATE_CORRUPT) &&
			note_problem(place, err->message, err);
	place->has_history = true;
	if (place->history.count > 0)
	{
		const BkHistoryEntry *last = &place->history.entries[place->history.count - 1];

		place->parent = last->timeline;
		place->switch_lsn = last->switch_lsn;
	}
	return true;
}

bool
bk_wal_map_join(BkWalMap *map, BkError *err)
{
	for (size_t i = 0; i < map->count; i++)
	{
		BkTimeline *child = &map->timelines[i];
		BkTimeline *parent = (BkTimeline *) bk_wal_map_find(map, child->parent);
		uint64_t	fork = child->switch_lsn / map->segment_size;
		uint64_t	end = parent == NULL ? 0 : end_before_fork(map, parent);

		/* Before its first segment nobody can tell whether more comes. */
		if (child->segment_count == 0 || end == 0)
			continue;
		if ((end < fork && !add_gap(parent, end, fork - 1, err)) ||
			(fork < child->first && !add_gap(child, fork, child->first - 1, err)))
			return false;
	}
	return true;
}

const BkTimeline *
bk_wal_map_find(const BkWalMap *map, uint32_t id)
{
	for (size_t i = 0; i < map->count; i++)
	{
		if (map->timelines[i].id == id)
			return &map->timelines[i];
	}
	return NULL;
}

bool
bk_wal_map_covers(const BkWalMap *map, uint32_t timeline, uint64_t from_lsn,
				  uint64_t to_lsn, char *missing)
{
	uint64_t	first = from_lsn / map->segment_size;
	uint64_t	last = to_lsn > from_lsn ? (to_lsn - 1) / map->segment_size : first;
	uint64_t	reach = bk_wal_map_reach(map, timeline, first * map->segment_size)
		/ map->segment_size;

	if (reach > last)
		return true;
	if (missing != NULL)
		bk_wal_segment_name(timeline, reach, map->segment_size, missing);
	return false;
}

uint64_t
bk_wal_map_reach(const BkWalMap *map, uint32_t timeline, uint64_t from_lsn)
{
	const BkTimeline *found = bk_wal_map_find(map, timeline);
	uint64_t	first = from_lsn / map->segment_size;
	uint64_t	end;			/* the first segment that is not there */

	if (found == NULL || first < found->first || first > found->last)
		return from_lsn;
	end = found->last + 1;
	for (size_t i = found->gap_count; i > 0 && found->gaps[i - 1].last >= first; i--)
		end = found->gaps[i - 1].first;
	for (size_t i = found->conflict_count; i > 0; i--)
	{
		const BkWalName *name = &found->conflicts[i - 1].name;
		uint64_t	number = bk_wal_segment_number(name, map->segment_size);

		if (name->kind == BK_WAL_SEGMENT && number >= first && number < end)
			end = number;
	}
	return end <= first ? from_lsn : end * map->segment_size;
}

/* Any segment will do: the first that can be read tells. */
static bool
find_segment_size(BkRepository *repo, const char *system_identifier,
				  uint32_t *size, BkError *err)
{
	SizeSearch	search = {.repo = repo, .system_identifier = system_identifier};
	bool		walked = bk_wal_walk(repo, system_identifier, 0,
									 read_segment_size, &search, err);

	if (search.closed)
		walked = bk_repository_walk(repo, read_base_size, &search, err);
	*size = search.size == 0 ? DEFAULT_SEGMENT : search.size;
	return walked || search.size != 0;
}

/* False ends the search, with an error where it came to nothing. */
static bool
read_segment_size(void *arg, const BkWalName *name, const BkWalFound *found,
				  BkError *err)
{
	SizeSearch *search = arg;
	char		header[LONG_HEADER_SIZE];
	uint32_t	size;

	if (name->kind != BK_WAL_SEGMENT)
		return true;
	if (!read_start(search->repo, found, header, sizeof(header), err))
	{
		search->closed = bk_error_is(err, BK_STATE_REFUSED);
		return bk_error_is(err, BK_STATE_CORRUPT) ||
			bk_error_is(err, BK_STATE_MISSING_FILE);
	}
	memcpy(&size, header + SEGMENT_SIZE_AT, sizeof(size));
	if (!bk_wal_segment_size_valid(size))
		return true;
	search->size = size;
	return false;
}

/* The same of a base backup. One that cannot be read tells nothing. */
static bool
read_base_size(void *arg, const char *id, BkError *err)
{
	SizeSearch *search = arg;
	char		name[64];
	BkManifest *manifest;
	BkError		ignored;

	bk_label_name(id, name);
	if (strcmp(name, BASE_NAME) != 0)
		return true;
	manifest = bk_repository_manifest(search->repo, id, &ignored);
	if (manifest != NULL && manifest->is_base &&
		strcmp(manifest->system_identifier, search->system_identifier) == 0)
		search->size = manifest->physical.wal_segment_size;
	bk_manifest_free(manifest);
	return search->size == 0 ||
		bk_error(err, BK_STATE_CANCELED, "found what was looked for");
}

static bool
read_start(BkRepository *repo, const BkWalFound *found, char *header,
		   size_t len, BkError *err)
{
	BkReader   *reader = bk_wal_reader(repo, found, err);
	size_t		done = 0;
	size_t		got = 1;
	bool		ok = reader != NULL;

	memset(header, 0, len);
	while (ok && done < len && got > 0)
	{
		ok = bk_read(reader, header + done, len - done, &got, err);
		done += ok ? got : 0;
	}
	bk_reader_close(reader);
	return ok;
}

static bool
add_visited(void *arg, const BkWalName *name, const BkWalFound *found,
			BkError *err)
{
	return bk_wal_map_add(arg, name, found, err);
}

static bool
read_histories(BkRepository *repo, const char *system_identifier,
			   BkWalMap *map, BkError *err)
{
	for (size_t i = 0; i < map->count; i++)
	{
		if (map->timelines[i].has_history &&
			!read_history(repo, system_identifier, map, &map->timelines[i], err))
			return false;
	}
	return true;
}

/* What is wrong with the history itself is for its timeline to tell. */
static bool
read_history(BkRepository *repo, const char *system_identifier, BkWalMap *map,
			 BkTimeline *timeline, BkError *err)
{
	BkWalName	name;
	BkWalFound	found;
	BkReader   *reader = NULL;
	char		text[32];
	char	   *data = NULL;
	size_t		len;
	bool		ok;

	timeline->has_history = false;
	snprintf(text, sizeof(text), "%08X.history", timeline->id);
	if (!bk_wal_name_parse(text, &name, err) ||
		!bk_wal_find(repo, system_identifier, &name, &found, err))
		return false;
	if (found.state == BK_WAL_MISSING)
		return true;
	ok = (reader = bk_wal_reader(repo, &found, err)) != NULL &&
		bk_read_all(reader, BK_HISTORY_MAX_SIZE, &data, &len, err);
	bk_reader_close(reader);
	if (ok)
		ok = bk_wal_map_add_history(map, timeline->id, data, len, err);
	else if (bk_error_is(err, BK_STATE_CORRUPT) ||
			 bk_error_is(err, BK_STATE_REFUSED) ||
			 bk_error_is(err, BK_STATE_DUP_KEY) ||
			 bk_error_is(err, BK_STATE_UNSUPPORTED) ||
			 bk_error_is(err, BK_STATE_TOO_LARGE))
		ok = note_problem(timeline, err->message, err);
	free(data);
	return ok;
}

/* The timeline that is added to, a new one at the end if need be. */
static BkTimeline *
last_timeline(BkWalMap *map, uint32_t id, BkError *err)
{
	BkTimeline *timelines;

	if (map->count > 0 && map->timelines[map->count - 1].id == id)
		return &map->timelines[map->count - 1];
	timelines = reallocarray(map->timelines, map->count + 1, sizeof(*timelines));
	if (timelines == NULL)
	{
		bk_error_memory(err);
		return NULL;
	}
	map->timelines = timelines;
	timelines[map->count] = (BkTimeline) {.id = id, .first = 1, .last = 0};
	return &timelines[map->count++];
}

static bool
add_segment(BkTimeline *timeline, uint64_t number, int64_t modified,
			BkError *err)
{
	if (timeline->segment_count > 0 && number > timeline->last + 1 &&
		!add_gap(timeline, timeline->last + 1, number - 1, err))
		return false;
	if (timeline->segment_count++ == 0)
		timeline->first = number;
	timeline->last = number;
	timeline->last_modified = modified;
	return true;
}

/*
 * The segment that comes next to what is known of a timeline: behind its last
 * one, its last gap, or where it left a parent of which there is something. 0:
 * there is nothing to continue.
 */
static uint64_t
end_before_fork(const BkWalMap *map, const BkTimeline *timeline)
{
	const BkTimeline *parent = bk_wal_map_find(map, timeline->parent);
	uint64_t	gap_end = timeline->gap_count == 0 ? 0 :
		timeline->gaps[timeline->gap_count - 1].last + 1;
	uint64_t	end = 0;

	if (timeline->segment_count > 0)
		end = timeline->last + 1;
	else if (parent != NULL && parent->segment_count > 0)
		end = timeline->switch_lsn / map->segment_size;
	return end > gap_end ? end : gap_end;
}

static bool
add_gap(BkTimeline *timeline, uint64_t first, uint64_t last, BkError *err)
{
	BkWalGap   *gaps = reallocarray(timeline->gaps, timeline->gap_count + 1,
									sizeof(*gaps));
	size_t		at = timeline->gap_count;

	if (gaps == NULL)
		return bk_error_memory(err);
	timeline->gaps = gaps;
	for (; at > 0 && gaps[at - 1].first > last; at--)
		gaps[at] = gaps[at - 1];
	gaps[at] = (BkWalGap) {
		.first = first,
		.last = last,
		.before = first == timeline->last + 1 ? timeline->last_modified : 0,
	};
	timeline->gap_count++;
	return true;
}

static bool
add_conflict(BkTimeline *timeline, const BkWalName *name, const char *key,
			 const char *other_key, BkError *err)
{
	BkWalConflict *conflicts = reallocarray(timeline->conflicts,
											timeline->conflict_count + 1,
											sizeof(*conflicts));
	BkWalConflict *added;

	if (conflicts == NULL)
		return bk_error_memory(err);
	timeline->conflicts = conflicts;
	added = &conflicts[timeline->conflict_count++];
	*added = (BkWalConflict) {.name = *name, .key = strdup(key), .other_key = strdup(other_key)};
	return (added->key != NULL && added->other_key != NULL) || bk_error_memory(err);
}

static bool
note_problem(BkTimeline *timeline, const char *problem, BkError *err)
{
	free(timeline->history_problem);
	timeline->has_history = false;
	timeline->history_problem = strdup(problem);
	return timeline->history_problem != NULL || bk_error_memory(err);
}
