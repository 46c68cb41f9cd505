/*
 * test_timeline.c
 *	  Histories, the map of WAL, ways through timelines.
 */
#include "support.h"

#include "repo/history.h"
#include "repo/repository.h"
#include "repo/timeline.h"

#define CLUSTER	"7440958112339017623"
#define MIB		(UINT64_C(1024) * 1024)
#define SIZE	(16 * MIB)
#define DIGEST	"0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
#define OTHER	"1123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

/* The position at the beginning of a segment of 16 MiB. */
#define AT(segment)	((uint64_t) (segment) * SIZE)

/* --- histories -------------------------------------------------------------- */

static const struct
{
	const char *text;
	size_t		count;
	uint32_t	timeline;		/* the last one */
	uint64_t	lsn;
}			histories[] = {
	{"", 0, 0, 0},
	{"\n  \n# nothing\n", 0, 0, 0},
	{"1\t0/3000000\tno recovery target specified\n", 1, 1, 0x3000000},
	{"1\t0/3000000\tno recovery target specified\n\n2\tA/FF000028\tbefore 2026\n", 2, 2, UINT64_C(0xAFF000028)},
	{"# comment\n\t1 16/b374d848", 1, 1, UINT64_C(0x16B374D848)},
	{"7\tFFFFFFFF/FFFFFFFF\n", 1, 7, UINT64_MAX},
};

static const struct
{
	const char *text;
	const char *reason;
}			bad_histories[] = {
	{"one\t0/3000000\n", "line 1"},
	{"1\n", "is not a timeline and a WAL position"},
	{"1\t0/3000000\n1\t0/4000000\n", "line 2 of the history of timeline 9 has timeline 1 out of order"},
	{"3\t0/3000000\n2\t0/4000000\n", "out of order"},
	{"9\t0/3000000\n", "out of order"},
	{"0\t0/3000000\n", "out of order"},
	{"1\t0-3000000\n", "line 1"},
	{"1\t/3000000\n", "line 1"},
	{"1\t0/\n", "line 1"},
	{"1\t0/3000000x\n", "line 1"},
	{"1\t100000000/0\n", "line 1"},
	{"4294967296\t0/0\n", "line 1"},
	{"1", "line 1"},
};

static void
reads_histories(void **state)
{
	BkHistory	history;
	BkError		err;

	(void) state;
	for (size_t i = 0; i < sizeof(histories) / sizeof(histories[0]); i++)
	{
		const char *text = histories[i].text;

		assert_good(bk_history_parse(text, strlen(text), 9, &history, &err), &err);
		assert_int_equal(history.count, histories[i].count);
		if (history.count > 0)
		{
			assert_int_equal(history.entries[history.count - 1].timeline, histories[i].timeline);
			assert_true(history.entries[history.count - 1].switch_lsn == histories[i].lsn);
		}
		bk_history_free(&history);
	}
	for (size_t i = 0; i < sizeof(bad_histories) / sizeof(bad_histories[0]); i++)
	{
		const char *text = bad_histories[i].text;

		assert_false(bk_history_parse(text, strlen(text), 9, &history, &err));
		assert_reason(&err, BK_STATE_CORRUPT, bad_histories[i].reason);
		assert_int_equal(history.count, 0);
	}
}

/* --- maps ------------------------------------------------------------------- */

static void
add_content(BkWalMap *map, const char *text, const char *digest)
{
	BkWalFound	found = {.state = BK_WAL_STORED, .modified = 1795256100};
	BkWalName	name;
	BkError		err;

	assert_good(bk_wal_name_parse(text, &name, &err), &err);
	snprintf(found.key, sizeof(found.key), "wal/%s-%s", text, digest);
	snprintf(found.digest, sizeof(found.digest), "%s", digest);
	assert_good(bk_wal_map_add(map, &name, &found, &err), &err);
}

static void
add_range(BkWalMap *map, uint32_t timeline, uint64_t first, uint64_t last)
{
	char		text[BK_WAL_NAME_SIZE];

	for (uint64_t number = first; number <= last; number++)
	{
		bk_wal_segment_name(timeline, number, map->segment_size, text);
		add_content(map, text, DIGEST);
	}
}

static void
add_history(BkWalMap *map, uint32_t timeline, const char *text)
{
	BkError		err;

	assert_good(bk_wal_map_add_history(map, timeline, text, strlen(text), &err), &err);
}

static BkWalMap *
new_map(uint32_t segment_size)
{
	BkError		err;
	BkWalMap   *map = bk_wal_map_new(segment_size, &err);

	assert_non_null(map);
	return map;
}

