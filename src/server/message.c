/*
 * message.c
 *	  Reads what the program says with the server's own JSON parser.
 */
#include "postgres.h"

#include "access/xact.h"
#include "catalog/namespace.h"
#include "mb/pg_wchar.h"
#include "utils/builtins.h"

#include "server/message.h"

#define BK_PROTOCOL 1

static char *bk_message_to_server(char *line, int length);
static void bk_message_convert(unsigned char *line, int length,
							   unsigned char *text);
static JsonbValue *bk_message_member(Jsonb *event, const char *name,
									 JsonbValue *member);

Jsonb *
bk_message_parse(char *line, int length)
{
	MemoryContext context = CurrentMemoryContext;
	Jsonb	   *event = NULL;

	if (strlen(line) != (Size) length)
		bk_message_violation("a line has a zero byte", line);
	PG_TRY();
	{
		char	   *text = bk_message_to_server(line, length);

		event = DatumGetJsonbP(DirectFunctionCall1(jsonb_in,
												   CStringGetDatum(text)));
	}
	PG_CATCH();
	{
		ErrorData  *error;

		MemoryContextSwitchTo(context);
		error = CopyErrorData();
		FlushErrorState();
		bk_message_violation(error->message, line);
	}
	PG_END_TRY();
	if (!JB_ROOT_IS_OBJECT(event))
		bk_message_violation("a line is not an object", line);
	return event;
}

/*
 * Conversions between encodings are looked up in catalogs. A character that
 * this database does not have, say in a name that is part of a message, must
 * not cost the whole line.
 */
static char *
bk_message_to_server(char *line, int length)
{
	MemoryContext caller = CurrentMemoryContext;
	char	   *text;

	if (GetDatabaseEncoding() == PG_UTF8 || GetDatabaseEncoding() == PG_SQL_ASCII)
		return pg_any_to_server(line, length, PG_UTF8);
	pg_verify_mbstr(PG_UTF8, line, length, false);
	text = palloc(length * MAX_CONVERSION_GROWTH + 2);
	StartTransactionCommand();
	bk_message_convert((unsigned char *) line, length, (unsigned char *) text);
	CommitTransactionCommand();
	MemoryContextSwitchTo(caller);
	return text;
}

char *
bk_message_repair(const char *text)
{
	int			length = strlen(text);
	unsigned char *valid = (unsigned char *) pstrdup(text);
	char	   *repaired;
	int			i;
	int			step;

	for (i = 0; i < length; i += step)
	{
		step = pg_utf_mblen(valid + i);
		if (step <= length - i && pg_utf8_islegal(valid + i, step))
			continue;
		valid[i] = '?';
		step = 1;
	}
	if (GetDatabaseEncoding() == PG_UTF8 || GetDatabaseEncoding() == PG_SQL_ASCII)
		return (char *) valid;
	repaired = palloc(length * MAX_CONVERSION_GROWTH + 2);
	bk_message_convert(valid, length, (unsigned char *) repaired);
	return repaired;
}

/* Converts valid UTF-8, with "?" for each character that cannot be converted. */
static void
bk_message_convert(unsigned char *line, int length, unsigned char *text)
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

/* What the program sent can be long and of any encoding: show its start. */
void
bk_message_violation(const char *reason, const char *what)
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

void
bk_message_hello(Jsonb *event)
{
	int64		newest = bk_message_number(event, "protocol", 0);
	int64		oldest = bk_message_number(event, "oldest", newest);

	if (BK_PROTOCOL < oldest || BK_PROTOCOL > newest)
		ereport(ERROR,
				(errcode(ERRCODE_PROTOCOL_VIOLATION),
				 errmsg("the program pg_backup_ext and the extension do not understand each other"),
				 errdetail("The program speaks versions " INT64_FORMAT " to " INT64_FORMAT " of the agent protocol, the extension speaks version %d.",
						   oldest, newest, BK_PROTOCOL),
				 errhint("Restart the server after an upgrade of the package.")));
}

/* --- members --- */

static JsonbValue *
bk_message_member(Jsonb *event, const char *name, JsonbValue *member)
{
	return getKeyJsonValueFromContainer(&event->root, name, strlen(name), member);
}

char *
bk_message_text(Jsonb *event, const char *name)
{
	JsonbValue	member;

	if (bk_message_member(event, name, &member) == NULL || member.type == jbvNull)
		return NULL;
	if (member.type != jbvString)
		bk_message_violation("a member is not a string", name);
	return pnstrdup(member.val.string.val, member.val.string.len);
}

char *
bk_message_needed_text(Jsonb *event, const char *name)
{
	char	   *text = bk_message_text(event, name);

	if (text == NULL)
		bk_message_violation("a member is missing", name);
	return text;
}

int64
bk_message_number(Jsonb *event, const char *name, int64 otherwise)
{
	JsonbValue	member;

	if (bk_message_member(event, name, &member) == NULL || member.type == jbvNull)
		return otherwise;
	if (member.type != jbvNumeric)
		bk_message_violation("a member is not a number", name);
	return DatumGetInt64(DirectFunctionCall1(numeric_int8,
											 NumericGetDatum(member.val.numeric)));
}

bool
bk_message_bool(Jsonb *event, const char *name)
{
	JsonbValue	member;

	if (bk_message_member(event, name, &member) == NULL || member.type != jbvBool)
		bk_message_violation("a member is not true or false", name);
	return member.val.boolean;
}
