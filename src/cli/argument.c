/*
 * argument.c
 *	  The table of arguments, and what their values may be.
 *
 * What can be told from the value alone is checked here, for both hosts; the
 * verbs check what needs the rest of the request.
 */
#include "cli/argument.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "cli/conninfo.h"
#include "core/utf8.h"

#define LABEL_MAX	200			/* characters, as in src/server/arguments.c */
#define LIFECYCLE_DAYS_MAX	36500
#define DAY_MS		(24 * 60 * 60 * 1000)
#define KEEP_MAX	1000000
#define AGE_MAX		((int64_t) 100 * 366 * DAY_MS)

#define AT(member)	offsetof(BkRequest, member)

/* The commands that have hooks before and after them. */
#define HOOKED	"backup verify expire replicate"

/* A unit, and how many of what is stored it is. */
typedef struct Unit
{
	const char *name;
	double		factor;
} Unit;

static bool add_to_list(BkRequestList *list, const char *name,
						const char *value, BkError *err);
static bool parse_with_unit(const char *text, const Unit *units, size_t count,
							int64_t *number);
static bool parse_rate(const char *text, int64_t *bytes);
static bool parse_number(const char *text, int64_t *number);
static bool check_label(const char *name, const char *value, BkError *err);
static bool check_required(const char *name, const char *value, BkError *err);

