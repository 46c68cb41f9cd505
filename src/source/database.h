/*
 * database.h
 *	  A database as a whole: what a restore must know of it, and the DDL that
 *	  makes one of the same kind.
 */
#ifndef BK_SOURCE_DATABASE_H
#define BK_SOURCE_DATABASE_H

#include <stdbool.h>

#include "core/json.h"
#include "source/pg.h"

/*
 * What identifies the connected database and what CREATE DATABASE needs:
 * name, oid, encoding, locale provider, locales, collation version,
 * tablespace. FORMAT.md lists the members. The caller frees it.
 */
extern BkJson *bk_database_identity(BkPg *pg, BkError *err);

/*
 * What a database has beside its objects: owner, ACL, settings, comment,
 * connection limit, extensions, and the server settings that limit a
 * restore. Some session of the cluster may ask for any database, except that
 * extensions are those of the connected one.
 */
extern BkJson *bk_database_properties(BkPg *pg, const char *name,
									  BkError *err);

/* Where the cluster stands: system identifier, timeline, WAL position. */
extern BkJson *bk_database_position(BkPg *pg, BkError *err);

/*
 * Create an empty database like the one of an identity. Nobody but
 * superusers can connect until bk_database_apply() opens it. A tablespace
 * that does not exist here is left out.
 */
extern bool bk_database_create(BkPg *pg, const char *name,
							   const BkJson *identity, BkError *err);

/* Which properties may name roles. */
typedef struct BkDatabaseRoles
{
	bool		owner;			/* give it its owner, and settings of roles */
	bool		privileges;		/* give it its ACL */
} BkDatabaseRoles;

/*
 * Give a database the properties that were read from another: connection
 * limit, comment, settings, and those that name roles. It must happen inside
 * a transaction. A setting that this server does not take is logged and left
 * out: no restore shall fail at its last step for it.
 */
extern bool bk_database_apply(BkPg *pg, const char *name,
							  const BkJson *properties, BkDatabaseRoles roles,
							  const BkHost *host, BkError *err);

/* Drop a database and end its sessions; one that is not there is fine. */
extern bool bk_database_drop(BkPg *pg, const char *name, BkError *err);

/* Does a database of this name exist? */
extern bool bk_database_exists(BkPg *pg, const char *name, bool *exists,
							   BkError *err);

#endif
