/*
 * test_buf.c
 *	  The buffer: always NUL-terminated, and a failure that stays.
 */
#include "support.h"

static void
is_terminated_from_the_start(void **state)
{
	BkBuf		buf;
	BkError		err;
	char	   *text;

	(void) state;
	bk_buf_init(&buf);
	assert_string_equal(buf.data, "");
	bk_buf_append(&buf, NULL, 0);
	assert_string_equal(buf.data, "");
	text = bk_buf_take(&buf, &err);
	assert_string_equal(text, "");
	free(text);
	bk_buf_reset(&buf);
	bk_buf_free(&buf);
}

static void
grows(void **state)
{
	BkBuf		buf;
	BkError		err;
	char	   *text;

	(void) state;
	bk_buf_init(&buf);
	for (int i = 0; i < 10000; i++)
	{
		bk_buf_printf(&buf, "%05d", i);
		assert_int_equal(buf.data[buf.len], '\0');
	}
	assert_int_equal(buf.len, 50000);
	assert_memory_equal(buf.data + 49995, "09999", 6);
	bk_buf_append(&buf, "\0x", 2);
	assert_memory_equal(buf.data + 50000, "\0x", 3);
	bk_buf_truncate(&buf, 5);
	assert_string_equal(buf.data, "00000");
	bk_buf_truncate(&buf, 50);
	assert_int_equal(buf.len, 5);
	bk_buf_append_string(&buf, "!");
	text = bk_buf_take(&buf, &err);
	assert_string_equal(text, "00000!");
	assert_int_equal(buf.len, 0);
	free(text);
	bk_buf_free(&buf);
}

static void
failure_stays_until_reset(void **state)
{
	BkBuf		buf;
	BkError		err;

	(void) state;
	bk_buf_init(&buf);
	bk_buf_append_string(&buf, "kept");
	assert_true(bk_buf_check(&buf, &err));
	assert_false(bk_buf_reserve(&buf, SIZE_MAX - 2));
	bk_buf_append_string(&buf, "lost");
	bk_buf_printf(&buf, "%d", 1);
	assert_string_equal(buf.data, "kept");
	assert_false(bk_buf_check(&buf, &err));
	assert_reason(&err, "53200", "out of memory");
	bk_buf_reset(&buf);
	bk_buf_append_string(&buf, "again");
	assert_string_equal(buf.data, "again");
	assert_false(bk_buf_reserve(&buf, SIZE_MAX / 2));
	assert_null(bk_buf_take(&buf, &err));
	assert_reason(&err, "53200", "out of memory");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(is_terminated_from_the_start),
		cmocka_unit_test(grows),
		cmocka_unit_test(failure_stays_until_reset),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
