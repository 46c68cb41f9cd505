/*
 * event.c
 *	  Reads the program's events with the server's own JSON parser. Whatever
 *	  the program sends can only make its own run fail: texts are data, numbers
 *	  are checked, and each line is forgotten before the next one is read.
 */
#include "postgres.h"

#include <sys/wait.h>

#include "access/xact.h"
#include "catalog/namespace.h"
#include "mb/pg_wchar.h"
#include "utils/builtins.h"
#include "utils/json.h"
#include "utils/jsonb.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"

#include "server/catalogue.h"
#include "server/compat.h"
#include "server/event.h"
#include "server/request.h"

#define BK_PROTOCOL 1
#define BK_CHECKS_MAX 10000

typedef struct BkEventType
{
	const char *name;
	void		(*take) (BkReport *report, Jsonb *event);
} BkEventType;

static void bk_event_hello(BkReport *report, Jsonb *event);
static void bk_event_progress(BkReport *report, Jsonb *event);
static void bk_event_repository(BkReport *report, Jsonb *event);
static void bk_event_backup(BkReport *report, Jsonb *event);
static void bk_event_put_new_backup(BkReport *report, const char *id,
									Jsonb *event);
static void bk_event_check(BkReport *report, Jsonb *event);
static void bk_event_restored(BkReport *report, Jsonb *event);
static void bk_event_deleted(BkReport *report, Jsonb *event);
static void bk_event_notice(BkReport *report, Jsonb *event);
static void bk_event_done(BkReport *report, Jsonb *event);
static void bk_event_failed(BkReport *report, Jsonb *event);

static const BkEventType bk_event_types[] =
{
	{"hello", bk_event_hello},
	{"progress", bk_event_progress},
	{"repository", bk_event_repository},
	{"backup", bk_event_backup},
	{"check", bk_event_check},
	{"restored", bk_event_restored},
	{"deleted", bk_event_deleted},
	{"notice", bk_event_notice},
	{"done", bk_event_done},
	{"failed", bk_event_failed}
};

static Jsonb *bk_event_parse(char *line, int length);
static char *bk_event_to_server(char *line, int length);
static void bk_event_convert(unsigned char *line, int length,
							 unsigned char *text);
static void bk_event_dispatch(BkReport *report, Jsonb *event);
static void bk_event_violation(const char *reason, const char *what) BK_NORETURN;
static JsonbValue *bk_event_member(Jsonb *event, const char *name,
								   JsonbValue *member);
static char *bk_event_text(Jsonb *event, const char *name);
static char *bk_event_needed_text(Jsonb *event, const char *name);
static char *bk_event_id(Jsonb *event);
static int64 bk_event_number(Jsonb *event, const char *name, int64 otherwise);
static bool bk_event_bool(Jsonb *event, const char *name);
static void bk_event_add_member(StringInfo text, const char *name,
								const char *value);

void
bk_report_init(BkReport *report, int slot, const char *verb, const char *url)
{
	report->slot = slot;
	report->verb = verb;
	report->url = url;
	initStringInfo(&report->checks);
	report->line_context = AllocSetContextCreate(CurrentMemoryContext,
												 "backup_ext event",
												 ALLOCSET_DEFAULT_SIZES);
}

void
bk_report_take(BkReport *report, char *line, int length)
{
	MemoryContext old = MemoryContextSwitchTo(report->line_context);

	bk_event_dispatch(report, bk_event_parse(line, length));
	MemoryContextSwitchTo(old);
	MemoryContextReset(report->line_context);
}