static void
keeps_ranges(void **state)
{
	static const uint32_t sizes[] = {MIB, SIZE, 1024 * MIB};
	BkWalMap   *map;
	const BkTimeline *timeline;
	char		missing[BK_WAL_NAME_SIZE];

	(void) state;
	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++)
	{
		uint64_t	size = sizes[i];

		/* Across the ends of many logs. */
		map = new_map(sizes[i]);
		add_range(map, 1, 3, 20000);
		add_range(map, 1, 20003, 20005);
		timeline = bk_wal_map_find(map, 1);
		assert_non_null(timeline);
		assert_true(timeline->first == 3 && timeline->last == 20005);
		assert_true(timeline->segment_count == 20001);
		assert_int_equal(timeline->gap_count, 1);
		assert_true(timeline->gaps[0].first == 20001 && timeline->gaps[0].last == 20002);
		assert_true(timeline->last_modified == 1795256100);

		assert_true(bk_wal_map_covers(map, 1, 3 * size + 40, 20001 * size, NULL));
		assert_false(bk_wal_map_covers(map, 1, 3 * size + 40, 20001 * size + 1, missing));
		assert_string_equal(missing, size == MIB ? "000000010000000400000E21" :
							size == SIZE ? "000000010000004E00000021" : "000000010000138800000001");
		assert_false(bk_wal_map_covers(map, 1, 2 * size, 4 * size, missing));
		assert_false(bk_wal_map_covers(map, 1, 20002 * size, 20003 * size, NULL));
		assert_true(bk_wal_map_covers(map, 1, 20003 * size, 20003 * size, NULL));
		assert_true(bk_wal_map_covers(map, 1, 20005 * size, 20006 * size, NULL));
		assert_false(bk_wal_map_covers(map, 1, 20005 * size, 20006 * size + 1, NULL));
		assert_false(bk_wal_map_covers(map, 2, 3 * size, 4 * size, NULL));

		assert_true(bk_wal_map_reach(map, 1, 4 * size + 7) == 20001 * size);
		assert_true(bk_wal_map_reach(map, 1, 20002 * size) == 20002 * size);
		assert_true(bk_wal_map_reach(map, 1, 20004 * size) == 20006 * size);
		assert_true(bk_wal_map_reach(map, 1, 20006 * size) == 20006 * size);
		assert_true(bk_wal_map_reach(map, 1, 7) == 7);
		bk_wal_map_free(map);
	}
}

/* What is missing where a timeline forks: segments 3 to 9 of 1, 10 of 2. */
static void
joins_timelines(void **state)
{
	static const char history[] = "1\t0/A00028\tfailover\n";
	BkWalMap   *map = new_map(MIB);
	const BkTimeline *timeline;
	BkError		err;

	(void) state;
	add_range(map, 1, 1, 2);
	add_range(map, 2, 11, 11);
	add_range(map, 3, 12, 12);
	add_range(map, 4, 2, 3);
	assert_good(bk_wal_map_add_history(map, 2, history, sizeof(history) - 1, &err), &err);
	assert_good(bk_wal_map_add_history(map, 3, "2\t0/C00000\t\n", 13, &err), &err);
	assert_good(bk_wal_map_add_history(map, 4, "1\t0/200028\t\n", 13, &err), &err);
	assert_good(bk_wal_map_add_history(map, 5, "1\t0/F00028\t\n", 13, &err), &err);
	assert_good(bk_wal_map_join(map, &err), &err);
	timeline = bk_wal_map_find(map, 1);
	assert_int_equal(timeline->gap_count, 1);
	assert_true(timeline->gaps[0].first == 3 && timeline->gaps[0].last == 9);
	assert_true(timeline->last == 2);
	timeline = bk_wal_map_find(map, 2);
	assert_int_equal(timeline->gap_count, 1);
	assert_true(timeline->gaps[0].first == 10 && timeline->gaps[0].last == 10);
	assert_int_equal(bk_wal_map_find(map, 3)->gap_count, 0);
	assert_int_equal(bk_wal_map_find(map, 4)->gap_count, 0);
	assert_true(bk_wal_map_reach(map, 1, MIB) == 3 * MIB);
	assert_true(bk_wal_map_reach(map, 2, 11 * MIB) == 12 * MIB);
	bk_wal_map_free(map);
}

