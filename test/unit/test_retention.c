/*
 * test_retention.c
 *	  Which backups are kept, and what WAL is needed: cases that people read.
 */
#include "support.h"

#include "core/clock.h"
#include "core/zone.h"
#include "job/retention.h"
#include "job/walneed.h"

#define OURS	"7440958112339017623"
#define DAY		((int64_t) 24 * 60 * 60)

static int64_t
at(const char *text)
{
	int64_t		time = 0;

	assert_true(bk_clock_parse(text, &time));
	return time;
}

static BkCandidate
logical(const char *id, const char *finished)
{
	BkCandidate candidate = {
		.id = id, .kind = "logical", .database = "app", .content = "all",
		.cluster = OURS, .finished_at = at(finished), .local_at = at(finished),
	};

	return candidate;
}

static BkRetention
asking(const BkPolicy *policies, size_t count, const char *now)
{
	BkRetention retention = {
		.policies = policies, .policy_count = count, .cluster = OURS,
		.now = at(now), .window = -1, .minimum_good = 1,
	};

	return retention;
}

static void
decide(const BkRetention *retention, BkCandidate *candidates, size_t count)
{
	BkError		err;

	assert_good(bk_retention_decide(retention, candidates, count, &err), &err);
}

static void
gives_its_reasons(void **state)
{
	BkPolicy	policy = {.last = 1, .within = 3 * DAY, .daily = 2, .weekly = 2, .monthly = 12, .yearly = 1};
	BkRetention retention = asking(&policy, 1, "2026-01-10T00:00:00Z");
	BkCandidate c[] = {
		logical("i", "2026-01-09T02:00:00Z"),
		logical("h", "2026-01-09T01:00:00Z"),
		logical("g", "2026-01-08T02:00:00Z"),
		logical("f", "2026-01-02T02:00:00Z"),
		logical("e", "2025-12-29T02:00:00Z"),
		logical("d", "2025-12-28T02:00:00Z"),
		logical("c", "2025-12-27T02:00:00Z"),
		logical("b", "2025-11-30T02:00:00Z"),
		logical("a", "2025-11-01T02:00:00Z"),
	};

	(void) state;
	c[8].pinned_until = at("2026-02-01T00:00:00Z");
	decide(&retention, c, 9);
	assert_string_equal(c[0].reason, "newest (last 1 of 1); younger than 3 days; newest of 2026-01-09 (daily 1 of 2); newest of 2026-W02 (weekly 1 of 2); newest of 2026-01 (monthly 1 of 12); newest of 2026 (yearly 1 of 1)");
	assert_string_equal(c[1].reason, "younger than 3 days");
	assert_string_equal(c[2].reason, "younger than 3 days; newest of 2026-01-08 (daily 2 of 2)");
	assert_string_equal(c[3].reason, "the newest that is older than 3 days; newest of 2026-W01 (weekly 2 of 2)");
	assert_string_equal(c[4].reason, "newest of 2025-12 (monthly 2 of 12)");
	assert_false(c[5].keep);
	assert_string_equal(c[5].reason, "no rule of the default retention keeps it");
	assert_string_equal(c[7].reason, "newest of 2025-11 (monthly 3 of 12)");
	assert_string_equal(c[8].reason, "pinned until 2026-02-01T00:00:00Z");
	assert_true(c[8].keep && !c[8].by_rule);
}

/* Backups that have failed for two months leave what was good before. */
static void
keeps_the_last_good_ones(void **state)
{
	BkPolicy	policy = {.within = 14 * DAY};
	BkRetention retention = asking(&policy, 1, "2026-03-10T00:00:00Z");
	BkCandidate c[] = {
		logical("f", "2026-03-09T02:00:00Z"),
		logical("e", "2026-02-09T02:00:00Z"),
		logical("d", "2026-01-09T02:00:00Z"),
		logical("c", "2026-01-08T02:00:00Z"),
		logical("b", "2026-01-07T02:00:00Z"),
		logical("a", "2026-01-06T02:00:00Z"),
	};

	(void) state;
	c[0].health = c[1].health = BK_HEALTH_BAD;
	c[5].health = BK_HEALTH_UNREADABLE;
	retention.minimum_good = 2;
	decide(&retention, c, 6);
	assert_string_equal(c[0].reason, "bad, and there is no newer good one");
	assert_true(c[1].keep);
	assert_string_equal(c[2].reason, "the newest that is older than 14 days");
	assert_string_equal(c[3].reason, "needed: one of the last 2 good ones");
	assert_false(c[4].keep);
	assert_string_equal(c[5].reason, "it cannot be read, and nobody knows what it is");

	/* A good one at last: the bad ones before it may go. */
	c[0].health = BK_HEALTH_GOOD;
	decide(&retention, c, 6);
	assert_string_equal(c[1].reason, "bad, and newer good ones are there");
	assert_false(c[1].keep);
	assert_true(c[2].keep);
	assert_false(c[3].keep);
}

