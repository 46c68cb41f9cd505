/*
 * request.c
 *	  Builds requests to the program. An argument is sent only to the verbs
 *	  that know it, since the program refuses what it does not understand.
 */
#include "postgres.h"

#include <pwd.h>
#include <unistd.h>

#include "access/xact.h"
#include "access/xlog.h"
#include "catalog/pg_type.h"
#include "mb/pg_wchar.h"
#include "miscadmin.h"
#include "pgtime.h"
#include "postmaster/postmaster.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/guc.h"
#include "utils/json.h"
#include "utils/timestamp.h"
#include "utils/varlena.h"

#include "server/request.h"
#include "server/settings.h"

#define BK_ID_TIME_LENGTH 17	/* 20261121T101500Z and a hyphen */
#define BK_ID_RANDOM_LENGTH 4

static void bk_request_append(BkRun *run, const StringInfo argument);
static void bk_request_begin(StringInfo line, int64 run, const char *verb,
							 int jobs);
static void bk_request_slot(StringInfo line, const BkRun *run);
static void bk_request_places(StringInfo line, const BkRun *run,
							  const BkRepository *repository);
static void bk_request_hooks(StringInfo line, const BkRun *run);
static void bk_request_secrets(StringInfo line);
static char *bk_request_utf8(const char *text);
static char *bk_request_conninfo(void);
static const char *bk_request_socket_directory(void);

/*
 * YYYYMMDDTHHMMSSZ-NAME-RRRR, where NAME is made of letters, digits, "_", ".",
 * "-" and percent-encoded bytes, and R of lower-case letters and digits.
 */
bool
bk_request_is_id(const char *text)
{
	static const char pattern[] = "ddddddddTddddddZ-";
	Size		length = strlen(text);
	const char *c = text;
	const char *random = text + length - BK_ID_RANDOM_LENGTH;
	int			i;

	if (length < BK_ID_TIME_LENGTH + 1 + 1 + BK_ID_RANDOM_LENGTH ||
		length >= BK_ID_SIZE - 1)
		return false;
	for (i = 0; i < BK_ID_TIME_LENGTH; i++, c++)
	{
		if (pattern[i] == 'd' ? !(*c >= '0' && *c <= '9') : *c != pattern[i])
			return false;
	}
	for (; c < random - 1; c++)
	{
		if (*c == '%' && random - 1 - c > 2 &&
			strspn(c + 1, "0123456789ABCDEF") >= 2)
			c += 2;
		else if (!((*c >= 'a' && *c <= 'z') || (*c >= 'A' && *c <= 'Z') ||
				   (*c >= '0' && *c <= '9') || strchr("_.-", *c) != NULL))
			return false;
	}
	return *c == '-' &&
		strspn(random, "abcdefghijklmnopqrstuvwxyz0123456789") == BK_ID_RANDOM_LENGTH;
}

/* --- the caller's part --- */

BkRun *
bk_request_new(const char *verb)
{
	BkRun	   *run = palloc0(sizeof(BkRun));

	bk_text_copy(run->verb, sizeof(run->verb), verb);
	/* whoever called, also through functions that act as their owner */
	bk_text_copy(run->requested_by, sizeof(run->requested_by),
				 GetUserNameFromId(GetOuterUserId(), false));
	run->requested_at = GetCurrentTimestamp();
	bk_text_copy(run->reason, sizeof(run->reason), "request");
	run->attempt = 1;
	run->plain_size = -1;
	run->stored_size = -1;
	return run;
}

void
bk_request_add_text(BkRun *run, const char *name, const char *value)
{
	StringInfoData argument;

	initStringInfo(&argument);
	bk_request_text(&argument, name, value);
	bk_request_append(run, &argument);
}

void
bk_request_add_number(BkRun *run, const char *name, int64 value)
{
	StringInfoData argument;

	initStringInfo(&argument);
	appendStringInfo(&argument, ", \"%s\": " INT64_FORMAT, name, value);
	bk_request_append(run, &argument);
}