static void
sees_conflicts(void **state)
{
	BkWalMap   *map = new_map(SIZE);
	const BkTimeline *timeline;
	char		missing[BK_WAL_NAME_SIZE];

	(void) state;
	add_content(map, "000000010000000000000001", DIGEST);
	add_content(map, "000000010000000000000002", DIGEST);
	add_content(map, "000000010000000000000002", DIGEST);	/* another codec */
	add_content(map, "000000010000000000000002.00000028.backup", DIGEST);
	add_content(map, "000000010000000000000003", DIGEST);
	add_content(map, "000000010000000000000003", OTHER);
	add_content(map, "000000010000000000000004", DIGEST);
	add_content(map, "000000010000000000000004.partial", DIGEST);
	add_content(map, "000000010000000000000004.partial", OTHER);

	timeline = bk_wal_map_find(map, 1);
	assert_true(timeline->segment_count == 4 && timeline->gap_count == 0);
	assert_int_equal(timeline->conflict_count, 2);
	assert_string_equal(timeline->conflicts[0].name.text, "000000010000000000000003");
	assert_string_equal(timeline->conflicts[0].key, "wal/000000010000000000000003-" DIGEST);
	assert_string_equal(timeline->conflicts[0].other_key, "wal/000000010000000000000003-" OTHER);
	assert_string_equal(timeline->conflicts[1].name.text, "000000010000000000000004.partial");
	assert_false(bk_wal_map_covers(map, 1, AT(1), AT(5), missing));
	assert_string_equal(missing, "000000010000000000000003");
	assert_true(bk_wal_map_covers(map, 1, AT(1), AT(3), NULL));
	assert_true(bk_wal_map_covers(map, 1, AT(4), AT(5), NULL));
	assert_true(bk_wal_map_reach(map, 1, AT(2)) == AT(3));
	assert_true(bk_wal_map_reach(map, 1, AT(3)) == AT(3));
	bk_wal_map_free(map);
}

/* --- ways ------------------------------------------------------------------- */

/*
 * 1 > 2 > 3, 2 > 4, and 5 without a history:
 *	1: 1-9, 2 leaves it in 10; 2: 10-19, 3 leaves it at the beginning of 20
 *	and 4 in 15; 6 came of a recovery of 3's line to a position in 5.
 */
static BkWalMap *
new_tree(void)
{
	BkWalMap   *map = new_map(SIZE);

	add_range(map, 1, 1, 9);
	add_content(map, "00000002.history", DIGEST);
	add_range(map, 2, 10, 19);
	add_content(map, "00000003.history", DIGEST);
	add_range(map, 3, 20, 29);
	add_content(map, "00000004.history", DIGEST);
	add_range(map, 4, 15, 16);
	add_range(map, 5, 30, 31);
	add_content(map, "00000006.history", DIGEST);
	add_history(map, 2, "1\t0/A000028\tx\n");
	add_history(map, 3, "1\t0/A000028\tx\n2\t0/14000000\tx\n");
	add_history(map, 4, "1\t0/A000028\tx\n2\t0/F000100\tx\n");
	add_history(map, 6, "1\t0/A000028\tx\n2\t0/14000000\tx\n3\t0/5000800\tx\n");
	return map;
}

static void
assert_path(const BkWalMap *map, uint32_t from, uint64_t lsn, uint32_t to,
			const char *expected)
{
	BkWalPath	path;
	BkError		err;
	BkBuf		text;

	assert_good(bk_wal_map_path(map, from, lsn, to, &path, &err), &err);
	bk_buf_init(&text);
	for (size_t i = 0; i < path.count; i++)
	{
		char		begin[BK_LSN_SIZE];
		char		end[BK_LSN_SIZE];

		bk_lsn_format(path.steps[i].from_lsn, begin);
		bk_lsn_format(path.steps[i].to_lsn, end);
		bk_buf_printf(&text, "%u %s %s\n", path.steps[i].timeline, begin,
					  path.steps[i].to_lsn == UINT64_MAX ? "end" : end);
	}
	assert_string_equal(text.data, expected);
	bk_buf_free(&text);
	bk_wal_path_free(&path);
}

static void
finds_ways(void **state)
{
	BkWalMap   *map = new_tree();

	(void) state;
	assert_path(map, 1, 0x2000028, 1, "1 0/2000028 end\n");
	assert_path(map, 5, 0x2000028, 5, "5 0/2000028 end\n");
	assert_path(map, 9, 0x2000028, 9, "9 0/2000028 end\n");
	assert_path(map, 1, 0x2000028, 2, "1 0/2000028 0/A000000\n2 0/A000000 end\n");
	assert_path(map, 1, 0x2000028, 3,
				"1 0/2000028 0/A000000\n2 0/A000000 0/14000000\n3 0/14000000 end\n");
	assert_path(map, 2, 0xB000028, 4, "2 0/B000028 0/F000000\n4 0/F000000 end\n");
	assert_path(map, 2, 0xF000028, 4, "4 0/F000028 end\n");
	/* Left before they began, 2 and 3 have no bytes on this way. */
	assert_path(map, 1, 0x2000028, 6, "1 0/2000028 0/5000000\n6 0/5000000 end\n");
	bk_wal_map_free(map);
}

