/*
 * test_plan.c
 *	  Plans of recovery: which backup, which timeline, and what is refused.
 */
#include "support.h"

#include "job/plan.h"

#define SIZE	(UINT32_C(16) * 1024 * 1024)
#define DIGEST	"0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
#define NOON	INT64_C(1795262400)	/* 2026-11-21T12:00:00Z */

/*
 * The archive: timeline 1 has segments 1 to 9. 2 forks in segment 6 of it and
 * has 6 to 12 without 10; 3 forks in segment 8 of 1, after which 1 went on.
 * 4 has segments and no history.
 */
static BkWalMap *map;

/* Times: a backup at 12:00, 13:00 and so on; segment n is stored n minutes after noon. */
static BkPlanBackup backups[] = {
	{"first", 1, SIZE + 40, SIZE + 400, NOON, false},
	{"second", 1, 3 * SIZE + 40, 3 * SIZE + 400, NOON + 120, false},
	{"bad", 1, 4 * SIZE + 40, 4 * SIZE + 400, NOON + 180, true},
	{"on two", 2, 7 * (uint64_t) SIZE + 40, 7 * (uint64_t) SIZE + 400, NOON + 420, false},
};

static void
add_range(uint32_t timeline, uint64_t first, uint64_t last)
{
	for (uint64_t number = first; number <= last; number++)
	{
		BkWalFound	found = {.state = BK_WAL_STORED, .modified = NOON + 60 * (int64_t) number};
		char		text[BK_WAL_NAME_SIZE];
		BkWalName	name;
		BkError		err;

		bk_wal_segment_name(timeline, number, SIZE, text);
		assert_good(bk_wal_name_parse(text, &name, &err), &err);
		snprintf(found.digest, sizeof(found.digest), "%s", DIGEST);
		snprintf(found.key, sizeof(found.key), "wal/%s", text);
		assert_good(bk_wal_map_add(map, &name, &found, &err), &err);
	}
}

static void
add_history(uint32_t timeline, const char *text)
{
	BkError		err;

	assert_good(bk_wal_map_add_history(map, timeline, text, strlen(text), &err), &err);
}

static int
make_map(void **state)
{
	BkError		err;

	(void) state;
	map = bk_wal_map_new(SIZE, &err);
	assert_non_null(map);
	add_range(1, 1, 9);
	add_history(2, "1\t0/6000100\tno recovery target specified\n");
	add_range(2, 6, 9);
	add_range(2, 11, 12);
	add_history(3, "1\t0/8000100\tno recovery target specified\n");
	add_range(3, 8, 8);
	add_range(4, 9, 9);
	return 0;
}

static int
free_map(void **state)
{
	(void) state;
	bk_wal_map_free(map);
	return 0;
}

