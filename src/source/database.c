/*
 * database.c
 *	  Read what a database is, create one like it.
 *
 * The server puts the facts into JSON itself; columns that only some versions
 * have are reached through to_jsonb(), so that one text serves all of them.
 */
#include "source/database.h"

#include <stdlib.h>
#include <string.h>

#include "core/buf.h"

static const char identity_sql[] =
	"SELECT jsonb_build_object("
	" 'name', d.datname, 'oid', d.oid::bigint,"
	" 'encoding', pg_encoding_to_char(d.encoding),"
	" 'locale_provider', CASE to_jsonb(d) ->> 'datlocprovider'"
	" WHEN 'i' THEN 'icu' WHEN 'b' THEN 'builtin' ELSE 'libc' END,"
	" 'collate', d.datcollate, 'ctype', d.datctype,"
	" 'locale', coalesce(to_jsonb(d) ->> 'datlocale', to_jsonb(d) ->> 'daticulocale'),"
	" 'icu_rules', to_jsonb(d) ->> 'daticurules',"
	" 'collation_version', d.datcollversion,"
	" 'tablespace', t.spcname)::text"
	" FROM pg_database d JOIN pg_tablespace t ON t.oid = d.dattablespace"
	" WHERE d.datname = current_database()";

static const char position_sql[] =
	"SELECT jsonb_build_object("
	" 'system_identifier', s.system_identifier::text,"
	" 'timeline', c.timeline_id,"
	" 'fence', current_setting('backup_ext.fence', true),"
	" 'data_directory', CASE WHEN pg_has_role('pg_read_all_settings', 'USAGE')"
	"   THEN current_setting('data_directory') END,"
	" 'lsn', CASE WHEN pg_is_in_recovery() THEN pg_last_wal_replay_lsn()"
	"   ELSE pg_current_wal_lsn() END::text)::text"
	" FROM pg_control_system() s, pg_control_checkpoint() c";

static void add_option(BkPg *pg, BkBuf *sql, const char *option,
					   const BkJson *identity, const char *key);
static void add_locale(BkPg *pg, BkBuf *sql, const BkJson *identity);

BkJson *
bk_database_identity(BkPg *pg, BkError *err)
{
	return bk_pg_json(pg, identity_sql, NULL, err);
}

BkJson *
bk_database_position(BkPg *pg, BkError *err)
{
	return bk_pg_json(pg, position_sql, NULL, err);
}

bool
bk_database_require_cluster(const BkJson *position,
							const char *system_identifier, BkError *err)
{
	const char *found = bk_json_string(bk_json_get(position, "system_identifier"), "");

	if (system_identifier == NULL || strcmp(system_identifier, found) == 0)
		return true;
	bk_error(err, BK_STATE_WRONG_STATE, "the login leads to another cluster");
	bk_error_detail(err, "The server there has system identifier %s, this cluster has %s.",
					found, system_identifier);
	return bk_error_hint(err, "Correct backup_ext.conninfo.");
}

bool
bk_database_create(BkPg *pg, const char *name, const BkJson *identity,
				   BkError *err)
{
	const char *tablespace = bk_json_string(bk_json_get(identity, "tablespace"), NULL);
	char	   *quoted = bk_pg_identifier(pg, name);
	bool		has_tablespace = false;
	bool		super = false;
	BkBuf		sql;
	bool		ok;

	if (quoted == NULL)
		return bk_error_memory(err);
	ok = bk_pg_has(pg, "SELECT 1 FROM pg_roles WHERE rolsuper AND rolname = session_user",
				   NULL, &super, err) &&
		(tablespace == NULL ||
		 bk_pg_has(pg, "SELECT 1 FROM pg_tablespace WHERE spcname = $1",
				   tablespace, &has_tablespace, err));

	bk_buf_init(&sql);
	bk_buf_printf(&sql, "CREATE DATABASE %s TEMPLATE template0", quoted);
	add_option(pg, &sql, "ENCODING", identity, "encoding");
	add_locale(pg, &sql, identity);
	if (has_tablespace)
	{
		char	   *space = bk_pg_identifier(pg, tablespace);

		bk_buf_printf(&sql, " TABLESPACE %s", space == NULL ? "" : space);
		free(space);
	}
	/* A limit does not bind superusers; others could not restore past it. */
	if (super)
		bk_buf_append_string(&sql, " CONNECTION LIMIT 0");
	ok = ok && bk_buf_check(&sql, err) && bk_pg_run(pg, sql.data, err);
	bk_buf_free(&sql);
	free(quoted);
	return ok;
}

bool
bk_database_drop(BkPg *pg, const char *name, BkError *err)
{
	char	   *quoted = bk_pg_identifier(pg, name);
	bool		ok;

	if (quoted == NULL)
		return bk_error_memory(err);
	ok = bk_pg_runf(pg, err, "DROP DATABASE IF EXISTS %s WITH (FORCE)", quoted);
	free(quoted);
	return ok;
}

bool
bk_database_exists(BkPg *pg, const char *name, bool *exists, BkError *err)
{
	return bk_pg_has(pg, "SELECT 1 FROM pg_database WHERE datname = $1", name,
					 exists, err);
}

/* OPTION 'value', or nothing where the identity has none. */
static void
add_option(BkPg *pg, BkBuf *sql, const char *option, const BkJson *identity,
		   const char *key)
{
	const char *value = bk_json_string(bk_json_get(identity, key), NULL);
	char	   *literal;

	if (value == NULL)
		return;
	literal = bk_pg_literal(pg, value);
	if (literal == NULL)
		sql->failed = true;
	else
		bk_buf_printf(sql, " %s %s", option, literal);
	free(literal);
}

/* The names of the locale options differ by provider and version. */
static void
add_locale(BkPg *pg, BkBuf *sql, const BkJson *identity)
{
	const char *provider = bk_json_string(bk_json_get(identity, "locale_provider"),
										  "libc");

	add_option(pg, sql, "LC_COLLATE", identity, "collate");
	add_option(pg, sql, "LC_CTYPE", identity, "ctype");
	if (strcmp(provider, "icu") == 0)
	{
		bk_buf_append_string(sql, " LOCALE_PROVIDER icu");
		add_option(pg, sql, "ICU_LOCALE", identity, "locale");
		add_option(pg, sql, "ICU_RULES", identity, "icu_rules");
	}
	else if (strcmp(provider, "builtin") == 0)
	{
		bk_buf_append_string(sql, " LOCALE_PROVIDER builtin");
		add_option(pg, sql, "BUILTIN_LOCALE", identity, "locale");
	}
	else
		bk_buf_append_string(sql, " LOCALE_PROVIDER libc");
}
