/*
 * tree.h
 *	  What belongs into a base backup: the files of a data directory and of
 *	  tablespaces, without what PostgreSQL makes anew.
 *
 * What is left out is what pg_basebackup leaves out (PostgreSQL docs, "Making
 * a Base Backup Using the Low Level API", and backup/basebackup.c). The
 * listing is made while the server works: files and folders may vanish under
 * it. Nothing is reached through a symbolic link.
 */
#ifndef BK_SOURCE_TREE_H
#define BK_SOURCE_TREE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "core/error.h"
#include "core/host.h"

/* One file or directory. */
typedef struct BkTreeEntry
{
	char	   *path;			/* relative to its root */
	uint64_t	size;			/* of a file, when it was listed */
	int64_t		mtime;
	mode_t		mode;			/* permissions */
	bool		directory;
} BkTreeEntry;

/* A tablespace, as its link in pg_tblspc tells. */
typedef struct BkTreeLink
{
	uint32_t	oid;
	char	   *location;		/* absolute path */
} BkTreeLink;

typedef struct BkTree
{
	BkTreeEntry *entries;		/* each directory before what is in it */
	size_t		count;
	BkTreeLink *links;			/* of a data directory, in order of OIDs */
	size_t		link_count;
	size_t		entry_room;		/* allocated */
	size_t		link_room;
} BkTree;

/*
 * List a data directory, open as a descriptor. pg_control is left out: it is
 * to be copied last. Tablespaces are links only; one "in place" is a folder
 * like any other. What is neither file nor directory is skipped and logged.
 */
extern bool bk_tree_read_data(int root, const BkHost *host, BkTree *tree,
							  BkError *err);

/*
 * List one folder ("PG_15_202209061") of a tablespace, whose location is open
 * as a descriptor: other servers may have others beside it.
 */
extern bool bk_tree_read_tablespace(int root, const char *folder,
									const BkHost *host, BkTree *tree,
									BkError *err);

/* Free what the tree holds, and leave an empty one. */
extern void bk_tree_free(BkTree *tree);

#endif