const BkArgument bk_arguments[] = {
	{.name = "repository", .option = "repo", .setting = "backup_ext.repository",
		.agent = true, .offset = AT(repository), .commands = "*",
		.needed = "init adopt register mark backup list info verify restore clone cat delete expire unexpire pin unpin replicate s3-lifecycle archive-push archive-get wal",
	.value_name = "URL", .help = "repository, such as file:///backup/main"},
	{.name = "repository_id", .agent = true, .offset = AT(repository_id),
	.commands = "adopt register mark backup list verify restore clone delete expire unexpire pin unpin replicate s3-lifecycle check archive-agent clone-drop"},
	{.name = "credentials_file", .option = "credentials-file", .setting = "backup_ext.credentials_file",
		.agent = true, .offset = AT(credentials_file), .commands = "*",
	.value_name = "FILE", .help = "credentials of the store (those of the environment)"},
	{.name = "key_file", .option = "key-file", .setting = "backup_ext.key_file",
		.agent = true, .offset = AT(key_file), .commands = "*", .needed = "keygen",
	.value_name = "FILE", .help = "key file: who may read new backups, and the repository key"},
	{.name = "identity_file", .option = "identity-file", .setting = "backup_ext.identity_file",
		.agent = true, .offset = AT(identity_file), .commands = "*",
		.needed = "keygen", .instead = "rotate",
	.value_name = "FILE", .help = "the owner's private key, to read encrypted backups"},
	{.name = "unauthenticated", .option = "unauthenticated", .type = BK_ARGUMENT_BOOL,
		.offset = AT(unauthenticated), .commands = "list info verify restore cat delete wal archive-get",
	.help = "believe also what is not sealed with a repository key that was given"},
	{.name = "system_identifier", .option = "system-identifier", .agent = true,
		.offset = AT(system_identifier), .commands = "*",
	.value_name = "NUMBER", .help = "the cluster that is meant, where a repository has several"},
	{.name = "data_directory", .agent = true, .offset = AT(data_directory), .commands = "*"},
	{.name = "fence", .setting = "backup_ext.fence", .agent = true, .offset = AT(fence),
	.commands = "*"},
	{.name = "conninfo", .option = "conninfo", .setting = "backup_ext.conninfo",
		.agent = true, .offset = AT(conninfo), .check = bk_conninfo_check, .commands = "*",
	.value_name = "CONNINFO", .help = "where the server is, such as \"host=/run/postgresql port=5432\""},
	{.name = "role", .option = "role", .setting = "backup_ext.role",
		.agent = true, .offset = AT(role), .commands = "*",
	.value_name = "NAME", .help = "become this role after the login"},
	{.name = "home", .option = "home", .setting = "backup_ext.database",
		.agent = true, .offset = AT(home), .commands = "*",
	.value_name = "NAME", .help = "home or maintenance database (postgres)"},
	{.name = "jobs", .option = "jobs", .setting = "backup_ext.jobs",
		.archive_setting = "backup_ext.archive_jobs", .agent = true, .type = BK_ARGUMENT_INT, .offset = AT(jobs), .min = 1, .max = 64, .commands = "*",
	.value_name = "N", .help = "threads that may be used (2)"},
	{.name = "bindir", .option = "bindir", .offset = AT(bindir), .commands = "*",
	.value_name = "DIR", .help = "where pg_dump and pg_restore are (beside this program)"},
	{.name = "database", .option = "database", .agent = true, .offset = AT(database),
		.commands = "backup", .needed = "backup", .instead = "kind",
	.value_name = "NAME", .help = "database to back up"},
	{.name = "database_oid", .agent = true, .type = BK_ARGUMENT_INT,
	.offset = AT(database_oid), .max = UINT32_MAX, .commands = "backup"},
	{.name = "kind", .option = "kind", .agent = true, .offset = AT(kind), .commands = "backup restore",
	.value_name = "KIND", .help = "logical (one database) or base (the whole cluster) (logical)"},
	{.name = "content", .option = "content", .agent = true, .offset = AT(content),
		.commands = "backup",
	.value_name = "WHAT", .help = "all, schema or data (all)"},
	{.name = "label", .option = "label", .agent = true, .offset = AT(label),
		.check = check_label, .commands = "backup",
	.value_name = "TEXT", .help = "a text to keep with the backup"},
	{.name = "previous", .agent = true, .offset = AT(previous), .commands = "backup"},
	{.name = "schedule", .agent = true, .offset = AT(schedule), .check = check_label,
	.commands = "backup verify expire replicate"},
	{.name = "slot_at", .agent = true, .offset = AT(slot_at),
	.commands = "backup verify expire replicate"},
	{.name = "compression", .option = "compression", .setting = "backup_ext.compression",
		.agent = true, .offset = AT(compression), .commands = "backup archive-push archive-agent",
	.value_name = "CODEC", .help = "zstd:LEVEL, gzip:LEVEL, lz4:LEVEL or none (" BK_DEFAULT_COMPRESSION ")"},
	{.name = "archive_required", .option = "archive-required", .setting = "backup_ext.archive_required",
		.agent = true, .offset = AT(archive_required), .check = check_required,
		.commands = "archive-push archive-agent",
	.value_name = "WHICH", .help = "repositories that must have the file: all or first (all)"},
	{.name = "part_size", .option = "part-size", .type = BK_ARGUMENT_INT,
		.offset = AT(part_size), .min = 1, .max = INT64_MAX, .commands = "backup",
	.value_name = "BYTES", .help = "cut streams into objects of so many bytes (32 GiB)"},
	{.name = "lock_timeout", .option = "lock-timeout", .setting = "backup_ext.lock_timeout",
		.agent = true, .type = BK_ARGUMENT_TIME, .offset = AT(lock_timeout), .min = 1, .max = DAY_MS,
		.commands = "backup",
	.value_name = "TIME", .help = "longest wait for a table lock (60s)"},
	{.name = "blocking_limit", .option = "blocking-limit", .setting = "backup_ext.blocking_limit",
		.agent = true, .type = BK_ARGUMENT_TIME, .offset = AT(blocking_limit), .max = DAY_MS,
		.commands = "backup",
	.value_name = "TIME", .help = "give way when others waited for the dump so long (60s, 0: never)"},
	{.name = "checkpoint", .option = "checkpoint", .agent = true, .offset = AT(checkpoint),
		.commands = "backup",
	.value_name = "HOW", .help = "of a base backup: fast or spread (fast)"},
	{.name = "rate_limit", .option = "rate-limit", .setting = "backup_ext.rate_limit",
		.agent = true, .type = BK_ARGUMENT_RATE, .offset = AT(rate_limit), .max = INT64_MAX,
		.commands = "backup",
	.value_name = "RATE", .help = "of a base backup: read at most so many kB per second, or 100MB (0: no limit)"},
	{.name = "archive_timeout", .option = "archive-timeout", .setting = "backup_ext.archive_timeout",
		.agent = true, .type = BK_ARGUMENT_TIME, .offset = AT(archive_timeout), .min = 1, .max = DAY_MS,
		.commands = "backup",
	.value_name = "TIME", .help = "of a base backup: longest wait for its WAL in the repository (60s)"},
	{.name = "id", .option = "id", .agent = true, .offset = AT(id),
		.commands = "info verify restore clone cat delete unexpire pin unpin replicate", .needed = "info verify cat delete unexpire pin unpin",
	.value_name = "ID", .help = "the backup; may be given without --id"},
	{.name = "name", .option = "name", .agent = true, .offset = AT(name),
		.commands = "mark", .needed = "mark",
	.value_name = "NAME", .help = "name of the mark; may be given without --name"},
	{.name = "until", .option = "until", .agent = true, .offset = AT(until), .commands = "pin",
	.value_name = "TIME", .help = "only until this time, 2027-01-31T00:00:00Z"},
	{.name = "level", .option = "level", .agent = true, .offset = AT(level), .commands = "verify",
	.value_name = "LEVEL", .help = "stored or readable (readable)"},
	{.name = "target", .option = "to", .agent = true, .offset = AT(target),
		.commands = "restore replicate notify", .needed = "restore", .instead = "globals",
	.value_name = "WHERE", .help = "database to create, data directory of a base backup, repository to copy to, URL or program of a channel"},
	{.name = "keep_last", .option = "keep-last", .setting = "backup_ext.keep_last", .agent = true, .type = BK_ARGUMENT_INT,
		.offset = AT(keep_last), .max = KEEP_MAX, .commands = "expire",
	.value_name = "N", .help = "keep so many of the newest backups"},
	{.name = "keep_within", .option = "keep-within", .setting = "backup_ext.keep_within", .agent = true,
		.type = BK_ARGUMENT_TIME, .offset = AT(keep_within), .max = AGE_MAX, .commands = "expire",
	.value_name = "TIME", .help = "keep backups up to this age, 30d, and one that is older"},
	{.name = "keep_daily", .option = "keep-daily", .setting = "backup_ext.keep_daily", .agent = true, .type = BK_ARGUMENT_INT,
		.offset = AT(keep_daily), .max = KEEP_MAX, .commands = "expire",
	.value_name = "N", .help = "keep the newest backup of so many days"},
	{.name = "keep_weekly", .option = "keep-weekly", .setting = "backup_ext.keep_weekly", .agent = true, .type = BK_ARGUMENT_INT,
		.offset = AT(keep_weekly), .max = KEEP_MAX, .commands = "expire",
	.value_name = "N", .help = "keep the newest backup of so many weeks"},
	{.name = "keep_monthly", .option = "keep-monthly", .setting = "backup_ext.keep_monthly", .agent = true, .type = BK_ARGUMENT_INT,
		.offset = AT(keep_monthly), .max = KEEP_MAX, .commands = "expire",
	.value_name = "N", .help = "keep the newest backup of so many months"},
	{.name = "keep_yearly", .option = "keep-yearly", .setting = "backup_ext.keep_yearly", .agent = true, .type = BK_ARGUMENT_INT,
		.offset = AT(keep_yearly), .max = KEEP_MAX, .commands = "expire",
	.value_name = "N", .help = "keep the newest backup of so many years"},
	{.name = "timezone", .option = "timezone", .setting = "TimeZone", .agent = true,
		.offset = AT(timezone), .commands = "expire",
	.value_name = "NAME", .help = "time zone of days, weeks, months and years (UTC)"},
	{.name = "scheduled", .option = "scheduled", .type = BK_ARGUMENT_BOOL, .offset = AT(scheduled),
		.commands = "expire",
	.help = "also backups that a schedule has made; what a server keeps of those is not known here"},
	{.name = "policies", .agent = true, .offset = AT(policies), .commands = "expire"},
	{.name = "recovery_window", .option = "recovery-window", .setting = "backup_ext.recovery_window", .agent = true,
		.type = BK_ARGUMENT_TIME, .offset = AT(recovery_window), .min = -1, .max = AGE_MAX, .commands = "expire",
	.value_name = "TIME", .help = "keep WAL to recover to any time up to this age (as old as the oldest base backup)"},
	{.name = "minimum_good", .option = "minimum-good", .setting = "backup_ext.minimum_good", .agent = true,
		.type = BK_ARGUMENT_INT, .offset = AT(minimum_good), .min = 1, .max = KEEP_MAX, .commands = "expire",
	.value_name = "N", .help = "keep so many good backups of each database in any case (1)"},
	{.name = "expire_grace", .option = "grace", .setting = "backup_ext.expire_grace", .agent = true,
		.type = BK_ARGUMENT_TIME, .offset = AT(expire_grace), .max = AGE_MAX, .commands = "expire",
	.value_name = "TIME", .help = "delete what has expired so much later (24h)"},
	{.name = "transition_days", .option = "transition-days", .agent = true, .type = BK_ARGUMENT_INT,
		.offset = AT(transition_days), .min = 1, .max = LIFECYCLE_DAYS_MAX, .commands = "s3-lifecycle",
	.value_name = "N", .help = "move objects to another class after so many days"},
	{.name = "transition_class", .option = "transition-class", .agent = true,
		.offset = AT(transition_class), .commands = "s3-lifecycle",
	.value_name = "CLASS", .help = "storage class to move them to, such as STANDARD_IA"},
	{.name = "expiration_days", .option = "expiration-days", .agent = true, .type = BK_ARGUMENT_INT,
		.offset = AT(expiration_days), .min = 1, .max = LIFECYCLE_DAYS_MAX, .commands = "s3-lifecycle",
	.value_name = "N", .help = "remove objects after so many days, of a repository without backups"},
	{.name = "noncurrent_days", .option = "noncurrent-days", .agent = true, .type = BK_ARGUMENT_INT,
		.offset = AT(noncurrent_days), .min = 1, .max = LIFECYCLE_DAYS_MAX, .commands = "s3-lifecycle",
	.value_name = "N", .help = "remove versions that were deleted or replaced so many days ago"},
	{.name = "abort_days", .option = "abort-days", .agent = true, .type = BK_ARGUMENT_INT,
		.offset = AT(abort_days), .min = 1, .max = LIFECYCLE_DAYS_MAX, .commands = "s3-lifecycle",
	.value_name = "N", .help = "abort uploads that were begun so many days ago"},
	{.name = "remove", .option = "remove", .agent = true, .type = BK_ARGUMENT_BOOL,
		.offset = AT(remove), .commands = "s3-lifecycle",
	.help = "take the rule of the repository away"},
	{.name = "create", .option = "create", .type = BK_ARGUMENT_BOOL, .offset = AT(create),
		.commands = "replicate",
	.help = "start a repository there if there is none"},
	{.name = "recovery_target", .option = "target", .offset = AT(recovery_target),
		.commands = "restore",
	.value_name = "WHAT", .help = "recover to the latest WAL or immediate, to the backup's end (latest)"},
	{.name = "target_time", .option = "target-time", .agent = true, .offset = AT(target_time),
		.commands = "restore clone",
	.value_name = "TIME", .help = "recover up to a time with its zone, \"2026-11-21 10:15:00+01\""},
	{.name = "target_lsn", .option = "target-lsn", .agent = true, .offset = AT(target_lsn),
		.commands = "restore clone",
	.value_name = "LSN", .help = "recover up to this WAL position"},
	{.name = "target_name", .option = "target-name", .agent = true, .offset = AT(target_name),
		.commands = "restore clone",
	.value_name = "NAME", .help = "recover up to this named restore point"},
	{.name = "target_xid", .option = "target-xid", .offset = AT(target_xid),
		.commands = "restore",
	.value_name = "XID", .help = "recover up to the commit of this transaction"},
	{.name = "target_timeline", .option = "target-timeline", .agent = true,
		.offset = AT(target_timeline), .commands = "restore clone",
	.value_name = "TIMELINE", .help = "current, latest or a number (the backup's own line)"},
	{.name = "target_exclusive", .option = "target-exclusive", .type = BK_ARGUMENT_BOOL,
		.offset = AT(target_exclusive), .commands = "restore",
	.help = "stop before the target"},
	{.name = "target_action", .option = "target-action", .offset = AT(target_action),
		.commands = "restore",
	.value_name = "ACTION", .help = "at the target: pause, promote or shutdown (pause)"},
	{.name = "tablespace_map", .option = "tablespace-map", .type = BK_ARGUMENT_LIST,
		.offset = AT(tablespace_map), .commands = "restore",
	.value_name = "OLD=NEW", .help = "put a tablespace elsewhere; may be given several times"},
	{.name = "config_to", .option = "config-to", .offset = AT(config_to), .commands = "restore",
	.value_name = "DIR", .help = "restore configuration files from outside the data directory below DIR"},
	{.name = "restore_program", .option = "restore-program", .offset = AT(restore_program),
		.commands = "restore",
	.value_name = "PATH", .help = "program for the server's restore_command (this one)"},
	{.name = "delta", .option = "delta", .type = BK_ARGUMENT_BOOL, .offset = AT(delta),
		.commands = "restore",
	.help = "make an existing directory as the backup is; complete a restore"},
	{.name = "standby", .option = "standby", .type = BK_ARGUMENT_BOOL, .offset = AT(standby),
		.commands = "restore",
	.help = "restore a standby"},
	{.name = "clone", .option = "clone", .type = BK_ARGUMENT_BOOL, .offset = AT(clone),
		.commands = "restore",
	.help = "cut the restored server off from everything outside"},
	{.name = "dry_run", .option = "dry-run", .agent = true, .type = BK_ARGUMENT_BOOL, .offset = AT(dry_run),
		.commands = "restore expire",
	.help = "check all and show what would be done"},
	{.name = "directory", .option = "directory", .agent = true, .offset = AT(directory),
		.commands = "clone clone-drop", .needed = "clone clone-drop",
	.value_name = "DIR", .help = "data directory of the clone; may be given without --directory"},
	{.name = "port", .option = "port", .agent = true, .type = BK_ARGUMENT_INT, .offset = AT(port),
		.min = 1, .max = 65535, .commands = "restore clone", .needed = "clone",
	.value_name = "PORT", .help = "port of the clone"},
	{.name = "replace", .option = "replace", .agent = true, .type = BK_ARGUMENT_BOOL,
		.offset = AT(replace), .commands = "restore",
	.help = "put it in the place of an existing database, which is kept under a dated name"},
	{.name = "globals", .option = "globals", .type = BK_ARGUMENT_BOOL, .offset = AT(globals),
		.commands = "restore",
	.help = "restore roles and tablespaces in place of a database"},
	{.name = "object", .option = "object", .offset = AT(object), .commands = "cat",
	.value_name = "NAME", .help = "archive.dump, globals.sql or contents.jsonl (archive.dump)"},
	{.name = "path", .option = "path", .offset = AT(path),
		.commands = "archive-push archive-get", .needed = "archive-push archive-get",
	.value_name = "PATH", .help = "the file, %p; may be given without --path"},
	{.name = "sql", .option = "sql", .type = BK_ARGUMENT_BOOL, .offset = AT(sql),
		.commands = "cat",
	.help = "write the archive as plain SQL"},
	{.name = "no_owner", .option = "no-owner", .agent = true, .type = BK_ARGUMENT_BOOL,
		.offset = AT(no_owner), .commands = "restore cat",
	.help = "leave out ownership"},
	{.name = "no_privileges", .option = "no-privileges", .agent = true, .type = BK_ARGUMENT_BOOL,
		.offset = AT(no_privileges), .commands = "restore cat",
	.help = "leave out grants"},
	{.name = "subscriptions", .option = "subscriptions", .agent = true, .type = BK_ARGUMENT_BOOL,
		.offset = AT(subscriptions), .commands = "restore cat",
	.help = "restore subscriptions, too"},
	{.name = "rotate", .option = "rotate", .type = BK_ARGUMENT_BOOL, .offset = AT(rotate),
		.commands = "keygen",
	.help = "add a new repository key to these files, in place of making them"},
	{.name = "force", .option = "force", .agent = true, .type = BK_ARGUMENT_BOOL,
		.offset = AT(force), .commands = "restore delete adopt",
	.help = "delete: also the last good backup; restore: also a bad one; adopt: also a clone"},
	{.name = "accept", .agent = true, .type = BK_ARGUMENT_BOOL, .offset = AT(accept),
	.commands = "list"},
	{.name = "wal", .option = "wal", .offset = AT(wal),
		.commands = "archive-get", .needed = "archive-get",
	.value_name = "NAME", .help = "the WAL file; may be given without --wal"},
	{.name = "retry", .option = "retry", .type = BK_ARGUMENT_TIME, .offset = AT(retry),
		.max = DAY_MS, .commands = "archive-get",
	.value_name = "TIME", .help = "try again for so long where the repository fails (30s)"},
	{.name = "openmetrics", .option = "openmetrics", .type = BK_ARGUMENT_BOOL,
		.offset = AT(openmetrics), .commands = "status",
	.help = "print numbers as OpenMetrics text, for Prometheus"},
	{.name = "nagios", .option = "nagios", .type = BK_ARGUMENT_BOOL, .offset = AT(nagios),
		.commands = "status",
	.help = "print one line for Nagios, and exit with 0, 1, 2 or 3 as it wants"},
	{.name = "timeout", .option = "timeout", .type = BK_ARGUMENT_TIME, .offset = AT(timeout),
		.min = 1, .max = DAY_MS, .commands = "status",
	.value_name = "TIME", .help = "longest wait for the server (10s)"},
	{.name = "hook_before", .option = "hook-before", .setting = "backup_ext.hook_before",
		.agent = true, .offset = AT(hook_before), .commands = HOOKED,
	.value_name = "PROGRAM", .help = "run this before, and let its exit status decide: 0 go on, 75 retry, 80 skip"},
	{.name = "hook_after", .option = "hook-after", .setting = "backup_ext.hook_after",
		.agent = true, .offset = AT(hook_after), .commands = HOOKED,
	.value_name = "PROGRAM", .help = "run this afterwards"},
	{.name = "hook_timeout", .option = "hook-timeout", .setting = "backup_ext.hook_timeout",
		.agent = true, .type = BK_ARGUMENT_TIME, .offset = AT(hook_timeout), .min = 1, .max = DAY_MS,
		.commands = HOOKED,
	.value_name = "TIME", .help = "longest time that a hook may take (5min)"},
	{.name = "channel", .option = "channel", .agent = true, .offset = AT(channel),
		.commands = "notify", .needed = "notify",
	.value_name = "KIND", .help = "webhook, slack, pagerduty, alertmanager, ping, mail or program"},
	{.name = "message", .option = "message", .agent = true, .offset = AT(message),
		.commands = "notify",
	.value_name = "JSON", .help = "what to say (that this is a test)"},
	{.name = "secret_file", .option = "secret-file", .agent = true, .offset = AT(secret_file),
		.commands = "notify",
	.value_name = "FILE", .help = "file with the token or password, or with the URL"},
	{.name = "sender", .option = "sender", .agent = true, .offset = AT(sender), .commands = "notify",
	.value_name = "ADDRESS", .help = "of a mail"},
	{.name = "recipients", .option = "recipient", .agent = true, .type = BK_ARGUMENT_LIST,
		.offset = AT(recipients), .commands = "notify",
	.value_name = "ADDRESS", .help = "of a mail; may be given several times"},
	{.name = "login", .option = "login", .agent = true, .offset = AT(login), .commands = "notify",
	.value_name = "NAME", .help = "user at the mail server, whose password the secret file has"},
	{.name = "program_arguments", .option = "argument", .agent = true, .type = BK_ARGUMENT_LIST,
		.offset = AT(program_arguments), .commands = "notify",
	.value_name = "TEXT", .help = "of the program; may be given several times"},
	{.name = "ca_file", .option = "ca-file", .agent = true, .offset = AT(ca_file), .commands = "notify",
	.value_name = "FILE", .help = "certificates to trust (the system's)"},
	{.name = "proxy", .option = "proxy", .agent = true, .offset = AT(proxy), .commands = "notify",
	.value_name = "URL", .help = "proxy for HTTP, http://host:port (none)"},
	{.name = "plaintext", .option = "plaintext", .agent = true, .type = BK_ARGUMENT_BOOL,
		.offset = AT(plaintext), .commands = "notify",
	.help = "go without TLS, also to other machines"},
	{.name = NULL},
};