static const struct
{
	const char *what;
	BkTarget	target;
	const char *id;
	bool		force;
	const char *backup;			/* that is chosen; NULL: refused */
	uint32_t	timeline;
	const char *state;
	const char *reason;
}			cases[] = {
	{"a position takes the newest before it",
		{.kind = BK_TARGET_LSN, .has_lsn = true, .lsn = 4 * SIZE}, NULL, false, "second", 1, NULL, NULL},
	{"a position before the second",
		{.kind = BK_TARGET_LSN, .has_lsn = true, .lsn = 2 * SIZE}, NULL, false, "first", 1, NULL, NULL},
	{"bad backups are not taken",
		{.kind = BK_TARGET_LSN, .has_lsn = true, .lsn = 5 * SIZE, .line = BK_LINE_CURRENT}, NULL, false, "second", 1, NULL, NULL},
	{"unless they are named", {.kind = BK_TARGET_IMMEDIATE}, "bad", true, "bad", 1, NULL, NULL},
	{"and that is meant", {.kind = BK_TARGET_IMMEDIATE}, "bad", false, NULL, 0, BK_STATE_WRONG_STATE, "is bad"},
	{"no such backup", {.kind = BK_TARGET_IMMEDIATE}, "third", false, NULL, 0, BK_STATE_NO_OBJECT, "third"},
	{"a position before all",
		{.kind = BK_TARGET_LSN, .has_lsn = true, .lsn = SIZE + 100}, NULL, false, NULL, 0, BK_STATE_WRONG_STATE, "before the end of the oldest"},
	{"a position before the named one",
		{.kind = BK_TARGET_LSN, .has_lsn = true, .lsn = 2 * SIZE}, "second", false, NULL, 0, BK_STATE_WRONG_STATE, "before the end of backup"},
	{"a position behind all",
		{.kind = BK_TARGET_LSN, .has_lsn = true, .lsn = 90 * (uint64_t) SIZE, .line = BK_LINE_CURRENT}, "second", false, NULL, 0, BK_STATE_WRONG_STATE, "to 0/A000000"},
	{"a time", {.kind = BK_TARGET_TIME, .time = NOON + 130}, NULL, false, "second", 1, NULL, NULL},
	{"a time before all", {.kind = BK_TARGET_TIME, .time = NOON - 1}, NULL, false, NULL, 0, BK_STATE_WRONG_STATE, "before the end of the oldest"},
	{"a time behind all", {.kind = BK_TARGET_TIME, .time = NOON + 86400, .line = BK_LINE_CURRENT}, "second", false, NULL, 0, BK_STATE_WRONG_STATE, "behind the end of the archived WAL"},
	{"where there is a choice it stays on its line", {.kind = BK_TARGET_LATEST}, "first", false, "first", 1, NULL, NULL},
	{"the latest of the newest backup has a gap", {.kind = BK_TARGET_LATEST}, NULL, false, NULL, 0, BK_STATE_MISSING_FILE, "00000002000000000000000A"},
	{"and says what can be reached", {.kind = BK_TARGET_LATEST}, NULL, false, NULL, 0, BK_STATE_MISSING_FILE, "to 0/A000000"},
	{"a gap behind the target does not matter",
		{.kind = BK_TARGET_LSN, .has_lsn = true, .lsn = 9 * (uint64_t) SIZE}, NULL, false, "on two", 2, NULL, NULL},
	{"nor does one behind a time", {.kind = BK_TARGET_TIME, .time = NOON + 539}, "on two", false, "on two", 2, NULL, NULL},
	{"one that may come before a time", {.kind = BK_TARGET_TIME, .time = NOON + 540}, "on two", false, NULL, 0, BK_STATE_MISSING_FILE, "00000002000000000000000A"},
	{"the end of the backup needs no more", {.kind = BK_TARGET_IMMEDIATE}, NULL, false, "on two", 2, NULL, NULL},
	{"another line takes a backup that leads to it",
		{.kind = BK_TARGET_LATEST, .line = BK_LINE_NUMBER, .timeline = 3}, NULL, false, "second", 3, NULL, NULL},
	{"a line without a history",
		{.kind = BK_TARGET_LATEST, .line = BK_LINE_NUMBER, .timeline = 4}, NULL, false, NULL, 0, BK_STATE_MISSING_FILE, "00000004.history"},
	{"a line that is not there",
		{.kind = BK_TARGET_LATEST, .line = BK_LINE_NUMBER, .timeline = 9}, NULL, false, NULL, 0, BK_STATE_MISSING_FILE, "00000009.history"},
	{"a line that does not come from here",
		{.kind = BK_TARGET_LATEST, .line = BK_LINE_NUMBER, .timeline = 3}, "on two", false, NULL, 0, BK_STATE_BAD_ARGUMENT, ""},
	{"the newest line of a backup",
		{.kind = BK_TARGET_LATEST, .line = BK_LINE_LATEST}, "second", false, "second", 3, NULL, NULL},
	{"a transaction needs a backup", {.kind = BK_TARGET_XID}, NULL, false, NULL, 0, BK_STATE_BAD_ARGUMENT, "which backup"},
	{"with one it is as the latest", {.kind = BK_TARGET_XID, .line = BK_LINE_CURRENT}, "second", false, "second", 1, NULL, NULL},
};

static void
plans_as_expected(void **state)
{
	(void) state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
	{
		BkPlanInput input = {
			.backups = backups, .count = sizeof(backups) / sizeof(backups[0]), .map = map,
			.target = &cases[i].target, .id = cases[i].id, .force = cases[i].force,
		};
		BkPlan		plan;
		BkError		err;
		bool		good = bk_plan_make(&input, &plan, &err);

		if (cases[i].backup == NULL)
		{
			if (good)
				fail_msg("%s: not refused", cases[i].what);
			assert_reason(&err, cases[i].state, cases[i].reason);
			continue;
		}
		if (!good)
			fail_msg("%s: %s / %s", cases[i].what, err.message, err.detail);
		if (strcmp(plan.backup->id, cases[i].backup) != 0 ||
			plan.timeline != cases[i].timeline)
			fail_msg("%s: \"%s\" on %u", cases[i].what, plan.backup->id, plan.timeline);
	}
}

static void
no_backups_no_plan(void **state)
{
	BkTarget	target = {0};
	BkPlanInput input = {.map = map, .target = &target};
	BkPlan		plan;
	BkError		err;

	(void) state;
	assert_false(bk_plan_make(&input, &plan, &err));
	assert_reason(&err, BK_STATE_NO_OBJECT, "no base backup");
	input.backups = &backups[2];
	input.count = 1;
	assert_false(bk_plan_make(&input, &plan, &err));
	assert_reason(&err, BK_STATE_WRONG_STATE, "every base backup");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(plans_as_expected),
		cmocka_unit_test(no_backups_no_plan),
	};

	return cmocka_run_group_tests(tests, make_map, free_map);
}
