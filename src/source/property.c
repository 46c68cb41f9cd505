/*
 * property.c
 *	  Read the properties of a database and give them to another.
 */
#include "source/property.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "core/buf.h"

static const char read_sql[] =
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

typedef struct Apply
{
	BkPg	   *pg;
	const BkHost *host;
	BkPropertyRoles roles;
} Apply;

static bool check_role(BkPg *pg, const char *role, BkError *err);
static bool apply_acl(BkPg *pg, const char *database,
					  const BkJson *properties, BkPropertyRoles roles,
					  BkError *err);
static bool apply_comment(BkPg *pg, const char *database,
						  const BkJson *properties, BkError *err);
static bool apply_limits(BkPg *pg, const char *database,
						 const BkJson *properties, BkError *err);
static bool apply_settings(const Apply *apply, const char *database,
						   const BkJson *settings, BkError *err);
static bool apply_setting(BkPg *pg, const char *database,
						  const BkJson *setting, BkError *err);
static const char *member(const BkJson *object, const char *key);
static void add_value(BkPg *pg, BkBuf *sql, const char *name,
					  const char *value);
static void add_list(BkPg *pg, BkBuf *sql, const char *list);
static void add_literal(BkPg *pg, BkBuf *sql, const char *value);

BkJson *
bk_property_read(BkPg *pg, const char *database, BkError *err)
{
	return bk_pg_json(pg, read_sql, database, err);
}

bool
bk_property_check_roles(BkPg *pg, const BkJson *properties,
						BkPropertyRoles roles, BkError *err)
{
	const BkJson *acl = bk_json_get(properties, "acl");
	const BkJson *settings = bk_json_get(properties, "settings");

	if (roles.owner && !check_role(pg, member(properties, "owner"), err))
		return false;
	for (size_t i = 0; roles.privileges && i < bk_json_length(acl); i++)
	{
		if (!check_role(pg, member(bk_json_at(acl, i), "grantee"), err))
			return false;
	}
	for (size_t i = 0; roles.owner && i < bk_json_length(settings); i++)
	{
		if (!check_role(pg, member(bk_json_at(settings, i), "role"), err))
			return false;
	}
	return true;
}

bool
bk_property_apply(BkPg *pg, const char *name, const BkJson *properties,
				  BkPropertyRoles roles, const BkHost *host, BkError *err)
{
	Apply		apply = {.pg = pg, .host = host, .roles = roles};
	char	   *database = bk_pg_identifier(pg, name);
	char	   *owner = bk_pg_identifier(pg, bk_json_string(bk_json_get(properties, "owner"), ""));
	bool		ok;

	if (database == NULL || owner == NULL)
		ok = bk_error_memory(err);
	else
		ok = (!roles.owner ||
			  bk_pg_runf(pg, err, "ALTER DATABASE %s OWNER TO %s", database, owner)) &&
			(!roles.privileges ||
			 apply_acl(pg, database, properties, roles, err)) &&
			apply_settings(&apply, database, bk_json_get(properties, "settings"), err) &&
			apply_comment(pg, database, properties, err) &&
			apply_limits(pg, database, properties, err);
	free(database);
	free(owner);
	return ok;
}

/* NULL stands for PUBLIC or for everybody. */
static bool
check_role(BkPg *pg, const char *role, BkError *err)
{
	bool		exists;

	if (role == NULL)
		return true;
	if (!bk_pg_has(pg, "SELECT 1 FROM pg_roles WHERE rolname = $1", role,
				   &exists, err))
		return false;
	if (exists)
		return true;
	bk_error(err, BK_STATE_NO_OBJECT, "role \"%s\" does not exist", role);
	bk_error_detail(err, "The database that was backed up belonged or was granted to it.");
	return bk_error_hint(err, "Restore the roles first (pg_backup_ext restore --globals), or use no_owner => true and no_privileges => true.");
}

/*
 * Grants are given anew by the owner: a chain of grantors below him is
 * flattened, which changes who may revoke but not who may do what.
 */
static bool
apply_acl(BkPg *pg, const char *database, const BkJson *properties,
		  BkPropertyRoles roles, BkError *err)
{
	const BkJson *acl = bk_json_get(properties, "acl");
	char	   *owner;
	bool		ok = true;

	if (bk_json_bool(bk_json_get(properties, "default_acl"), true))
		return true;
	owner = bk_pg_identifier(pg, bk_json_string(bk_json_get(properties, "owner"), ""));
	if (owner == NULL)
		return bk_error_memory(err);
	ok = bk_pg_runf(pg, err, "REVOKE ALL ON DATABASE %s FROM PUBLIC%s%s",
					database, roles.owner ? ", " : "", roles.owner ? owner : "");
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
apply_comment(BkPg *pg, const char *database, const BkJson *properties,
			  BkError *err)
{
	const char *comment = member(properties, "comment");
	char	   *literal;
	bool		ok;

	if (comment == NULL ||
		strncmp(comment, BK_PROPERTY_MARK, strlen(BK_PROPERTY_MARK)) == 0)
		return bk_pg_runf(pg, err, "COMMENT ON DATABASE %s IS NULL", database);
	literal = bk_pg_literal(pg, comment);
	if (literal == NULL)
		return bk_error_memory(err);
	ok = bk_pg_runf(pg, err, "COMMENT ON DATABASE %s IS %s", database, literal);
	free(literal);
	return ok;
}

static bool
apply_limits(BkPg *pg, const char *database, const BkJson *properties,
			 BkError *err)
{
	return bk_pg_runf(pg, err, "ALTER DATABASE %s CONNECTION LIMIT %lld IS_TEMPLATE %s",
					  database,
					  (long long) bk_json_int(bk_json_get(properties, "connection_limit"), -1),
					  bk_json_bool(bk_json_get(properties, "is_template"), false) ? "true" : "false");
}

static const char *
member(const BkJson *object, const char *key)
{
	return bk_json_string(bk_json_get(object, key), NULL);
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
		if (!bk_go_on(apply->host, err))
			return false;
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
	add_literal(pg, sql, value);
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
		add_literal(pg, sql, element.data);
		sql->failed = sql->failed || element.failed;
		bk_buf_free(&element);
		separator = ",";
	}
	if (separator[0] == '\0')
		bk_buf_append_string(sql, "''");
}

static void
add_literal(BkPg *pg, BkBuf *sql, const char *value)
{
	char	   *literal = value == NULL ? NULL : bk_pg_literal(pg, value);

	if (literal == NULL)
		sql->failed = true;
	else
		bk_buf_append_string(sql, literal);
	free(literal);
}
