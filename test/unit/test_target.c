/*
 * test_target.c
 *	  Recovery targets as people write them, and settings as servers read them.
 */
#include "support.h"

#include "job/target.h"
#include "source/autoconf.h"

static const struct
{
	const char *text;
	const char *utc;			/* NULL: refused */
	const char *reason;
}			times[] = {
	{"2026-11-21 10:15:00+00", "2026-11-21 10:15:00+00", NULL},
	{"2026-11-21 10:15:00+01", "2026-11-21 09:15:00+00", NULL},
	{"2026-11-21T10:15:00Z", "2026-11-21 10:15:00+00", NULL},
	{"2026-11-21 10:15:00.25 UTC", "2026-11-21 10:15:00.25+00", NULL},
	{"2026-11-21 10:15:00.123456-05:30", "2026-11-21 15:45:00.123456+00", NULL},
	{"2026-01-01 00:15+0100", "2025-12-31 23:15:00+00", NULL},
	{"2026-11-21 10:15:00", NULL, "has no time zone"},
	{"2026-11-21", NULL, "is not a time"},
	{"2026-02-30 10:15:00+00", NULL, "is not a time"},
	{"2026-11-21 25:15:00+00", NULL, "is not a time"},
	{"2026-11-21 10:15:00+24", NULL, "is not a time"},
	{"2026-11-21 10:15:00+01:99", NULL, "is not a time"},
	{"2026-11-21 10:15:00.1234567+00", NULL, "is not a time"},
	{"2026-11-21 10:15:00 CET", NULL, "is not a time"},
	{"2026-11-21 10:15:00+1", NULL, "is not a time"},
	{"yesterday", NULL, "is not a time"},
	{"", NULL, "is not a time"},
};

static void
times_need_a_zone(void **state)
{
	char		utc[BK_TARGET_TEXT_SIZE];
	int64_t		seconds;
	BkError		err;

	(void) state;
	for (size_t i = 0; i < sizeof(times) / sizeof(times[0]); i++)
	{
		bool		good = bk_target_parse_time(times[i].text, &seconds, utc, &err);

		if (times[i].utc == NULL)
		{
			assert_false(good);
			assert_reason(&err, BK_STATE_BAD_ARGUMENT, times[i].reason);
			continue;
		}
		assert_good(good, &err);
		assert_string_equal(utc, times[i].utc);
	}
	assert_false(bk_target_parse_time("2026-11-21 10:15:00", &seconds, utc, &err));
	assert_non_null(strstr(err.hint, "\"2026-11-21 10:15:00+00\""));
}

static void
targets_are_checked(void **state)
{
	BkRequest	request = {0};
	BkTarget	target;
	BkError		err;

	(void) state;
	assert_good(bk_target_read(&request, &target, &err), &err);
	assert_int_equal(target.kind, BK_TARGET_LATEST);
	assert_null(bk_target_setting(&target));

	request.target_lsn = "0/16B3748";
	assert_good(bk_target_read(&request, &target, &err), &err);
	assert_true(target.has_lsn);
	assert_true(target.lsn == 0x16B3748);
	assert_string_equal(bk_target_setting(&target), "recovery_target_lsn");

	request.target_name = "before";
	assert_false(bk_target_read(&request, &target, &err));
	assert_reason(&err, BK_STATE_BAD_ARGUMENT, "more than one");
	request.target_lsn = NULL;
	assert_good(bk_target_read(&request, &target, &err), &err);
	assert_string_equal(target.value, "before");
	request.target_exclusive = true;
	assert_false(bk_target_read(&request, &target, &err));
	assert_reason(&err, BK_STATE_BAD_ARGUMENT, "excluded");
	request.target_name = NULL;

	request.target_xid = "12x";
	assert_false(bk_target_read(&request, &target, &err));
	request.target_xid = "1234";
	assert_good(bk_target_read(&request, &target, &err), &err);
	request.target_timeline = "0";
	assert_false(bk_target_read(&request, &target, &err));
	assert_reason(&err, BK_STATE_BAD_ARGUMENT, "timeline");
	request.target_timeline = "3";
	assert_good(bk_target_read(&request, &target, &err), &err);
	assert_int_equal(target.timeline, 3);
	request.target_action = "reboot";
	assert_false(bk_target_read(&request, &target, &err));
	assert_reason(&err, BK_STATE_BAD_ARGUMENT, "reboot");
}

static void
settings_are_quoted(void **state)
{
	BkBuf		text;
	BkBuf		command;
	BkBuf		copy;
	const char *except[] = {"restore_command", "Port", NULL};

	(void) state;
	bk_buf_init(&text);
	bk_buf_init(&command);
	bk_buf_init(&copy);
	bk_autoconf_set(&text, "cluster_name", "it's \\ a\nb");
	assert_string_equal(text.data, "cluster_name = 'it''s \\\\ a\\nb'\n");

	bk_autoconf_add_word(&command, "/a b/100%/it's");
	assert_string_equal(command.data, "'/a b/100%%/it'\\''s'");

	bk_buf_reset(&text);
	bk_buf_append_string(&text, "# comment\nwork_mem = '4MB'\n port = '5433'\n"
						 "RESTORE_COMMAND = 'x'\nrestore_commands = 'y'\n\nport='1'");
	bk_autoconf_copy(&copy, text.data, except);
	assert_string_equal(copy.data, "work_mem = '4MB'\nrestore_commands = 'y'\n");
	bk_buf_free(&text);
	bk_buf_free(&command);
	bk_buf_free(&copy);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(times_need_a_zone),
		cmocka_unit_test(targets_are_checked),
		cmocka_unit_test(settings_are_quoted),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
