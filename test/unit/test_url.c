/*
 * test_url.c
 *	  URLs of repositories: what is in them, and which are refused.
 */
#include "support.h"

#include "storage/url.h"

typedef struct GoodUrl
{
	const char *text;
	const char *scheme;
	const char *user;
	const char *host;
	int			port;
	const char *path;
	const char *place;
	const char *option[4];		/* name, value, name, value */
} GoodUrl;

static const GoodUrl good[] = {
	{"s3://bucket", "s3", "", "bucket", 0, "", "s3://bucket", {NULL}},
	{"S3://bucket/", "s3", "", "bucket", 0, "", "S3://bucket/", {NULL}},
	{"s3://b.u-c_k/a/b%20c//", "s3", "", "b.u-c_k", 0, "a/b c", "s3://b.u-c_k/a/b%20c//", {NULL}},
	{"s3://b/p?endpoint=https://h:1&tags=a%3D1%26b%3D2", "s3", "", "b", 0, "p", "s3://b/p",
	{"endpoint", "https://h:1", "tags", "a=1&b=2"}},
	{"s3://b?region=x+y", "s3", "", "b", 0, "", "s3://b", {"region", "x+y"}},
	{"sftp://u%40x@host:2222/srv/k%C3%BC", "sftp", "u@x", "host", 2222, "srv/k\303\274",
	"sftp://u%40x@host:2222/srv/k%C3%BC", {NULL}},
	{"sftp://me@[fe80::1]:22/x", "sftp", "me", "fe80::1", 22, "x", "sftp://me@[fe80::1]:22/x", {NULL}},
	{"azure://$web/x?account=a", "azure", "", "$web", 0, "x", "azure://$web/x", {"account", "a"}},
};

typedef struct BadUrl
{
	const char *text;
	const char *reason;
} BadUrl;

static const BadUrl bad[] = {
	{"", "no scheme"},
	{"bucket/prefix", "no scheme"},
	{"3s://bucket", "no scheme"},
	{"s3:/bucket", "no scheme"},
	{"s3:///prefix", "names no place"},
	{"s3://?region=x", "names no place"},
	{"s3://b/a b", "space"},
	{"s3://b/a\tb", "control character"},
	{"s3://b/a#b", "fragment"},
	{"s3://b/%00", "control character"},
	{"s3://b/%0a", "control character"},
	{"s3://b/%", "percent-encoding"},
	{"s3://b/%4", "percent-encoding"},
	{"s3://b/%4x", "percent-encoding"},
	{"s3://b/a/../c", "\"..\""},
	{"s3://b/a/%2e%2e", "\"..\""},
	{"s3://b/./c", "\".\""},
	{"s3://b/a//c", "empty component"},
	{"s3://b%2Fc/x", "odd character"},
	{"s3://b\\c/x", "odd character"},
	{"s3://b:0/x", "port"},
	{"s3://b:65536/x", "port"},
	{"s3://b:/x", "port"},
	{"s3://b:9z/x", "port"},
	{"sftp://[::1/x", "brackets"},
	{"sftp://[]/x", "brackets"},
	{"sftp://[::1]x/x", "odd character"},
	{"s3://b?region", "without a name or a value"},
	{"s3://b?region=", "without a name or a value"},
	{"s3://b?=x", "without a name or a value"},
	{"s3://b?region=x&", "without a name or a value"},
	{"s3://b?region=x&region=y", "\"region\" twice"},
	{"s3://b?region=%0d%0a", "control character"},
	{"sftp://me:Sesame@host/x", "password"},
	{"sftp://me:Sesame%zz@host/x?", "password"},
};

static void
are_taken_apart(void **state)
{
	BkUrl		url;
	BkError		err;

	(void) state;
	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++)
	{
		const GoodUrl *g = &good[i];

		assert_good(bk_url_parse(g->text, &url, &err), &err);
		assert_string_equal(url.scheme, g->scheme);
		assert_string_equal(url.user, g->user);
		assert_string_equal(url.host, g->host);
		assert_int_equal(url.port, g->port);
		assert_string_equal(url.path, g->path);
		assert_string_equal(url.place, g->place);
		for (int j = 0; j < 4 && g->option[j] != NULL; j += 2)
			assert_string_equal(bk_url_option(&url, g->option[j], ""),
								g->option[j + 1]);
		assert_null(bk_url_option(&url, "nothing", NULL));
		bk_url_free(&url);
	}
}

static void
are_refused(void **state)
{
	BkUrl		url;
	BkError		err;

	(void) state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
	{
		if (bk_url_parse(bad[i].text, &url, &err))
			fail_msg("\"%s\" was taken", bad[i].text);
		assert_reason(&err, BK_STATE_BAD_ARGUMENT, bad[i].reason);
		assert_null(strstr(err.message, "Sesame"));
		bk_url_free(&url);
	}
}

static void
have_numbers(void **state)
{
	BkUrl		url;
	BkError		err;
	int64_t		number = 7;

	(void) state;
	assert_good(bk_url_parse("s3://b?a=12&b=1x&c=99999999999999999999&d=-1",
							 &url, &err), &err);
	assert_good(bk_url_number(&url, "none", 1, 20, &number, &err), &err);
	assert_int_equal(number, 7);
	assert_good(bk_url_number(&url, "a", 1, 20, &number, &err), &err);
	assert_int_equal(number, 12);
	assert_false(bk_url_number(&url, "a", 1, 11, &number, &err));
	assert_reason(&err, BK_STATE_BAD_ARGUMENT, "not a number from 1 to 11");
	assert_false(bk_url_number(&url, "b", 1, 11, &number, &err));
	assert_false(bk_url_number(&url, "c", 1, 11, &number, &err));
	assert_false(bk_url_number(&url, "d", 0, 11, &number, &err));
	bk_url_free(&url);
}

static void
have_known_options(void **state)
{
	static const char *const names[] = {"region", "endpoint", NULL};
	BkUrl		url;
	BkError		err;

	(void) state;
	assert_good(bk_url_parse("s3://b/p?region=x", &url, &err), &err);
	assert_good(bk_url_check_options(&url, names, &err), &err);
	bk_url_free(&url);
	assert_good(bk_url_parse("s3://b/p?regoin=x", &url, &err), &err);
	assert_false(bk_url_check_options(&url, names, &err));
	assert_reason(&err, BK_STATE_BAD_ARGUMENT, "\"regoin\"");
	assert_reason(&err, BK_STATE_BAD_ARGUMENT, "region, endpoint");
	bk_url_free(&url);
}

static void
are_encoded(void **state)
{
	static const char odd[] = "aZ09-._~/ %+=:&\303\274\n";
	BkBuf		buf;

	(void) state;
	bk_buf_init(&buf);
	bk_url_encode(&buf, odd, sizeof(odd), true);
	assert_string_equal(buf.data, "aZ09-._~/%20%25%2B%3D%3A%26%C3%BC%0A%00");
	bk_buf_reset(&buf);
	bk_url_encode(&buf, "a/b", 3, false);
	assert_string_equal(buf.data, "a%2Fb");
	bk_buf_free(&buf);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(are_taken_apart),
		cmocka_unit_test(are_refused),
		cmocka_unit_test(have_numbers),
		cmocka_unit_test(have_known_options),
		cmocka_unit_test(are_encoded),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
