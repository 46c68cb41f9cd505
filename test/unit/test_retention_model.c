/*
 * test_retention_model.c
 *	  Which backups are kept and what WAL is needed, in worlds at random, against
 *	  a model that is written another way. BK_RETENTION_SEEDS says how many
 *	  worlds are tried.
 */
#include "support.h"

#include <inttypes.h>
#include <time.h>

#include "job/retention.h"
#include "job/walneed.h"

#define OURS	"7440958112339017623"
#define OTHERS	"7440958112339017624"
#define DAY		((int64_t) 24 * 60 * 60)
#define SIZE	((uint64_t) 16 * 1024 * 1024)
#define DIGEST	"0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
#define NOW		INT64_C(1795255200)	/* 2026-11-21 */
#define BACKUPS	60
#define LINES	4
#define SEGMENTS	40			/* of each timeline */

/* --- worlds at random ------------------------------------------------------- */

typedef struct World
{
	BkRetention retention;
	BkPolicy	policies[3];
	BkCandidate list[BACKUPS];
	char		ids[BACKUPS][64];
	size_t		count;
	uint32_t	parents[LINES + 1];
	uint64_t	forks[LINES + 1];	/* positions */
	uint32_t	lines;
	uint64_t	random;
} World;

static uint64_t
draw(World *w, uint64_t below)
{
	w->random ^= w->random << 13;
	w->random ^= w->random >> 7;
	w->random ^= w->random << 17;
	return (w->random >> 11) % below;
}

/* Mostly small, mostly not there. */
static int64_t
draw_rule(World *w)
{
	return draw(w, 2) == 0 ? 0 : (int64_t) draw(w, 6);
}

static void
make_policies(World *w)
{
	static const char *const schedules[] = {NULL, "hourly", "nightly"};
	size_t		count = 0;

	for (size_t i = 0; i < 3; i++)
	{
		if (draw(w, 4) == 0)
			continue;
		w->policies[count++] = (BkPolicy) {
			.schedule = schedules[i], .last = draw_rule(w), .within = draw_rule(w) * 7 * DAY,
			.daily = draw_rule(w), .weekly = draw_rule(w), .monthly = draw_rule(w),
			.yearly = draw_rule(w),
		};
	}
	w->retention.policies = w->policies;
	w->retention.policy_count = count;
}

/* Segments of each timeline, from where it forks. */
static void
make_lines(World *w)
{
	BkWalMap   *map;
	BkError		err;

	map = bk_wal_map_new(SIZE, &err);
	assert_non_null(map);
	w->retention.map = map;
	w->lines = 1 + (uint32_t) draw(w, LINES);
	for (uint32_t line = 1; line <= w->lines; line++)
	{
		uint64_t	first = 1;

		w->parents[line] = line == 1 ? 0 : 1 + (uint32_t) draw(w, line - 1);
		if (line > 1)
		{
			uint64_t	parent = w->forks[w->parents[line]] / SIZE;

			w->forks[line] = (parent + 1 + draw(w, SEGMENTS - 2)) * SIZE + draw(w, SIZE);
			first = w->forks[line] / SIZE;
		}
		for (uint64_t n = first; n < first + SEGMENTS; n++)
		{
			BkWalFound	found = {
				.state = BK_WAL_STORED, .digest = DIGEST,
				.modified = w->retention.now - (int64_t) draw(w, 60) * DAY,
			};
			BkWalName	name;
			char		text[BK_WAL_NAME_SIZE];

			bk_wal_segment_name(line, n, SIZE, text);
			assert_true(bk_wal_name_parse(text, &name, &err));
			snprintf(found.key, sizeof(found.key), "%s", text);
			assert_true(bk_wal_map_add(map, &name, &found, &err));
		}
	}
	for (uint32_t line = 2; line <= w->lines; line++)
	{
		uint32_t	chain[LINES + 1];
		int			length = 0;
		BkBuf		text;

		bk_buf_init(&text);
		for (uint32_t on = line; w->parents[on] != 0; on = w->parents[on])
			chain[length++] = on;
		while (length-- > 0)
			bk_buf_printf(&text, "%u\t%X/%X\tx\n", w->parents[chain[length]],
						  (unsigned) (w->forks[chain[length]] >> 32),
						  (unsigned) w->forks[chain[length]]);
		assert_true(bk_wal_map_add_history(map, line, text.data, text.len, &err));
		bk_buf_free(&text);
	}
	assert_true(bk_wal_map_join(map, &err));
}

