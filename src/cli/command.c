/*
 * command.c
 *	  The tables of commands and arguments.
 */
#include "cli/command.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "job/verbs.h"

const BkCommand bk_commands[] = {
	{"init", "init", bk_job_init, NULL, "start a repository on an empty place"},
	{"adopt", "adopt", bk_job_adopt, NULL, "let this cluster write into an existing repository"},
	{"backup", "backup", bk_job_backup, NULL, "back up a database"},
	{"list", "sync", bk_job_sync, NULL, "list the backups of a repository"},
	{"info", NULL, bk_job_info, "id", "show the manifest of a backup"},
	{"verify", "verify", bk_job_verify, "id", "check a backup and write the verdict down"},
	{"restore", "restore", bk_job_restore, "id", "restore a backup into a database"},
	{"cat", NULL, bk_job_cat, "id", "write a decoded part of a backup to standard output"},
	{"delete", "delete", bk_job_delete, "id", "delete a backup"},
	{"check", "check", bk_job_check, NULL, "test programs, login and repository"},
	{"agent", NULL, NULL, NULL, "serve one request of the extension (PROTOCOL.md)"},
	{NULL, NULL, NULL, NULL, NULL},
};

#define AT(member)	offsetof(BkRequest, member)

const BkArgument bk_arguments[] = {
	{"repository", "repo", BK_ARGUMENT_STRING, AT(repository), "URL", "*",
	"repository, such as file:///backup/main"},
	{"repository_id", NULL, BK_ARGUMENT_STRING, AT(repository_id), "ID", "*", NULL},
	{"system_identifier", NULL, BK_ARGUMENT_STRING, AT(system_identifier), "NUMBER", "*", NULL},
	{"conninfo", "conninfo", BK_ARGUMENT_STRING, AT(conninfo), "CONNINFO", "*",
	"where the server is, such as \"host=/run/postgresql port=5432\""},
	{"role", "role", BK_ARGUMENT_STRING, AT(role), "NAME", "*",
	"become this role after the login"},
	{"home", NULL, BK_ARGUMENT_STRING, AT(home), "NAME", "*", NULL},
	{"jobs", "jobs", BK_ARGUMENT_INT, AT(jobs), "N", "*",
	"threads that may be used (2)"},
	{"bindir", "bindir", BK_ARGUMENT_STRING, AT(bindir), "DIR", "*",
	"where pg_dump and pg_restore are (beside this program)"},
	{"database", "database", BK_ARGUMENT_STRING, AT(database), "NAME", "backup",
	"database to back up"},
	{"database_oid", NULL, BK_ARGUMENT_INT, AT(database_oid), "OID", "backup", NULL},
	{"kind", NULL, BK_ARGUMENT_STRING, AT(kind), "KIND", "backup", NULL},
	{"content", "content", BK_ARGUMENT_STRING, AT(content), "WHAT", "backup",
	"all, schema or data (all)"},
	{"label", "label", BK_ARGUMENT_STRING, AT(label), "TEXT", "backup",
	"a text to keep with the backup"},
	{"compression", "compression", BK_ARGUMENT_STRING, AT(compression), "CODEC", "backup",
	"zstd:LEVEL, gzip:LEVEL, lz4:LEVEL or none (" BK_DEFAULT_COMPRESSION ")"},
	{"part_size", "part-size", BK_ARGUMENT_INT, AT(part_size), "BYTES", "backup",
	"cut streams into objects of so many bytes (32 GiB)"},
	{"lock_timeout", "lock-timeout", BK_ARGUMENT_INT, AT(lock_timeout), "MS", "backup",
	"longest wait for a table lock (60000)"},
	{"blocking_limit", "blocking-limit", BK_ARGUMENT_INT, AT(blocking_limit), "MS", "backup",
	"give way when others waited for the dump so long (60000, 0: never)"},
	{"id", "id", BK_ARGUMENT_STRING, AT(id), "ID", "info verify restore cat delete",
	"the backup; may be given without --id"},
	{"level", "level", BK_ARGUMENT_STRING, AT(level), "LEVEL", "verify",
	"stored or readable (readable)"},
	{"target", "to", BK_ARGUMENT_STRING, AT(target), "NAME", "restore",
	"database to create"},
	{"replace", "replace", BK_ARGUMENT_BOOL, AT(replace), NULL, "restore",
	"put it in the place of an existing database, which is kept under a dated name"},
	{"globals", "globals", BK_ARGUMENT_BOOL, AT(globals), NULL, "restore",
	"restore roles and tablespaces in place of a database"},
	{"object", "object", BK_ARGUMENT_STRING, AT(object), "NAME", "cat",
	"archive.dump, globals.sql or contents.jsonl (archive.dump)"},
	{"sql", "sql", BK_ARGUMENT_BOOL, AT(sql), NULL, "cat",
	"write the archive as plain SQL"},
	{"no_owner", "no-owner", BK_ARGUMENT_BOOL, AT(no_owner), NULL, "restore cat",
	"leave out ownership"},
	{"no_privileges", "no-privileges", BK_ARGUMENT_BOOL, AT(no_privileges), NULL, "restore cat",
	"leave out grants"},
	{"subscriptions", "subscriptions", BK_ARGUMENT_BOOL, AT(subscriptions), NULL, "restore cat",
	"restore subscriptions, too"},
	{"force", "force", BK_ARGUMENT_BOOL, AT(force), NULL, "delete",
	"also the last good backup of its database"},
	{"accept", "accept", BK_ARGUMENT_BOOL, AT(accept), NULL, "list", NULL},
	{NULL, NULL, BK_ARGUMENT_BOOL, 0, NULL, NULL, NULL},
};

