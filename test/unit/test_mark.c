/*
 * test_mark.c
 *	  Named restore points: names, order, and that a name is there once.
 */
#include "support.h"

#include "core/host.h"
#include "repo/mark.h"

#define CLUSTER	"7440958112339017623"

static void
drop_log(void *ctx, BkLogLevel level, const char *message)
{
	(void) level;
	(void) message;
	++*(int *) ctx;
}

static bool
note_name(void *arg, const BkMark *mark, BkError *err)
{
	(void) err;
	bk_buf_printf(arg, "%s=%s ", mark->name, mark->lsn);
	return true;
}

static bool
put(BkRepository *repo, const BkHost *host, const char *name, const char *lsn,
	BkError *err)
{
	BkMark		mark = {
		.system_identifier = CLUSTER, .name = name, .lsn = lsn,
		.timeline = 1, .at = "2026-11-21T10:15:00Z",
	};

	return bk_mark_put(repo, host, &mark, err);
}

static void
what_a_name_may_be(void **state)
{
	char		name[65];
	BkError		err;

	(void) state;
	memset(name, 'x', sizeof(name));
	name[64] = '\0';
	assert_false(bk_mark_check_name(name, &err));
	assert_reason(&err, "22023", "1 to 63 bytes");
	name[63] = '\0';
	assert_good(bk_mark_check_name(name, &err), &err);
	assert_good(bk_mark_check_name("../a b'\303\244", &err), &err);
	assert_false(bk_mark_check_name("", &err));
	assert_false(bk_mark_check_name("a\nb", &err));
	assert_false(bk_mark_check_name("\x7f", &err));
}

static void
a_name_is_there_once(void **state)
{
	char	   *folder = new_folder();
	char		url[256];
	int			warnings = 0;
	BkHost		host = {.ctx = &warnings, .log = drop_log};
	BkRepositoryTarget target = {.url = url};
	BkRepository *repo;
	BkBuf		names;
	BkError		err;

	(void) state;
	snprintf(url, sizeof(url), "file://%s/repo", folder);
	repo = bk_repository_create(&target, &err);
	assert_good(repo != NULL, &err);
	assert_good(bk_mark_require_new(repo, &host, CLUSTER, "../v1", &err), &err);
	assert_good(put(repo, &host, "../v1", "1/20", &err), &err);
	assert_false(bk_mark_require_new(repo, &host, CLUSTER, "../v1", &err));
	assert_reason(&err, "42710", "exists already");
	assert_good(bk_mark_require_new(repo, &host, "1", "../v1", &err), &err);

	/* Of two that come at once the first in the WAL stays. */
	assert_false(put(repo, &host, "../v1", "A/0", &err));
	assert_reason(&err, "42710", "at 1/20 in the WAL");
	assert_good(put(repo, &host, "v2", "0/FFFFFFFF", &err), &err);
	assert_false(put(repo, &host, "v3", "nowhere", &err));
	assert_reason(&err, "XX001", "invalid mark");

	/* In order, and a damaged one hides no other. */
	assert_int_equal(mkdir(in_folder(folder, "repo/mark/" CLUSTER "/x"), 0700), 0);
	write_file(in_folder(folder, "repo/mark/" CLUSTER "/x/broken.json"), "{", 1);
	bk_buf_init(&names);
	assert_good(bk_mark_walk(repo, &host, NULL, note_name, &names, &err), &err);
	assert_string_equal(names.data, "v2=0/FFFFFFFF ../v1=1/20 ");
	assert_true(warnings > 0);
	bk_buf_free(&names);
	bk_repository_close(repo);
	remove_folder(folder);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_a_name_may_be),
		cmocka_unit_test(a_name_is_there_once),
	};

	return cmocka_run_group_tests_name("mark", tests, NULL, NULL);
}