static void
refuses_ways(void **state)
{
	BkWalMap   *map = new_tree();
	BkWalPath	path;
	BkError		err;

	(void) state;
	assert_false(bk_wal_map_path(map, 2, 0x10000028, 4, &path, &err));
	assert_reason(&err, BK_STATE_BAD_ARGUMENT, "timeline 4 does not come from timeline 2 at 0/10000028");
	assert_reason(&err, BK_STATE_BAD_ARGUMENT, "leaves timeline 2 at 0/F000100");
	assert_false(bk_wal_map_path(map, 3, 0x14000028, 4, &path, &err));
	assert_reason(&err, BK_STATE_BAD_ARGUMENT, "does not name timeline 3");
	assert_false(bk_wal_map_path(map, 3, 0, 4, &path, &err));
	assert_false(bk_wal_map_path(map, 1, 0x6000028, 6, &path, &err));
	assert_reason(&err, BK_STATE_BAD_ARGUMENT, "leaves timeline 1 at 0/5000800");
	assert_false(bk_wal_map_path(map, 2, 0xA000028, 1, &path, &err));
	assert_false(bk_wal_map_path(map, 1, 0x2000028, 5, &path, &err));
	assert_reason(&err, BK_STATE_MISSING_FILE, "history of timeline 5 is not in the repository");
	assert_false(bk_wal_map_path(map, 1, 0x2000028, 7, &path, &err));
	assert_reason(&err, BK_STATE_MISSING_FILE, "no timeline 7");
	add_history(map, 6, "what?\n");
	assert_false(bk_wal_map_path(map, 1, 0x2000028, 6, &path, &err));
	assert_reason(&err, BK_STATE_CORRUPT, "history of timeline 6 is of no use");
	bk_wal_map_free(map);
}

static void
assert_line(const BkWalMap *map, uint32_t from, uint64_t stop, uint32_t to,
			bool others)
{
	BkWalLine	line = bk_wal_map_default_line(map, from, stop);

	assert_int_equal(line.timeline, to);
	assert_int_equal(line.others, others);
}

static void
chooses_the_line(void **state)
{
	BkWalMap   *map = new_map(SIZE);

	(void) state;
	/* One timeline, and one whose WAL has not come yet. */
	add_range(map, 1, 1, 9);
	assert_line(map, 1, 0x2000100, 1, false);
	assert_line(map, 3, 0x2000100, 3, false);
	/* A failover: the child is the only one that goes on. */
	add_content(map, "00000002.history", DIGEST);
	add_history(map, 2, "1\t0/A000028\tx\n");
	assert_line(map, 1, 0x2000100, 2, false);
	/* A backup that ends after the fork is on another line. */
	assert_line(map, 1, 0xA000100, 1, false);
	add_content(map, "00000003.history", DIGEST);
	add_history(map, 3, "1\t0/A000028\tx\n2\t0/14000000\tx\n");
	assert_line(map, 1, 0x2000100, 3, false);
	assert_line(map, 2, 0xB000100, 3, false);
	/* Two ways from 2. */
	add_history(map, 4, "1\t0/A000028\tx\n2\t0/F000100\tx\n");
	assert_line(map, 1, 0x2000100, 2, true);
	assert_line(map, 2, 0x10000100, 3, false);
	assert_line(map, 3, 0x15000100, 3, false);
	/* Of 5 nobody knows where it comes from. */
	add_range(map, 5, 30, 31);
	assert_line(map, 3, 0x15000100, 3, true);
	assert_line(map, 5, 0x1E000100, 5, false);
	bk_wal_map_free(map);

	/* The parent went on: the one that was recovered is the other line. */
	map = new_map(SIZE);
	add_range(map, 1, 1, 10);
	add_history(map, 2, "1\t0/A000028\tx\n");
	assert_line(map, 1, 0x2000100, 2, false);
	bk_wal_map_free(map);
	map = new_map(SIZE);
	add_range(map, 1, 1, 11);
	add_history(map, 2, "1\t0/A000028\tx\n");
	assert_line(map, 1, 0x2000100, 1, true);
	bk_wal_map_free(map);
	map = new_map(SIZE);
	add_range(map, 1, 1, 10);
	add_history(map, 2, "1\t0/A000000\tx\n");
	assert_line(map, 1, 0x2000100, 1, true);
	bk_wal_map_free(map);
}

