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

static const char properties_sql[] =
	"SELECT jsonb_build_object("
	" 'owner', pg_get_userbyid(d.datdba),"
	" 'connection_limit', d.datconnlimit, 'is_template', d.datistemplate,"
	" 'comment', shobj_description(d.oid, 'pg_database'),"
	" 'default_acl', d.datacl IS NULL,"
	" 'acl', coalesce((SELECT jsonb_agg(jsonb_build_object("
	"   'grantee', CASE a.grantee WHEN 0 THEN NULL ELSE pg_get_userbyid(a.grantee) END,"
	"   'privilege', a.privilege_type, 'grantable', a.is_grantable))"
	"   FROM aclexplode(d.datacl) a), '[]'),"
	" 'settings', coalesce((SELECT jsonb_agg(jsonb_build_object("
	"   'role', CASE s.setrole WHEN 0 THEN NULL ELSE pg_get_userbyid(s.setrole) END,"
	"   'name', split_part(c, '=', 1), 'value', substr(c, strpos(c, '=') + 1)))"
	"   FROM pg_db_role_setting s, unnest(s.setconfig) c WHERE s.setdatabase = d.oid), '[]'),"
	" 'extensions', coalesce((SELECT jsonb_agg(jsonb_build_object("
	"   'name', e.extname, 'version', e.extversion, 'schema', n.nspname))"
	"   FROM pg_extension e JOIN pg_namespace n ON n.oid = e.extnamespace), '[]'),"
	" 'server', (SELECT jsonb_object_agg(g.name, g.setting) FROM pg_settings g"
	"   WHERE g.name IN ('server_version', 'block_size', 'max_identifier_length',"
	"   'max_index_keys', 'max_locks_per_transaction', 'default_table_access_method',"
	"   'default_toast_compression', 'shared_preload_libraries'))"
	")::text FROM pg_database d WHERE d.datname = $1";

static const char position_sql[] =
	"SELECT jsonb_build_object("
	" 'system_identifier', s.system_identifier::text,"
	" 'timeline', c.timeline_id,"
	" 'lsn', CASE WHEN pg_is_in_recovery() THEN pg_last_wal_replay_lsn()"
	"   ELSE pg_current_wal_lsn() END::text)::text"
	" FROM pg_control_system() s, pg_control_checkpoint() c";

typedef struct Apply
{
	BkPg	   *pg;
	const BkHost *host;
	BkDatabaseRoles roles;
} Apply;

static BkJson *query_json(BkPg *pg, const char *sql, const char *parameter,
						  BkError *err);
static const char *member(const BkJson *object, const char *key);
static void add_option(BkPg *pg, BkBuf *sql, const char *option,
					   const char *value);
static void add_locale(BkPg *pg, BkBuf *sql, const BkJson *identity);
static bool tablespace_exists(BkPg *pg, const char *name, bool *exists,
							  BkError *err);
static bool apply_acl(BkPg *pg, const char *database,
					  const BkJson *properties, BkError *err);
static bool apply_settings(const Apply *apply, const char *database,
						   const BkJson *settings, BkError *err);
static bool apply_setting(BkPg *pg, const char *database,
						  const BkJson *setting, BkError *err);
static void add_value(BkPg *pg, BkBuf *sql, const char *name,
					  const char *value);
static void add_list(BkPg *pg, BkBuf *sql, const char *list);

BkJson *
bk_database_identity(BkPg *pg, BkError *err)
{
	return query_json(pg, identity_sql, NULL, err);
}

BkJson *
bk_database_properties(BkPg *pg, const char *name, BkError *err)
{
	return query_json(pg, properties_sql, name, err);
}

BkJson *
bk_database_position(BkPg *pg, BkError *err)
{
	return query_json(pg, position_sql, NULL, err);
}

bool
bk_database_create(BkPg *pg, const char *name, const BkJson *identity,
				   BkError *err)
{
	const char *tablespace = member(identity, "tablespace");
	char	   *quoted = bk_pg_identifier(pg, name);
	bool		has_tablespace = false;
	char	   *super = NULL;
	BkBuf		sql;
	bool		ok;

	if (quoted == NULL)
		return bk_error_memory(err);
	ok = bk_pg_value(pg, "SELECT rolsuper FROM pg_roles WHERE rolname = session_user",
					 NULL, &super, err) &&
		(tablespace == NULL ||
		 tablespace_exists(pg, tablespace, &has_tablespace, err));

	bk_buf_init(&sql);
	bk_buf_printf(&sql, "CREATE DATABASE %s TEMPLATE template0", quoted);
	add_option(pg, &sql, "ENCODING", member(identity, "encoding"));
	add_locale(pg, &sql, identity);
	if (has_tablespace)
	{
		char	   *space = bk_pg_identifier(pg, tablespace);

		bk_buf_printf(&sql, " TABLESPACE %s", space == NULL ? "" : space);
		free(space);
	}
	/* A limit does not bind superusers; others could not restore past it. */
	if (super != NULL && strcmp(super, "t") == 0)
		bk_buf_append_string(&sql, " CONNECTION LIMIT 0");
	ok = ok && bk_buf_check(&sql, err) && bk_pg_run(pg, sql.data, err);
	bk_buf_free(&sql);
	free(quoted);
	free(super);
	return ok;
}

