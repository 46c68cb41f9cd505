/*
 * walneed.c
 *	  What WAL is needed.
 *
 * A backup that can become consistent needs its own WAL, from start to stop. One
 * that moments behind it are recovered from needs all that follows. What nobody
 * can judge is needed.
 */
#include "job/walneed.h"

#include <stdlib.h>
#include <string.h>

#include "repo/label.h"

#define BASE_NAME	"base"		/* of base backups, in their ids */

static bool add_backup(BkWalNeeds *needs, const BkRetention *retention,
					   const BkCandidate *candidate, BkError *err);
static bool is_followed(const BkRetention *retention,
						const BkCandidate *candidate);
static bool add(BkWalNeeds *needs, uint32_t timeline, uint64_t from_lsn,
				uint64_t to_lsn, BkError *err);
static bool is_open(const BkWalNeed *need);

bool
bk_walneed_add_run(BkWalNeeds *needs, uint64_t from_lsn, BkError *err)
{
	return add(needs, 0, from_lsn, UINT64_MAX, err);
}

bool
bk_walneed_add_backups(BkWalNeeds *needs, const BkRetention *retention,
					   const BkCandidate *candidates, size_t count,
					   BkError *err)
{
	bool		followed = false;
	bool		ruled = retention->window >= 0;

	needs->since = INT64_MAX;
	for (size_t i = 0; i < count; i++)
	{
		const BkCandidate *candidate = &candidates[i];

		ruled |= candidate->timeline != 0 && candidate->policy != NULL;
		if (candidate->gone || (candidate->health != BK_HEALTH_UNREADABLE &&
								strcmp(candidate->cluster, retention->cluster) != 0))
			continue;
		if (!add_backup(needs, retention, candidate, err))
			return false;
		if (!is_followed(retention, candidate))
			continue;
		followed |= candidate->keep;
		if (candidate->finished_at < needs->since)
			needs->since = candidate->finished_at;
	}
	if (!ruled)
		needs->everything = "no retention is set for base backups or WAL";
	else if (!followed && needs->everything == NULL)
		needs->everything = "no good base backup is kept";
	return true;
}

bool
bk_walneed_has(const BkWalNeeds *needs, const BkWalMap *map,
			   uint32_t timeline, uint64_t number)
{
	const BkTimeline *found = bk_wal_map_find(map, timeline);
	uint64_t	begin = number * map->segment_size;
	bool		reached = false;

	if (needs->everything != NULL || found == NULL)
		return true;
	for (size_t i = 0; i < needs->count; i++)
	{
		const BkWalNeed *need = &needs->list[i];
		bool		same = need->timeline == timeline;
		bool		meant = same || need->timeline == 0;

		if (is_open(need) && !same &&
			bk_retention_comes_from(map, timeline, need->timeline, need->from_lsn))
			return true;
		reached |= same && is_open(need);
		if (meant && begin < need->to_lsn &&
			begin + map->segment_size > need->from_lsn)
			return true;
	}
	/*
	 * It may be where the server is now, with no backup that leads there: then
	 * it is younger than those that lead elsewhere.
	 */
	return !reached && (found->last_modified >= needs->since ||
						(timeline > 1 && !found->has_history));
}

void
bk_walneed_free(BkWalNeeds *needs)
{
	free(needs->list);
	needs->list = NULL;
	needs->count = needs->room = 0;
}

static bool
add_backup(BkWalNeeds *needs, const BkRetention *retention,
		   const BkCandidate *candidate, BkError *err)
{
	char		name[64];

	if (candidate->health == BK_HEALTH_UNREADABLE)
	{
		bk_label_name(candidate->id, name);
		if (strcmp(name, BASE_NAME) == 0)
			needs->everything = "there may be a base backup whose manifest cannot be read";
		return true;
	}
	if (candidate->timeline == 0)
		return true;
	return add(needs, candidate->timeline, candidate->start_lsn,
			   is_followed(retention, candidate) ? UINT64_MAX : candidate->stop_lsn,
			   err);
}

/*
 * Are moments behind the backup recovered from it? Of a pinned one that no rule
 * keeps only itself is wanted. One that is on its way out has what it had.
 */
static bool
is_followed(const BkRetention *retention, const BkCandidate *candidate)
{
	if (candidate->timeline == 0 || candidate->health != BK_HEALTH_GOOD)
		return false;
	if (candidate->in_use)
		return true;
	return (candidate->by_rule || !candidate->keep) &&
		(retention->window < 0 || candidate->anchor ||
		 candidate->finished_at > retention->now - retention->window);
}

static bool
add(BkWalNeeds *needs, uint32_t timeline, uint64_t from_lsn, uint64_t to_lsn,
	BkError *err)
{
	if (needs->count == needs->room)
	{
		size_t		room = needs->room == 0 ? 16 : needs->room * 2;
		BkWalNeed  *list = reallocarray(needs->list, room, sizeof(*list));

		if (list == NULL)
			return bk_error_memory(err);
		needs->list = list;
		needs->room = room;
	}
	needs->list[needs->count++] = (BkWalNeed) {
		.timeline = timeline,
		.from_lsn = from_lsn,
		.to_lsn = to_lsn,
	};
	return true;
}

static bool
is_open(const BkWalNeed *need)
{
	return need->to_lsn == UINT64_MAX;
}
