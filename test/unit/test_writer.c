/*
 * test_writer.c
 *	  Places, and who may write into a repository.
 */
#include "support.h"

#include "repo/writer.h"

#define CLUSTER	"7440958112339017623"
#define CLONE	"clone of 20261121T101500Z-base-k3f9"

/* A place that is not looked up, with its id. */
static BkPlace
make_place(const char *machine_id, const char *hostname, const char *path)
{
	BkPlace		place = {0};
	BkError		err;

	snprintf(place.machine_id, sizeof(place.machine_id), "%s", machine_id);
	snprintf(place.hostname, sizeof(place.hostname), "%s", hostname);
	snprintf(place.data_directory, sizeof(place.data_directory), "%s", path);
	assert_good(bk_place_identify(&place, &err), &err);
	return place;
}

/* Is it the same place? */
static bool
same(BkPlace a, BkPlace b)
{
	return strcmp(a.id, b.id) == 0;
}

static void
a_place_is_a_machine_and_a_path(void **state)
{
	BkPlace		place = make_place("m1", "alpha", "/data");

	(void) state;
	assert_int_equal(strlen(place.id), 64);
	assert_true(same(place, make_place("m1", "alpha", "/data")));
	/* a new host name */
	assert_true(same(place, make_place("m1", "beta", "/data")));
	assert_false(same(place, make_place("m2", "alpha", "/data")));
	assert_false(same(place, make_place("m1", "alpha", "/data2")));
	/* a machine without an id */
	assert_true(same(make_place("", "alpha", "/data"), make_place("", "alpha", "/data")));
	assert_false(same(make_place("", "alpha", "/data"), make_place("", "beta", "/data")));
	assert_false(same(make_place("", "alpha", "/data"), make_place("alpha", "alpha", "/data")));
	/* no text runs into the next */
	assert_false(same(make_place("m", "", "1/data"), make_place("m1", "", "/data")));
}

static void
a_link_leads_to_the_same_place(void **state)
{
	char	   *folder = new_folder();
	BkPlace		place;
	BkPlace		linked;
	char		path[256];
	BkError		err;

	(void) state;
	assert_good(bk_place_find(folder, &place, &err), &err);
	snprintf(path, sizeof(path), "%s/link", folder);
	assert_int_equal(symlink(folder, path), 0);
	assert_good(bk_place_find(path, &linked, &err), &err);
	assert_true(same(place, linked));
	assert_string_equal(linked.data_directory, place.data_directory);
	snprintf(path, sizeof(path), "%s/none", folder);
	assert_false(bk_place_find(path, &linked, &err));
	assert_reason(&err, BK_STATE_MISSING_FILE, "could not look at data directory");
	remove_folder(folder);
}

static void
who_may_write(void **state)
{
	char	   *folder = new_folder();
	char		url[256];
	BkRepositoryTarget target = {.url = url};
	BkPlace		home = make_place("m1", "alpha", "/data");
	BkPlace		renamed = make_place("m1", "beta", "/data");
	BkPlace		copy = make_place("m1", "alpha", "/copy");
	BkServer	server = {.system_identifier = CLUSTER, .place = &home, .fence = ""};
	BkRepository *repo;
	BkError		err;

	(void) state;
	snprintf(url, sizeof(url), "file://%s/repo", folder);
	repo = bk_repository_create(&target, &err);
	assert_good(repo != NULL, &err);

	/* Nobody at first, and no standby of nobody. */
	assert_false(bk_writer_check(repo, &server, &err));
	assert_reason(&err, "55000", "has no record of system identifier " CLUSTER);
	assert_false(bk_writer_register(repo, &server, BK_WRITER_STREAMED, &err));
	assert_reason(&err, "55000", "this cluster may not write");

	/* The one that is registered, twice, also under another host name. */
	assert_good(bk_writer_register(repo, &server, BK_WRITER_CREATED, &err), &err);
	assert_good(bk_writer_register(repo, &server, BK_WRITER_ADOPTED, &err), &err);
	assert_good(bk_writer_check(repo, &server, &err), &err);
	server.place = &renamed;
	assert_good(bk_writer_check(repo, &server, &err), &err);
	server.place = NULL;
	assert_good(bk_writer_check(repo, &server, &err), &err);

	/* Not a copy, until it has streamed. */
	server.place = &copy;
	assert_false(bk_writer_check(repo, &server, &err));
	assert_reason(&err, "55000", "not with data directory \"/copy\" on machine \"alpha\"");
	assert_good(bk_writer_register(repo, &server, BK_WRITER_STREAMED, &err), &err);
	assert_good(bk_writer_check(repo, &server, &err), &err);

	/* Whoever is fenced, wherever it is. */
	server.fence = "restored from 20261121T101500Z-base-k3f9";
	assert_false(bk_writer_check(repo, &server, &err));
	assert_reason(&err, "55000", "this server is fenced");
	assert_non_null(strstr(err.hint, "backup_adopt()"));
	server.fence = CLONE;
	assert_false(bk_writer_check(repo, &server, &err));
	assert_reason(&err, "55000", CLONE);
	assert_non_null(strstr(err.hint, "backup_adopt(force => true)"));

	/* What is no identifier is no part of a key. */
	server = (BkServer) {.system_identifier = "../1"};
	assert_false(bk_writer_check(repo, &server, &err));
	assert_reason(&err, "22023", "invalid system identifier");
	bk_repository_close(repo);
	remove_folder(folder);
}

static void
a_damaged_record_does_not_count(void **state)
{
	char	   *folder = new_folder();
	char		url[256];
	char		path[512];
	BkRepositoryTarget target = {.url = url};
	BkPlace		home = make_place("m1", "alpha", "/data");
	BkServer	server = {.system_identifier = CLUSTER, .place = &home};
	BkRepository *repo;
	BkError		err;

	(void) state;
	snprintf(url, sizeof(url), "file://%s/repo", folder);
	repo = bk_repository_create(&target, &err);
	assert_good(repo != NULL, &err);
	assert_good(bk_writer_register(repo, &server, BK_WRITER_CREATED, &err), &err);
	snprintf(path, sizeof(path), "%s/repo/writer/" CLUSTER "/%s.json", folder, home.id);
	assert_int_equal(truncate(path, 40), 0);
	assert_false(bk_writer_check(repo, &server, &err));
	assert_reason(&err, BK_STATE_CORRUPT, home.id);
	bk_repository_close(repo);
	remove_folder(folder);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_place_is_a_machine_and_a_path),
		cmocka_unit_test(a_link_leads_to_the_same_place),
		cmocka_unit_test(who_may_write),
		cmocka_unit_test(a_damaged_record_does_not_count),
	};

	return cmocka_run_group_tests_name("writer", tests, NULL, NULL);
}
