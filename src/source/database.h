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
 * Which cluster it is and where that stands: system_identifier, timeline, lsn,
 * and fence and data_directory (null where it cannot be known).
 */
extern BkJson *bk_database_position(BkPg *pg, BkError *err);

/*
 * Is that position one of this cluster? An error (55000) if it is not; NULL:
 * of any.
 */
extern bool bk_database_require_cluster(const BkJson *position,
										const char *system_identifier,
										BkError *err);

/*
 * Create an empty database like the one of an identity. If the login is a
 * superuser, only superusers can connect until bk_property_apply() sets the
 * true limit. A tablespace that does not exist here is left out.
 */
extern bool bk_database_create(BkPg *pg, const char *name,
							   const BkJson *identity, BkError *err);

/* Drop a database and end its sessions; one that is not there is fine. */
extern bool bk_database_drop(BkPg *pg, const char *name, BkError *err);

/* Does a database of this name exist? */
extern bool bk_database_exists(BkPg *pg, const char *name, bool *exists,
							   BkError *err);

#endif
