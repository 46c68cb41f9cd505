/*
 * command.c
 *	  The table of commands.
 */
#include "cli/command.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "job/verbs.h"

#define STATUS_USAGE	2
#define STATUS_MONITOR	3		/* what Nagios takes for "unknown" */

/* Of what a server calls in recovery. */
#define STATUS_ABSENT	1
#define STATUS_UNKNOWN	126
#define STATUS_STOPPED	143		/* as a shell tells of SIGTERM */

const BkCommand bk_commands[] = {
	{"init", "init", bk_job_init, NULL, "start a repository on an empty place"},
	{"keygen", NULL, bk_job_keygen, NULL, "make the keys for encrypted backups"},
	{"adopt", "adopt", bk_job_adopt, NULL, "let this cluster write into an existing repository"},
	{"register", "register", bk_job_register, NULL, "let this standby write there once it is promoted"},
	{"backup", "backup", bk_job_backup, NULL, "back up a database, or the whole cluster"},
	{"mark", "mark", bk_job_mark, "name", "set a named restore point"},
	{"list", "sync", bk_job_sync, NULL, "list the backups of a repository"},
	{"info", NULL, bk_job_info, "id", "show the manifest of a backup"},
	{"verify", "verify", bk_job_verify, "id", "check a backup and write the verdict down"},
	{"restore", "restore", bk_job_restore, "id", "restore a backup into a database, or a cluster to a point in time"},
	{"clone", "clone", bk_job_clone, "directory", "restore the cluster beside itself, cut off from the outside, and start it"},
	{"clone-drop", "clone_drop", bk_job_clone_drop, "directory", "stop and remove a clone"},
	{"cat", NULL, bk_job_cat, "id", "write a decoded part of a backup to standard output"},
	{"delete", "delete", bk_job_delete, "id", "delete a backup"},
	{"expire", "expire", bk_job_expire, NULL, "delete backups and WAL that nothing keeps"},
	{"unexpire", "unexpire", bk_job_unexpire, "id", "bring back a backup that has expired"},
	{"pin", "pin", bk_job_pin, "id", "keep a backup from retention"},
	{"unpin", "unpin", bk_job_unpin, "id", "let retention decide on a backup again"},
	{"replicate", "replicate", bk_job_replicate, NULL, "copy what a repository has to another one"},
	{"s3-lifecycle", "s3_lifecycle", bk_job_s3_lifecycle, NULL, "show or set by what rules a bucket moves and removes objects"},
	{"status", NULL, bk_job_status, NULL, "show how backups stand, for people and for monitors"},
	{"notify", "notify", bk_job_notify, NULL, "tell people by a channel, or test it"},
	{"check", "check", bk_job_check, NULL, "test programs, login and repository"},
	{"archive-push", NULL, bk_job_archive_push, "path", "archive a WAL file (for archive_command)"},
	{"archive-agent", "archive", bk_job_archive, NULL, "archive what the archiver asks for (PROTOCOL.md)"},
	{"wal", NULL, bk_job_wal, NULL, "show what WAL a repository has"},
	{"archive-get", NULL, bk_job_archive_get, "wal path", "give a WAL file to a server (for restore_command)"},
	{"agent", NULL, NULL, NULL, "serve one request of the extension (PROTOCOL.md)"},
	{NULL, NULL, NULL, NULL, NULL},
};

static bool has_word(const char *words, const char *word);
static void print_command(const BkCommand *command);
static void print_positional(const BkCommand *command);
static void print_option(const BkArgument *argument);

const BkCommand *
bk_command_find(const char *name)
{
	for (const BkCommand *command = bk_commands; command->name != NULL; command++)
	{
		if (strcmp(command->name, name) == 0)
			return command;
	}
	return NULL;
}

const BkCommand *
bk_command_find_verb(const char *verb)
{
	for (const BkCommand *command = bk_commands; command->name != NULL; command++)
	{
		if (command->agent_verb != NULL && strcmp(command->agent_verb, verb) == 0)
			return command;
	}
	return NULL;
}

bool
bk_command_is_agent(const BkCommand *command)
{
	return command->run == NULL || command->run == bk_job_archive;
}

bool
bk_command_is_archive(const BkCommand *command)
{
	static const char beginning[] = "archive-";

	return strncmp(command->name, beginning, sizeof(beginning) - 1) == 0;
}

bool
bk_command_is_restore(const BkCommand *command)
{
	return command->run == bk_job_archive_get;
}

bool
bk_command_takes(const BkCommand *command, const BkArgument *argument)
{
	return command->run != NULL &&
		(strcmp(argument->commands, "*") == 0 ||
		 has_word(argument->commands, command->name));
}

