/*
 * report.c
 *	  Print what a verb says.
 *
 * Records go to standard output, everything else to standard error, so that
 * output can be piped.
 */
#include "cli/report.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/signals.h"
#include "core/clock.h"

#define PROGRESS_EVERY	200		/* milliseconds */

static void report_log(void *ctx, BkLogLevel level, const char *message);
static void report_record(void *ctx, const char *kind, const BkJson *body);
static void report_progress(void *ctx, const BkProgress *progress);
static bool report_stop(void *ctx);
static void print_json(const char *kind, const BkJson *body);
static void print_repository(const BkJson *body);
static void print_backup(BkReport *report, const BkJson *body);
static void print_check(BkReport *report, const BkJson *body);
static void print_manifest(const BkJson *body);
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
	fprintf(stderr, "pg_backup_ext: error: %s (SQLSTATE %s)\n", err->message,
			err->sqlstate);
	if (err->detail[0] != '\0')
		fprintf(stderr, "pg_backup_ext: detail: %s\n", err->detail);
	if (err->hint[0] != '\0')
		fprintf(stderr, "pg_backup_ext: hint: %s\n", err->hint);
}

static void
report_log(void *ctx, BkLogLevel level, const char *message)
{
	static const char *const names[] = {
		[BK_LOG_DEBUG] = "debug",
		[BK_LOG_INFO] = "info",
		[BK_LOG_WARNING] = "warning",
	};

	bk_report_end(ctx);
	fprintf(stderr, "pg_backup_ext: %s: %s\n", names[level], message);
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
		print_repository(body);
	else if (strcmp(kind, "backup") == 0)
		print_backup(report, body);
	else if (strcmp(kind, "check") == 0)
		print_check(report, body);
	else if (strcmp(kind, "manifest") == 0)
		print_manifest(body);
	else if (strcmp(kind, "restored") == 0)
		printf("restored into database \"%s\"\n", member(body, "database"));
	else if (strcmp(kind, "deleted") == 0)
		printf("deleted %s\n", member(body, "id"));
	if (!report->json && strcmp(kind, "restored") == 0 &&
		bk_json_get(body, "kept_as") != NULL)
		printf("the database that was there is now \"%s\"\n", member(body, "kept_as"));
	fflush(stdout);
}

static void
report_progress(void *ctx, const BkProgress *progress)
{
	BkReport   *report = ctx;
	int64_t		now = bk_clock_monotonic_ms();
	char		done[32];
	char		total[32];

	if (!report->terminal || now < report->next_progress)
		return;
	report->next_progress = now + PROGRESS_EVERY;
	report->progress_shown = true;
	print_size(done, sizeof(done), (int64_t) progress->done);
	print_size(total, sizeof(total), (int64_t) progress->total);
	if (progress->total > 0)
		fprintf(stderr, "\r\033[K%s %.60s: %s of about %s", progress->phase,
				progress->object, done, total);
	else
		fprintf(stderr, "\r\033[K%s %.60s: %s", progress->phase,
				progress->object, done);
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
		printf("%s\n", text);
	free(text);
	bk_json_free(record);
}

static void
print_repository(const BkJson *body)
{
	printf("repository %s at %s\n", member(body, "id"), member(body, "url"));
}

static void
print_backup(BkReport *report, const BkJson *body)
{
	char		plain[32];
	char		stored[32];

	print_size(plain, sizeof(plain),
			   bk_json_int(bk_json_get(body, "plain_size"), 0));
	print_size(stored, sizeof(stored),
			   bk_json_int(bk_json_get(body, "stored_size"), 0));
	if (report->listed++ == 0)
		printf("%-40s %-8s %-6s %-5s %-20s %9s %9s  %s\n", "ID", "KIND",
			   "CONT", "STATE", "FINISHED", "SIZE", "STORED", "LABEL");
	printf("%-40s %-8s %-6s %-5s %-20s %9s %9s  %s\n", member(body, "id"),
		   member(body, "kind"), member(body, "content"),
		   member(body, "state"), member(body, "finished_at"), plain, stored,
		   bk_json_get(body, "problem") != NULL ? member(body, "problem")
		   : member(body, "label"));
}

static void
print_check(BkReport *report, const BkJson *body)
{
	bool		ok = bk_json_bool(bk_json_get(body, "ok"), false);

	(void) report;
	printf("%-4s %s: %s\n", ok ? "ok" : "BAD", member(body, "name"),
		   member(body, "detail"));
	if (bk_json_get(body, "hint") != NULL)
		printf("     hint: %s\n", member(body, "hint"));
}

static void
print_manifest(const BkJson *body)
{
	char	   *text = bk_json_text(body, true);

	if (text != NULL)
		printf("%s\n", text);
	free(text);
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