static void
make_backup(World *w, size_t i)
{
	static const char *const schedules[] = {NULL, "hourly", "nightly", "gone"};
	static const BkHealth healths[] = {
		BK_HEALTH_GOOD, BK_HEALTH_GOOD, BK_HEALTH_GOOD, BK_HEALTH_BAD, BK_HEALTH_CORRUPT,
		BK_HEALTH_GOOD, BK_HEALTH_GOOD, BK_HEALTH_GOOD, BK_HEALTH_GOOD, BK_HEALTH_GOOD,
	};
	static const int64_t spans[] = {DAY / 2, 5 * DAY, 60 * DAY, 1000 * DAY};
	BkCandidate *c = &w->list[i];

	*c = (BkCandidate) {
		.id = w->ids[i], .database = "", .content = "",
		.kind = draw(w, 3) == 0 ? "logical" : "base",
		.schedule = schedules[draw(w, 4)],
		.cluster = draw(w, 20) == 0 ? OTHERS : OURS,
		.health = healths[draw(w, 10)],
		.finished_at = w->retention.now - (int64_t) draw(w, (uint64_t) spans[draw(w, 4)]),
		.in_use = draw(w, 40) == 0,
	};
	c->local_at = c->finished_at;
	if (draw(w, 10) == 0)
		c->pinned_until = draw(w, 3) == 0 ? BK_PIN_FOREVER
			: w->retention.now + (int64_t) draw(w, 200) - 100;
	snprintf(w->ids[i], sizeof(w->ids[i]), "20260101T000000Z-%s-%04u",
			 strcmp(c->kind, "base") == 0 ? "base" : "app", (unsigned) (i * 37 % BACKUPS));
	if (strcmp(c->kind, "base") == 0)
	{
		c->timeline = 1 + (uint32_t) draw(w, w->lines);
		c->start_lsn = w->forks[c->timeline] + (1 + draw(w, SEGMENTS - 5)) * SIZE + draw(w, SIZE);
		c->stop_lsn = c->start_lsn + 100 + draw(w, 3 * SIZE);
		return;
	}
	c->database = draw(w, 2) == 0 ? "app" : "base";
	c->content = draw(w, 3) == 0 ? "schema" : "all";
	if (draw(w, 30) == 0)
		c->health = BK_HEALTH_UNREADABLE;
}

static void
make_world(World *w, uint64_t seed)
{
	memset(w, 0, sizeof(*w));
	w->random = (seed + 1) * UINT64_C(0x9E3779B97F4A7C15);
	w->retention = (BkRetention) {
		.cluster = OURS, .now = NOW + (int64_t) draw(w, 400 * DAY),
		.window = draw(w, 3) == 0 ? -1 : (int64_t) draw(w, 60) * DAY,
		.minimum_good = 1 + (int64_t) draw(w, 3),
	};
	make_policies(w);
	make_lines(w);
	w->count = draw(w, BACKUPS + 1);
	for (size_t i = 0; i < w->count; i++)
		make_backup(w, i);
}

/* --- the model: what each rule says of one backup, by looking at all -------- */

static bool
is_newer(const BkCandidate *a, const BkCandidate *b)
{
	return a->finished_at > b->finished_at ||
		(a->finished_at == b->finished_at && strcmp(a->id, b->id) > 0);
}

