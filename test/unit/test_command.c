/*
 * test_command.c
 *	  The tables of commands and arguments: that they fit together, and what
 *	  values they let pass.
 */
#include "support.h"

#include "cli/command.h"

/* A value for an argument, and the reason why it is refused; NULL: it is not. */
typedef struct Value
{
	const char *argument;
	const char *text;
	const char *reason;
} Value;

#define REST_OF_200 \
	"123456789012345678901234567890123456789012345678901234567890" \
	"123456789012345678901234567890123456789012345678901234567890" \
	"123456789012345678901234567890123456789012345678901234567890" \
	"123456789012345678"

static const Value values[] = {
	{"jobs", "1", NULL},
	{"jobs", "64", NULL},
	{"jobs", "0", "0 is outside the valid range for argument \"jobs\" (1 .. 64)"},
	{"jobs", "65", "outside the valid range"},
	{"jobs", "", "invalid value for argument \"jobs\""},
	{"jobs", "-1", "invalid value"},
	{"jobs", "+1", "invalid value"},
	{"jobs", " 1", "invalid value"},
	{"jobs", "1x", "invalid value"},
	{"jobs", "0x1", "invalid value"},
	{"jobs", "99999999999999999999", "invalid value"},
	{"part_size", "0", "outside the valid range"},
	{"lock_timeout", "0", "outside the valid range"},
	{"lock_timeout", "1d", NULL},
	{"lock_timeout", "25h", "90000000 is outside the valid range"},
	{"blocking_limit", "0", NULL},
	{"blocking_limit", "soon", "invalid value for argument \"blocking_limit\""},

	{"label", "", NULL},
	{"label", "caf\xc3\xa9 \"'\\ \xf0\x9f\x98\x80", NULL},
	{"label", "\xc3\xa9\xf0\x9f\x98\x80" REST_OF_200, NULL},
	{"label", "\xc3\xa9\xf0\x9f\x98\x80" REST_OF_200 "1", "at most 200 characters"},
	{"label", "a\nb", "no control characters"},
	{"label", "\x1b[2J", "no control characters"},
	{"label", "\x7f", "no control characters"},
	{"label", "\xff", "argument \"label\" is not valid UTF-8"},
	{"label", "\xc0\x80", "not valid UTF-8"},
	{"label", "cut \xe2\x82", "not valid UTF-8"},
	{"database", "\xe9t\xe9", "argument \"database\" is not valid UTF-8"},
	{"database", "a\nb", NULL},

	{"conninfo", "", NULL},
	{"conninfo", "host=/run/postgresql port = '5432'user=me", NULL},
	{"conninfo", "host='it\\'s dbname=x \\\\' passfile=/p service=s", NULL},
	{"conninfo", "host=a\\ dbname=x", NULL},
	{"conninfo", "host= dbname=x", NULL},
	{"conninfo", "postgres://host/app", "made of keywords and values"},
	{"conninfo", "postgresql://host", "made of keywords and values"},
	{"conninfo", "password=secret", "must not hold a password"},
	{"conninfo", "host=a password = 'x'", "must not hold a password"},
	{"conninfo", "sslpassword=x", "must not hold a password"},
	{"conninfo", "host=a dbname=x", "must not name a database"},
	{"conninfo", "host='a\\\\' dbname=x", "must not name a database"},
	{"conninfo", "host=a\tdbname=", "made of keywords and values"},
	{"conninfo", "localhost", "made of keywords and values"},
	{"conninfo", "host=a b", "made of keywords and values"},
	{"conninfo", "=a", "made of keywords and values"},
	{"conninfo", "host=", "made of keywords and values"},
	{"conninfo", "host=a\\", "made of keywords and values"},
	{"conninfo", "host='a", "made of keywords and values"},
	{"conninfo", "host='a\\'", "made of keywords and values"},
};

/* Call "visit" for each word of a list. */
static void
each_word(const char *words, void (*visit) (const char *word, const void *arg),
		  const void *arg)
{
	char		copy[256];
	char	   *rest = copy;
	char	   *word;

	assert_true(strlen(words) < sizeof(copy));
	snprintf(copy, sizeof(copy), "%s", words);
	while ((word = strsep(&rest, " ")) != NULL)
		visit(word, arg);
}

static void
is_command(const char *word, const void *arg)
{
	(void) arg;
	if (bk_command_find(word) == NULL)
		fail_msg("there is no command \"%s\"", word);
}

static void
is_taken(const char *word, const void *arg)
{
	const BkArgument *argument = arg;

	is_command(word, NULL);
	if (!bk_command_takes(bk_command_find(word), argument))
		fail_msg("\"%s\" needs \"%s\" and does not take it", word, argument->name);
}

