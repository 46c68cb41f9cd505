/*
 * test_label.c
 *	  Backup ids: what is made is accepted, what is hostile is refused.
 */
#include "support.h"

#include "repo/label.h"

static void
makes_readable_ids(void **state)
{
	char		id[BK_LABEL_SIZE];
	char		name[64];
	BkError		err;

	(void) state;
	assert_good(bk_label_make(1795256170, "app", id, &err), &err);
	assert_int_equal(strncmp(id, "20261121T101610Z-app-", 21), 0);
	assert_int_equal(strlen(id), 25);
	assert_good(bk_label_check(id, &err), &err);
	bk_label_name(id, name);
	assert_string_equal(name, "app");
}

static void
encodes_every_name(void **state)
{
	static const char *const names[] = {
		"-Fc", "host=/tmp/x dbname=y", "../../x", "a/b", "%41", "new\nline",
		"quo\"te's", "back\\slash", "$(touch x)", "Gr\303\274\303\237e", ".", " ",
		"012345678901234567890123456789012345678901234567890123456789\r\n\t",
	};

	(void) state;
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
	{
		char		id[BK_LABEL_SIZE];
		char		name[64];
		BkError		err;

		assert_good(bk_label_make(0, names[i], id, &err), &err);
		assert_null(strchr(id, '/'));
		assert_good(bk_label_check(id, &err), &err);
		bk_label_name(id, name);
		assert_string_equal(name, names[i]);
	}
}

static void
refuses_bad_names(void **state)
{
	char		id[BK_LABEL_SIZE];
	char		longest[65];
	BkError		err;

	(void) state;
	memset(longest, '\377', 64);
	longest[64] = '\0';
	assert_false(bk_label_make(0, longest, id, &err));
	assert_reason(&err, "22023", "must have 1 to 63 bytes");
	assert_false(bk_label_make(0, "", id, &err));
	assert_reason(&err, "22023", "must have 1 to 63 bytes");
	longest[63] = '\0';
	assert_good(bk_label_make(0, longest, id, &err), &err);
	assert_good(bk_label_check(id, &err), &err);
}

static void
refuses_hostile_ids(void **state)
{
	static const char *const ids[] = {
		"", "x", "../../x", "/etc/passwd", "20261121T101500Z",
		"20261121T101500Z--7x2m", "20261121T101500Z-app-7x2", "20261121T101500Z-app-7X2M",
		"20261321T101500Z-app-7x2m", "20261121T101500Z-a/b-7x2m",
		"20261121T101500Z-a\nb-7x2m", "20261121T101500Z-%2e-7x2m",
		"20261121T101500Z-%2-7x2m", "20261121T101500Z-a%-7x2m",
		"20261121T101500Z-app-7x2m\n", "20261121T101500Z-app-7x2m/..",
	};

	(void) state;
	for (size_t i = 0; i < sizeof(ids) / sizeof(ids[0]); i++)
	{
		BkError		err;

		if (bk_label_check(ids[i], &err))
			fail_msg("\"%s\" was taken for an id", ids[i]);
		assert_reason(&err, "22023", "invalid backup id");
	}
}

static void
compares_names(void **state)
{
	(void) state;
	assert_true(bk_label_same_name("20261121T101500Z-app-7x2m",
								   "20251121T101500Z-app-aaaa"));
	assert_false(bk_label_same_name("20261121T101500Z-app-7x2m",
									"20261121T101500Z-apq-7x2m"));
	assert_false(bk_label_same_name("20261121T101500Z-app-7x2m",
									"20261121T101500Z-app2-7x2m"));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(makes_readable_ids),
		cmocka_unit_test(encodes_every_name),
		cmocka_unit_test(refuses_bad_names),
		cmocka_unit_test(refuses_hostile_ids),
		cmocka_unit_test(compares_names),
	};

	return cmocka_run_group_tests_name("label", tests, NULL, NULL);
}
