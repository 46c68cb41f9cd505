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
#include "cli/datafiles.h"
#include "cli/monitor.h"
#include "cli/report.h"
#include "cli/signals.h"
#include "job/hook.h"

#define PROGRAM			"pg_backup_ext"
#define EXIT_USAGE		2
#define EXIT_NO_COMMAND	127		/* as the shell says it */

#define OPTION_JSON		1000
#define OPTION_HELP		1001
#define OPTION_ARGUMENT 2000	/* plus the index of the argument */
#define OPTION_COUNT	(BK_ARGUMENT_MAX + 4)	/* and those of all commands */

typedef struct Options
{
	const char *directory;
	BkArgumentSet given;
	bool		json;
	bool		help;
} Options;

static char *find_bindir(const char *program);
static bool parse_options(const BkCommand *command, int argc, char **argv,
						  BkRequest *request, Options *options);
static void list_options(const BkCommand *command, struct option *list);
static bool take_option(const BkArgument *argument, const char *value,
						BkRequest *request, Options *options);
static bool take_positional(const BkCommand *command, const char *value,
							BkRequest *request, Options *options);
static int	run_agent(const BkCommand *command, int argc, char **argv,
					  const char *bindir);
static int	run(const BkCommand *command, BkRequest *request,
				const Options *options);
static bool prepare(const BkCommand *command, BkRequest *request,
					const Options *options, BkError *err);
static int	complain(const char *fmt, const char *what);
static void point_to_help(const BkCommand *command);

int
main(int argc, char **argv)
{
	char	   *bindir = find_bindir(argv[0]);
	const BkCommand *command;
	BkRequest	request;
	Options		options = {0};
	int			status;

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
	{
		complain("unknown command \"%s\"", argv[1]);
		/* A server runs its restore_command here, and takes 2 for end of WAL. */
		return access("PG_VERSION", F_OK) == 0 ? EXIT_NO_COMMAND : EXIT_USAGE;
	}
	if (bk_command_is_agent(command))
		return run_agent(command, argc, argv, bindir);

	request = bk_command_defaults();
	request.bindir = bindir;
	if (!parse_options(command, argc - 1, argv + 1, &request, &options))
	{
		point_to_help(command);
		return bk_command_status(command, NULL);
	}
	if (options.help)
	{
		bk_command_help(command);
		return EXIT_SUCCESS;
	}
	status = run(command, &request, &options);

	/* A thread that hangs in the store must not hang the end as well. */
	fflush(stdout);
	_exit(status);
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
				 !take_option(&bk_arguments[found - OPTION_ARGUMENT], optarg,
							  request, options))
			return false;
	}
	for (; optind < argc; optind++)
	{
		if (!take_positional(command, argv[optind], request, options))
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
	for (int i = 0; bk_arguments[i].name != NULL; i++)
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
take_option(const BkArgument *argument, const char *value, BkRequest *request,
			Options *options)
{
	BkReport	report = {0};
	BkError		err;

	bk_argument_add(&options->given, argument);
	if (argument->type == BK_ARGUMENT_BOOL)
		bk_argument_set_bool(argument, request, true);
	else if (!bk_argument_set_text(argument, request, value, &err))
	{
		bk_report_error(&report, &err);
		if (argument->option != NULL)
			fprintf(stderr, "pg_backup_ext: hint: It was given with --%s.\n",
					argument->option);
		return false;
	}
	return true;
}

static bool
take_positional(const BkCommand *command, const char *value,
				BkRequest *request, Options *options)
{
	for (int i = 0; bk_command_positional(command, i) != NULL; i++)
	{
		const BkArgument *argument = bk_command_positional(command, i);

		if (!bk_argument_is_in(&options->given, argument))
			return take_option(argument, value, request, options);
	}
	fprintf(stderr, "pg_backup_ext: error: too many arguments: \"%s\"\n", value);
	return false;
}

/* An agent takes no options: all that it needs is in its request. */
static int
run_agent(const BkCommand *command, int argc, char **argv, const char *bindir)
{
	if (argc == 2)
		_exit(bk_agent_run(command, bindir));
	if (strcmp(argv[2], "--help") != 0)
		return complain("\"%s\" takes no arguments", command->name);
	bk_command_help(command);
	return EXIT_SUCCESS;
}

static int
run(const BkCommand *command, BkRequest *request, const Options *options)
{
	BkReport	report = {
		.json = options->json,
		.nagios = request->nagios,
		.terminal = isatty(STDERR_FILENO) == 1,
	};
	BkHost		host = bk_report_host(&report);
	BkError		err;

	if (prepare(command, request, options, &err) &&
		bk_hook_around(command->name, command->run, request, &host, &err))
	{
		bk_report_end(&report);
		return report.bad ? EXIT_FAILURE : report.status;
	}
	if (request->nagios)
		return bk_monitor_nagios_failed(&err);
	/* That there is nothing is an answer, and no failure. */
	if (!bk_error_is(&err, BK_STATE_NO_DATA))
		bk_report_error(&report, &err);
	if (bk_error_is(&err, BK_STATE_BAD_ARGUMENT))
		point_to_help(command);
	return bk_command_status(command, &err);
}

/* Complete the request. Nothing has been done before it is. */
static bool
prepare(const BkCommand *command, BkRequest *request, const Options *options,
		BkError *err)
{
	const BkArgument *missing;

	if (bk_command_is_archive(command))
	{
		if (!bk_datafiles_read(options->directory, command, &options->given, request, err))
			return false;
	}
	else if (options->directory != NULL &&
			 !bk_datadir_read(options->directory, command, &options->given, request, err))
		return false;
	missing = bk_command_missing(command, request);
	if (missing == NULL)
		return true;
	bk_error(err, BK_STATE_BAD_ARGUMENT, "argument \"%s\" is missing",
			 missing->name);
	if (missing->option == NULL)
		return false;
	if (missing->setting == NULL)
		return bk_error_hint(err, "Give it with --%s.", missing->option);
	return bk_error_hint(err, "Give it with --%s, or give with -D the directory of a server that has %s set.",
						 missing->option, missing->setting);
}

static int
complain(const char *fmt, const char *what)
{
	fprintf(stderr, "pg_backup_ext: error: ");
	fprintf(stderr, fmt, what);
	fprintf(stderr, "\nTry \"pg_backup_ext --help\".\n");
	return EXIT_USAGE;
}

static void
point_to_help(const BkCommand *command)
{
	fprintf(stderr, "Try \"pg_backup_ext %s --help\".\n", command->name);
}