_Static_assert(sizeof(bk_arguments) / sizeof(bk_arguments[0]) - 1 <= BK_ARGUMENT_MAX,
			   "a set has no room for all arguments");

void
bk_argument_add(BkArgumentSet *set, const BkArgument *argument)
{
	set->has[argument - bk_arguments] = true;
}

bool
bk_argument_is_in(const BkArgumentSet *set, const BkArgument *argument)
{
	return set->has[argument - bk_arguments];
}

const BkArgument *
bk_argument_find(const char *name)
{
	for (const BkArgument *argument = bk_arguments; argument->name != NULL; argument++)
	{
		if (strcmp(argument->name, name) == 0)
			return argument;
	}
	return NULL;
}

bool
bk_argument_set_string(const BkArgument *argument, BkRequest *request,
					   const char *value, BkError *err)
{
	for (const char *at = value; *at != '\0'; at += bk_utf8_length(at))
	{
		if (bk_utf8_length(at) == 0)
			return bk_error(err, BK_STATE_BAD_ARGUMENT,
							"argument \"%s\" is not valid UTF-8", argument->name);
	}
	if (argument->check != NULL && !argument->check(argument->name, value, err))
		return false;
	if (argument->type == BK_ARGUMENT_LIST)
		return add_to_list((BkRequestList *) ((char *) request + argument->offset),
						   argument->name, value, err);
	*(const char **) ((char *) request + argument->offset) = value;
	return true;
}