void
bk_report_conclude(BkReport *report, int status, bool canceled,
				   BkOutcome *outcome)
{
	int			expected = report->outcome.ok ? 0 : 1;

	if (report->ended && WIFEXITED(status) && WEXITSTATUS(status) == expected)
	{
		*outcome = report->outcome;
		if (outcome->ok)
			bk_text_copy(outcome->result, sizeof(outcome->result), report->result);
		return;
	}
	if (canceled)
	{
		bk_outcome_fail(outcome, ERRCODE_QUERY_CANCELED, "the run was canceled");
		return;
	}
	bk_outcome_fail(outcome, ERRCODE_SYSTEM_ERROR,
					report->ended ?
					"the backup program ended with a status that does not fit what it said" :
					"the backup program ended without a result");
	bk_outcome_detail(outcome, "It ended with: %s.", wait_result_to_str(status));
	bk_outcome_hint(outcome, "The server log has what it said.");
}

char *
bk_report_checks(BkReport *report)
{
	return report->check_count == 0 ? NULL :
		psprintf("{\"checks\": [%s]}", report->checks.data);
}

/* --- a line --- */

/* Turns a line into an object; whatever is wrong with it is the program's fault. */
static Jsonb *
bk_event_parse(char *line, int length)
{
	MemoryContext context = CurrentMemoryContext;
	Jsonb	   *event = NULL;

	if (strlen(line) != (Size) length)
		bk_event_violation("a line has a zero byte", line);
	PG_TRY();
	{
		char	   *text = bk_event_to_server(line, length);

		event = DatumGetJsonbP(DirectFunctionCall1(jsonb_in,
												   CStringGetDatum(text)));
	}
	PG_CATCH();
	{
		ErrorData  *error;

		MemoryContextSwitchTo(context);
		error = CopyErrorData();
		FlushErrorState();
		bk_event_violation(error->message, line);
	}
	PG_END_TRY();
	if (!JB_ROOT_IS_OBJECT(event))
		bk_event_violation("a line is not an object", line);
	return event;
}

/*
 * Conversions between encodings are looked up in catalogs. A character that
 * this database does not have, say in a name that is part of a message, must
 * not cost the whole line.
 */
static char *
bk_event_to_server(char *line, int length)
{
	MemoryContext caller = CurrentMemoryContext;
	char	   *text;

	if (GetDatabaseEncoding() == PG_UTF8 || GetDatabaseEncoding() == PG_SQL_ASCII)
		return pg_any_to_server(line, length, PG_UTF8);
	pg_verify_mbstr(PG_UTF8, line, length, false);
	text = palloc(length * MAX_CONVERSION_GROWTH + 2);
	StartTransactionCommand();
	bk_event_convert((unsigned char *) line, length, (unsigned char *) text);
	CommitTransactionCommand();
	MemoryContextSwitchTo(caller);
	return text;
}

/* Converts valid UTF-8, with "?" for each character that cannot be converted. */
static void
bk_event_convert(unsigned char *line, int length, unsigned char *text)
{
	int			encoding = GetDatabaseEncoding();
	Oid			conversion = FindDefaultConversionProc(PG_UTF8, encoding);

	if (!OidIsValid(conversion))
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_FUNCTION),
				 errmsg("there is no conversion from UTF8 to %s",
						GetDatabaseEncodingName())));
	*text = '\0';
	while (length > 0)
	{
		int			done = pg_do_encoding_conversion_buf(conversion, PG_UTF8, encoding,
														 line, length, text,
														 length * MAX_CONVERSION_GROWTH + 2,
														 true);

		text += strlen((char *) text);
		line += done;
		length -= done;
		if (length > 0)
		{
			int			skipped = Min(pg_utf_mblen(line), length);

			*text++ = '?';
			*text = '\0';
			line += skipped;
			length -= skipped;
		}
	}
}

static void
bk_event_dispatch(BkReport *report, Jsonb *event)
{
	char	   *name = bk_event_needed_text(event, "event");
	int			i;

	if (report->ended)
		bk_event_violation("an event follows the last one", name);
	if (!report->greeted && strcmp(name, "hello") != 0)
		bk_event_violation("the first event is not \"hello\"", name);
	for (i = 0; i < (int) lengthof(bk_event_types); i++)
	{
		if (strcmp(name, bk_event_types[i].name) == 0)
			bk_event_types[i].take(report, event);
	}
	/* an event that is unknown comes from a newer program and is optional */
}