const BkArgument *
bk_command_missing(const BkCommand *command, const BkRequest *request)
{
	for (const BkArgument *argument = bk_arguments; argument->name != NULL; argument++)
	{
		if (argument->needed == NULL ||
			!has_word(argument->needed, command->name) ||
			!bk_argument_is_missing(argument, request))
			continue;
		if (argument->instead == NULL ||
			bk_argument_is_missing(bk_argument_find(argument->instead), request))
			return argument;
	}
	return NULL;
}

const BkArgument *
bk_command_positional(const BkCommand *command, int place)
{
	const char *at = command->positional;
	char		name[64];

	for (; at != NULL && place > 0; place--)
	{
		at = strchr(at, ' ');
		at += at != NULL;
	}
	if (at == NULL)
		return NULL;
	snprintf(name, sizeof(name), "%.*s", (int) strcspn(at, " "), at);
	return bk_argument_find(name);
}

int
bk_command_status(const BkCommand *command, const BkError *err)
{
	if (!bk_command_is_restore(command))
	{
		if (err != NULL && !bk_error_is(err, BK_STATE_BAD_ARGUMENT))
			return EXIT_FAILURE;
		return command->run == bk_job_status ? STATUS_MONITOR : STATUS_USAGE;
	}
	if (err == NULL)
		return STATUS_UNKNOWN;
	if (bk_error_is(err, BK_STATE_CANCELED))
		return STATUS_STOPPED;
	return bk_error_is(err, BK_STATE_NO_DATA) ? STATUS_ABSENT : STATUS_UNKNOWN;
}

const char *
bk_command_variable(void *ctx, const char *name)
{
	(void) ctx;
	return getenv(name);
}

BkRequest
bk_command_defaults(void)
{
	BkRequest	request = {
		.conninfo = "",
		.compression = BK_DEFAULT_COMPRESSION,
		.jobs = 2,
		.lock_timeout = 60000,
		.blocking_limit = 60000,
		.checkpoint = "fast",
		.archive_timeout = 60000,
		.retry = 30000,
		.hook_timeout = 300000,
		.timezone = "UTC",
		.recovery_window = -1,
		.minimum_good = 1,
		.expire_grace = 24 * 60 * 60 * 1000,
		.timeout = 10000,
		.content = "all",
		.level = "readable",
		.input_fd = STDIN_FILENO,
		.output_fd = STDOUT_FILENO,
	};

	return request;
}

void
bk_command_help(const BkCommand *command)
{
	if (command == NULL)
	{
		printf("pg_backup_ext makes, checks and restores backups of PostgreSQL.\n\n"
			   "Usage:\n  pg_backup_ext COMMAND [OPTION]...\n\nCommands:\n");
		for (command = bk_commands; command->name != NULL; command++)
			printf("  %-13s %s\n", command->name, command->summary);
		printf("\n\"pg_backup_ext COMMAND --help\" shows the options of a command.\n"
			   "Exit status: 0 good, 1 failed, 2 wrong usage; of archive-get 0 done, 1 there is\nno such file, 126 failed; of status --nagios 0 ok, 1 warning, 2 critical, 3 wrong usage.\n");
		return;
	}
	print_command(command);
}

/* Words are separated by single spaces. */
static bool
has_word(const char *words, const char *word)
{
	size_t		len = strlen(word);

	for (const char *at = words; (at = strstr(at, word)) != NULL; at += len)
	{
		if ((at == words || at[-1] == ' ') && (at[len] == ' ' || at[len] == '\0'))
			return true;
	}
	return false;
}

static void
print_command(const BkCommand *command)
{
	printf("pg_backup_ext %s: %s\n\nUsage:\n  pg_backup_ext %s",
		   command->name, command->summary, command->name);
	if (bk_command_is_agent(command))
	{
		printf(" <REQUEST\n\nIt reads a request from standard input and writes events to standard output.\n");
		return;
	}
	print_positional(command);
	printf(" [OPTION]...\n\nOptions:\n");
	for (const BkArgument *argument = bk_arguments; argument->name != NULL; argument++)
	{
		if (argument->option != NULL && bk_command_takes(command, argument))
			print_option(argument);
	}
	printf("  %-26s %s\n", "-D, --pgdata=DIR",
		   "take settings from this data or configuration directory");
	printf("  %-26s %s\n", "--json", "print records as JSON, one per line");
	printf("  %-26s %s\n", "--help", "show this help");
}

/* Their names in capitals. */
static void
print_positional(const BkCommand *command)
{
	if (command->positional == NULL)
		return;
	putchar(' ');
	for (const char *at = command->positional; *at != '\0'; at++)
		putchar(toupper((unsigned char) *at));
}

static void
print_option(const BkArgument *argument)
{
	char		option[64];

	snprintf(option, sizeof(option), "--%s%s%s", argument->option,
			 argument->value_name == NULL ? "" : "=",
			 argument->value_name == NULL ? "" : argument->value_name);
	printf("  %-26s %s\n", option, argument->help);
}
