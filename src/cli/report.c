/*
 * report.c
 *	  Print what a verb says.
 *
 * Records go to standard output, everything else to standard error, so that
 * output can be piped. Names, labels and messages come from others: whatever
 * a terminal could take for a command is not sent to it.
 */
#include "cli/report.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/signals.h"
#include "cli/command.h"
#include "cli/monitor.h"
#include "cli/words.h"
#include "core/clock.h"

#define PROGRESS_EVERY	200		/* milliseconds */

#define LIST_FORMAT		"%-8s %-7s %-5s %-20s %9s %9s  "
#define LIST_FIELD		32

static void report_log(void *ctx, BkLogLevel level, const char *message);
static void report_record(void *ctx, const char *kind, const BkJson *body);
static void report_progress(void *ctx, const BkProgress *progress);
static bool report_stop(void *ctx);
static void print_json(const char *kind, const BkJson *body);
static void print_repository(BkReport *report, const BkJson *body);
static void print_backup(BkReport *report, const BkJson *body);
static void print_check(const BkJson *body);
static void print_mark(const BkJson *body);
static void print_restored(const BkJson *body);
static void print_manifest(const BkJson *body);
static void print_keys(const BkJson *body);
static void print_wal(const char *kind, const BkJson *body);
static void print_decision(const BkJson *body);
static void print_replicated(const BkJson *body);
static void print_line(FILE *to, const char *what, const char *text,
					   const char *end);
static void copy_field(char *field, const BkJson *body, const char *key);
static void print_size(char *text, size_t size, int64_t bytes);
static const char *member(const BkJson *body, const char *key);

BkHost
bk_report_host(BkReport *report)
{
	BkHost		host = {
		.ctx = report,
		.log = report_log,
		.record = report_record,
		.progress = report_progress,
		.stop = report_stop,
		.variable = bk_command_variable,
	};

	return host;
}

void
bk_report_end(BkReport *report)
{
	if (report->progress_shown)
		fprintf(stderr, "\r\033[K");
	report->progress_shown = false;
}

void
bk_report_error(BkReport *report, const BkError *err)
{
	bk_report_end(report);
	print_line(stderr, "pg_backup_ext: error: ", err->message, "");
	print_line(stderr, " (SQLSTATE ", err->sqlstate, ")\n");
	if (err->detail[0] != '\0')
		print_line(stderr, "pg_backup_ext: detail: ", err->detail, "\n");
	if (err->hint[0] != '\0')
		print_line(stderr, "pg_backup_ext: hint: ", err->hint, "\n");
}

static void
report_log(void *ctx, BkLogLevel level, const char *message)
{
	static const char *const names[] = {
		[BK_LOG_DEBUG] = "pg_backup_ext: debug: ",
		[BK_LOG_INFO] = "pg_backup_ext: info: ",
		[BK_LOG_WARNING] = "pg_backup_ext: warning: ",
	};

	bk_report_end(ctx);
	print_line(stderr, names[level], message, "\n");
}

static void
report_record(void *ctx, const char *kind, const BkJson *body)
{
	BkReport   *report = ctx;

	bk_report_end(report);
	if (strcmp(kind, "check") == 0 &&
		!bk_json_bool(bk_json_get(body, "ok"), false))
		report->bad = true;
	if (report->json)
		print_json(kind, body);
	else if (strcmp(kind, "repository") == 0)
		print_repository(report, body);
	else if (strcmp(kind, "backup") == 0)
		print_backup(report, body);
	else if (strcmp(kind, "check") == 0)
		print_check(body);
	else if (strcmp(kind, "mark") == 0)
		print_mark(body);
	else if (strcmp(kind, "manifest") == 0)
		print_manifest(body);
	else if (strcmp(kind, "restored") == 0)
		print_restored(body);
	else if (strcmp(kind, "keys") == 0)
		print_keys(body);
	else if (strncmp(kind, "wal_", 4) == 0)
		print_wal(kind, body);
	else if (strcmp(kind, "deleted") == 0)
		print_line(stdout, "deleted ", member(body, "id"), "\n");
	else if (strcmp(kind, "status") == 0 && report->nagios)
		report->status = bk_monitor_nagios(body);
	else if (strcmp(kind, "status") == 0)
		bk_monitor_table(body);
	else if (strcmp(kind, "metrics") == 0)
		bk_monitor_openmetrics(body);
	else if (strcmp(kind, "decision") == 0)
		print_decision(body);
	else if (strcmp(kind, "replicated") == 0)
		print_replicated(body);
	else if (strcmp(kind, "dropped") == 0)
		print_line(stdout, "dropped the clone in \"", member(body, "directory"), "\"\n");
	fflush(stdout);
}

