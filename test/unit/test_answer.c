/*
 * test_answer.c
 *	  What HTTP servers say before the body, in all the ways they say it.
 */
#include "support.h"

#include "storage/answer.h"

#define DAY_MS	INT64_C(86400000)

static void
say(BkHttpResponse *response, const char *const *lines)
{
	BkError		err;

	memset(response, 0, sizeof(*response));
	bk_buf_init(&response->body);
	for (int i = 0; lines[i] != NULL; i++)
		assert_good(bk_answer_line(response, lines[i], strlen(lines[i]), &err), &err);
}

#define SAY(response, ...) say(response, (const char *const []) {__VA_ARGS__, NULL})

static void
are_taken_in(void **state)
{
	BkHttpResponse response;
	BkError		err;

	(void) state;
	SAY(&response, "HTTP/1.1 100 Continue", "X-Old: 1", "", "HTTP/1.1 206 Partial",
		"ETag:\t\"a b\" ", "x-empty:", "no header at all", ": no name", "Set-Cookie: a",
		"set-COOKIE: b", "");
	assert_int_equal(response.status, 206);
	assert_int_equal(response.header_count, 3);
	assert_string_equal(bk_http_find(&response, "etag"), "\"a b\"");
	assert_string_equal(bk_http_find(&response, "x-empty"), "");
	assert_string_equal(bk_http_find(&response, "set-cookie"), "a, b");
	assert_null(bk_http_find(&response, "x-old"));
	assert_good(bk_answer_line(&response, "X: a\0b", 6, &err), &err);
	assert_int_equal(response.header_count, 3);
	bk_http_response_free(&response);
}

static void
are_refused(void **state)
{
	static const char *const bad[] = {
		"HTTP/", "HTTP/1.1", "HTTP/1.1 ", "HTTP/1.1 20", "HTTP/1.1 abc", "HTTP/1.1 999 x",
		"HTTP/1.1 000 x", "HTTP/1.1  200", "HTTP/1.1 1:0 x",
	};
	BkHttpResponse response;
	BkError		err;

	(void) state;
	SAY(&response, "HTTP/1.1 200 OK");
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
	{
		if (bk_answer_line(&response, bad[i], strlen(bad[i]), &err))
			fail_msg("\"%s\" was taken", bad[i]);
		assert_reason(&err, BK_STATE_PROTOCOL, "does not speak HTTP");
		assert_int_equal(response.status, 0);
	}
	bk_http_response_free(&response);
}

static void
have_dates(void **state)
{
	static const struct
	{
		const char *text;
		int64_t		time;		/* -1: refused */
	}			dates[] = {
		{"Sun, 06 Nov 1994 08:49:37 GMT", 784111777},
		{"Sat, 21 Nov 2026 10:15:00 GMT", 1795256100},
		{"Thu, 29 Feb 2024 00:00:00 GMT", 1709164800},
		{"Wed, 29 Feb 2023 00:00:00 GMT", -1},
		{"Sun, 06 Nov 1994 08:49:37 UTC", -1},
		{"Sun, 06 Nov 1994 08:49:37 GMT+1", -1},
		{"Sun, 06 Nov 1994 08:49:60 GMT", -1},
		{"Sun, 06 ovD 1994 08:49:37 GMT", -1},
		{"Sunday, 06-Nov-94 08:49:37 GMT", -1},
		{"Sun Nov  6 08:49:37 1994", -1},
		{"Sun, -6 Nov 1994 08:49:37 GMT", -1},
		{"", -1},
	};

	(void) state;
	for (size_t i = 0; i < sizeof(dates) / sizeof(dates[0]); i++)
	{
		int64_t		time = -1;

		if (bk_answer_date(dates[i].text, &time) != (dates[i].time >= 0))
			fail_msg("%s", dates[i].text);
		assert_int_equal(time, dates[i].time);
	}
}

static void
ask_to_wait(void **state)
{
	static const struct
	{
		const char *text;
		int64_t		ms;
	}			waits[] = {
		{"Retry-After: 0", 0},
		{"Retry-After: 7", 7000},
		{"Retry-After: 99999999999999999999999", DAY_MS},
		{"Retry-After: -7", 0},
		{"Retry-After: soon", 0},
		{"Retry-After: Sun, 06 Nov 1994 08:49:47 GMT", 10000},
		{"Retry-After: Sun, 06 Nov 1994 08:49:27 GMT", 0},
		{"Retry-After: Sun, 06 Nov 9994 08:49:47 GMT", DAY_MS},
		{"X-Retry-After: 7", 0},
	};
	BkHttpResponse response;

	(void) state;
	for (size_t i = 0; i < sizeof(waits) / sizeof(waits[0]); i++)
	{
		SAY(&response, "HTTP/1.1 503 Slow", "Date: Sun, 06 Nov 1994 08:49:37 GMT",
			waits[i].text);
		assert_int_equal(bk_answer_retry_after(&response), waits[i].ms);
		bk_http_response_free(&response);
	}
	/* Without a clock of the server's, ours has to do. */
	SAY(&response, "HTTP/1.1 503 Slow", "Retry-After: Sun, 06 Nov 1994 08:49:47 GMT");
	assert_int_equal(bk_answer_retry_after(&response), 0);
	bk_http_response_free(&response);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(are_taken_in),
		cmocka_unit_test(are_refused),
		cmocka_unit_test(have_dates),
		cmocka_unit_test(ask_to_wait),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