bool
bk_argument_set_int(const BkArgument *argument, BkRequest *request,
					int64_t value, BkError *err)
{
	if (value < argument->min || value > argument->max)
		return bk_error(err, BK_STATE_BAD_ARGUMENT,
						"%lld is outside the valid range for argument \"%s\" (%lld .. %lld)",
						(long long) value, argument->name,
						(long long) argument->min, (long long) argument->max);
	*(int64_t *) ((char *) request + argument->offset) = value;
	return true;
}

void
bk_argument_set_bool(const BkArgument *argument, BkRequest *request,
					 bool value)
{
	*(bool *) ((char *) request + argument->offset) = value;
}

bool
bk_argument_set_text(const BkArgument *argument, BkRequest *request,
					 const char *text, BkError *err)
{
	int64_t		number;

	if (argument->type == BK_ARGUMENT_STRING || argument->type == BK_ARGUMENT_LIST)
		return bk_argument_set_string(argument, request, text, err);
	if (argument->min == -1 && strcmp(text, "-1") == 0)
		return bk_argument_set_int(argument, request, -1, err);
	if (argument->type == BK_ARGUMENT_TIME ? bk_argument_parse_time(text, &number)
		: argument->type == BK_ARGUMENT_RATE ? parse_rate(text, &number)
		: parse_number(text, &number))
		return bk_argument_set_int(argument, request, number, err);
	bk_error(err, BK_STATE_BAD_ARGUMENT, "invalid value for argument \"%s\": \"%s\"",
			 argument->name, text);
	if (argument->type == BK_ARGUMENT_TIME)
		return bk_error_hint(err, "Give a number of milliseconds, or a number with a unit: us, ms, s, min, h or d.");
	if (argument->type == BK_ARGUMENT_RATE)
		return bk_error_hint(err, "Give a number of kB per second, or a number with a unit: B, kB, MB, GB or TB.");
	return bk_error_hint(err, "Give a whole number.");
}