static void
takes_argument(const char *word, const void *arg)
{
	assert_non_null(bk_argument_find(word));
	assert_true(bk_command_takes(arg, bk_argument_find(word)));
}

static void
tables_fit(void **state)
{
	size_t		count = 0;

	(void) state;
	for (const BkArgument *a = bk_arguments; a->name != NULL; a++, count++)
	{
		assert_ptr_equal(bk_argument_find(a->name), a);
		if (strcmp(a->commands, "*") != 0)
			each_word(a->commands, is_command, NULL);
		if (a->needed != NULL)
			each_word(a->needed, is_taken, a);
		if (a->instead != NULL)
			assert_true(bk_argument_find(a->instead)->type == BK_ARGUMENT_BOOL ||
						bk_argument_find(a->instead)->type == BK_ARGUMENT_STRING);
		/* One that nobody could ever give would be of no use. */
		assert_true(a->option != NULL || a->agent);
		assert_int_equal(a->option == NULL, a->help == NULL);
		assert_int_equal(a->option == NULL || a->type == BK_ARGUMENT_BOOL,
						 a->value_name == NULL);
		assert_int_equal(a->type == BK_ARGUMENT_INT || a->type == BK_ARGUMENT_TIME ||
						 a->type == BK_ARGUMENT_RATE, a->max > a->min);
	}
	/* All have a place in a set. */
	assert_true(count <= BK_ARGUMENT_MAX);
}

static void
no_name_twice(void **state)
{
	(void) state;
	for (const BkArgument *a = bk_arguments; a->name != NULL; a++)
	{
		for (const BkArgument *b = a + 1; b->name != NULL; b++)
		{
			assert_string_not_equal(a->name, b->name);
			assert_true(a->offset != b->offset);
			if (a->option != NULL && b->option != NULL)
				assert_string_not_equal(a->option, b->option);
			if (a->setting != NULL && b->setting != NULL)
				assert_string_not_equal(a->setting, b->setting);
		}
	}
	for (const BkCommand *a = bk_commands; a->name != NULL; a++)
	{
		assert_ptr_equal(bk_command_find(a->name), a);
		if (a->agent_verb != NULL)
			assert_ptr_equal(bk_command_find_verb(a->agent_verb), a);
		if (a->positional != NULL)
			each_word(a->positional, takes_argument, a);
	}
	assert_string_equal(bk_command_positional(bk_command_find("archive-get"), 1)->name, "path");
	assert_null(bk_command_positional(bk_command_find("archive-get"), 2));
	assert_null(bk_command_positional(bk_command_find("init"), 0));
	assert_null(bk_command_find("nothing"));
	assert_null(bk_command_find_verb("list"));
	assert_null(bk_argument_find("repo"));
}

/* The help of a command, as it is printed; the caller frees the buffer. */
static void
read_help(const BkCommand *command, const char *path, BkBuf *help)
{
	int			saved = dup(STDOUT_FILENO);
	int			fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	fflush(stdout);
	assert_true(saved >= 0 && fd >= 0);
	assert_int_equal(dup2(fd, STDOUT_FILENO), STDOUT_FILENO);
	bk_command_help(command);
	fflush(stdout);
	assert_int_equal(dup2(saved, STDOUT_FILENO), STDOUT_FILENO);
	close(saved);
	close(fd);
	read_file(path, help);
}

static void
help_is_complete(void **state)
{
	char	   *folder = new_folder();
	BkBuf		all;

	(void) state;
	read_help(NULL, in_folder(folder, "help"), &all);
	for (const BkCommand *command = bk_commands; command->name != NULL; command++)
	{
		BkBuf		help;

		assert_non_null(strstr(all.data, command->summary));
		read_help(command, in_folder(folder, "help"), &help);
		assert_non_null(strstr(help.data, command->summary));
		for (const BkArgument *a = bk_arguments; a->name != NULL; a++)
		{
			char		line[64];
			bool		shown;

			if (a->option == NULL)
				continue;
			snprintf(line, sizeof(line), "\n  --%s%c", a->option,
					 a->value_name == NULL ? ' ' : '=');
			shown = strstr(help.data, line) != NULL;
			assert_int_equal(shown, bk_command_takes(command, a) && !bk_command_is_agent(command));
		}
		bk_buf_free(&help);
	}
	bk_buf_free(&all);
	remove_folder(folder);
}

