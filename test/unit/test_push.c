/*
 * test_push.c
 *	  The pool that archives what is asked for, and more ahead of time.
 */
#include "support.h"

#include <poll.h>

#include "core/clock.h"
#include "job/lookahead.h"
#include "job/push.h"
#include "repo/wal.h"
#include "repo/writer.h"

#define CLUSTER		"7440958112339017623"
#define WAIT		20000		/* milliseconds; only a failure takes that long */

/* A folder with a repository and a pg_wal of histories, which are small. */
typedef struct Place
{
	char	   *folder;
	char		url[128];
	char		wal[128];
	BkRequest	request;
} Place;

static Place *
open_place(int jobs)
{
	Place	   *place = calloc(1, sizeof(*place));
	BkRepositoryTarget target = {0};
	BkServer	server = {.system_identifier = CLUSTER};
	BkRepository *repo;
	BkError		err;

	assert_non_null(place);
	place->folder = new_folder();
	snprintf(place->url, sizeof(place->url), "file://%s/repo", place->folder);
	snprintf(place->wal, sizeof(place->wal), "%s/pg_wal", place->folder);
	assert_int_equal(mkdir(place->wal, 0700), 0);
	assert_int_equal(mkdir(in_folder(place->wal, "archive_status"), 0700), 0);
	target.url = place->url;
	repo = bk_repository_create(&target, &err);
	assert_good(repo != NULL, &err);
	assert_good(bk_writer_register(repo, &server, BK_WRITER_CREATED, &err), &err);
	bk_repository_close(repo);
	place->request = (BkRequest) {
		.repository = place->url,
		.system_identifier = CLUSTER,
		.compression = "lz4",
		.jobs = jobs,
	};
	return place;
}

static void
close_place(Place *place)
{
	remove_folder(place->folder);
	free(place);
}

static BkWalName
wal_name(const char *text)
{
	BkWalName	name;
	BkError		err;

	assert_good(bk_wal_name_parse(text, &name, &err), &err);
	return name;
}

/* Mark a file as ready, or no longer. */
static void
mark(const Place *place, const char *name, bool ready)
{
	char		path[512];

	snprintf(path, sizeof(path), "%s/archive_status/%s.ready", place->wal, name);
	if (ready)
		write_file(path, "", 0);
	else
		assert_int_equal(unlink(path), 0);
}

/* A file that is ready: "number" is its timeline, 2 or more. */
static const char *
add_history(const Place *place, unsigned number, const char *reason)
{
	static char name[4][32];
	static int	turn;
	char		text[128];

	turn = (turn + 1) % 4;
	snprintf(name[turn], sizeof(name[turn]), "%08X.history", number);
	snprintf(text, sizeof(text), "1\t0/9000000\t%s\n", reason);
	write_file(in_folder(place->wal, name[turn]), text, strlen(text));
	mark(place, name[turn], true);
	return name[turn];
}

static void
ask(BkPush *push, const char *text)
{
	BkWalName	name = wal_name(text);
	BkError		err;

	assert_good(bk_push_ask(push, &name, &err), &err);
}

static BkPushAnswer
wait_answer(BkPush *push)
{
	int64_t		until = bk_clock_monotonic_ms() + WAIT;
	BkPushAnswer answer;

	while (!bk_push_answer(push, &answer))
	{
		struct pollfd ready = {.fd = bk_push_descriptor(push), .events = POLLIN};

		assert_true(bk_clock_monotonic_ms() < until);
		poll(&ready, 1, 1000);
	}
	return answer;
}

static BkPushAnswer
push_one(BkPush *push, const char *name)
{
	BkPushAnswer answer;

	ask(push, name);
	answer = wait_answer(push);
	assert_string_equal(answer.name, name);
	return answer;
}

static bool
is_stored(const Place *place, const char *text)
{
	BkRepositoryTarget target = {.url = place->url};
	BkWalName	name = wal_name(text);
	BkRepository *repo;
	BkWalFound	found;
	BkError		err;

	repo = bk_repository_open(&target, &err);
	assert_good(repo != NULL, &err);
	assert_good(bk_wal_find(repo, CLUSTER, &name, &found, &err), &err);
	bk_repository_close(repo);
	return found.state == BK_WAL_STORED;
}

