/*
 * test_json.c
 *	  The JSON door: what it refuses, and that equal values give equal text.
 */
#include "support.h"

#include "core/json.h"

typedef struct BadText
{
	const char *text;
	size_t		len;			/* 0: the string's own */
	const char *reason;
} BadText;

static const BadText bad_texts[] = {
	{"", 0, "not valid JSON"},
	{"[1]", 0, "not a JSON object"},
	{"7", 0, "not valid JSON"},
	{"{", 0, "not valid JSON"},
	{"{} x", 0, "end of file expected"},
	{"{}{}", 0, "end of file expected"},
	{"{\"a\":1,\"a\":2}", 0, "duplicate object key"},
	{"{\"a\":\"\\u0000\"}", 0, "\\u0000 is not allowed"},
	{"{\"a\":\"\xff\"}", 0, "unable to decode byte"},
	{"{\"a\":\"\xc0\x80\"}", 0, "unable to decode byte"},
	{"{\"a\":\"\\ud800\"}", 0, "invalid Unicode"},
	{"{\"a\":1}\0", 8, "not valid JSON"},
	{"{\"a\":1.0}", 0, "not an integer"},
	{"{\"a\":[{\"b\":[1e2]}]}", 0, "not an integer"},
	{"{\"a\":9223372036854775808}", 0, "too big integer"},
	{"{\"a\":01}", 0, "not valid JSON"},
	{"{\"a\":NaN}", 0, "invalid token"},
	{"{'a':1}", 0, "not valid JSON"},
	{"{\"a\":1,}", 0, "not valid JSON"},
};

static BkJson *
parse(const char *text)
{
	BkError		err;
	BkJson	   *json = bk_json_parse(text, strlen(text), "text", &err);

	assert_good(json != NULL, &err);
	return json;
}

static void
refuses_bad_text(void **state)
{
	BkError		err;

	(void) state;
	for (size_t i = 0; i < sizeof(bad_texts) / sizeof(bad_texts[0]); i++)
	{
		const BadText *bad = &bad_texts[i];
		size_t		len = bad->len > 0 ? bad->len : strlen(bad->text);

		assert_null(bk_json_parse(bad->text, len, "manifest \"m\"", &err));
		assert_reason(&err, "XX001", "manifest \"m\"");
		assert_reason(&err, "XX001", bad->reason);
	}
}

static void
refuses_depth(void **state)
{
	BkBuf		buf;
	BkError		err;

	(void) state;
	bk_buf_init(&buf);
	for (int i = 0; i < 100000; i++)
		bk_buf_append_string(&buf, "{\"a\":");
	assert_null(bk_json_parse(buf.data, buf.len, "deep", &err));
	assert_reason(&err, "XX001", "maximum parsing depth");
	bk_buf_free(&buf);
}

static void
text_is_sorted(void **state)
{
	BkJson	   *json = parse("{ \"b\": [1, -2, true, null],"
							 " \"a\": {\"z\": \"\\u00e4\\n\", \"y\": {}} }");
	BkJson	   *copy = bk_json_copy(json);
	char	   *text = bk_json_text(copy, false);
	char	   *pretty = bk_json_text(copy, true);

	(void) state;
	assert_string_equal(text, "{\"a\":{\"y\":{},\"z\":\"\xc3\xa4\\n\"},"
						"\"b\":[1,-2,true,null]}");
	assert_non_null(strstr(pretty, "{\n  \"a\": {\n    \"y\": {},"));
	free(text);
	free(pretty);
	bk_json_free(copy);
	bk_json_free(json);
}