static bool
is_ours(const World *w, const BkCandidate *c)
{
	return c->health != BK_HEALTH_UNREADABLE && strcmp(c->cluster, w->retention.cluster) == 0;
}

static const BkPolicy *
policy_of(const World *w, const BkCandidate *c)
{
	const BkPolicy *found = NULL;

	for (size_t pass = 0; pass < 2; pass++)
	{
		for (size_t i = 0; i < w->retention.policy_count; i++)
		{
			const char *schedule = w->policies[i].schedule;

			if (pass == 0 ? schedule == NULL :
				(schedule != NULL && c->schedule != NULL && strcmp(schedule, c->schedule) == 0))
				found = &w->policies[i];
		}
	}
	return found;
}

static bool
is_alike(const World *w, const BkCandidate *a, const BkCandidate *b)
{
	return is_ours(w, a) && is_ours(w, b) && strcmp(a->kind, b->kind) == 0 &&
		strcmp(a->database, b->database) == 0 && strcmp(a->content, b->content) == 0;
}

static void
period_text(const BkCandidate *c, const char *format, char text[16])
{
	time_t		time = (time_t) c->finished_at;
	struct tm	tm;

	gmtime_r(&time, &tm);
	strftime(text, 16, format, &tm);
}

/* In how many periods have newer good ones been made; is it the newest of its own? */
static int64_t
newer_periods(const World *w, const BkCandidate *c, const char *format,
			  bool *newest)
{
	char		seen[BACKUPS][16];
	char		own[16];
	size_t		count = 0;

	period_text(c, format, own);
	*newest = true;
	for (size_t i = 0; i < w->count; i++)
	{
		const BkCandidate *other = &w->list[i];
		size_t		at_seen = 0;

		if (other->health != BK_HEALTH_GOOD || !is_alike(w, other, c) ||
			policy_of(w, other) != policy_of(w, c) || !is_newer(other, c))
			continue;
		period_text(other, format, seen[count]);
		*newest = *newest && strcmp(seen[count], own) != 0;
		while (strcmp(seen[at_seen], seen[count]) != 0)
			at_seen++;
		count += at_seen == count;
	}
	return (int64_t) count;
}

/* Does the line come from the backup? By going back to it step for step. */
static bool
is_on_line(const World *w, const BkCandidate *c, uint32_t line)
{
	for (uint32_t on = line; on != c->timeline && line != 0; on = w->parents[on])
	{
		if (on == 0)
			return false;
		if (w->parents[on] == c->timeline)
			return w->forks[on] >= c->stop_lsn;
	}
	return true;
}

/* How many good ones are newer, and yet of this age; 0: on any line? */
static int64_t
newer_good(const World *w, const BkCandidate *c, int64_t age, bool policy,
		   uint32_t line)
{
	int64_t		count = 0;

	for (size_t i = 0; i < w->count; i++)
	{
		const BkCandidate *other = &w->list[i];

		count += other->health == BK_HEALTH_GOOD && is_alike(w, other, c) &&
			(!policy || policy_of(w, other) == policy_of(w, c)) &&
			is_newer(other, c) && w->retention.now - other->finished_at >= age &&
			(other->timeline == 0 || is_on_line(w, other, line));
	}
	return count;
}

static bool
policy_keeps(const World *w, const BkCandidate *c)
{
	const BkPolicy *policy = policy_of(w, c);
	int64_t		age = w->retention.now - c->finished_at;
	const struct
	{
		const char *format;
		int64_t		wanted;
	}			rules[] = {
		{"%Y-%m-%d", policy->daily}, {"%G-%V", policy->weekly},
		{"%Y-%m", policy->monthly}, {"%Y", policy->yearly},
	};
	bool		newest;

	if (c->health != BK_HEALTH_GOOD)
		return newer_good(w, c, INT64_MIN, true, 0) == 0 ||
			newer_good(w, c, INT64_MIN, true, 0) < policy->last ||
			newer_periods(w, c, "%Y-%m-%d", &newest) < policy->daily ||
			age < policy->within;
	if (newer_good(w, c, INT64_MIN, true, 0) < policy->last ||
		(policy->within > 0 &&
		 (age < policy->within || newer_good(w, c, policy->within, true, 0) == 0)))
		return true;
	for (size_t i = 0; i < 4; i++)
	{
		if (newer_periods(w, c, rules[i].format, &newest) < rules[i].wanted && newest)
			return true;
	}
	return false;
}

