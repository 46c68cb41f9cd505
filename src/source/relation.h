/*
 * relation.h
 *	  Names of files below base, global and tablespaces that hold relations.
 *
 * PostgreSQL docs, "Database File Layout"; the grammar is that of
 * parse_filename_for_nontemp_relation() in storage/file/reinit.c.
 */
#ifndef BK_SOURCE_RELATION_H
#define BK_SOURCE_RELATION_H

#include <stdbool.h>
#include <stdint.h>

typedef struct BkRelation
{
	uint32_t	number;			/* of the relation's file */
	bool		init;			/* the init fork of an unlogged relation */
	bool		temporary;		/* of a session's temporary relation */
	uint32_t	segment;		/* from 0 */
} BkRelation;

/* Take a name apart; false where it is no relation's. */
extern bool bk_relation_parse(const char *name, BkRelation *relation);

/*
 * The same for a path in a data directory or a tablespace: below base and
 * global, and in a tablespace below PG_<version>, are relations. All others
 * have no pages with checksums.
 */
extern bool bk_relation_parse_path(const char *path, BkRelation *relation);

#endif
