/*
 * test_clock.c
 *	  The two texts of a time, both ways.
 */
#include "support.h"

#include <time.h>

#include "core/clock.h"

static const struct
{
	int64_t		time;
	const char *text;
	const char *compact;
}			times[] = {
	{0, "1970-01-01T00:00:00Z", "19700101T000000Z"},
	{-1, "1969-12-31T23:59:59Z", "19691231T235959Z"},
	{951827696, "2000-02-29T12:34:56Z", "20000229T123456Z"},
	{1795256100, "2026-11-21T10:15:00Z", "20261121T101500Z"},
	{4107542400, "2100-03-01T00:00:00Z", "21000301T000000Z"},
	{INT64_C(253402300799), "9999-12-31T23:59:59Z", "99991231T235959Z"},
	{INT64_C(-62167219200), "0000-01-01T00:00:00Z", "00000101T000000Z"},
};

static const char *const bad_texts[] = {
	"", "2026-11-21", "2026-11-21T10:15:00", "2026-11-21T10:15:00z",
	"2026-11-21 10:15:00Z", "2026-11-21T10:15:00Z ", " 2026-11-21T10:15:00Z",
	"2026-11-21T10:15:00+00", "2026-13-01T00:00:00Z", "2026-00-01T00:00:00Z",
	"2026-02-29T00:00:00Z", "2100-02-29T00:00:00Z", "2026-04-31T00:00:00Z",
	"2026-01-00T00:00:00Z", "2026-01-01T24:00:00Z", "2026-01-01T00:60:00Z",
	"2026-01-01T00:00:60Z", "+026-01-01T00:00:00Z", "2026-1 -01T00:00:00Z",
	"2026-01-01T00:00:0xZ", "20261121T101500Z",
};

static const char *const bad_compact[] = {
	"", "20261121T101500", "20261121T101500Z0", "20261121t101500Z",
	"20261321T101500Z", "20260230T101500Z", "20261121T241500Z",
	"20261121T101560Z", "2026112 T101500Z", "2026-11-21T10:15:00Z",
};

static void
writes_and_reads(void **state)
{
	char		text[BK_CLOCK_TEXT_SIZE];
	char		compact[BK_CLOCK_COMPACT_SIZE];
	int64_t		back;

	(void) state;
	for (size_t i = 0; i < sizeof(times) / sizeof(times[0]); i++)
	{
		bk_clock_format(times[i].time, text);
		assert_string_equal(text, times[i].text);
		assert_true(bk_clock_parse(text, &back));
		assert_true(back == times[i].time);
		bk_clock_format_compact(times[i].time, compact);
		assert_string_equal(compact, times[i].compact);
		assert_true(bk_clock_parse_compact(compact, &back));
		assert_true(back == times[i].time);
	}
}

static void
refuses_all_else(void **state)
{
	int64_t		time = 77;

	(void) state;
	for (size_t i = 0; i < sizeof(bad_texts) / sizeof(bad_texts[0]); i++)
		assert_false(bk_clock_parse(bad_texts[i], &time));
	for (size_t i = 0; i < sizeof(bad_compact) / sizeof(bad_compact[0]); i++)
		assert_false(bk_clock_parse_compact(bad_compact[i], &time));
	assert_int_equal(time, 77);
}

static void
clamps_what_has_no_text(void **state)
{
	char		text[BK_CLOCK_TEXT_SIZE];

	(void) state;
	bk_clock_format(INT64_MAX, text);
	assert_string_equal(text, "9999-12-31T23:59:59Z");
	bk_clock_format(INT64_MIN, text);
	assert_string_equal(text, "0000-01-01T00:00:00Z");
}

static void
clocks_go_forward(void **state)
{
	int64_t		before = bk_clock_monotonic_ms();
	struct timespec nap = {0, 20000000};

	(void) state;
	nanosleep(&nap, NULL);
	assert_in_range(bk_clock_monotonic_ms() - before, 19, 5000);
	assert_in_range(bk_clock_now() - (int64_t) time(NULL) + 2, 0, 4);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(writes_and_reads),
		cmocka_unit_test(refuses_all_else),
		cmocka_unit_test(clamps_what_has_no_text),
		cmocka_unit_test(clocks_go_forward),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