bool
bk_database_apply(BkPg *pg, const char *name, const BkJson *properties,
				  BkDatabaseRoles roles, const BkHost *host, BkError *err)
{
	Apply		apply = {.pg = pg, .host = host, .roles = roles};
	char	   *database = bk_pg_identifier(pg, name);
	char	   *owner = bk_pg_identifier(pg, bk_json_string(bk_json_get(properties, "owner"), ""));
	char	   *comment = bk_pg_literal(pg, bk_json_string(bk_json_get(properties, "comment"), ""));
	bool		ok;

	if (database == NULL || owner == NULL || comment == NULL)
		ok = bk_error_memory(err);
	else
		ok = (!roles.owner ||
			  bk_pg_runf(pg, err, "ALTER DATABASE %s OWNER TO %s", database, owner)) &&
			(!roles.privileges || apply_acl(pg, database, properties, err)) &&
			apply_settings(&apply, database, bk_json_get(properties, "settings"), err) &&
			bk_pg_runf(pg, err, "COMMENT ON DATABASE %s IS %s", database,
					   bk_json_get(properties, "comment") == NULL ? "NULL" : comment) &&
			bk_pg_runf(pg, err, "ALTER DATABASE %s CONNECTION LIMIT %lld IS_TEMPLATE %s",
					   database,
					   (long long) bk_json_int(bk_json_get(properties, "connection_limit"), -1),
					   bk_json_bool(bk_json_get(properties, "is_template"), false) ? "true" : "false");
	free(database);
	free(owner);
	free(comment);
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
	char	   *value;
	bool		ok;

	ok = bk_pg_value(pg, "SELECT count(*) FROM pg_database WHERE datname = $1",
					 name, &value, err);
	*exists = ok && strcmp(value, "0") != 0;
	free(value);
	return ok;
}

static BkJson *
query_json(BkPg *pg, const char *sql, const char *parameter, BkError *err)
{
	char	   *text;
	BkJson	   *json;

	if (!bk_pg_value(pg, sql, parameter, &text, err))
		return NULL;
	json = bk_json_parse(text, strlen(text), "what the server said of the database",
						 err);
	free(text);
	return json;
}

static const char *
member(const BkJson *object, const char *key)
{
	return bk_json_string(bk_json_get(object, key), NULL);
}

/* OPTION 'value', or nothing where there is no value. */
static void
add_option(BkPg *pg, BkBuf *sql, const char *option, const char *value)
{
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
	const char *locale = member(identity, "locale");

	add_option(pg, sql, "LC_COLLATE", member(identity, "collate"));
	add_option(pg, sql, "LC_CTYPE", member(identity, "ctype"));
	if (strcmp(provider, "icu") == 0)
	{
		bk_buf_append_string(sql, " LOCALE_PROVIDER icu");
		add_option(pg, sql, "ICU_LOCALE", locale);
		add_option(pg, sql, "ICU_RULES", member(identity, "icu_rules"));
	}
	else if (strcmp(provider, "builtin") == 0)
	{
		bk_buf_append_string(sql, " LOCALE_PROVIDER builtin");
		add_option(pg, sql, "BUILTIN_LOCALE", locale);
	}
	else
		bk_buf_append_string(sql, " LOCALE_PROVIDER libc");
}

static bool
tablespace_exists(BkPg *pg, const char *name, bool *exists, BkError *err)
{
	char	   *value;
	bool		ok;

	ok = bk_pg_value(pg, "SELECT count(*) FROM pg_tablespace WHERE spcname = $1",
					 name, &value, err);
	*exists = ok && strcmp(value, "0") != 0;
	free(value);
	return ok;
}

/*
 * Grants are given anew by the owner: a chain of grantors below him is
 * flattened, which changes who may revoke but not who may do what.
 */