static bool
window_keeps(const World *w, const BkCandidate *c, uint32_t line)
{
	int64_t		window = w->retention.window;

	return window >= 0 && c->timeline != 0 && is_on_line(w, c, line) &&
		(w->retention.now - c->finished_at < window || newer_good(w, c, window, false, line) == 0);
}

static bool
floor_keeps(const World *w, const BkCandidate *c)
{
	const BkCandidate *newest = c;

	if (c->health != BK_HEALTH_GOOD)
		return false;
	if (newer_good(w, c, INT64_MIN, false, 0) < w->retention.minimum_good ||
		window_keeps(w, c, 0) || window_keeps(w, c, w->lines) ||
		(c->timeline != 0 && is_on_line(w, c, w->lines) &&
		 newer_good(w, c, INT64_MIN, false, w->lines) < w->retention.minimum_good))
		return true;
	for (size_t i = 0; i < w->count; i++)
	{
		if (is_alike(w, &w->list[i], c) && is_newer(&w->list[i], newest))
			newest = &w->list[i];
	}
	return newest->health == BK_HEALTH_CORRUPT && newer_good(w, c, INT64_MIN, false, 0) == 0;
}

static bool
model_keeps(const World *w, const BkCandidate *c)
{
	return !is_ours(w, c) || policy_of(w, c) == NULL || c->in_use ||
		c->pinned_until > w->retention.now || policy_keeps(w, c) || floor_keeps(w, c);
}

/* --- properties ------------------------------------------------------------- */

static void
check_model(World *w, uint64_t seed)
{
	for (size_t i = 0; i < w->count; i++)
	{
		if (w->list[i].keep != model_keeps(w, &w->list[i]))
			fail_msg("seed %" PRIu64 ": backup %s is %s: %s", seed, w->list[i].id,
					 w->list[i].keep ? "kept" : "not kept", w->list[i].reason);
		assert_true(w->list[i].reason[0] != '\0');
	}
}

/* What nobody may ever lose, said once more without the model. */
static void
check_promises(World *w)
{
	for (size_t i = 0; i < w->count; i++)
	{
		const BkCandidate *c = &w->list[i];
		int64_t		good = 0;
		int64_t		kept = 0;

		if (c->pinned_until > w->retention.now || !is_ours(w, c))
			assert_true(c->keep);
		for (size_t j = 0; j < w->count; j++)
		{
			const BkCandidate *other = &w->list[j];

			if (other->health != BK_HEALTH_GOOD || !is_alike(w, c, other))
				continue;
			good++;
			kept += other->keep;
		}
		assert_true(kept >= (good < w->retention.minimum_good ? good : w->retention.minimum_good));
	}
}

static void
check_needed(const World *w, const BkWalNeeds *needs, uint32_t line,
			 uint64_t from, uint64_t to)
{
	uint64_t	last = w->forks[line] / SIZE + SEGMENTS - 1;

	for (uint64_t n = from / SIZE; n <= last && n * SIZE < to; n++)
		assert_true(bk_walneed_has(needs, w->retention.map, line, n));
}

/* All that follows a position, on its line and on those that fork behind it. */
static void
check_followed(const World *w, const BkWalNeeds *needs, const BkCandidate *c)
{
	BkCandidate point = {.timeline = c->timeline, .stop_lsn = c->start_lsn};

	check_needed(w, needs, c->timeline, c->start_lsn, UINT64_MAX);
	for (uint32_t line = 1; line <= w->lines; line++)
	{
		if (line != c->timeline && is_on_line(w, &point, line))
			check_needed(w, needs, line, w->forks[line], UINT64_MAX);
	}
}

