/*
 * ranges.c
 *	  Tell what WAL a repository has, by timelines.
 */
#include "job/ranges.h"

#include "core/clock.h"
#include "job/common.h"
#include "job/verbs.h"

typedef void (*Further) (const BkRepository *repo, const BkWalMap *map,
						 const char *system_identifier, const BkHost *host);

typedef struct Report
{
	BkRepository *repo;
	Further		further;
	const BkHost *host;
} Report;

static bool report_cluster(void *arg, const char *system_identifier,
						   BkError *err);
static void put_segment(BkJson *record, const char *key, const BkWalMap *map,
						const BkTimeline *timeline, uint64_t number);
static bool report_repository(const BkRequest *request, const BkHost *host,
							  BkError *err);
static void report_details(const BkRepository *repo, const BkWalMap *map,
						   const char *system_identifier, const BkHost *host);
static void report_gaps(const BkRepository *repo, const BkWalMap *map,
						const BkTimeline *timeline,
						const char *system_identifier, const BkHost *host);
static void report_conflicts(const BkRepository *repo,
							 const BkTimeline *timeline,
							 const char *system_identifier,
							 const BkHost *host);
static BkJson *new_record(const BkRepository *repo,
						  const char *system_identifier);

bool
bk_job_wal(const BkRequest *request, const BkHost *host, BkError *err)
{
	return bk_common_each(request, host, false, report_repository, err);
}

static bool
report_repository(const BkRequest *request, const BkHost *host, BkError *err)
{
	BkRepository *repo = bk_common_open(request, host, err);
	bool		ok = repo != NULL;

	if (ok)
	{
		bk_common_report_repository(repo, host);
		ok = bk_ranges_report(repo, request->system_identifier, report_details, host, err);
	}
	bk_repository_close(repo);
	return ok;
}

bool
bk_ranges_report(BkRepository *repo, const char *system_identifier,
				 Further further, const BkHost *host, BkError *err)
{
	Report		report = {.repo = repo, .further = further, .host = host};

	if (system_identifier != NULL)
		return report_cluster(&report, system_identifier, err);
	return bk_writer_clusters(repo, report_cluster, &report, err);
}

static bool
report_cluster(void *arg, const char *system_identifier, BkError *err)
{
	Report	   *report = arg;
	BkWalMap   *map;

	if (!bk_go_on(report->host, err))
		return false;
	map = bk_wal_map_read(report->repo, system_identifier, 0, err);
	if (map == NULL)
		return false;
	for (size_t i = 0; i < map->count; i++)
		bk_ranges_tell(report->repo, map, &map->timelines[i], system_identifier,
					   "wal", report->host);
	if (report->further != NULL)
		report->further(report->repo, map, system_identifier, report->host);
	bk_wal_map_free(map);
	return true;
}

/* What is not known or not there is left out. */
void
bk_ranges_tell(const BkRepository *repo, const BkWalMap *map,
			   const BkTimeline *timeline, const char *system_identifier,
			   const char *kind, const BkHost *host)
{
	BkJson	   *record = new_record(repo, system_identifier);
	char		text[BK_LSN_SIZE];
	char		time[BK_CLOCK_TEXT_SIZE];

	bk_json_put_int(record, "timeline", timeline->id);
	if (timeline->parent != 0)
	{
		bk_lsn_format(timeline->switch_lsn, text);
		bk_json_put_int(record, "parent", timeline->parent);
		bk_json_put_string(record, "switch_lsn", text);
	}
	else if (timeline->history_problem != NULL)
		bk_json_put_words(record, "problem", timeline->history_problem);
	else if (timeline->id > 1 && !timeline->has_history)
		bk_json_put_string(record, "problem", "its history is missing");
	bk_json_put_int(record, "segments", (int64_t) timeline->segment_count);
	bk_json_put_int(record, "gaps", (int64_t) timeline->gap_count);
	bk_json_put_int(record, "conflicts", (int64_t) timeline->conflict_count);
	if (timeline->segment_count > 0)
	{
		bk_clock_format(timeline->last_modified, time);
		put_segment(record, "first_wal", map, timeline, timeline->first);
		put_segment(record, "last_wal", map, timeline, timeline->last);
		bk_json_put_string(record, "last_archived_at", time);
	}
	if (timeline->gap_count > 0)
	{
		const BkWalGap *last = &timeline->gaps[timeline->gap_count - 1];

		bk_lsn_format((last->last + 1) * map->segment_size, text);
		put_segment(record, "first_gap", map, timeline, timeline->gaps[0].first);
		bk_json_put_string(record, "gaps_end", text);
	}
	host->record(host->ctx, kind, record);
	bk_json_free(record);
}

static void
put_segment(BkJson *record, const char *key, const BkWalMap *map,
			const BkTimeline *timeline, uint64_t number)
{
	char		text[BK_WAL_NAME_SIZE];

	bk_wal_segment_name(timeline->id, number, map->segment_size, text);
	bk_json_put_string(record, key, text);
}

/* What a person wants to see beside the numbers: the tree, and what is wrong. */
static void
report_details(const BkRepository *repo, const BkWalMap *map,
			   const char *system_identifier, const BkHost *host)
{
	BkJson	   *record = new_record(repo, system_identifier);
	BkBuf		tree;

	bk_buf_init(&tree);
	bk_wal_map_tree(map, &tree);
	bk_json_put_words(record, "tree", tree.len == 0 ? "" : tree.data);
	host->record(host->ctx, "wal_tree", record);
	bk_buf_free(&tree);
	bk_json_free(record);
	for (size_t i = 0; i < map->count; i++)
	{
		report_gaps(repo, map, &map->timelines[i], system_identifier, host);
		report_conflicts(repo, &map->timelines[i], system_identifier, host);
	}
}

static void
report_gaps(const BkRepository *repo, const BkWalMap *map,
			const BkTimeline *timeline, const char *system_identifier,
			const BkHost *host)
{
	for (size_t i = 0; i < timeline->gap_count; i++)
	{
		const BkWalGap *gap = &timeline->gaps[i];
		BkJson	   *record = new_record(repo, system_identifier);

		bk_json_put_int(record, "timeline", timeline->id);
		bk_json_put_int(record, "segments", (int64_t) (gap->last - gap->first + 1));
		put_segment(record, "first_wal", map, timeline, gap->first);
		put_segment(record, "last_wal", map, timeline, gap->last);
		host->record(host->ctx, "wal_gap", record);
		bk_json_free(record);
	}
}

static void
report_conflicts(const BkRepository *repo, const BkTimeline *timeline,
				 const char *system_identifier, const BkHost *host)
{
	for (size_t i = 0; i < timeline->conflict_count; i++)
	{
		const BkWalConflict *conflict = &timeline->conflicts[i];
		BkJson	   *record = new_record(repo, system_identifier);

		bk_json_put_string(record, "wal", conflict->name.text);
		bk_json_put_string(record, "key", conflict->key);
		bk_json_put_string(record, "other_key", conflict->other_key);
		host->record(host->ctx, "wal_conflict", record);
		bk_json_free(record);
	}
}

static BkJson *
new_record(const BkRepository *repo, const char *system_identifier)
{
	BkJson	   *record = bk_json_object();

	bk_json_put_string(record, "repository", repo->url);
	bk_json_put_string(record, "system_identifier", system_identifier);
	return record;
}
