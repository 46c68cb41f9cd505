/*
 * property.h
 *	  What a database has beside its objects: owner, ACL, settings, comment,
 *	  limits.
 */
#ifndef BK_SOURCE_PROPERTY_H
#define BK_SOURCE_PROPERTY_H

#include <stdbool.h>

#include "core/host.h"
#include "source/pg.h"

/*
 * How the comment on a database in the making begins. It belongs to nobody
 * and is never carried over.
 */
#define BK_PROPERTY_MARK	"backup_ext: restore in progress "

/* Which properties may name roles. */
typedef struct BkPropertyRoles
{
	bool		owner;			/* the owner, and settings of roles */
	bool		privileges;		/* the ACL */
} BkPropertyRoles;

/*
 * Read the properties of a database, with its extensions and the server
 * settings that limit a restore; FORMAT.md lists the members. Any session of
 * the cluster may ask, but the extensions are those of the connected one. The
 * caller frees it.
 */
extern BkJson *bk_property_read(BkPg *pg, const char *database, BkError *err);

/*
 * Do all roles exist here that the properties name? An error (42704) names
 * one that does not, before hours are spent on a restore.
 */
extern bool bk_property_check_roles(BkPg *pg, const BkJson *properties,
									BkPropertyRoles roles, BkError *err);

/*
 * Give a database the properties that were read from another. It must happen
 * inside a transaction. A setting that this server does not take is logged and
 * left out: no restore shall fail at its last step for it.
 */
extern bool bk_property_apply(BkPg *pg, const char *database,
							  const BkJson *properties, BkPropertyRoles roles,
							  const BkHost *host, BkError *err);

#endif
