/*
 * test_lease.c
 *	  Of several servers that hold the same slot for due, one carries it out.
 */
#include "support.h"

#include <signal.h>
#include <sys/wait.h>

#include "core/clock.h"
#include "core/process.h"
#include "repo/layout.h"
#include "repo/lease.h"

#define CLUSTER		"7440958112339017623"
#define SLOT		INT64_C(1792893600)
#define PATIENCE_MS	300

static bool
never_stop(void *ctx)
{
	(void) ctx;
	return false;
}

static const BkHost host = {.stop = never_stop};

static BkPlace primary = {.id = "aaaa", .hostname = "alpha", .data_directory = "/primary"};
static BkPlace standby = {.id = "bbbb", .hostname = "alpha", .data_directory = "/standby"};

typedef struct Stage
{
	char	   *folder;
	BkRepository *repo;
} Stage;

static int
set_up(void **state)
{
	Stage	   *stage = calloc(1, sizeof(Stage));
	char		url[256];
	BkRepositoryTarget target = {.url = url};
	BkError		err;

	stage->folder = new_folder();
	snprintf(url, sizeof(url), "file://%s/repo", stage->folder);
	stage->repo = bk_repository_create(&target, &err);
	assert_good(stage->repo != NULL, &err);
	*state = stage;
	return 0;
}

static int
tear_down(void **state)
{
	Stage	   *stage = *state;

	bk_repository_close(stage->repo);
	remove_folder(stage->folder);
	free(stage);
	return 0;
}

static bool
take(Stage *stage, const BkPlace *place, const char *schedule, int64_t at,
	 char *key, BkError *err)
{
	BkLeaseSlot slot = {
		.system_identifier = CLUSTER,
		.place = place,
		.schedule = schedule,
		.at = at,
		.object = "app",
		.patience_ms = PATIENCE_MS,
	};

	return bk_lease_take(stage->repo, &slot, &host, key, err);
}

/* Write a lease of the standby; written at a time, by a process. */
static void
put_lease(Stage *stage, const char *schedule, int64_t written,
		  BkJson *process, char *key)
{
	char		compact[BK_CLOCK_COMPACT_SIZE];
	char		digest[BK_DIGEST_HEX_SIZE];
	char		name[64];
	BkJson	   *json = bk_json_object();
	BkError		err;

	bk_clock_format_compact(written, compact);
	snprintf(name, sizeof(name), "%s-0000.json", compact);
	assert_good(bk_digest_hex("app", 3, digest, &err), &err);
	assert_true(bk_layout_lease(key, CLUSTER, schedule, SLOT, digest, name));
	bk_json_put_string(json, "schedule", schedule);
	bk_json_put_string(json, "place", standby.id);
	bk_json_put_string(json, "data_directory", standby.data_directory);
	bk_json_put(json, "process", process);
	assert_good(bk_repository_put_json(stage->repo, key, json, &err), &err);
}

static BkJson *
live_process(void)
{
	BkError		err;
	BkJson	   *process = bk_process_self(&err);

	assert_good(process != NULL, &err);
	return process;
}

static BkJson *
dead_process(void)
{
	BkJson	   *process = live_process();

	bk_json_put_int(process, "start_ticks", 1);
	return process;
}

/* On another machine. */
static BkJson *
strange_process(void)
{
	BkJson	   *process = live_process();

	bk_json_put_string(process, "boot_id", "another");
	bk_json_put_string(process, "hostname", "elsewhere");
	return process;
}

static bool
exists(Stage *stage, const char *key)
{
	BkObjectStat stat;
	BkError		err;

	assert_good(bk_storage_stat(stage->repo->storage, key, &stat, &err), &err);
	return stat.exists;
}

static void
the_first_has_it(void **state)
{
	Stage	   *stage = *state;
	char		key[BK_KEY_SIZE];
	char		other[BK_KEY_SIZE];
	BkError		err;

	assert_good(take(stage, &primary, "night/ly", SLOT, key, &err), &err);
	assert_non_null(strstr(key, "lease/" CLUSTER "/night%2Fly/20261025T020000Z-a172cedcae47474b-2"));
	assert_false(take(stage, &standby, "night/ly", SLOT, other, &err));
	assert_reason(&err, BK_STATE_SKIPPED, "another server of this cluster carries out schedule \"night/ly\" for 2026-10-25T02:00:00Z");
	assert_non_null(strstr(err.detail, "\"/primary\""));
	assert_string_equal(other, "");

	/* A retry has it still, and the others may have all else. */
	assert_good(take(stage, &primary, "night/ly", SLOT, other, &err), &err);
	bk_lease_give_back(stage->repo, other);
	assert_good(take(stage, &standby, "night/ly", SLOT + 60, other, &err), &err);
	assert_good(take(stage, &standby, "night", SLOT, other, &err), &err);

	/* Once it is given back, anybody may take it. */
	bk_lease_give_back(stage->repo, key);
	assert_false(exists(stage, key));
	assert_good(take(stage, &standby, "night/ly", SLOT, key, &err), &err);
	assert_false(take(stage, &primary, "night/ly", SLOT, other, &err));
	assert_false(take(stage, &primary, "", SLOT, key, &err));
	assert_reason(&err, BK_STATE_BAD_ARGUMENT, "invalid name of a schedule");
}

