/*
 * arguments.c
 *	  Checks of what users give to the SQL functions.
 */
#include "postgres.h"

#include "access/genam.h"
#include "access/htup_details.h"
#include "access/table.h"
#include "catalog/pg_database.h"
#include "commands/dbcommands.h"
#include "mb/pg_wchar.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"
#include "utils/syscache.h"
#include "utils/varlena.h"

#include "server/arguments.h"
#include "server/request.h"

#define BK_LABEL_LENGTH 200		/* characters */
#define BK_MARK_LENGTH 63		/* bytes */
#define BK_SPELLING_DISTANCE 3

static char *bk_argument_similar_database(const char *name);

void
bk_argument_needed(FunctionCallInfo fcinfo, int number, const char *name)
{
	if (PG_ARGISNULL(number))
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("argument \"%s\" must not be null", name)));
}

char *
bk_argument_text(FunctionCallInfo fcinfo, int number, const char *name)
{
	bk_argument_needed(fcinfo, number, name);
	return text_to_cstring(PG_GETARG_TEXT_PP(number));
}

bool
bk_argument_bool(FunctionCallInfo fcinfo, int number, const char *name)
{
	bk_argument_needed(fcinfo, number, name);
	return PG_GETARG_BOOL(number);
}

char *
bk_argument_id(FunctionCallInfo fcinfo, int number)
{
	char	   *id = bk_argument_text(fcinfo, number, "id");

	if (!bk_request_is_id(id))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("this is not the id of a backup"),
				 errdetail("An id looks like 20261121T101500Z-app-7x2m."),
				 errhint("The function backup_list() shows the ids.")));
	return id;
}

char *
bk_argument_word(FunctionCallInfo fcinfo, int number, const char *name,
				 const char *const *words)
{
	char	   *text = bk_argument_text(fcinfo, number, name);
	StringInfoData list;
	int			i;

	initStringInfo(&list);
	for (i = 0; words[i] != NULL; i++)
	{
		if (strcmp(text, words[i]) == 0)
			return text;
		appendStringInfo(&list, "%s\"%s\"", i > 0 ? ", " : "", words[i]);
	}
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("invalid value for argument \"%s\"", name),
			 errdetail("It can be: %s.", list.data)));
}

char *
bk_argument_database(FunctionCallInfo fcinfo, int number, Oid *oid)
{
	char	   *name = PG_ARGISNULL(number) ? get_database_name(MyDatabaseId) :
		text_to_cstring(PG_GETARG_TEXT_PP(number));
	Relation	catalog = table_open(DatabaseRelationId, AccessShareLock);
	SysScanDesc scan = systable_beginscan(catalog, InvalidOid, false, NULL, 0, NULL);
	HeapTuple	tuple;
	bool		connectable = false;

	*oid = InvalidOid;
	while (HeapTupleIsValid(tuple = systable_getnext(scan)))
	{
		Form_pg_database row = (Form_pg_database) GETSTRUCT(tuple);

		if (strcmp(NameStr(row->datname), name) != 0)
			continue;
		*oid = row->oid;
		connectable = row->datallowconn;
	}
	systable_endscan(scan);
	table_close(catalog, AccessShareLock);

	if (!OidIsValid(*oid))
	{
		char	   *similar = bk_argument_similar_database(name);

		name[pg_mbcliplen(name, strlen(name), NAMEDATALEN - 1)] = '\0';
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_DATABASE),
				 errmsg("database \"%s\" does not exist", name),
				 similar != NULL ?
				 errhint("Perhaps you meant the database \"%s\".", similar) : 0));
	}
	if (!connectable)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("database \"%s\" does not accept connections", name),
				 errhint("Allow them: ALTER DATABASE %s ALLOW_CONNECTIONS true;",
						 quote_identifier(name))));
	return name;
}

/* Returns the name of the database that is spelled most like this; or NULL. */
static char *
bk_argument_similar_database(const char *name)
{
	Relation	catalog;
	SysScanDesc scan;
	HeapTuple	tuple;
	char	   *best = NULL;
	int			distance = BK_SPELLING_DISTANCE;

	if (strlen(name) >= NAMEDATALEN)
		return NULL;
	catalog = table_open(DatabaseRelationId, AccessShareLock);
	scan = systable_beginscan(catalog, InvalidOid, false, NULL, 0, NULL);
	while (HeapTupleIsValid(tuple = systable_getnext(scan)))
	{
		char	   *other = NameStr(((Form_pg_database) GETSTRUCT(tuple))->datname);
		int			found;

		/* it may be in the encoding of another database */
		if (!pg_verifymbstr(other, strlen(other), true))
			continue;
		found = varstr_levenshtein_less_equal(name, strlen(name),
											  other, strlen(other),
											  1, 1, 1, distance, true);

		/* a name of few letters is similar to every other one */
		if (found < distance && found < (int) strlen(name) / 2 + 1)
		{
			distance = found;
			best = pstrdup(other);
		}
	}
	systable_endscan(scan);
	table_close(catalog, AccessShareLock);
	return best;
}

char *
bk_argument_new_database(FunctionCallInfo fcinfo, int number)
{
	char	   *name = bk_argument_text(fcinfo, number, "target_database");

	if (name[0] == '\0' || strlen(name) >= NAMEDATALEN)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("invalid value for argument \"%s\"", "target_database"),
				 errdetail("The name of a database has 1 to %d bytes.",
						   NAMEDATALEN - 1)));
	return name;
}

/* As src/repo/mark.c has it, which sees the name in UTF-8. */
char *
bk_argument_mark(FunctionCallInfo fcinfo, int number)
{
	char	   *name = bk_argument_text(fcinfo, number, "name");
	char	   *utf8 = pg_server_to_any(name, strlen(name), PG_UTF8);

	if (name[0] == '\0' || strlen(utf8) > BK_MARK_LENGTH ||
		bk_argument_has_control(name))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("invalid value for argument \"%s\"", "name"),
				 errdetail("The name of a mark has 1 to %d bytes and no control characters.",
						   BK_MARK_LENGTH)));
	return name;
}

char *
bk_argument_schedule(FunctionCallInfo fcinfo, int number)
{
	char	   *name = bk_argument_text(fcinfo, number, "name");

	if (name[0] == '\0' || strlen(name) >= NAMEDATALEN ||
		bk_argument_has_control(name))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("invalid value for argument \"%s\"", "name"),
				 errdetail("The name of a schedule has 1 to %d bytes and no control characters.",
						   NAMEDATALEN - 1)));
	return name;
}

char *
bk_argument_label(FunctionCallInfo fcinfo, int number)
{
	char	   *label;

	if (PG_ARGISNULL(number))
		return NULL;
	label = text_to_cstring(PG_GETARG_TEXT_PP(number));
	if (pg_mbstrlen(label) > BK_LABEL_LENGTH || bk_argument_has_control(label))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("invalid value for argument \"%s\"", "label"),
				 errdetail("A label has at most %d characters and no control characters.",
						   BK_LABEL_LENGTH)));
	return label;
}

bool
bk_argument_has_control(const char *text)
{
	for (; *text != '\0'; text++)
	{
		if ((unsigned char) *text < 0x20 || *text == 0x7f)
			return true;
	}
	return false;
}
