/*
 * test_error.c
 *	  The error record, the buffer of its texts, and the calls of the host.
 */
#include "support.h"

#include "core/host.h"

static void
fills_and_clears(void **state)
{
	BkError		err;

	(void) state;
	assert_false(bk_error(&err, BK_STATE_IO, "first %d", 1));
	assert_false(bk_error_detail(&err, "Detail %s.", "one"));
	assert_false(bk_error_hint(&err, "Hint %s", "one"));
	assert_string_equal(err.sqlstate, "58030");
	assert_string_equal(err.message, "first 1");
	assert_string_equal(err.detail, "Detail one.");
	assert_string_equal(err.hint, "Hint one");
	assert_true(bk_error_is(&err, BK_STATE_IO));
	assert_false(bk_error_is(&err, BK_STATE_CORRUPT));
	assert_false(bk_error_memory(&err));
	assert_string_equal(err.sqlstate, "53200");
	assert_string_equal(err.detail, "");
	assert_string_equal(err.hint, "");
}

static void
maps_errno(void **state)
{
	static const struct
	{
		int			code;
		const char *sqlstate;
		const char *words;
	}			rows[] = {
		{ENOSPC, "53100", "x: No space left on device"},
		{EDQUOT, "53100", "x: Disk quota exceeded"},
		{ENOENT, "58P01", "x: No such file or directory"},
		{EACCES, "42501", "x: Permission denied"},
		{EPERM, "42501", "x: Operation not permitted"},
		{EROFS, "42501", "x: Read-only file system"},
		{ENOMEM, "53200", "x: Cannot allocate memory"},
		{EIO, "58030", "x: Input/output error"},
	};
	BkError		err;

	(void) state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
	{
		errno = rows[i].code;
		assert_false(bk_error_errno(&err, "%s", "x"));
		assert_string_equal(err.sqlstate, rows[i].sqlstate);
		assert_string_equal(err.message, rows[i].words);
	}
}

static void
may_quote_itself(void **state)
{
	BkError		err;

	(void) state;
	bk_error(&err, BK_STATE_IO, "inner");
	bk_error(&err, BK_STATE_CORRUPT, "outer: %s", err.message);
	assert_string_equal(err.message, "outer: inner");
}

static void
texts_are_always_utf8(void **state)
{
	char		text[3000];
	BkError		err;

	(void) state;
	bk_error(&err, BK_STATE_IO, "a\xff" "b\xc3\xa4\xed\xa0\x80\xc3");
	assert_string_equal(err.message, "a?b\xc3\xa4????");

	/* Too long: cut between characters, at every alignment. */
	for (size_t shift = 0; shift < 4; shift++)
	{
		memset(text, 'x', shift);
		for (size_t i = shift; i + 4 < sizeof(text); i += 4)
			memcpy(text + i, "\xf0\x9f\x92\xbe", 5);
		bk_error(&err, BK_STATE_IO, "%s", text);
		assert_true(bk_json_is_utf8(err.message));
		assert_null(strchr(err.message, '?'));
		assert_in_range(strlen(err.message), sizeof(err.message) - 4,
						sizeof(err.message) - 1);
		bk_error_detail(&err, "%s", text);
		assert_true(bk_json_is_utf8(err.detail));
		assert_null(strchr(err.detail, '?'));
	}
}

static void
keep_log(void *ctx, BkLogLevel level, const char *message)
{
	assert_int_equal(level, BK_LOG_WARNING);
	snprintf(ctx, 64, "%s", message);
}

static void
keep_record(void *ctx, const char *kind, const BkJson *body)
{
	(void) ctx;
	(void) kind;
	(void) body;
}

static void
keep_progress(void *ctx, const BkProgress *progress)
{
	snprintf(ctx, 64, "%s %s %d/%d", progress->phase, progress->object,
			 (int) progress->done, (int) progress->total);
}

static bool
always_stop(void *ctx)
{
	(void) ctx;
	return true;
}

static bool
never_stop(void *ctx)
{
	(void) ctx;
	return false;
}

static void
host_is_called(void **state)
{
	char		seen[64] = "";
	BkHost		host = {
		.ctx = seen,
		.log = keep_log,
		.record = keep_record,
		.progress = keep_progress,
		.stop = never_stop,
	};
	BkError		err;

	(void) state;
	bk_log(&host, BK_LOG_WARNING, "line %d", 7);
	assert_string_equal(seen, "line 7");
	bk_progress(&host, "dump", "a", 3, 9);
	assert_string_equal(seen, "dump a 3/9");
	assert_true(bk_go_on(&host, &err));
	host.stop = always_stop;
	assert_false(bk_go_on(&host, &err));
	assert_reason(&err, "57014", "cancel");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(fills_and_clears),
		cmocka_unit_test(maps_errno),
		cmocka_unit_test(may_quote_itself),
		cmocka_unit_test(texts_are_always_utf8),
		cmocka_unit_test(host_is_called),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