static void
prints_the_tree(void **state)
{
	BkWalMap   *map = new_tree();
	BkBuf		text;

	(void) state;
	bk_buf_init(&text);
	bk_wal_map_tree(map, &text);
	assert_string_equal(text.data,
						"timeline 1: 9 segments, 000000010000000000000001 to 000000010000000000000009 (2026-11-21T10:15:00Z)\n"
						"timeline 2, from timeline 1 at 0/A000028: 10 segments, 00000002000000000000000A to 000000020000000000000013 (2026-11-21T10:15:00Z)\n"
						"  timeline 3, from timeline 2 at 0/14000000: 10 segments, 000000030000000000000014 to 00000003000000000000001D (2026-11-21T10:15:00Z)\n"
						"  timeline 6, from timeline 3 at 0/5000800: no segments\n"
						"  timeline 4, from timeline 2 at 0/F000100: 2 segments, 00000004000000000000000F to 000000040000000000000010 (2026-11-21T10:15:00Z)\n"
						"timeline 5, history missing: 2 segments, 00000005000000000000001E to 00000005000000000000001F (2026-11-21T10:15:00Z)\n");
	bk_buf_free(&text);
	bk_wal_map_free(map);
}

/* --- a repository ------------------------------------------------------------ */

static void
put(BkRepository *repo, const char *text, const char *data, size_t len,
	const char *codec)
{
	BkWalSource source = bk_wal_memory(data, len);
	BkWalFound	found;
	BkWalName	name;
	BkError		err;
	bool		fresh;

	assert_good(bk_wal_name_parse(text, &name, &err), &err);
	assert_good(bk_wal_put(repo, CLUSTER, &name, &source, codec, &found, &fresh, &err), &err);
}

static void
reads_a_repository(void **state)
{
	static const char history[] = "1\t0/200028\tno recovery target specified\n";
	char	   *folder = new_folder();
	char		url[2048];
	BkRepositoryTarget target = {.url = url};
	char		page[8192] = {0};
	uint32_t	size = MIB;
	BkRepository *repo;
	BkWalMap   *map;
	const BkTimeline *timeline;
	BkError		err;

	(void) state;
	snprintf(url, sizeof(url), "file://%s", folder);
	repo = bk_repository_create(&target, &err);
	assert_non_null(repo);
	map = bk_wal_map_read(repo, CLUSTER, 0, &err);
	assert_non_null(map);
	assert_int_equal(map->count, 0);
	bk_wal_map_free(map);

	/* The first segment is of no use: the next one tells the size. */
	put(repo, "000000010000000000000001", "nothing", 7, "none");
	memcpy(page + 32, &size, sizeof(size));
	put(repo, "000000010000000000000002", page, sizeof(page), "zstd:1");
	put(repo, "000000010000000000000FFF", page, sizeof(page), "none");
	put(repo, "000000010000000100000000", page, sizeof(page), "lz4:1");
	put(repo, "00000002.history", history, sizeof(history) - 1, "zstd:3");
	put(repo, "000000020000000000000002", page, sizeof(page), "zstd:1");
	put(repo, "00000003.history", "damaged", 7, "none");
	map = bk_wal_map_read(repo, CLUSTER, 0, &err);
	assert_non_null(map);
	assert_int_equal(map->segment_size, MIB);
	assert_int_equal(map->count, 3);
	timeline = bk_wal_map_find(map, 1);
	assert_true(timeline->first == 1 && timeline->last == 4096 && timeline->segment_count == 4);
	assert_int_equal(timeline->gap_count, 1);
	timeline = bk_wal_map_find(map, 2);
	assert_true(timeline->has_history && timeline->parent == 1 && timeline->switch_lsn == 0x200028);
	timeline = bk_wal_map_find(map, 3);
	assert_true(!timeline->has_history && timeline->history_problem != NULL);
	bk_wal_map_free(map);
	bk_repository_close(repo);
	remove_folder(folder);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(reads_histories),
		cmocka_unit_test(keeps_ranges),
		cmocka_unit_test(joins_timelines),
		cmocka_unit_test(sees_conflicts),
		cmocka_unit_test(finds_ways),
		cmocka_unit_test(refuses_ways),
		cmocka_unit_test(chooses_the_line),
		cmocka_unit_test(prints_the_tree),
		cmocka_unit_test(reads_a_repository),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