static void
policies_belong_to_schedules(void **state)
{
	BkPolicy	policies[] = {{.schedule = "nightly", .last = 1}, {.last = 2}};
	BkRetention retention = asking(policies, 2, "2026-03-10T00:00:00Z");
	BkCandidate c[] = {
		logical("e", "2026-03-09T02:00:00Z"),
		logical("d", "2026-03-08T02:00:00Z"),
		logical("c", "2026-03-07T02:00:00Z"),
		logical("b", "2026-03-06T02:00:00Z"),
		logical("a", "2026-03-05T02:00:00Z"),
	};

	(void) state;
	c[0].schedule = c[1].schedule = "nightly";
	c[2].schedule = "one that is gone";
	decide(&retention, c, 5);
	assert_true(c[0].keep && !c[1].keep && c[2].keep && c[3].keep && !c[4].keep);
	assert_string_equal(c[1].reason, "no rule of schedule \"nightly\" keeps it");

	/* Without a default the others stay. */
	retention.policy_count = 1;
	decide(&retention, c, 5);
	assert_true(!c[1].keep && c[2].keep && c[4].keep);
	assert_string_equal(c[4].reason, "no retention is set for it");
}

static void
refuses_clocks_that_are_wrong(void **state)
{
	BkRetention retention = asking(NULL, 0, "2026-03-10T00:00:00Z");
	BkCandidate c = logical("a", "2026-03-10T00:00:00Z");
	BkError		err;

	(void) state;
	assert_true(bk_retention_check_clock(&retention, &c, 1, 0, &err));
	assert_true(bk_retention_check_clock(&retention, &c, 1, retention.now - 299, &err));
	assert_true(bk_retention_check_clock(&retention, &c, 1, retention.now + 300, &err));
	assert_false(bk_retention_check_clock(&retention, &c, 1, retention.now + 301, &err));
	assert_reason(&err, "55000", "that of the store 2026-03-10T00:05:01Z");
	assert_false(bk_retention_check_clock(&retention, &c, 1, retention.now - 301, &err));
	c.finished_at++;
	assert_false(bk_retention_check_clock(&retention, &c, 1, retention.now, &err));
	assert_reason(&err, "55000", "backup \"a\" has been complete since 2026-03-10T00:00:01Z");

	/* The clock of another cluster's server is a little different. */
	c.cluster = "7440958112339017624";
	c.finished_at = retention.now + 300;
	assert_true(bk_retention_check_clock(&retention, &c, 1, retention.now, &err));
	c.finished_at++;
	assert_false(bk_retention_check_clock(&retention, &c, 1, retention.now, &err));
}

/* What cannot come back is no reason for others to go. */
static void
what_is_broken_counts_for_nothing(void **state)
{
	BkPolicy	policy = {.last = 1};
	BkRetention retention = asking(&policy, 1, "2026-03-10T00:00:00Z");
	BkWalNeeds	needs = {0};
	BkCandidate c[] = {
		logical("b", "2026-03-09T02:00:00Z"),
		logical("a", "2026-03-08T02:00:00Z"),
	};
	BkError		err;

	(void) state;
	decide(&retention, c, 2);
	assert_true(c[0].keep && !c[1].keep);
	c[0].broken = true;
	c[0].pinned_until = BK_PIN_FOREVER;
	decide(&retention, c, 2);
	assert_true(!c[0].keep && c[1].keep);
	assert_string_equal(c[0].reason, "it has expired, and counts no more");

	/* A base backup on its way out is not a good one that is kept. */
	c[0].kind = c[1].kind = "base";
	c[0].timeline = c[1].timeline = 1;
	c[1].health = BK_HEALTH_BAD;
	decide(&retention, c, 2);
	assert_true(bk_walneed_add_backups(&needs, &retention, c, 2, &err));
	assert_string_equal(needs.everything, "no good base backup is kept");
	bk_walneed_free(&needs);
}

