/*
 * test_conf.c
 *	  Configuration files, read as the server reads them.
 */
#include "support.h"

#include "core/conf.h"

static void
write_text(const char *folder, const char *name, const char *text)
{
	write_file(in_folder(folder, name), text, strlen(text));
}

static const struct
{
	const char *line;
	const char *value;			/* of "a"; NULL: not set */
}			lines[] = {
	{"a = b", "b"}, {"a b", "b"}, {"a=b", "b"}, {"  A\t=\tb  # c", "b"},
	{"a = 'b c'", "b c"}, {"a='it''s'", "it's"}, {"a = 'it\\'s'", "it's"},
	{"a = 'x\\ty\\\\z\\101\\7'", "x\ty\\zA\007"}, {"a 'b'# c", "b"}, {"a = 'b # c'", "b # c"},
	{"a = ''", ""}, {"a = 16MB", "16MB"}, {"a = -1.5", "-1.5"}, {"a = 0x1F", "0x1F"},
	{"a = b\r", "b"}, {"# a = b", NULL}, {"", NULL}, {"   ", NULL}, {"b = c", NULL},
	{"a = on#off", "on"}, {"a = pg_catalog.english", "pg_catalog.english"},
	{"a = first\na = second", "second"}, {"a = first\nA = third", "third"},
	{"a.b = c\na = d", "d"}, {"a = 'caf\xc3\xa9'", "caf\xc3\xa9"},
};

static const char *const bad_lines[] = {
	"a", "a =", "a = b c", "a = 'b", "a = 'b'c", "= b", "a == b", "1a = b", "a = 'b\n'",
	"a = (b)", "a = b,c", "include",
};

static void
test_lines(void **state)
{
	char	   *folder = new_folder();
	BkError		err;

	(void) state;
	for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++)
	{
		BkConf	   *conf;

		write_text(folder, "postgresql.conf", lines[i].line);
		conf = bk_conf_read(folder, &err);
		assert_good(conf != NULL, &err);
		if (lines[i].value == NULL)
			assert_null(bk_conf_get(conf, "a"));
		else
			assert_string_equal(bk_conf_get(conf, "a"), lines[i].value);
		assert_string_equal(bk_conf_data_directory(conf), folder);
		bk_conf_free(conf);
	}
	for (size_t i = 0; i < sizeof(bad_lines) / sizeof(bad_lines[0]); i++)
	{
		BkBuf		text;

		bk_buf_init(&text);
		bk_buf_printf(&text, "# one\n%s\n", bad_lines[i]);
		write_text(folder, "postgresql.conf", text.data);
		bk_buf_free(&text);
		assert_null(bk_conf_read(folder, &err));
		assert_reason(&err, BK_STATE_WRONG_STATE, "/postgresql.conf\" line 2");
	}
	write_file(in_folder(folder, "postgresql.conf"), "a = b\0c", 7);
	assert_null(bk_conf_read(folder, &err));
	assert_reason(&err, BK_STATE_WRONG_STATE, "is not a configuration file");
	remove_folder(folder);
}

static void
test_files(void **state)
{
	char	   *folder = new_folder();
	BkConf	   *conf;
	BkError		err;

	(void) state;
	assert_null(bk_conf_read(folder, &err));
	assert_reason(&err, BK_STATE_MISSING_FILE, "/postgresql.conf");

	assert_int_equal(mkdir(in_folder(folder, "conf.d"), 0700), 0);
	assert_int_equal(mkdir(in_folder(folder, "data"), 0700), 0);
	write_text(folder, "postgresql.conf",
			   "a = 1\nb = 1\nc = 1\nd = 1\ne = 1\nInclude_Dir 'conf.d'\n"
			   "include_if_exists = 'none.conf'\ninclude 'more.conf'\ne = 5\n");
	write_text(folder, "more.conf", "d = 4\ne = 4\n");
	write_text(folder, "conf.d/2.conf", "a = 2\nb = 2\n");
	write_text(folder, "conf.d/10.conf", "b = 10\ninclude '../data/deep.conf'\n");
	write_text(folder, "conf.d/.3.conf", "a = 3\n");
	write_text(folder, "conf.d/4.conf~", "a = 4\n");
	write_text(folder, "data/deep.conf", "c = 7\n");
	write_text(folder, "postgresql.auto.conf", "a = 9\n");
	conf = bk_conf_read(folder, &err);
	assert_good(conf != NULL, &err);
	assert_string_equal(bk_conf_get(conf, "a"), "9");
	assert_string_equal(bk_conf_get(conf, "b"), "2");
	assert_string_equal(bk_conf_get(conf, "c"), "7");
	assert_string_equal(bk_conf_get(conf, "d"), "4");
	assert_string_equal(bk_conf_get(conf, "e"), "5");
	bk_conf_free(conf);

	/* As on Debian: the data directory, and its auto.conf, are elsewhere. */
	{
		BkBuf		text;

		bk_buf_init(&text);
		bk_buf_printf(&text, "a = 1\ndata_directory = '%s/data'\n", folder);
		write_text(folder, "postgresql.conf", text.data);
		bk_buf_free(&text);
		write_text(folder, "data/postgresql.auto.conf", "a = 8\n");
	}
	conf = bk_conf_read(folder, &err);
	assert_good(conf != NULL, &err);
	assert_string_equal(bk_conf_get(conf, "a"), "8");
	assert_string_equal(bk_conf_data_directory(conf), in_folder(folder, "data"));
	bk_conf_free(conf);

	/* The same, found from the data directory of a server that runs. */
	{
		BkBuf		text;

		bk_buf_init(&text);
		bk_buf_printf(&text, "/usr/bin/postgres \"-D\" \"x\" \"-c\" \"config_file=%s/postgresql.conf\" \"-c\" \"a=1\"\n", folder);
		write_text(folder, "data/postmaster.opts", text.data);
		bk_buf_free(&text);
	}
	conf = bk_conf_read(in_folder(folder, "data"), &err);
	assert_good(conf != NULL, &err);
	assert_string_equal(bk_conf_get(conf, "a"), "8");
	bk_conf_free(conf);

	/* What an include names must be there, and must come to an end. */
	write_text(folder, "postgresql.conf", "include 'none.conf'\n");
	assert_null(bk_conf_read(folder, &err));
	assert_reason(&err, BK_STATE_MISSING_FILE, "/none.conf");
	write_text(folder, "postgresql.conf", "include_dir 'none'\n");
	assert_null(bk_conf_read(folder, &err));
	assert_reason(&err, BK_STATE_MISSING_FILE, "/none");
	write_text(folder, "postgresql.conf", "include 'postgresql.conf'\n");
	assert_null(bk_conf_read(folder, &err));
	assert_reason(&err, BK_STATE_WRONG_STATE, "nested deeper than 10");
	remove_folder(folder);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_lines),
		cmocka_unit_test(test_files),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
