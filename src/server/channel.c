/*
 * channel.c
 *	  The SQL functions of channels. What a channel must have depends on its
 *	  kind, and is a table. Whether its receiver can be reached is for
 *	  backup_notify_test() to say.
 */
#include "postgres.h"

#include "access/xlog.h"
#include "catalog/pg_authid.h"
#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "fmgr.h"
#include "miscadmin.h"
#include "utils/acl.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/timestamp.h"

#include "server/arguments.h"
#include "server/call.h"
#include "server/channel.h"
#include "server/compat.h"
#include "server/notice.h"
#include "server/ready.h"
#include "server/statement.h"

#define BK_CHANNEL_SIZE_MAX 2000	/* of all texts; they travel with each message */

/* The arguments of backup_channel() by their place. */
typedef enum BkChannelArgument
{
	BK_CHANNEL_NAME,
	BK_CHANNEL_KIND,
	BK_CHANNEL_TARGET,
	BK_CHANNEL_SECRET_FILE,
	BK_CHANNEL_LEVEL,
	BK_CHANNEL_HOLD,
	BK_CHANNEL_REMIND,
	BK_CHANNEL_EVERY,
	BK_CHANNEL_SCHEDULE,
	BK_CHANNEL_SENDER,
	BK_CHANNEL_RECIPIENTS,
	BK_CHANNEL_LOGIN,
	BK_CHANNEL_ARGUMENTS,
	BK_CHANNEL_CA_FILE,
	BK_CHANNEL_PROXY,
	BK_CHANNEL_PLAINTEXT,
	BK_CHANNEL_ENABLED,
	BK_CHANNEL_COUNT
} BkChannelArgument;

static const struct
{
	const char *name;
	Oid			type;
}			bk_channel_arguments[BK_CHANNEL_COUNT] =
{
	{"name", TEXTOID}, {"kind", TEXTOID}, {"target", TEXTOID},
	{"secret_file", TEXTOID}, {"level", TEXTOID}, {"hold", INTERVALOID},
	{"remind", INTERVALOID}, {"every", INTERVALOID}, {"schedule", TEXTOID},
	{"sender", TEXTOID}, {"recipients", TEXTARRAYOID}, {"login", TEXTOID},
	{"arguments", TEXTARRAYOID}, {"ca_file", TEXTOID}, {"proxy", TEXTOID},
	{"plaintext", BOOLOID}, {"enabled", BOOLOID}
};

#define BK_BIT(argument) (1 << (argument))
#define BK_NETWORK (BK_BIT(BK_CHANNEL_SECRET_FILE) | BK_BIT(BK_CHANNEL_CA_FILE))
#define BK_HTTP (BK_NETWORK | BK_BIT(BK_CHANNEL_PROXY))

/* What each kind takes beside what all take, and what it must have. */
typedef struct BkChannelKind
{
	const char *name;
	const char *scheme;			/* of its target; NULL: that is no URL */
	int			takes;
	int			needs;
	bool		target_or_secret;	/* one of the two is needed */
} BkChannelKind;

static const BkChannelKind bk_channel_kinds[] =
{
	{"webhook", "http", BK_BIT(BK_CHANNEL_TARGET) | BK_HTTP, 0, true},
	/* the URL is the secret */
	{"slack", "http", BK_HTTP, BK_BIT(BK_CHANNEL_SECRET_FILE), false},
	{"pagerduty", "http", BK_BIT(BK_CHANNEL_TARGET) | BK_HTTP, BK_BIT(BK_CHANNEL_SECRET_FILE), false},
	{"alertmanager", "http", BK_BIT(BK_CHANNEL_TARGET) | BK_HTTP, 0, true},
	{"ping", "http", BK_BIT(BK_CHANNEL_TARGET) | BK_BIT(BK_CHANNEL_SCHEDULE) | BK_HTTP, 0, true},
	{"mail", "smtp", BK_BIT(BK_CHANNEL_TARGET) | BK_BIT(BK_CHANNEL_SENDER) |
		BK_BIT(BK_CHANNEL_RECIPIENTS) | BK_BIT(BK_CHANNEL_LOGIN) | BK_NETWORK,
	BK_BIT(BK_CHANNEL_TARGET) | BK_BIT(BK_CHANNEL_SENDER) | BK_BIT(BK_CHANNEL_RECIPIENTS), false},
	{"notify", NULL, BK_BIT(BK_CHANNEL_TARGET), BK_BIT(BK_CHANNEL_TARGET), false},
	{"program", NULL, BK_BIT(BK_CHANNEL_TARGET) | BK_BIT(BK_CHANNEL_ARGUMENTS),
	BK_BIT(BK_CHANNEL_TARGET), false}
};