static void *member_at(const BkArgument *argument, BkRequest *request);
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
bk_command_takes(const BkCommand *command, const BkArgument *argument)
{
	size_t		len = strlen(command->name);
	const char *at = argument->commands;

	if (strcmp(at, "*") == 0)
		return true;
	while ((at = strstr(at, command->name)) != NULL)
	{
		if ((at == argument->commands || at[-1] == ' ') &&
			(at[len] == ' ' || at[len] == '\0'))
			return true;
		at += len;
	}
	return false;
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
		.kind = "logical",
		.content = "all",
		.level = "readable",
		.output_fd = STDOUT_FILENO,
	};

	return request;
}

void
bk_argument_set_string(const BkArgument *argument, BkRequest *request,
					   const char *value)
{
	*(const char **) member_at(argument, request) = value;
}

void
bk_argument_set_int(const BkArgument *argument, BkRequest *request,
					int64_t value)
{
	*(int64_t *) member_at(argument, request) = value;
}

void
bk_argument_set_bool(const BkArgument *argument, BkRequest *request,
					 bool value)
{
	*(bool *) member_at(argument, request) = value;
}

void
bk_command_help(const BkCommand *command)
{
	if (command == NULL)
	{
		printf("pg_backup_ext makes, checks and restores backups of PostgreSQL.\n\n"
			   "Usage:\n  pg_backup_ext COMMAND [OPTION]...\n\nCommands:\n");
		for (command = bk_commands; command->name != NULL; command++)
			printf("  %-10s %s\n", command->name, command->summary);
		printf("\n\"pg_backup_ext COMMAND --help\" shows the options of a command.\n"
			   "Exit status: 0 good, 1 failed, 2 wrong usage.\n");
		return;
	}
	printf("pg_backup_ext %s: %s\n\nUsage:\n  pg_backup_ext %s%s [OPTION]...\n\nOptions:\n",
		   command->name, command->summary, command->name,
		   command->positional == NULL ? "" : " ID");
	for (const BkArgument *argument = bk_arguments; argument->name != NULL; argument++)
	{
		if (argument->help != NULL && bk_command_takes(command, argument))
			print_option(argument);
	}
	printf("  %-26s %s\n", "-D, --pgdata=DIR",
		   "take settings from this data or configuration directory");
	printf("  %-26s %s\n", "--json", "print records as JSON, one per line");
	printf("  %-26s %s\n", "--help", "show this help");
}

static void *
member_at(const BkArgument *argument, BkRequest *request)
{
	return (char *) request + argument->offset;
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