static bool
apply_acl(BkPg *pg, const char *database, const BkJson *properties,
		  BkError *err)
{
	const BkJson *acl = bk_json_get(properties, "acl");
	char	   *owner;
	bool		ok = true;

	if (bk_json_bool(bk_json_get(properties, "default_acl"), true))
		return true;
	owner = bk_pg_identifier(pg, bk_json_string(bk_json_get(properties, "owner"), ""));
	if (owner == NULL)
		return bk_error_memory(err);
	ok = bk_pg_runf(pg, err, "REVOKE ALL ON DATABASE %s FROM PUBLIC, %s",
					database, owner);
	free(owner);
	for (size_t i = 0; ok && i < bk_json_length(acl); i++)
	{
		const BkJson *grant = bk_json_at(acl, i);
		const char *grantee = member(grant, "grantee");
		const char *privilege = bk_json_string(bk_json_get(grant, "privilege"), "");
		char	   *role = grantee == NULL ? strdup("PUBLIC") : bk_pg_identifier(pg, grantee);

		/* The name of a privilege comes from a file: letters only. */
		if (role == NULL ||
			strspn(privilege, "ABCDEFGHIJKLMNOPQRSTUVWXYZ") != strlen(privilege))
			ok = role == NULL ? bk_error_memory(err) :
				bk_error(err, BK_STATE_CORRUPT, "invalid privilege in the backup's properties");
		else
			ok = bk_pg_runf(pg, err, "GRANT %s ON DATABASE %s TO %s%s",
							privilege, database, role,
							bk_json_bool(bk_json_get(grant, "grantable"), false)
							? " WITH GRANT OPTION" : "");
		free(role);
	}
	return ok;
}

static bool
apply_settings(const Apply *apply, const char *database,
			   const BkJson *settings, BkError *err)
{
	BkError		problem;

	for (size_t i = 0; i < bk_json_length(settings); i++)
	{
		const BkJson *setting = bk_json_at(settings, i);

		if (member(setting, "role") != NULL && !apply->roles.owner)
			continue;
		if (!bk_pg_run(apply->pg, "SAVEPOINT setting", err))
			return false;
		if (apply_setting(apply->pg, database, setting, &problem))
			continue;
		bk_log(apply->host, BK_LOG_WARNING, "setting \"%s\" is left out: %s",
			   bk_json_string(bk_json_get(setting, "name"), ""), problem.message);
		if (!bk_pg_run(apply->pg, "ROLLBACK TO SAVEPOINT setting", err))
			return false;
	}
	return true;
}

static bool
apply_setting(BkPg *pg, const char *database, const BkJson *setting,
			  BkError *err)
{
	const char *name = bk_json_string(bk_json_get(setting, "name"), "");
	const char *value = bk_json_string(bk_json_get(setting, "value"), "");
	const char *role_name = member(setting, "role");
	char	   *quoted = bk_pg_identifier(pg, name);
	char	   *role = role_name == NULL ? NULL : bk_pg_identifier(pg, role_name);
	BkBuf		sql;
	bool		ok;

	bk_buf_init(&sql);
	if (role_name == NULL)
		bk_buf_printf(&sql, "ALTER DATABASE %s SET ", database);
	else
		bk_buf_printf(&sql, "ALTER ROLE %s IN DATABASE %s SET ",
					  role == NULL ? "" : role, database);
	bk_buf_printf(&sql, "%s TO ", quoted == NULL ? "" : quoted);
	add_value(pg, &sql, name, value);
	if (quoted == NULL || (role_name != NULL && role == NULL))
		ok = bk_error_memory(err);
	else
		ok = bk_buf_check(&sql, err) && bk_pg_run(pg, sql.data, err);
	bk_buf_free(&sql);
	free(quoted);
	free(role);
	return ok;
}

/*
 * A setting that is a list of names is stored with its quotes, and has to be
 * given element by element (GUC_LIST_QUOTE; variable_is_guc_list_quote() in
 * src/bin/pg_dump/dumputils.c has the same list).
 */
static void
add_value(BkPg *pg, BkBuf *sql, const char *name, const char *value)
{
	static const char *const lists[] = {
		"local_preload_libraries", "search_path", "session_preload_libraries",
		"shared_preload_libraries", "temp_tablespaces",
		"unix_socket_directories"
	};

	for (size_t i = 0; i < sizeof(lists) / sizeof(lists[0]); i++)
	{
		if (strcasecmp(name, lists[i]) == 0)
		{
			add_list(pg, sql, value);
			return;
		}
	}
	add_option(pg, sql, "", value);
}

/* Elements are separated by commas; quoted ones double their quotes. */
static void
add_list(BkPg *pg, BkBuf *sql, const char *list)
{
	const char *separator = "";
	const char *at = list;

	while (*(at += strspn(at, " ,")) != '\0')
	{
		BkBuf		element;
		bool		quoted = *at == '"';

		bk_buf_init(&element);
		bk_buf_append(&element, "", 0);
		for (at += quoted; *at != '\0'; at++)
		{
			if (quoted ? *at == '"' && *++at != '"' : *at == ',' || *at == ' ')
				break;
			bk_buf_append(&element, at, 1);
		}
		bk_buf_append_string(sql, separator);
		add_option(pg, sql, "", element.failed ? NULL : element.data);
		bk_buf_free(&element);
		separator = ",";
	}
	if (separator[0] == '\0')
		bk_buf_append_string(sql, "''");
}
