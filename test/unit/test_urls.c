/*
 * test_urls.c
 *	  Lists of repositories.
 */
#include "support.h"

#include "repo/urls.h"

typedef struct Case
{
	const char *list;
	const char *urls[4];		/* up to a NULL */
} Case;

static const Case cases[] = {
	{"", {""}},
	{"file:///a", {"file:///a"}},
	{" file:///a", {"file:///a"}},
	{"file:///a,file:///b", {"file:///a", "file:///b"}},
	{"file:///a, file:///b\n\ts3://c/d", {"file:///a", "file:///b", "s3://c/d"}},
	/* what no URL follows belongs to the one before */
	{"file:///with space,and comma", {"file:///with space,and comma"}},
	{"file:///a b, c sftp://h/d", {"file:///a b, c", "sftp://h/d"}},
	{"file:///a ", {"file:///a "}},
	{"file:///a,1x://b", {"file:///a,1x://b"}},
	{"s3://b/p?endpoint=https://h:9000 file:///x", {"s3://b/p?endpoint=https://h:9000", "file:///x"}},
	{"a+b-c.d://x,y2://z", {"a+b-c.d://x", "y2://z"}},
};

static void
lists_are_taken_apart(void **state)
{
	(void) state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
	{
		BkUrls		urls;
		BkError		err;
		size_t		n = 0;

		assert_good(bk_urls_parse(cases[i].list, NULL, &urls, &err), &err);
		for (; n < 4 && cases[i].urls[n] != NULL; n++)
		{
			assert_true(n < urls.count);
			assert_string_equal(urls.urls[n], cases[i].urls[n]);
			assert_null(urls.ids[n]);
		}
		assert_int_equal(urls.count, n);
		bk_urls_free(&urls);
	}
}

static void
ids_follow_the_urls(void **state)
{
	BkUrls		urls;
	BkError		err;

	(void) state;
	assert_good(bk_urls_parse("x://1 x://2 x://3", "- two", &urls, &err), &err);
	assert_null(urls.ids[0]);
	assert_string_equal(urls.ids[1], "two");
	assert_null(urls.ids[2]);
	bk_urls_free(&urls);
	assert_false(bk_urls_parse("x://1", "one two", &urls, &err));
	assert_reason(&err, BK_STATE_BAD_ARGUMENT, "more ids than repositories");
	bk_urls_free(&urls);
}

static void
refused(void **state)
{
	BkUrls		urls;
	BkError		err;

	(void) state;
	assert_false(bk_urls_parse("x://1,x://2 x://1", NULL, &urls, &err));
	assert_reason(&err, BK_STATE_BAD_ARGUMENT, "is given twice");
	bk_urls_free(&urls);
	assert_false(bk_urls_parse("x://1 x://2 x://3 x://4 x://5 x://6 x://7 x://8 x://9", NULL, &urls, &err));
	assert_reason(&err, BK_STATE_BAD_ARGUMENT, "more than 8 repositories");
	bk_urls_free(&urls);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(lists_are_taken_apart),
		cmocka_unit_test(ids_follow_the_urls),
		cmocka_unit_test(refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