static void
report_progress(void *ctx, const BkProgress *progress)
{
	BkReport   *report = ctx;
	int64_t		now = bk_clock_monotonic_ms();
	char		object[64];		/* no longer than a line may be */
	char		done[32];
	char		total[32];

	if (!report->terminal || now < report->next_progress)
		return;
	report->next_progress = now + PROGRESS_EVERY;
	report->progress_shown = true;
	snprintf(object, sizeof(object), "%s", progress->object);
	fprintf(stderr, "\r\033[K%s ", progress->phase);
	bk_words_print(stderr, object);
	print_size(done, sizeof(done), (int64_t) progress->done);
	print_size(total, sizeof(total), (int64_t) progress->total);
	if (progress->total > 0)
		fprintf(stderr, ": %s of about %s", done, total);
	else
		fprintf(stderr, ": %s", done);
	fflush(stderr);
}

static bool
report_stop(void *ctx)
{
	(void) ctx;
	return bk_signals_stop();
}

static void
print_json(const char *kind, const BkJson *body)
{
	BkJson	   *record = bk_json_copy(body);
	char	   *text;

	bk_json_put_string(record, "record", kind);
	text = bk_json_text(record, false);
	if (text != NULL)
		bk_words_print_json(text);
	free(text);
	bk_json_free(record);
}

static void
print_repository(BkReport *report, const BkJson *body)
{
	report->listed = 0;
	print_line(stdout, "repository ", member(body, "id"), "");
	print_line(stdout, " at ", member(body, "url"), "\n");
}

/* What may be long stands last: the id, and the label or what is wrong. */
static void
print_backup(BkReport *report, const BkJson *body)
{
	char		kind[LIST_FIELD];
	char		content[LIST_FIELD];
	char		state[LIST_FIELD];
	char		finished[LIST_FIELD];
	char		plain[LIST_FIELD];
	char		stored[LIST_FIELD];
	const char *note = member(body, "problem");

	if (note[0] == '\0')
		note = member(body, "label");
	copy_field(kind, body, "kind");
	copy_field(content, body, "content");
	copy_field(state, body, "state");
	copy_field(finished, body, "finished_at");
	print_size(plain, sizeof(plain),
			   bk_json_int(bk_json_get(body, "plain_size"), 0));
	print_size(stored, sizeof(stored),
			   bk_json_int(bk_json_get(body, "stored_size"), 0));
	if (report->listed++ == 0)
		printf(LIST_FORMAT "ID  LABEL\n", "KIND", "CONTENT", "STATE", "FINISHED",
			   "SIZE", "STORED");
	printf(LIST_FORMAT, kind, content, state, finished, plain, stored);
	print_line(stdout, "", member(body, "id"), note[0] == '\0' ? "\n" : "  ");
	if (note[0] != '\0')
		print_line(stdout, "", note, "\n");
}

static void
print_check(const BkJson *body)
{
	bool		ok = bk_json_bool(bk_json_get(body, "ok"), false);

	print_line(stdout, ok ? "ok   " : "BAD  ", member(body, "name"), ": ");
	print_line(stdout, "", member(body, "detail"), "\n");
	if (bk_json_get(body, "hint") != NULL)
		print_line(stdout, "     hint: ", member(body, "hint"), "\n");
}

static void
print_mark(const BkJson *body)
{
	print_line(stdout, "mark ", member(body, "name"), "");
	print_line(stdout, " at ", member(body, "lsn"), "");
	print_line(stdout, ", set at ", member(body, "at"), "\n");
}

static void
print_restored(const BkJson *body)
{
	if (bk_json_get(body, "directory") != NULL)
	{
		print_line(stdout, bk_json_bool(bk_json_get(body, "dry_run"), false)
				   ? "would restore backup " : "restored backup ", member(body, "backup"), " ");
		print_line(stdout, "into \"", member(body, "directory"), "\", ");
		print_line(stdout, "to be recovered to: ", member(body, "target"), "\n");
		return;
	}
	print_line(stdout, "restored into database \"", member(body, "database"), "\"\n");
	if (bk_json_get(body, "kept_as") != NULL)
		print_line(stdout, "the database that was there is now \"",
				   member(body, "kept_as"), "\"\n");
}