/* What not all kinds take. */
#define BK_CHANNEL_SPECIAL \
	(BK_HTTP | BK_BIT(BK_CHANNEL_TARGET) | BK_BIT(BK_CHANNEL_SCHEDULE) | \
	 BK_BIT(BK_CHANNEL_SENDER) | BK_BIT(BK_CHANNEL_RECIPIENTS) | \
	 BK_BIT(BK_CHANNEL_LOGIN) | BK_BIT(BK_CHANNEL_ARGUMENTS))

PG_FUNCTION_INFO_V1(bk_channel);
PG_FUNCTION_INFO_V1(bk_channel_drop);
PG_FUNCTION_INFO_V1(bk_notify_test);

static const char *const bk_channel_levels[] = {"warning", "critical", NULL};

static const BkChannelKind *bk_channel_kind(FunctionCallInfo fcinfo);
static void bk_channel_check_set(FunctionCallInfo fcinfo, const BkChannelKind *kind);
static void bk_channel_check_target(FunctionCallInfo fcinfo, const BkChannelKind *kind);
static void bk_channel_check_times(FunctionCallInfo fcinfo);
static void bk_channel_check_rights(FunctionCallInfo fcinfo, const BkChannelKind *kind);
static void bk_channel_check_path(FunctionCallInfo fcinfo, BkChannelArgument argument);
static void bk_channel_check_size(FunctionCallInfo fcinfo);
static void bk_channel_refuse(BkChannelArgument argument, const char *detail,
							  const char *hint) BK_NORETURN;
static bool bk_channel_has(FunctionCallInfo fcinfo, BkChannelArgument argument);
static char *bk_channel_text(FunctionCallInfo fcinfo, BkChannelArgument argument);

static const char bk_sql_put_channel[] =
"INSERT INTO %s.backup_channel_data AS c (name, kind, target, secret_file, level, hold,"
" remind, every, schedule, sender, recipients, login, arguments, ca_file, proxy, plaintext,"
" enabled, system_identifier, changed_by, changed_at)"
" VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18,"
" $19, clock_timestamp())"
" ON CONFLICT (name) DO UPDATE SET kind = excluded.kind, target = excluded.target,"
" secret_file = excluded.secret_file, level = excluded.level, hold = excluded.hold,"
" remind = excluded.remind, every = excluded.every, schedule = excluded.schedule,"
" sender = excluded.sender, recipients = excluded.recipients, login = excluded.login,"
" arguments = excluded.arguments, ca_file = excluded.ca_file, proxy = excluded.proxy,"
" plaintext = excluded.plaintext, enabled = excluded.enabled,"
" system_identifier = excluded.system_identifier, changed_by = excluded.changed_by,"
" changed_at = excluded.changed_at"
" RETURNING c.xmax = '0'::xid";

static const char bk_sql_drop_channel[] =
"WITH c AS (DELETE FROM %s.backup_channel_data WHERE name = $1 RETURNING name),"
" s AS (DELETE FROM %s.backup_channel_state_data WHERE channel = $1),"
" t AS (DELETE FROM %s.backup_told_data WHERE channel = $1),"
" n AS (DELETE FROM %s.backup_notice_data WHERE channel = $1)"
" SELECT FROM c";

static const char bk_sql_channel_works[] =
"UPDATE %s.backup_channel_state_data SET sent_at = clock_timestamp(), failing_since = NULL"
" WHERE channel = $1";

static const char bk_sql_adopt_channels[] =
"UPDATE %s.backup_channel_data SET system_identifier = $1 WHERE system_identifier <> $1";