static void
checks_values(void **state)
{
	(void) state;
	for (size_t i = 0; i < sizeof(values) / sizeof(values[0]); i++)
	{
		const Value *value = &values[i];
		BkRequest	before = bk_command_defaults();
		BkRequest	request = before;
		BkError		err;
		bool		ok = bk_argument_set_text(bk_argument_find(value->argument),
											  &request, value->text, &err);

		if (value->reason == NULL)
		{
			assert_good(ok, &err);
			continue;
		}
		if (ok)
			fail_msg("%s \"%s\" was taken", value->argument, value->text);
		assert_reason(&err, "22023", value->reason);
		assert_memory_equal(&request, &before, sizeof(request));
		assert_null(strstr(err.message, "secret"));
		assert_null(strstr(err.detail, "secret"));
	}
}

static void
reads_times(void **state)
{
	static const struct
	{
		const char *text;
		int64_t		milliseconds;	/* -1: it is none */
	}			times[] = {
		{"0", 0}, {"1500", 1500}, {"1s", 1000}, {"1 s", 1000}, {" 2ms ", 2},
		{"90s", 90000}, {"1.5min", 90000}, {"2h", 7200000}, {"1d", 86400000},
		{"1500us", 2}, {"400us", 0}, {"0.5ms", 1}, {"1e3", 1000},
		{"", -1}, {"s", -1}, {"-1s", -1}, {"1S", -1}, {"1m", -1}, {"1 s s", -1},
		{"1ss", -1}, {"nan", -1}, {"inf", -1}, {"1e300d", -1}, {"one", -1},
	};

	(void) state;
	for (size_t i = 0; i < sizeof(times) / sizeof(times[0]); i++)
	{
		int64_t		found = -1;
		bool		ok = bk_argument_parse_time(times[i].text, &found);

		if (ok != (times[i].milliseconds >= 0) || found != times[i].milliseconds)
			fail_msg("\"%s\" is read as %lld", times[i].text, (long long) found);
	}
}

static void
names_what_is_missing(void **state)
{
	const BkCommand *restore = bk_command_find("restore");
	BkRequest	request = bk_command_defaults();

	(void) state;
	assert_string_equal(bk_command_missing(restore, &request)->name, "repository");
	request.repository = "file:///r";
	request.id = "";
	assert_string_equal(bk_command_missing(bk_command_find("verify"), &request)->name, "id");
	assert_string_equal(bk_command_missing(restore, &request)->name, "target");
	request.globals = true;
	assert_null(bk_command_missing(restore, &request));
	request.globals = false;
	request.target = "t";
	assert_null(bk_command_missing(restore, &request));
	request = bk_command_defaults();
	assert_null(bk_command_missing(bk_command_find("check"), &request));
}

/* What a server that recovers is told. */
static void
tells_statuses(void **state)
{
	static const struct
	{
		const char *command;
		const char *sqlstate;	/* NULL: a wrong usage */
		int			status;
	}			statuses[] = {
		{"list", NULL, 2}, {"list", BK_STATE_BAD_ARGUMENT, 2},
		{"list", BK_STATE_IO, 1}, {"list", BK_STATE_CANCELED, 1},
		{"status", NULL, 3}, {"status", BK_STATE_BAD_ARGUMENT, 3},
		{"status", BK_STATE_NO_OBJECT, 1},
		{"archive-get", NULL, 126}, {"archive-get", BK_STATE_BAD_ARGUMENT, 126},
		{"archive-get", BK_STATE_IO, 126}, {"archive-get", BK_STATE_NO_MEMORY, 126},
		{"archive-get", BK_STATE_MISSING_FILE, 126}, {"archive-get", BK_STATE_NO_OBJECT, 126},
		{"archive-get", BK_STATE_NO_DATA, 1}, {"archive-get", BK_STATE_CANCELED, 143},
	};

	(void) state;
	for (size_t i = 0; i < sizeof(statuses) / sizeof(statuses[0]); i++)
	{
		BkError		err;

		if (statuses[i].sqlstate != NULL)
			bk_error(&err, statuses[i].sqlstate, "it failed");
		assert_int_equal(bk_command_status(bk_command_find(statuses[i].command),
										   statuses[i].sqlstate == NULL ? NULL : &err),
						 statuses[i].status);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(tables_fit),
		cmocka_unit_test(no_name_twice),
		cmocka_unit_test(help_is_complete),
		cmocka_unit_test(checks_values),
		cmocka_unit_test(reads_times),
		cmocka_unit_test(names_what_is_missing),
		cmocka_unit_test(tells_statuses),
	};

	return cmocka_run_group_tests_name("command", tests, NULL, NULL);
}
