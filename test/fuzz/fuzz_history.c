/*
 * fuzz_history.c
 *	  Any bytes as a history: refused or read, and then usable for every way.
 */
#include <stdint.h>
#include <stdlib.h>

#include "repo/timeline.h"

#define TIMELINE	1000

int			LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	BkError		err;
	BkWalMap   *map = bk_wal_map_new(BK_WAL_SEGMENT_MIN, &err);
	const BkTimeline *timeline;
	BkWalPath	path;
	BkBuf		tree;

	if (map == NULL ||
		!bk_wal_map_add_history(map, TIMELINE, (const char *) data, size, &err))
		abort();
	timeline = bk_wal_map_find(map, TIMELINE);
	for (size_t i = 0; i < timeline->history.count; i++)
	{
		const BkHistoryEntry *entry = &timeline->history.entries[i];

		if (entry->timeline >= TIMELINE)
			abort();
		if (!bk_wal_map_path(map, entry->timeline, 1, TIMELINE, &path, &err))
			continue;
		for (size_t j = 0; j < path.count; j++)
		{
			if (path.steps[j].from_lsn >= path.steps[j].to_lsn ||
				path.steps[j].from_lsn != (j == 0 ? 1 : path.steps[j - 1].to_lsn))
				abort();
		}
		bk_wal_path_free(&path);
		if (bk_wal_map_default_line(map, entry->timeline, 1).timeline > TIMELINE)
			abort();
	}
	bk_buf_init(&tree);
	bk_wal_map_tree(map, &tree);
	bk_buf_free(&tree);
	bk_wal_map_free(map);
	return 0;
}