bool
bk_argument_is_missing(const BkArgument *argument, const BkRequest *request)
{
	const char *at = (const char *) request + argument->offset;
	const char *value;

	if (argument->type == BK_ARGUMENT_BOOL)
		return !*(const bool *) at;
	if (argument->type == BK_ARGUMENT_LIST)
		return ((const BkRequestList *) at)->count == 0;
	if (argument->type != BK_ARGUMENT_STRING)
		return false;
	value = *(const char *const *) at;
	return value == NULL || value[0] == '\0';
}

bool
bk_argument_parse_time(const char *text, int64_t *milliseconds)
{
	static const Unit units[] = {
		{"", 1}, {"us", 0.001}, {"ms", 1}, {"s", 1000}, {"min", 60 * 1000},
		{"h", 60 * 60 * 1000}, {"d", DAY_MS},
	};

	return parse_with_unit(text, units, sizeof(units) / sizeof(units[0]), milliseconds);
}

/* As a setting in kB is read. */
static bool
parse_rate(const char *text, int64_t *bytes)
{
	static const Unit units[] = {
		{"", 1024}, {"B", 1}, {"kB", 1024}, {"MB", 1 << 20}, {"GB", 1 << 30},
		{"TB", 1024.0 * (1 << 30)},
	};

	return parse_with_unit(text, units, sizeof(units) / sizeof(units[0]), bytes);
}