void
bk_request_add_bool(BkRun *run, const char *name, bool value)
{
	StringInfoData argument;

	initStringInfo(&argument);
	appendStringInfo(&argument, ", \"%s\": %s", name, value ? "true" : "false");
	bk_request_append(run, &argument);
}

void
bk_request_add_list(BkRun *run, const char *name, ArrayType *list)
{
	StringInfoData argument;
	Datum	   *items;
	int			count;
	int			i;

	deconstruct_array(list, TEXTOID, -1, false, TYPALIGN_INT, &items, NULL, &count);
	initStringInfo(&argument);
	appendStringInfo(&argument, ", \"%s\": [", name);
	for (i = 0; i < count; i++)
	{
		if (i > 0)
			appendStringInfoString(&argument, ", ");
		escape_json(&argument, bk_request_utf8(TextDatumGetCString(items[i])));
	}
	appendStringInfoChar(&argument, ']');
	bk_request_append(run, &argument);
}

static void
bk_request_append(BkRun *run, const StringInfo argument)
{
	Size		length = strlen(run->arguments);

	if (length + argument->len >= sizeof(run->arguments))
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				 errmsg("the arguments of the request are too long")));
	memcpy(run->arguments + length, argument->data, argument->len + 1);
}

/* --- the worker's part --- */

char *
bk_request_line(const BkRun *run, const BkRepository *repository,
				const char *more)
{
	bool		is_backup = strcmp(run->verb, "backup") == 0;
	StringInfoData line;

	bk_request_begin(&line, run->run, run->verb, bk_setting_jobs);
	/* who tells people has to do with neither repository nor server */
	if (strcmp(run->verb, "notify") != 0)
		bk_request_places(&line, run, repository);
	if (is_backup)
	{
		bk_request_text(&line, "compression", bk_setting_compression);
		appendStringInfo(&line, ", \"lock_timeout\": %d, \"blocking_limit\": %d",
						 bk_setting_lock_timeout, bk_setting_blocking_limit);
		if (strcmp(run->kind, "base") == 0)
			appendStringInfo(&line, ", \"rate_limit\": " INT64_FORMAT ", \"archive_timeout\": %d",
							 (int64) bk_setting_rate_limit * 1024,
							 bk_setting_archive_timeout);
	}
	bk_request_hooks(&line, run);
	if (run->slot_at != 0)
		bk_request_slot(&line, run);
	appendStringInfo(&line, "%s%s}}\n", run->arguments, more);
	return line.data;
}

/* Where the backups are, and the server. */
static void
bk_request_places(StringInfo line, const BkRun *run, const BkRepository *repository)
{
	bk_request_text(line, "repository", repository->url);
	if (strcmp(run->verb, "init") != 0 && repository->id[0] != '\0')
		bk_request_text(line, "repository_id", repository->id);
	bk_request_secrets(line);
	bk_request_text(line, "conninfo", bk_request_conninfo());
	if (bk_setting_role[0] != '\0')
		bk_request_text(line, "role", bk_setting_role);
	bk_request_text(line, "home", bk_setting_database);
}

/* What is to be run before and after those verbs that have hooks. */
static void
bk_request_hooks(StringInfo line, const BkRun *run)
{
	static const char *const verbs[] = {"backup", "verify", "expire", "replicate"};
	int			i;

	if (bk_setting_hook_before[0] == '\0' && bk_setting_hook_after[0] == '\0')
		return;
	for (i = 0; i < (int) lengthof(verbs); i++)
	{
		if (strcmp(run->verb, verbs[i]) != 0)
			continue;
		bk_request_text(line, "hook_before", bk_setting_hook_before);
		bk_request_text(line, "hook_after", bk_setting_hook_after);
		appendStringInfo(line, ", \"hook_timeout\": %d", bk_setting_hook_timeout);
	}
}

char *
bk_request_archive_line(void)
{
	StringInfoData line;

	bk_request_begin(&line, 0, "archive", bk_setting_archive_jobs);
	bk_request_text(&line, "repository", bk_setting_repository);
	bk_request_secrets(&line);
	bk_request_text(&line, "compression", bk_setting_compression);
	if (bk_setting_archive_required == BK_REQUIRED_FIRST)
		bk_request_text(&line, "archive_required", "first");
	appendStringInfoString(&line, "}}\n");
	return line.data;
}

