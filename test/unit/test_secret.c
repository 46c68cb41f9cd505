/*
 * test_secret.c
 *	  Files with secrets: who may be able to read them.
 */
#include "support.h"

#include "core/secret.h"

static void
are_read(void **state)
{
	char	   *folder = new_folder();
	const char *path = in_folder(folder, "secret");
	BkSecretFile file;
	struct stat now;
	BkError		err;

	(void) state;
	write_file(path, "sesame\0!", 8);
	assert_good(bk_secret_read(path, &file, &err), &err);
	assert_int_equal(file.len, 8);
	assert_memory_equal(file.text, "sesame\0!", 9);
	assert_int_equal(stat(path, &now), 0);
	assert_true(bk_secret_same(&file.status, &now));
	write_file(path, "sesame", 6);
	assert_int_equal(stat(path, &now), 0);
	assert_false(bk_secret_same(&file.status, &now));
	bk_secret_free(&file);
	remove_folder(folder);
}

static void
are_refused(void **state)
{
	static const mode_t modes[] = {0604, 0660, 0602, 0620, 0666, 0777, 0444};
	char	   *folder = new_folder();
	const char *path = in_folder(folder, "secret");
	BkSecretFile file;
	BkError		err;

	(void) state;
	assert_false(bk_secret_read(path, &file, &err));
	assert_reason(&err, BK_STATE_MISSING_FILE, "secret");
	bk_secret_free(&file);
	write_file(path, "sesame", 6);
	for (size_t i = 0; i < sizeof(modes) / sizeof(modes[0]); i++)
	{
		assert_int_equal(chmod(path, modes[i]), 0);
		assert_false(bk_secret_read(path, &file, &err));
		assert_reason(&err, BK_STATE_NO_RIGHT, "open to other users");
		assert_non_null(strstr(err.hint, "chmod 600"));
		bk_secret_free(&file);
		assert_good(bk_secret_load(path, &file, &err), &err);
		bk_secret_free(&file);
	}
	assert_int_equal(chmod(path, 0600), 0);
	assert_int_equal(truncate(path, (off_t) BK_SECRET_MAX + 1), 0);
	assert_false(bk_secret_read(path, &file, &err));
	assert_reason(&err, BK_STATE_TOO_LARGE, "too large");
	bk_secret_free(&file);
	assert_false(bk_secret_read(folder, &file, &err));
	assert_reason(&err, BK_STATE_WRONG_STATE, "is not a file");
	bk_secret_free(&file);
	remove_folder(folder);
}

/* Root's file may be open to its group: that is how it is shared with us. */
static void
may_be_roots(void **state)
{
	struct stat status = {.st_uid = 0, .st_mode = S_IFREG | 0640};
	BkError		err;

	(void) state;
	assert_true(bk_secret_is_private("x", &status, &err));
	status.st_uid = geteuid();
	assert_int_equal(bk_secret_is_private("x", &status, &err), geteuid() == 0);
	status.st_uid = 0;
	status.st_mode = S_IFREG | 0644;
	assert_false(bk_secret_is_private("x", &status, &err));
	status.st_mode = S_IFREG | 0660;
	assert_false(bk_secret_is_private("x", &status, &err));
	status.st_uid = geteuid() + 1;
	status.st_mode = S_IFREG | 0600;
	assert_false(bk_secret_is_private("x", &status, &err));
	assert_reason(&err, BK_STATE_NO_RIGHT, "belongs to another user");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(are_read),
		cmocka_unit_test(are_refused),
		cmocka_unit_test(may_be_roots),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