/* A number that is not below zero, rounded, with a unit or "". */
static bool
parse_with_unit(const char *text, const Unit *units, size_t count,
				int64_t *number)
{
	char	   *end;
	double		value = strtod(text, &end);
	size_t		len;

	/* Written so that what is not a number fails, too. */
	if (end == text || !(value >= 0 && value < 1e12))
		return false;
	end += strspn(end, " \t");
	len = strcspn(end, " \t");
	if (end[len + strspn(end + len, " \t")] != '\0')
		return false;
	for (size_t i = 0; i < count; i++)
	{
		if (strlen(units[i].name) != len || strncmp(end, units[i].name, len) != 0)
			continue;
		value = value * units[i].factor + 0.5;
		*number = value < (double) INT64_MAX ? (int64_t) value : INT64_MAX;
		return true;
	}
	return false;
}

static bool
add_to_list(BkRequestList *list, const char *name, const char *value,
			BkError *err)
{
	if (list->count == BK_REQUEST_LIST_MAX)
		return bk_error(err, BK_STATE_BAD_ARGUMENT,
						"argument \"%s\" was given more than %d times", name,
						BK_REQUEST_LIST_MAX);
	list->items[list->count++] = value;
	return true;
}

static bool
parse_number(const char *text, int64_t *number)
{
	char	   *end;

	if (*text < '0' || *text > '9')
		return false;
	errno = 0;
	*number = strtoll(text, &end, 10);
	return errno == 0 && *end == '\0';
}

static bool
check_required(const char *name, const char *value, BkError *err)
{
	if (strcmp(value, "all") == 0 || strcmp(value, "first") == 0)
		return true;
	bk_error(err, BK_STATE_BAD_ARGUMENT, "invalid value for argument \"%s\": \"%.40s\"", name, value);
	return bk_error_hint(err, "Use all or first.");
}

/* The text is UTF-8 already. */
static bool
check_label(const char *name, const char *value, BkError *err)
{
	size_t		length = 0;
	bool		control = false;

	for (const char *at = value; *at != '\0'; at += bk_utf8_length(at))
	{
		length++;
		control |= (unsigned char) *at < 0x20 || *at == 0x7f;
	}
	if (length <= LABEL_MAX && !control)
		return true;
	bk_error(err, BK_STATE_BAD_ARGUMENT, "invalid value for argument \"%s\"", name);
	return bk_error_detail(err, "A label has at most %d characters and no control characters.",
						   LABEL_MAX);
}