/* What every request says, and of which server. */
static void
bk_request_begin(StringInfo line, int64 run, const char *verb, int jobs)
{
	char		system_identifier[32];

	snprintf(system_identifier, sizeof(system_identifier), UINT64_FORMAT,
			 GetSystemIdentifier());
	initStringInfo(line);
	appendStringInfo(line, "{\"protocol\": 1, \"run\": " INT64_FORMAT
					 ", \"verb\": \"%s\", \"arguments\": {\"jobs\": %d",
					 run, verb, jobs);
	bk_request_text(line, "system_identifier", system_identifier);
	bk_request_text(line, "data_directory", DataDir);
	bk_request_text(line, "fence", bk_setting_fence);
}

/* Which slot of which schedule the run is for. */
static void
bk_request_slot(StringInfo line, const BkRun *run)
{
	pg_time_t	seconds = timestamptz_to_time_t(run->slot_at);
	char		slot_at[32];

	pg_strftime(slot_at, sizeof(slot_at), "%Y-%m-%dT%H:%M:%SZ",
				pg_gmtime(&seconds));
	bk_request_text(line, "schedule", run->schedule);
	bk_request_text(line, "slot_at", slot_at);
}

/* Where the secrets are; what they are is nobody's business here. */
static void
bk_request_secrets(StringInfo line)
{
	if (bk_setting_credentials_file[0] != '\0')
		bk_request_text(line, "credentials_file", bk_setting_credentials_file);
	if (bk_setting_key_file[0] != '\0')
		bk_request_text(line, "key_file", bk_setting_key_file);
	if (bk_setting_identity_file[0] != '\0')
		bk_request_text(line, "identity_file", bk_setting_identity_file);
}

/* Appends a member; every member follows another one. */
void
bk_request_text(StringInfo arguments, const char *name, const char *value)
{
	appendStringInfo(arguments, ", \"%s\": ", name);
	escape_json(arguments, bk_request_utf8(value));
}

/* A name may come from a database of another encoding: look at it anyway. */
static char *
bk_request_utf8(const char *text)
{
	char	   *utf8 = pg_server_to_any(text, strlen(text), PG_UTF8);

	pg_verify_mbstr(PG_UTF8, utf8, strlen(utf8), false);
	return utf8;
}

/* How the program connects: as set, or through the server's own socket. */
static char *
bk_request_conninfo(void)
{
	StringInfoData conninfo;
	struct passwd *user;
	char		port[16];

	if (bk_setting_conninfo[0] != '\0')
		return bk_setting_conninfo;
	user = getpwuid(geteuid());
	snprintf(port, sizeof(port), "%d", PostPortNumber);
	initStringInfo(&conninfo);
	bk_request_conninfo_word(&conninfo, "host", bk_request_socket_directory());
	bk_request_conninfo_word(&conninfo, "port", port);
	if (user != NULL)
		bk_request_conninfo_word(&conninfo, "user", user->pw_name);
	return conninfo.data;
}

static const char *
bk_request_socket_directory(void)
{
	const char *setting = GetConfigOption("unix_socket_directories", true, false);
	List	   *directories = NIL;
	const char *first;

	if (setting == NULL ||
		!SplitDirectoriesString(pstrdup(setting), ',', &directories) ||
		directories == NIL)
		return "localhost";
	first = linitial(directories);
	if (first[0] == '/' || first[0] == '@')
		return first;
	return psprintf("%s/%s", DataDir, first);
}

/* Quotes a value as libpq wants it (libpq docs, "Connection Strings"). */
void
bk_request_conninfo_word(StringInfo conninfo, const char *keyword,
						 const char *value)
{
	appendStringInfo(conninfo, "%s%s='", conninfo->len > 0 ? " " : "", keyword);
	for (; *value != '\0'; value++)
	{
		if (*value == '\'' || *value == '\\')
			appendStringInfoChar(conninfo, '\\');
		appendStringInfoChar(conninfo, *value);
	}
	appendStringInfoChar(conninfo, '\'');
}