static const char bk_sql_find_channel[] =
"SELECT " BK_NOTICE_COLUMNS " FROM %s.backup_channel_data AS c WHERE c.name = $1";

Datum
bk_channel(PG_FUNCTION_ARGS)
{
	const BkChannelKind *kind;
	BkValues	values = {0};
	bool		is_new;
	bool		is_null;
	int			i;

	bk_ready_require_home();
	if (bk_argument_text(fcinfo, BK_CHANNEL_NAME, "name")[0] == '\0')
		bk_channel_refuse(BK_CHANNEL_NAME, "It has 1 to 63 bytes and no control characters.", NULL);
	kind = bk_channel_kind(fcinfo);
	bk_argument_word(fcinfo, BK_CHANNEL_LEVEL, "level", bk_channel_levels);
	bk_argument_bool(fcinfo, BK_CHANNEL_PLAINTEXT, "plaintext");
	bk_argument_bool(fcinfo, BK_CHANNEL_ENABLED, "enabled");
	bk_channel_check_set(fcinfo, kind);
	bk_channel_check_target(fcinfo, kind);
	bk_channel_check_times(fcinfo);
	bk_channel_check_rights(fcinfo, kind);
	bk_channel_check_size(fcinfo);

	for (i = 0; i < BK_CHANNEL_COUNT; i++)
		bk_values_add(&values, bk_channel_arguments[i].type,
					  PG_ARGISNULL(i) ? (Datum) 0 : PG_GETARG_DATUM(i), PG_ARGISNULL(i));
	bk_values_add_text(&values, psprintf(UINT64_FORMAT, GetSystemIdentifier()));
	bk_values_add_text(&values, GetUserNameFromId(GetOuterUserId(), false));
	SPI_connect();
	bk_statement_execute(bk_sql_put_channel, &values);
	is_new = DatumGetBool(SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1, &is_null));
	SPI_finish();
	PG_RETURN_BOOL(is_new);
}

Datum
bk_channel_drop(PG_FUNCTION_ARGS)
{
	BkValues	values = {0};
	bool		found;

	bk_ready_require_home();
	bk_values_add_text(&values, bk_argument_text(fcinfo, 0, "name"));
	SPI_connect();
	bk_statement_execute(bk_sql_drop_channel, &values);
	found = SPI_processed > 0;
	SPI_finish();
	PG_RETURN_BOOL(found);
}

/* It takes the way of every message, but waits for no other. */
Datum
bk_notify_test(PG_FUNCTION_ARGS)
{
	char	   *name = bk_argument_text(fcinfo, 0, "channel");
	MemoryContext caller = CurrentMemoryContext;
	BkValues	values = {0};
	BkOutcome	outcome;
	BkRun	   *run;
	char	   *message;
	char	   *sent = psprintf("channel \"%s\" has taken the message", name);

	bk_ready_require_alarms();
	bk_values_add_text(&values, name);
	SPI_connect();
	message = bk_notice_test();
	bk_statement_execute(bk_sql_find_channel, &values);
	if (SPI_processed == 0)
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_OBJECT),
				 errmsg("channel \"%s\" does not exist", name),
				 errhint("The view backup_channel_list shows the channels.")));
	run = bk_notice_send(SPI_tuptable->vals[0], SPI_tuptable->tupdesc,
						 message, caller);
	SPI_finish();
	if (run != NULL)
	{
		bk_call_outcome(run, &outcome);
		if (!outcome.ok)
			bk_outcome_report(&outcome, ERROR);
	}
	SPI_connect();
	bk_statement_execute(bk_sql_channel_works, &values);
	SPI_finish();
	PG_RETURN_TEXT_P(cstring_to_text(sent));
}

void
bk_channel_adopt(void)
{
	BkValues	values = {0};

	bk_values_add_text(&values, psprintf(UINT64_FORMAT, GetSystemIdentifier()));
	bk_statement_execute(bk_sql_adopt_channels, &values);
}

