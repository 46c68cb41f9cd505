/*
 * main.c
 *	  The program: find the command, read its arguments, run it.
 */
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/agent.h"
#include "cli/command.h"
#include "cli/datadir.h"
#include "cli/report.h"
#include "cli/signals.h"

#define PROGRAM			"pg_backup_ext"
#define EXIT_USAGE		2

#define OPTION_JSON		1000
#define OPTION_HELP		1001
#define OPTION_ARGUMENT 2000	/* plus the index of the argument */
#define OPTION_COUNT	64

typedef struct Options
{
	const char *directory;
	bool		json;
	bool		help;
} Options;

static char *find_bindir(const char *program);
static bool parse_options(const BkCommand *command, int argc, char **argv,
						  BkRequest *request, Options *options);
static void list_options(const BkCommand *command, struct option *list);
static bool take_option(int index, const char *value, BkRequest *request);
static bool take_positional(const BkCommand *command, const char *value,
							BkRequest *request);
static int	run(const BkCommand *command, BkRequest *request,
				const Options *options);
static int	complain(const char *fmt, const char *what);

int
main(int argc, char **argv)
{
	char	   *bindir = find_bindir(argv[0]);
	const BkCommand *command;
	BkRequest	request;
	Options		options = {0};

	/* Nothing is taken from the environment: PGHOST would redirect a dump. */
	clearenv();
	setenv("TZ", "UTC", 1);
	setenv("LC_ALL", "C", 1);
	bk_signals_install();

	if (argc < 2)
		return complain("no command%s", "");
	if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "help") == 0)
	{
		bk_command_help(NULL);
		return EXIT_SUCCESS;
	}
	if (strcmp(argv[1], "--version") == 0)
	{
		printf("pg_backup_ext (backup_ext) %s\n", BK_VERSION);
		return EXIT_SUCCESS;
	}
	command = bk_command_find(argv[1]);
	if (command == NULL)
		return complain("unknown command \"%s\"", argv[1]);
	if (command->run == NULL)
		return bk_agent_run(bindir);

	request = bk_command_defaults();
	request.bindir = bindir;
	if (!parse_options(command, argc - 1, argv + 1, &request, &options))
		return EXIT_USAGE;
	if (options.help)
	{
		bk_command_help(command);
		return EXIT_SUCCESS;
	}
	return run(command, &request, &options);
}

/* PostgreSQL's programs are beside this one, wherever it was called from. */
static char *
find_bindir(const char *program)
{
	char	   *path = realpath("/proc/self/exe", NULL);
	char	   *slash;

	if (path == NULL)
		path = strdup(program);
	if (path == NULL)
		abort();
	slash = strrchr(path, '/');
	if (slash != NULL)
		*slash = '\0';
	return path;
}

static bool
parse_options(const BkCommand *command, int argc, char **argv,
			  BkRequest *request, Options *options)
{
	struct option list[OPTION_COUNT];
	int			found;

	/* getopt names the program in its messages. */
	argv[0] = PROGRAM;
	list_options(command, list);
	while ((found = getopt_long(argc, argv, "D:", list, NULL)) != -1)
	{
		if (found == 'D')
			options->directory = optarg;
		else if (found == OPTION_JSON)
			options->json = true;
		else if (found == OPTION_HELP)
			options->help = true;
		else if (found < OPTION_ARGUMENT ||
				 !take_option(found - OPTION_ARGUMENT, optarg, request))
		{
			fprintf(stderr, "Try \"pg_backup_ext %s --help\".\n", command->name);
			return false;
		}
	}
	for (; optind < argc; optind++)
	{
		if (!take_positional(command, argv[optind], request))
			return false;
	}
	return true;
}

/* getopt's table of what this command takes. */
static void
list_options(const BkCommand *command, struct option *list)
{
	int			count = 0;

	list[count++] = (struct option) {"json", no_argument, NULL, OPTION_JSON};
	list[count++] = (struct option) {"help", no_argument, NULL, OPTION_HELP};
	list[count++] = (struct option) {"pgdata", required_argument, NULL, 'D'};
	for (int i = 0; bk_arguments[i].name != NULL && count < OPTION_COUNT - 1; i++)
	{
		const BkArgument *argument = &bk_arguments[i];

		if (argument->option == NULL || !bk_command_takes(command, argument))
			continue;
		list[count++] = (struct option) {
			argument->option,
				argument->type == BK_ARGUMENT_BOOL ? no_argument : required_argument,
				NULL, OPTION_ARGUMENT + i
		};
	}
	list[count] = (struct option) {NULL, 0, NULL, 0};
}

static bool
take_option(int index, const char *value, BkRequest *request)
{
	const BkArgument *argument = &bk_arguments[index];
	long long	number;
	char	   *end;

	switch (argument->type)
	{
		case BK_ARGUMENT_STRING:
			bk_argument_set_string(argument, request, value);
			return true;
		case BK_ARGUMENT_BOOL:
			bk_argument_set_bool(argument, request, true);
			return true;
		case BK_ARGUMENT_INT:
			number = strtoll(value, &end, 10);
			if (*value == '\0' || *end != '\0' || number < 0)
			{
				fprintf(stderr, "pg_backup_ext: error: --%s needs a number, not \"%s\"\n",
						argument->option, value);
				return false;
			}
			bk_argument_set_int(argument, request, number);
			return true;
	}
	return false;
}

static bool
take_positional(const BkCommand *command, const char *value,
				BkRequest *request)
{
	if (command->positional == NULL || request->id != NULL)
	{
		complain("too many arguments: \"%s\"", value);
		return false;
	}
	request->id = value;
	return true;
}

static int
run(const BkCommand *command, BkRequest *request, const Options *options)
{
	BkReport	report = {
		.json = options->json,
		.terminal = isatty(STDERR_FILENO) == 1,
	};
	BkHost		host = bk_report_host(&report);
	BkError		err;
	bool		ok;

	ok = (options->directory == NULL ||
		  bk_datadir_read(options->directory, request, &err)) &&
		command->run(request, &host, &err);
	bk_report_end(&report);
	if (!ok)
		bk_report_error(&report, &err);
	if (!ok && bk_error_is(&err, BK_STATE_BAD_ARGUMENT))
		fprintf(stderr, "Try \"pg_backup_ext %s --help\".\n", command->name);
	return ok && !report.bad ? EXIT_SUCCESS : EXIT_FAILURE;
}

static int
complain(const char *fmt, const char *what)
{
	fprintf(stderr, "pg_backup_ext: error: ");
	fprintf(stderr, fmt, what);
	fprintf(stderr, "\nTry \"pg_backup_ext --help\".\n");
	return EXIT_USAGE;
}