static void
wait_stored(const Place *place, const char *name)
{
	int64_t		until = bk_clock_monotonic_ms() + WAIT;

	while (!is_stored(place, name))
	{
		assert_true(bk_clock_monotonic_ms() < until);
		usleep(10000);
	}
}

static void
start(Place *place, int ahead, BkPush **push)
{
	BkError		err;

	*push = bk_push_start(&place->request, NULL, place->wal, ahead, &err);
	assert_good(*push != NULL, &err);
}

/* --- the tests ---------------------------------------------------------------- */

static void
test_order(void **state)
{
	static const char *const ready[] = {
		"000000020000000000000004", "000000010000000000000003.partial", "00000003.history",
		"000000010000000000000003.00000028.backup", "000000010000000000000003", "00000002.history",
	};
	Place	   *place = open_place(1);
	BkWalName	names[5];
	BkWalName	known[1];

	(void) state;
	assert_int_equal(bk_lookahead_list(place->folder, NULL, 0, names, 5), 0);
	for (size_t i = 0; i < sizeof(ready) / sizeof(ready[0]); i++)
		mark(place, ready[i], true);
	write_file(in_folder(place->wal, "archive_status/000000010000000000000001.done"), "", 0);
	write_file(in_folder(place->wal, "archive_status/nonsense.ready"), "", 0);
	assert_int_equal(bk_lookahead_list(place->wal, NULL, 0, names, 5), 5);
	assert_string_equal(names[0].text, "00000002.history");
	assert_string_equal(names[1].text, "00000003.history");
	assert_string_equal(names[2].text, "000000010000000000000003");
	assert_string_equal(names[3].text, "000000010000000000000003.00000028.backup");
	assert_string_equal(names[4].text, "000000010000000000000003.partial");
	known[0] = wal_name("00000003.history");
	assert_int_equal(bk_lookahead_list(place->wal, known, 1, names, 2), 2);
	assert_string_equal(names[0].text, "00000002.history");
	assert_string_equal(names[1].text, "000000010000000000000003");
	assert_int_equal(bk_lookahead_list(place->wal, known, 1, names, 5), 5);
	assert_string_equal(names[4].text, "000000020000000000000004");
	close_place(place);
}

/* What is asked for is archived, and what is ready beside it, too. */
static void
test_ahead(void **state)
{
	int			before = count_descriptors();
	Place	   *place = open_place(2);
	BkPush	   *push;
	BkPushAnswer answer;

	(void) state;
	for (unsigned i = 2; i < 10; i++)
		add_history(place, i, "x");
	start(place, BK_PUSH_AHEAD_MAX, &push);
	assert_false(bk_push_answer(push, &answer));
	answer = push_one(push, "00000005.history");
	assert_good(answer.ok, &answer.error);
	assert_true(answer.fresh);
	assert_int_equal(answer.size, strlen("1\t0/9000000\tx\n"));
	assert_true(answer.stored > 0);
	wait_stored(place, "00000009.history");

	/* The result stands: the repository is not needed any more. */
	assert_int_equal(rename(in_folder(place->folder, "repo"), in_folder(place->folder, "away")), 0);
	usleep(100000);
	answer = push_one(push, "00000009.history");
	assert_good(answer.ok, &answer.error);
	assert_true(answer.fresh);

	/* But not for another file of the same name. */
	add_history(place, 8, "y");
	answer = push_one(push, "00000008.history");
	assert_false(answer.ok);
	assert_int_equal(rename(in_folder(place->folder, "away"), in_folder(place->folder, "repo")), 0);
	answer = push_one(push, "00000008.history");
	assert_false(answer.ok);
	assert_reason(&answer.error, BK_STATE_DUP_KEY, "is in the repository with other content");
	add_history(place, 8, "x");
	answer = push_one(push, "00000008.history");
	assert_good(answer.ok, &answer.error);
	assert_false(answer.fresh);
	bk_push_stop(push, WAIT);
	close_place(place);
	assert_int_equal(count_descriptors(), before);
}