static void
knows_local_time(void **state)
{
	static const struct
	{
		const char *zone;
		const char *utc;
		const char *local;
	}			cases[] = {
		{"UTC", "2026-03-29T01:00:00Z", "2026-03-29T01:00:00Z"},
		{"Europe/Berlin", "2026-03-29T00:59:59Z", "2026-03-29T01:59:59Z"},
		{"Europe/Berlin", "2026-03-29T01:00:00Z", "2026-03-29T03:00:00Z"},
		{"Europe/Berlin", "2026-12-31T23:30:00Z", "2027-01-01T00:30:00Z"},
		{"America/New_York", "2050-07-01T03:00:00Z", "2050-06-30T23:00:00Z"},
	};
	static const char *const bad[] = {"", "Mars/Phobos", "../../etc/passwd", "/etc/localtime", ":UTC", "Europe"};
	int64_t		utc;
	int64_t		local;
	BkError		err;

	(void) state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
	{
		utc = at(cases[i].utc);
		assert_good(bk_zone_local(cases[i].zone, &utc, &local, 1, &err), &err);
		assert_int_equal(local, at(cases[i].local));
	}
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
	{
		assert_false(bk_zone_local(bad[i], &utc, &local, 1, &err));
		assert_reason(&err, "22023", "is not known on this machine");
	}
}

static void
wal_stays_where_nobody_can_judge(void **state)
{
	BkPolicy	policy = {.last = 1};
	BkRetention retention = asking(&policy, 1, "2026-03-10T00:00:00Z");
	BkWalNeeds	needs = {0};
	BkCandidate c[] = {
		logical("20260101T000000Z-base-aaaa", "2026-01-01T00:00:00Z"),
		logical("20260102T000000Z-base-bbbb", "2026-01-02T00:00:00Z"),
	};
	BkWalMap	map = {.segment_size = 1024 * 1024};
	BkTimeline	lines[] = {{.id = 1, .last = 99}, {.id = 2, .last = 99, .has_history = true}};
	BkError		err;

	(void) state;
	map.timelines = lines;
	map.count = 2;
	c[0].kind = c[1].kind = "base";
	c[0].start_lsn = c[1].start_lsn = 90 * UINT64_C(1048576);
	c[0].timeline = c[1].timeline = 1;
	decide(&retention, c, 2);
	assert_true(bk_walneed_add_backups(&needs, &retention, c, 2, &err));
	assert_null(needs.everything);
	assert_false(bk_walneed_has(&needs, &map, 1, 20));
	assert_false(bk_walneed_has(&needs, &map, 2, 20));
	/* What a run has said before it begins holds on each timeline. */
	assert_true(bk_walneed_add_run(&needs, 20 * UINT64_C(1048576) + 40, &err));
	assert_false(bk_walneed_has(&needs, &map, 1, 19));
	assert_true(bk_walneed_has(&needs, &map, 1, 20));
	assert_true(bk_walneed_has(&needs, &map, 2, 21));
	bk_walneed_free(&needs);
	c[0].health = BK_HEALTH_UNREADABLE;
	decide(&retention, c, 2);
	assert_true(bk_walneed_add_backups(&needs, &retention, c, 2, &err));
	assert_string_equal(needs.everything, "there may be a base backup whose manifest cannot be read");
	bk_walneed_free(&needs);
	needs.everything = NULL;
	c[0].health = c[1].health = BK_HEALTH_BAD;
	decide(&retention, c, 2);
	assert_true(bk_walneed_add_backups(&needs, &retention, c, 2, &err));
	assert_string_equal(needs.everything, "no good base backup is kept");
	bk_walneed_free(&needs);
	needs.everything = NULL;
	retention.policy_count = 0;
	decide(&retention, c, 2);
	assert_true(bk_walneed_add_backups(&needs, &retention, c, 2, &err));
	assert_string_equal(needs.everything, "no retention is set for base backups or WAL");
	bk_walneed_free(&needs);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(gives_its_reasons),
		cmocka_unit_test(keeps_the_last_good_ones),
		cmocka_unit_test(policies_belong_to_schedules),
		cmocka_unit_test(refuses_clocks_that_are_wrong),
		cmocka_unit_test(what_is_broken_counts_for_nothing),
		cmocka_unit_test(knows_local_time),
		cmocka_unit_test(wal_stays_where_nobody_can_judge),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