static const BkChannelKind *
bk_channel_kind(FunctionCallInfo fcinfo)
{
	const char *words[lengthof(bk_channel_kinds) + 1] = {NULL};
	char	   *word;
	int			i;

	for (i = 0; i < (int) lengthof(bk_channel_kinds); i++)
		words[i] = bk_channel_kinds[i].name;
	word = bk_argument_word(fcinfo, BK_CHANNEL_KIND, "kind", words);
	for (i = 0; strcmp(word, words[i]) != 0; i++)
		;
	return &bk_channel_kinds[i];
}

/* Are the arguments there that this kind needs, and no others? */
static void
bk_channel_check_set(FunctionCallInfo fcinfo, const BkChannelKind *kind)
{
	int			i;

	for (i = 0; i < BK_CHANNEL_COUNT; i++)
	{
		bool		is_there = bk_channel_has(fcinfo, i);

		if (!is_there && (kind->needs & BK_BIT(i)) != 0)
			bk_channel_refuse(i, psprintf("A channel of kind \"%s\" needs it.", kind->name), NULL);
		if (is_there && (BK_CHANNEL_SPECIAL & BK_BIT(i)) != 0 && (kind->takes & BK_BIT(i)) == 0)
			bk_channel_refuse(i, psprintf("A channel of kind \"%s\" does not have it.", kind->name),
							  strcmp(kind->name, "slack") == 0 && i == BK_CHANNEL_TARGET ?
							  "Its URL is a secret: write it into a file that only the server's user can read, and give that file's path as secret_file." : NULL);
	}
	if (kind->target_or_secret && !bk_channel_has(fcinfo, BK_CHANNEL_TARGET) &&
		!bk_channel_has(fcinfo, BK_CHANNEL_SECRET_FILE))
		bk_channel_refuse(BK_CHANNEL_TARGET, "There is neither a URL nor a file that has it.", NULL);
	if (bk_channel_has(fcinfo, BK_CHANNEL_LOGIN) && !bk_channel_has(fcinfo, BK_CHANNEL_SECRET_FILE))
		bk_channel_refuse(BK_CHANNEL_SECRET_FILE, "A login needs the file with its password.", NULL);
}

/* Everybody who may read the table sees it: there is to be no secret in it. */
static void
bk_channel_check_target(FunctionCallInfo fcinfo, const BkChannelKind *kind)
{
	char	   *target = bk_channel_text(fcinfo, BK_CHANNEL_TARGET);
	char	   *proxy = bk_channel_text(fcinfo, BK_CHANNEL_PROXY);
	Size		length = kind->scheme == NULL ? 0 : strlen(kind->scheme);

	if (proxy != NULL && strchr(proxy, '@') != NULL)
		bk_channel_refuse(BK_CHANNEL_PROXY, "A proxy with a user in it may hold a secret.",
						  "Use a proxy that asks for no password, such as one on this machine.");
	if (target == NULL)
		return;
	if (strcmp(kind->name, "notify") == 0 && strlen(target) >= NAMEDATALEN)
		bk_channel_refuse(BK_CHANNEL_TARGET, "The name of a notification channel has at most 63 bytes.", NULL);
	if (kind->scheme == NULL)
		return;
	if (pg_strncasecmp(target, kind->scheme, length) != 0 ||
		(pg_strncasecmp(target + length, "s://", 4) != 0 && strncmp(target + length, "://", 3) != 0))
		bk_channel_refuse(BK_CHANNEL_TARGET, psprintf("It is a URL that begins with %ss://.", kind->scheme), NULL);
	if (strpbrk(target, "@?") != NULL)
		bk_channel_refuse(BK_CHANNEL_TARGET, "A URL with a user or a query in it may hold a secret.",
						  "Write the URL into a file that only the server's user can read, and give that file's path as secret_file.");
}

static void
bk_channel_check_times(FunctionCallInfo fcinfo)
{
	static const Interval none = {0};
	static const Interval minute = {.time = USECS_PER_MINUTE};
	int			i;

	for (i = BK_CHANNEL_HOLD; i <= BK_CHANNEL_EVERY; i++)
	{
		const Interval *least = i == BK_CHANNEL_EVERY ? &minute : &none;

		bk_argument_needed(fcinfo, i, bk_channel_arguments[i].name);
		if (DatumGetBool(DirectFunctionCall2(interval_lt, PG_GETARG_DATUM(i),
											 IntervalPGetDatum(least))))
			bk_channel_refuse(i, i == BK_CHANNEL_EVERY ? "It is one minute or longer." :
							  "It is not below zero.", NULL);
	}
}