/* A failure answers what was asked for, and ends nothing. */
static void
test_failures(void **state)
{
	Place	   *place = open_place(2);
	BkPush	   *push;
	BkPushAnswer answer;

	(void) state;
	start(place, BK_PUSH_AHEAD_MAX, &push);
	answer = push_one(push, "00000002.history");
	assert_false(answer.ok);
	assert_reason(&answer.error, BK_STATE_MISSING_FILE, "pg_wal/00000002.history");

	/* What fails ahead of time is tried again when it is asked for. */
	add_history(place, 2, "x");
	write_file(in_folder(place->wal, "00000003.history"), "rubbish\n", 8);
	mark(place, "00000003.history", true);
	answer = push_one(push, "00000002.history");
	assert_good(answer.ok, &answer.error);
	answer = push_one(push, "00000003.history");
	assert_false(answer.ok);
	assert_reason(&answer.error, BK_STATE_CORRUPT, "does not belong into the history");
	add_history(place, 3, "x");
	answer = push_one(push, "00000003.history");
	assert_good(answer.ok, &answer.error);

	/* A repository that is away, and comes back. */
	assert_int_equal(rename(in_folder(place->folder, "repo"), in_folder(place->folder, "away")), 0);
	place->request.fence = "restored";
	add_history(place, 4, "x");
	bk_push_stop(push, WAIT);
	start(place, 0, &push);
	answer = push_one(push, "00000004.history");
	assert_false(answer.ok);
	assert_int_equal(rename(in_folder(place->folder, "away"), in_folder(place->folder, "repo")), 0);
	answer = push_one(push, "00000004.history");
	assert_false(answer.ok);
	assert_reason(&answer.error, BK_STATE_WRONG_STATE, "fenced");
	assert_false(is_stored(place, "00000004.history"));
	place->request.fence = "";
	answer = push_one(push, "00000004.history");
	assert_good(answer.ok, &answer.error);
	bk_push_stop(push, WAIT);
	close_place(place);
}

static void
test_limits(void **state)
{
	Place	   *place = open_place(2);
	BkWalName	name;
	BkPush	   *push;
	BkPushProgress progress;
	BkError		err;
	int			asked = 0;
	int			answered = 0;

	(void) state;
	name = wal_name(add_history(place, 2, "x"));
	start(place, 0, &push);
	while (asked < 10 * BK_PUSH_ASKED_MAX && bk_push_ask(push, &name, &err))
		asked++;
	assert_int_equal(asked, BK_PUSH_ASKED_MAX);
	assert_reason(&err, BK_STATE_TOO_LARGE, "more than 64 files");
	assert_true(bk_push_progress(push, 0, &progress));
	assert_string_equal(progress.name, "00000002.history");
	assert_false(bk_push_progress(push, 1, &progress));
	for (; answered < asked; answered++)
		assert_true(wait_answer(push).ok);
	assert_false(bk_push_progress(push, 0, &progress));
	bk_push_stop(push, WAIT);
	close_place(place);
}

/* Very many files that are ready: only so many are done ahead. */
static void
test_backlog(void **state)
{
	Place	   *place = open_place(4);
	BkPush	   *push;
	char		name[32];

	(void) state;
	for (unsigned i = 2; i < 3000; i++)
	{
		snprintf(name, sizeof(name), "%08X.history", i);
		mark(place, name, true);
	}
	for (unsigned i = 2; i < 300; i++)
		add_history(place, i, "x");
	start(place, BK_PUSH_AHEAD_MAX, &push);
	for (unsigned i = 2; i < 200; i++)
	{
		BkPushAnswer answer;

		snprintf(name, sizeof(name), "%08X.history", i);
		answer = push_one(push, name);
		assert_good(answer.ok, &answer.error);
		mark(place, name, false);
	}
	/* What is worked on still may take its time. */
	for (int64_t until = bk_clock_monotonic_ms() + WAIT; !bk_push_settle(push);)
	{
		assert_true(bk_clock_monotonic_ms() < until);
		usleep(10000);
	}
	assert_false(is_stored(place, "00000109.history"));
	bk_push_stop(push, WAIT);
	close_place(place);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_order),
		cmocka_unit_test(test_ahead),
		cmocka_unit_test(test_failures),
		cmocka_unit_test(test_limits),
		cmocka_unit_test(test_backlog),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