/* The action, and of which backup; WAL has no id. */
static void
print_decision(const BkJson *body)
{
	const char *id = member(body, "id");
	char		action[LIST_FIELD];

	copy_field(action, body, "action");
	printf("%-7s", action);
	print_line(stdout, " ", id[0] == '\0' ? "WAL" : id, ": ");
	print_line(stdout, "", member(body, "reason"), "\n");
}

static void
print_replicated(const BkJson *body)
{
	char		size[LIST_FIELD];

	print_size(size, sizeof(size), bk_json_int(bk_json_get(body, "bytes"), 0));
	printf("copied %lld backups and %lld WAL files",
		   (long long) bk_json_int(bk_json_get(body, "backups"), 0),
		   (long long) bk_json_int(bk_json_get(body, "wal"), 0));
	print_line(stdout, " to ", member(body, "repository"), "");
	print_line(stdout, ", ", size, " read\n");
}

static void
print_manifest(const BkJson *body)
{
	char	   *text = bk_json_text(body, true);

	if (text != NULL)
		bk_words_print_json(text);
	free(text);
}

/* What was made, and what to do with it. */
static void
print_keys(const BkJson *body)
{
	const char *recipient = member(body, "recipient");
	const char *identity_file = member(body, "identity_file");

	print_line(stdout, "repository key: ", member(body, "repository_key"), "\n");
	if (recipient[0] == '\0')
	{
		print_line(stdout, "It was added to \"", member(body, "key_file"),
				   "\" and seals from now on.\n");
		if (identity_file[0] == '\0')
			print_line(stdout, "Add it to the identity file as well, as a comment: tail -n 1 '",
					   member(body, "key_file"), "' | sed 's/^/# backup_ext /'\n");
		return;
	}
	print_line(stdout, "public key: ", recipient, "\n\n");
	print_line(stdout, "\"", identity_file,
			   "\" opens every backup. Keep it off this machine, in two places,\nand remove it here.\n");
	print_line(stdout, "\"", member(body, "key_file"),
			   "\" is for the server, whose user must be able to read it:\n");
	print_line(stdout, "    ALTER SYSTEM SET backup_ext.key_file = '",
			   member(body, "key_file"), "';\n");
}

/* The tree says in words what the "wal" records say in numbers. */
static void
print_wal(const char *kind, const BkJson *body)
{
	if (strcmp(kind, "wal_tree") == 0)
	{
		print_line(stdout, "cluster ", member(body, "system_identifier"), "\n");
		print_line(stdout, "    ", member(body, "tree"), "\n");
	}
	if (strcmp(kind, "wal_gap") == 0)
	{
		print_line(stdout, "gap: ", member(body, "first_wal"), " to ");
		print_line(stdout, "", member(body, "last_wal"), "\n");
	}
	if (strcmp(kind, "wal_conflict") == 0)
	{
		print_line(stdout, "conflict: ", member(body, "wal"), "\n");
		print_line(stdout, "    ", member(body, "key"), "\n");
		print_line(stdout, "    ", member(body, "other_key"), "\n");
	}
}

/* Text of others between words of our own. */
static void
print_line(FILE *to, const char *what, const char *text, const char *end)
{
	fputs(what, to);
	bk_words_print(to, text);
	fputs(end, to);
}

/* A member of some known word or number, to be padded: ASCII, or "?". */
static void
copy_field(char *field, const BkJson *body, const char *key)
{
	const char *text = member(body, key);
	size_t		len = 0;

	for (; text[len] != '\0' && len < LIST_FIELD - 1; len++)
		field[len] = text[len] >= 0x20 && text[len] < 0x7f ? text[len] : '?';
	field[len] = '\0';
	if (len == 0)
		snprintf(field, LIST_FIELD, "-");
}

/* Bytes in the largest unit that leaves a number. */
static void
print_size(char *text, size_t size, int64_t bytes)
{
	static const char *const units[] = {"B", "kB", "MB", "GB", "TB"};
	double		number = (double) bytes;
	size_t		unit = 0;

	while (number >= 1000 && unit + 1 < sizeof(units) / sizeof(units[0]))
	{
		number /= 1000;
		unit++;
	}
	snprintf(text, size, unit == 0 ? "%.0f %s" : "%.1f %s", number, units[unit]);
}

static const char *
member(const BkJson *body, const char *key)
{
	return bk_json_string(bk_json_get(body, key), "");
}