static void
builds_and_reads(void **state)
{
	BkJson	   *json = bk_json_object();
	BkJson	   *array = bk_json_array();
	const BkJson *back;
	char	   *text;

	(void) state;
	bk_json_put_string(json, "s", "text");
	bk_json_put_string(json, "null", NULL);
	bk_json_put_int(json, "i", INT64_MIN);
	bk_json_put_bool(json, "b", true);
	bk_json_append_string(array, "one");
	assert_true(bk_json_append(array, bk_json_object()));
	assert_false(bk_json_append(array, NULL));
	bk_json_put(json, "array", array);
	bk_json_put_bool(json, "gone", false);
	bk_json_remove(json, "gone");
	text = bk_json_text(json, false);
	assert_string_equal(text, "{\"array\":[\"one\",{}],\"b\":true,"
						"\"i\":-9223372036854775808,\"null\":null,\"s\":\"text\"}");
	free(text);

	assert_string_equal(bk_json_string(bk_json_get(json, "s"), "-"), "text");
	assert_string_equal(bk_json_string(bk_json_get(json, "i"), "-"), "-");
	assert_true(bk_json_int(bk_json_get(json, "i"), 0) == INT64_MIN);
	assert_int_equal(bk_json_int(NULL, 5), 5);
	assert_true(bk_json_bool(bk_json_get(json, "b"), false));
	assert_null(bk_json_get(json, "null"));
	assert_null(bk_json_get(json, "gone"));
	back = bk_json_get(json, "array");
	assert_true(bk_json_is_array(back) && !bk_json_is_object(back));
	assert_int_equal(bk_json_length(back), 2);
	assert_int_equal(bk_json_length(json), 0);
	assert_true(bk_json_is_string(bk_json_at(back, 0)));
	assert_true(bk_json_is_object(bk_json_at(back, 1)));
	assert_null(bk_json_at(back, 3));
	assert_true(bk_json_is_int(bk_json_get(json, "i")));
	assert_true(bk_json_is_bool(bk_json_get(json, "b")));
	bk_json_free(json);
}

/* Words are for people: cleaned. Other strings are not guessed at. */
static void
words_are_cleaned(void **state)
{
	BkJson	   *json = bk_json_object();
	char	   *text;

	(void) state;
	bk_json_put_words(json, "a", "x\xff\xc3\xa4\xc3");
	bk_json_put_words(json, "b", NULL);
	bk_json_put_string(json, "c", "x\xff");
	text = bk_json_text(json, false);
	assert_string_equal(text, "{\"a\":\"x?\xc3\xa4?\",\"b\":null,\"c\":null}");
	free(text);
	bk_json_free(json);
}

static void
needs_members(void **state)
{
	BkJson	   *json = parse("{\"s\":\"x\",\"i\":4,\"n\":null}");
	const char *text;
	int64_t		number;
	BkError		err;

	(void) state;
	assert_true(bk_json_need_string(json, "s", "m", &text, &err));
	assert_string_equal(text, "x");
	assert_true(bk_json_need_int(json, "i", "m", &number, &err));
	assert_int_equal(number, 4);
	assert_false(bk_json_need_string(json, "i", "m", &text, &err));
	assert_reason(&err, "XX001", "m has no string \"i\"");
	assert_false(bk_json_need_int(json, "n", "m", &number, &err));
	assert_reason(&err, "XX001", "m has no integer \"n\"");
	bk_json_free(json);
}

static void
walks_in_order(void **state)
{
	BkJson	   *json = parse("{\"b\":1,\"a\":2,\"c\":3}");
	char		seen[16] = "";
	int			sum = 0;

	(void) state;
	for (void *iter = bk_json_first(json); iter != NULL;
		 iter = bk_json_next(json, iter))
	{
		strncat(seen, bk_json_key(iter), 1);
		sum += (int) bk_json_int(bk_json_value(iter), 0);
	}
	assert_string_equal(seen, "bac");
	assert_int_equal(sum, 6);
	bk_json_free(json);
}

static void
knows_utf8(void **state)
{
	static const char *const good[] = {
		"", "a", "\x7f", "\xc2\x80", "\xe0\xa0\x80", "\xed\x9f\xbf",
		"\xee\x80\x80", "\xf0\x90\x80\x80", "\xf4\x8f\xbf\xbf",
	};
	static const char *const bad[] = {
		"\x80", "\xc1\xbf", "\xc2", "\xc2g", "\xe0\x9f\xbf", "\xed\xa0\x80",
		"\xe1\x80", "\xf0\x8f\xbf\xbf", "\xf4\x90\x80\x80", "\xf5\x80\x80\x80",
		"\xf1\x80\x80", "\xff",
	};

	(void) state;
	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++)
		assert_true(bk_json_is_utf8(good[i]));
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_false(bk_json_is_utf8(bad[i]));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(refuses_bad_text),
		cmocka_unit_test(refuses_depth),
		cmocka_unit_test(text_is_sorted),
		cmocka_unit_test(builds_and_reads),
		cmocka_unit_test(words_are_cleaned),
		cmocka_unit_test(needs_members),
		cmocka_unit_test(walks_in_order),
		cmocka_unit_test(knows_utf8),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