/* What is done stays so when the process that did it is gone. */
static void
what_is_done_is_done(void **state)
{
	Stage	   *stage = *state;
	pid_t		pid = fork();
	char		key[BK_KEY_SIZE];
	BkError		err;
	int			status;

	if (pid == 0)
	{
		BkLeaseSlot slot = {
			.system_identifier = CLUSTER,
			.place = &standby,
			.schedule = "a",
			.at = SLOT,
			.object = "app",
		};

		_exit(!bk_lease_take(stage->repo, &slot, &host, key, &err) ||
			  !bk_lease_finish(stage->repo, &slot, key, &err) || exists(stage, key));
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	assert_false(take(stage, &primary, "a", SLOT, key, &err));
	assert_reason(&err, BK_STATE_SKIPPED, "another server of this cluster carries out");
	assert_good(take(stage, &standby, "a", SLOT, key, &err), &err);
}

static void
the_dead_are_in_nobodys_way(void **state)
{
	Stage	   *stage = *state;
	int64_t		now = bk_clock_now();
	char		dead[BK_KEY_SIZE];
	char		old[BK_KEY_SIZE];
	char		strange[BK_KEY_SIZE];
	char		live[BK_KEY_SIZE];
	char		key[BK_KEY_SIZE];
	BkError		err;

	put_lease(stage, "a", now, dead_process(), dead);
	assert_good(take(stage, &primary, "a", SLOT, key, &err), &err);
	assert_true(exists(stage, dead));
	put_lease(stage, "b", now, strange_process(), strange);
	assert_false(take(stage, &primary, "b", SLOT, key, &err));
	assert_reason(&err, BK_STATE_NOT_NOW, "another server of this cluster carries out");
	assert_non_null(strstr(err.detail, "on host \"elsewhere\""));

	/* A machine that was lost is not waited for until the next slot. */
	put_lease(stage, "e", now - 21 * 60, strange_process(), strange);
	assert_good(take(stage, &primary, "e", SLOT, key, &err), &err);

	/* After a day they go, but not while they work. */
	put_lease(stage, "c", now - 2 * 24 * 3600, strange_process(), old);
	put_lease(stage, "d", now - 2 * 24 * 3600, live_process(), live);
	assert_good(take(stage, &primary, "c", SLOT, key, &err), &err);
	assert_false(exists(stage, old));
	assert_true(exists(stage, dead));
	assert_false(take(stage, &primary, "d", SLOT, key, &err));
	assert_true(exists(stage, live));
}

/* Take a slot in a process of its own, which tells the end and then waits. */
static pid_t
contend(Stage *stage, int i, int round, int tell, int gate)
{
	pid_t		pid = fork();
	BkPlace		place = primary;
	char		key[BK_KEY_SIZE];
	char		answer;
	BkError		err;

	if (pid != 0)
		return pid;
	place.id[0] = (char) ('a' + i);
	answer = take(stage, &place, "many", SLOT + round, key, &err) ? '1' :
		bk_error_is(&err, BK_STATE_SKIPPED) ? '0' : '?';
	if (write(tell, &answer, 1) != 1 || read(gate, &answer, 1) != 0)
		_exit(1);
	_exit(0);
}

/*
 * Many look at once, each a process of a place of its own. Never two have it;
 * none has it only where the one with the lowest name came last.
 */
static void
one_of_many_at_once(void **state)
{
	enum {MANY = 4, ROUNDS = 10};
	Stage	   *stage = *state;

	for (int round = 0; round < ROUNDS; round++)
	{
		pid_t		pids[MANY];
		int			winners = 0;
		int			told[2];
		int			gate[2];

		assert_int_equal(pipe(told) + pipe(gate), 0);
		for (int i = 0; i < MANY; i++)
			pids[i] = contend(stage, i, round, told[1], gate[0]);
		for (int i = 0; i < MANY; i++)
		{
			char		answer;

			assert_int_equal(read(told[0], &answer, 1), 1);
			assert_true(answer == '0' || answer == '1');
			winners += answer == '1';
		}
		for (int i = 0; i < MANY; i++)
		{
			kill(pids[i], SIGKILL);
			assert_int_equal(waitpid(pids[i], NULL, 0), pids[i]);
		}
		close(told[0]);
		close(told[1]);
		close(gate[0]);
		close(gate[1]);
		assert_true(winners <= 1);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(the_first_has_it, set_up, tear_down),
		cmocka_unit_test_setup_teardown(what_is_done_is_done, set_up, tear_down),
		cmocka_unit_test_setup_teardown(the_dead_are_in_nobodys_way, set_up, tear_down),
		cmocka_unit_test_setup_teardown(one_of_many_at_once, set_up, tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