/* What the program sent can be long and of any encoding: show its start. */
static void
bk_event_violation(const char *reason, const char *what)
{
	char		start[129];
	char	   *c;

	snprintf(start, sizeof(start), "%s", what);
	for (c = start; *c != '\0'; c++)
	{
		if ((unsigned char) *c < 0x20 || (unsigned char) *c >= 0x7f)
			*c = '?';
	}
	ereport(ERROR,
			(errcode(ERRCODE_PROTOCOL_VIOLATION),
			 errmsg("the backup program sent what the agent protocol does not allow"),
			 errdetail("%s: %s", reason, start),
			 errhint("Install the same version of the extension and of the program pg_backup_ext.")));
}

/* --- events --- */

static void
bk_event_hello(BkReport *report, Jsonb *event)
{
	int64		newest = bk_event_number(event, "protocol", 0);
	int64		oldest = bk_event_number(event, "oldest", newest);

	if (BK_PROTOCOL < oldest || BK_PROTOCOL > newest)
		ereport(ERROR,
				(errcode(ERRCODE_PROTOCOL_VIOLATION),
				 errmsg("the program pg_backup_ext and the extension do not understand each other"),
				 errdetail("The program speaks versions " INT64_FORMAT " to " INT64_FORMAT " of the agent protocol, the extension speaks version %d.",
						   oldest, newest, BK_PROTOCOL),
				 errhint("Restart the server after an upgrade of the package.")));
	report->greeted = true;
}

static void
bk_event_progress(BkReport *report, Jsonb *event)
{
	BkProgress	progress = {0};
	char	   *phase = bk_event_text(event, "phase");
	char	   *object = bk_event_text(event, "object");

	if (phase != NULL)
		bk_text_copy(progress.phase, sizeof(progress.phase), phase);
	if (object != NULL)
		bk_text_copy(progress.object, sizeof(progress.object), object);
	progress.done = bk_event_number(event, "done", 0);
	progress.total = bk_event_number(event, "total", 0);
	progress.updated_at = GetCurrentTimestamp();
	bk_shared_set_progress(report->slot, &progress);
}

static void
bk_event_repository(BkReport *report, Jsonb *event)
{
	char	   *id = bk_event_needed_text(event, "id");

	bk_catalogue_put_repository(report->url, event);
	bk_text_copy(report->result, sizeof(report->result), id);
}

static void
bk_event_backup(BkReport *report, Jsonb *event)
{
	char	   *id = bk_event_id(event);

	report->backups++;
	if (strcmp(report->verb, "backup") != 0)
	{
		bk_catalogue_put_backup(report->url, event);
		return;
	}
	bk_shared_set_backup(report->slot, id,
						 bk_event_number(event, "plain_size", -1),
						 bk_event_number(event, "stored_size", -1));
	bk_text_copy(report->result, sizeof(report->result), id);
	bk_event_put_new_backup(report, id, event);
}

/* The new backup is in the repository, whatever happens to its row here. */
static void
bk_event_put_new_backup(BkReport *report, const char *id, Jsonb *event)
{
	MemoryContext context = CurrentMemoryContext;
	BkOutcome	outcome;

	PG_TRY();
	{
		bk_catalogue_put_backup(report->url, event);
	}
	PG_CATCH();
	{
		bk_catalogue_catch(&outcome, context);
		bk_shared_add_notice(report->slot, true,
							 psprintf("backup \"%s\" is good but not in the catalogue: %s",
									  id, outcome.message),
							 "Run backup_sync() when the cause is removed.");
	}
	PG_END_TRY();
}