/* Before everything that is there nothing is needed, but where all is. */
static void
check_nothing_more(const World *w, const BkWalNeeds *needs)
{
	uint64_t	first = UINT64_MAX;
	bool		followed = false;

	for (size_t i = 0; i < w->count; i++)
	{
		const BkCandidate *c = &w->list[i];

		if (c->timeline != 1 || c->gone || !is_ours(w, c))
			continue;
		first = c->start_lsn < first ? c->start_lsn : first;
		followed |= c->health == BK_HEALTH_GOOD && c->by_rule && w->retention.window < 0;
	}
	for (uint64_t n = 1; followed && needs->everything == NULL && n < first / SIZE; n++)
		assert_false(bk_walneed_has(needs, w->retention.map, 1, n));
}

static void
check_wal(World *w)
{
	BkWalNeeds	needs = {0};
	bool		good = false;
	BkError		err;

	for (size_t i = 0; i < w->count; i++)
		w->list[i].gone = !w->list[i].keep && draw(w, 3) > 0;
	assert_true(bk_walneed_add_backups(&needs, &w->retention, w->list, w->count, &err));
	for (size_t i = 0; i < w->count; i++)
	{
		const BkCandidate *c = &w->list[i];
		bool		inside = w->retention.window < 0 ||
			w->retention.now - c->finished_at < w->retention.window ||
			newer_good(w, c, w->retention.window, false, 0) == 0 ||
			(is_on_line(w, c, w->lines) &&
			 newer_good(w, c, w->retention.window, false, w->lines) == 0);

		if (!is_ours(w, c) || c->timeline == 0 || c->gone)
			continue;
		check_needed(w, &needs, c->timeline, c->start_lsn, c->stop_lsn);
		good |= c->health == BK_HEALTH_GOOD && c->keep;
		if (c->health == BK_HEALTH_GOOD && c->by_rule && inside)
			check_followed(w, &needs, c);
	}
	if (!good)
		assert_non_null(needs.everything);
	check_nothing_more(w, &needs);
	bk_walneed_free(&needs);
}

/* Another order, and a second time without what went: the same decision. */
static void
check_again(World *w)
{
	BkCandidate turned[BACKUPS];
	size_t		count = 0;
	BkError		err;

	for (size_t i = w->count; i-- > 0;)
		turned[w->count - 1 - i] = w->list[i];
	assert_true(bk_retention_decide(&w->retention, turned, w->count, &err));
	for (size_t i = 0; i < w->count; i++)
	{
		assert_int_equal(turned[w->count - 1 - i].keep, w->list[i].keep);
		assert_string_equal(turned[w->count - 1 - i].reason, w->list[i].reason);
	}
	for (size_t i = 0; i < w->count; i++)
	{
		if (w->list[i].keep)
			turned[count++] = w->list[i];
	}
	assert_true(bk_retention_decide(&w->retention, turned, count, &err));
	for (size_t i = 0; i < count; i++)
		assert_true(turned[i].keep);
}

static void
agrees_with_the_model(void **state)
{
	const char *seeds = getenv("BK_RETENTION_SEEDS");
	uint64_t	count = seeds == NULL ? 1000 : strtoull(seeds, NULL, 10);
	World	   *w = malloc(sizeof(*w));
	BkError		err;

	(void) state;
	assert_non_null(w);
	for (uint64_t seed = 0; seed < count; seed++)
	{
		make_world(w, seed);
		assert_true(bk_retention_decide(&w->retention, w->list, w->count, &err));
		check_model(w, seed);
		check_promises(w);
		check_again(w);
		check_wal(w);
		bk_wal_map_free((BkWalMap *) w->retention.map);
	}
	free(w);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(agrees_with_the_model),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