/* A file is read, and a program run, with the rights of the server's user. */
static void
bk_channel_check_rights(FunctionCallInfo fcinfo, const BkChannelKind *kind)
{
	bool		reads = bk_channel_has(fcinfo, BK_CHANNEL_SECRET_FILE) ||
		bk_channel_has(fcinfo, BK_CHANNEL_CA_FILE);

	bk_channel_check_path(fcinfo, BK_CHANNEL_SECRET_FILE);
	bk_channel_check_path(fcinfo, BK_CHANNEL_CA_FILE);
	if (reads && !has_privs_of_role(GetUserId(), ROLE_PG_READ_SERVER_FILES))
		ereport(ERROR,
				(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
				 errmsg("must be superuser or have privileges of the pg_read_server_files role to name a file")));
	if (strcmp(kind->name, "program") != 0)
		return;
	bk_channel_check_path(fcinfo, BK_CHANNEL_TARGET);
	if (!has_privs_of_role(GetUserId(), ROLE_PG_EXECUTE_SERVER_PROGRAM))
		ereport(ERROR,
				(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
				 errmsg("must be superuser or have privileges of the pg_execute_server_program role to name a program")));
}

static void
bk_channel_check_path(FunctionCallInfo fcinfo, BkChannelArgument argument)
{
	char	   *path = bk_channel_text(fcinfo, argument);

	if (path != NULL && !is_absolute_path(path))
		bk_channel_refuse(argument, "It is an absolute path.", NULL);
}

static void
bk_channel_check_size(FunctionCallInfo fcinfo)
{
	Size		size = 0;
	int			i;

	for (i = 0; i < BK_CHANNEL_COUNT; i++)
	{
		char	   *text;

		if (PG_ARGISNULL(i))
			continue;
		if (bk_channel_arguments[i].type == TEXTARRAYOID)
		{
			if (array_contains_nulls(PG_GETARG_ARRAYTYPE_P(i)))
				bk_channel_refuse(i, "It has a null in it.", NULL);
			size += VARSIZE_ANY(PG_GETARG_POINTER(i));
		}
		if (bk_channel_arguments[i].type != TEXTOID)
			continue;
		text = bk_channel_text(fcinfo, i);
		size += strlen(text);
		if (bk_argument_has_control(text) || (i == BK_CHANNEL_NAME && strlen(text) >= NAMEDATALEN))
			bk_channel_refuse(i, i == BK_CHANNEL_NAME ? "It has 1 to 63 bytes and no control characters." :
							  "It has a control character in it.", NULL);
	}
	if (size > BK_CHANNEL_SIZE_MAX)
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				 errmsg("the arguments of the channel are too long"),
				 errdetail("They may have %d bytes together.", BK_CHANNEL_SIZE_MAX)));
}

static void
bk_channel_refuse(BkChannelArgument argument, const char *detail, const char *hint)
{
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("invalid value for argument \"%s\"", bk_channel_arguments[argument].name),
			 errdetail_internal("%s", detail),
			 hint == NULL ? 0 : errhint("%s", hint)));
}

/* Is an argument there, and not empty? */
static bool
bk_channel_has(FunctionCallInfo fcinfo, BkChannelArgument argument)
{
	if (PG_ARGISNULL(argument))
		return false;
	if (bk_channel_arguments[argument].type == TEXTARRAYOID)
		return ArrayGetNItems(ARR_NDIM(PG_GETARG_ARRAYTYPE_P(argument)),
							  ARR_DIMS(PG_GETARG_ARRAYTYPE_P(argument))) > 0;
	return bk_channel_arguments[argument].type != TEXTOID ||
		bk_channel_text(fcinfo, argument)[0] != '\0';
}

/* Of a text; NULL if it is null. */
static char *
bk_channel_text(FunctionCallInfo fcinfo, BkChannelArgument argument)
{
	return PG_ARGISNULL(argument) ? NULL : text_to_cstring(PG_GETARG_TEXT_PP(argument));
}
