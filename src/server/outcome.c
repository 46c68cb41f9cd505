/*
 * outcome.c
 *	  The value that says how a run ended. Texts that come from the program are
 *	  data: they are copied and printed, never used as a format.
 */
#include "postgres.h"

#include "mb/pg_wchar.h"

#include "server/outcome.h"

static bool bk_outcome_is_sqlstate(const char *text);

void
bk_text_copy(char *field, Size size, const char *text)
{
	int			length = strlen(text);

	if ((Size) length >= size)
		length = pg_mbcliplen(text, length, size - 1);
	memcpy(field, text, length);
	field[length] = '\0';
}

void
bk_outcome_succeed(BkOutcome *outcome, const char *result)
{
	memset(outcome, 0, sizeof(BkOutcome));
	outcome->ok = true;
	if (result != NULL)
		bk_text_copy(outcome->result, sizeof(outcome->result), result);
}

/*
 * Formats into a field. A text that is too long may have been cut within a
 * character: the second step takes such a rest away.
 */
static void pg_attribute_printf(3, 0)
bk_outcome_format(char *field, Size size, const char *format, va_list args)
{
	vsnprintf(field, size, format, args);
	field[pg_mbcliplen(field, strlen(field), strlen(field))] = '\0';
}

void
bk_outcome_fail(BkOutcome *outcome, int sqlerrcode, const char *format,...)
{
	va_list		args;

	memset(outcome, 0, sizeof(BkOutcome));
	bk_text_copy(outcome->sqlstate, sizeof(outcome->sqlstate),
				 unpack_sql_state(sqlerrcode));
	va_start(args, format);
	bk_outcome_format(outcome->message, sizeof(outcome->message), format, args);
	va_end(args);
}

void
bk_outcome_detail(BkOutcome *outcome, const char *format,...)
{
	va_list		args;

	va_start(args, format);
	bk_outcome_format(outcome->detail, sizeof(outcome->detail), format, args);
	va_end(args);
}

void
bk_outcome_hint(BkOutcome *outcome, const char *format,...)
{
	va_list		args;

	va_start(args, format);
	bk_outcome_format(outcome->hint, sizeof(outcome->hint), format, args);
	va_end(args);
}

void
bk_outcome_from_program(BkOutcome *outcome, const char *sqlstate,
						const char *message, const char *detail,
						const char *hint)
{
	if (message == NULL || message[0] == '\0')
		message = "the backup program failed without a message";
	bk_outcome_fail(outcome, ERRCODE_SYSTEM_ERROR, "%s", message);
	if (sqlstate != NULL && bk_outcome_is_sqlstate(sqlstate))
		bk_text_copy(outcome->sqlstate, sizeof(outcome->sqlstate), sqlstate);
	if (detail != NULL)
		bk_outcome_detail(outcome, "%s", detail);
	if (hint != NULL)
		bk_outcome_hint(outcome, "%s", hint);
}

void
bk_outcome_from_error(BkOutcome *outcome, const ErrorData *error)
{
	bk_outcome_fail(outcome, error->sqlerrcode, "%s", error->message);
	if (error->detail != NULL)
		bk_outcome_detail(outcome, "%s", error->detail);
	if (error->hint != NULL)
		bk_outcome_hint(outcome, "%s", error->hint);
}

bool
bk_outcome_is_skipped(const BkOutcome *outcome)
{
	return strcmp(outcome->sqlstate, unpack_sql_state(BK_ERRCODE_SKIPPED)) == 0;
}

void
bk_outcome_report(const BkOutcome *outcome, int elevel)
{
	const char *s = outcome->sqlstate;

	ereport(elevel,
			(errcode(MAKE_SQLSTATE(s[0], s[1], s[2], s[3], s[4])),
			 errmsg_internal("%s", outcome->message),
			 outcome->detail[0] != '\0' ?
			 errdetail_internal("%s", outcome->detail) : 0,
			 outcome->hint[0] != '\0' ? errhint("%s", outcome->hint) : 0));
}

/* Is this an SQLSTATE of a failure? Classes 00, 01 and 02 are none. */
static bool
bk_outcome_is_sqlstate(const char *text)
{
	if (strlen(text) != 5 ||
		strspn(text, "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ") != 5)
		return false;
	return !(text[0] == '0' && text[1] <= '2');
}