/* Keeps the line for the run's row, built anew from its known members. */
static void
bk_event_check(BkReport *report, Jsonb *event)
{
	StringInfo	checks = &report->checks;

	if (report->check_count++ >= BK_CHECKS_MAX)
		bk_event_violation("too many \"check\" events",
						   bk_event_needed_text(event, "name"));
	if (checks->len > 0)
		appendStringInfoString(checks, ", ");
	appendStringInfoString(checks, "{\"name\": ");
	escape_json(checks, bk_event_needed_text(event, "name"));
	appendStringInfo(checks, ", \"ok\": %s",
					 bk_event_bool(event, "ok") ? "true" : "false");
	bk_event_add_member(checks, "detail", bk_event_text(event, "detail"));
	bk_event_add_member(checks, "hint", bk_event_text(event, "hint"));
	appendStringInfoChar(checks, '}');
}

static void
bk_event_restored(BkReport *report, Jsonb *event)
{
	char	   *kept_as = bk_event_text(event, "kept_as");

	bk_text_copy(report->result, sizeof(report->result),
				 bk_event_needed_text(event, "database"));
	if (kept_as != NULL)
		bk_shared_add_notice(report->slot, false,
							 psprintf("the replaced database is kept as \"%s\"", kept_as),
							 NULL);
}

static void
bk_event_deleted(BkReport *report, Jsonb *event)
{
	bk_catalogue_remove_backup(report->url, bk_event_id(event));
}

static void
bk_event_notice(BkReport *report, Jsonb *event)
{
	char	   *level = bk_event_text(event, "level");

	bk_shared_add_notice(report->slot,
						 level != NULL && strcmp(level, "warning") == 0,
						 bk_event_needed_text(event, "message"), NULL);
}

static void
bk_event_done(BkReport *report, Jsonb *event)
{
	report->ended = true;
	bk_outcome_succeed(&report->outcome, NULL);
}

static void
bk_event_failed(BkReport *report, Jsonb *event)
{
	report->ended = true;
	bk_outcome_from_program(&report->outcome, bk_event_text(event, "sqlstate"),
							bk_event_text(event, "message"),
							bk_event_text(event, "detail"),
							bk_event_text(event, "hint"));
}

/* --- members --- */

static JsonbValue *
bk_event_member(Jsonb *event, const char *name, JsonbValue *member)
{
	return getKeyJsonValueFromContainer(&event->root, name, strlen(name), member);
}

/* Returns NULL if there is no such member, or if it is null. */
static char *
bk_event_text(Jsonb *event, const char *name)
{
	JsonbValue	member;

	if (bk_event_member(event, name, &member) == NULL || member.type == jbvNull)
		return NULL;
	if (member.type != jbvString)
		bk_event_violation("a member is not a string", name);
	return pnstrdup(member.val.string.val, member.val.string.len);
}

static char *
bk_event_needed_text(Jsonb *event, const char *name)
{
	char	   *text = bk_event_text(event, name);

	if (text == NULL)
		bk_event_violation("a member is missing", name);
	return text;
}

static char *
bk_event_id(Jsonb *event)
{
	char	   *id = bk_event_needed_text(event, "id");

	if (!bk_request_is_id(id))
		bk_event_violation("this is not the id of a backup", id);
	return id;
}

static int64
bk_event_number(Jsonb *event, const char *name, int64 otherwise)
{
	JsonbValue	member;

	if (bk_event_member(event, name, &member) == NULL || member.type == jbvNull)
		return otherwise;
	if (member.type != jbvNumeric)
		bk_event_violation("a member is not a number", name);
	return DatumGetInt64(DirectFunctionCall1(numeric_int8,
											 NumericGetDatum(member.val.numeric)));
}

static bool
bk_event_bool(Jsonb *event, const char *name)
{
	JsonbValue	member;

	if (bk_event_member(event, name, &member) == NULL || member.type != jbvBool)
		bk_event_violation("a member is not true or false", name);
	return member.val.boolean;
}

static void
bk_event_add_member(StringInfo text, const char *name, const char *value)
{
	if (value == NULL)
		return;
	appendStringInfo(text, ", \"%s\": ", name);
	escape_json(text, value);
}
