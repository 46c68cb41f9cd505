/*
 * ground.h
 *	  Where the files of a cluster lie: its data directory and tablespaces.
 */
#ifndef BK_JOB_GROUND_H
#define BK_JOB_GROUND_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/host.h"
#include "repo/repository.h"
#include "source/pg.h"
#include "source/tree.h"

typedef struct BkGroundSpace
{
	uint32_t	oid;			/* of a tablespace; 0: the data directory */
	char	   *location;		/* absolute path */
	int			root;			/* that folder, open */
	char		name[32];		/* tblspc-16400 */
	char		prefix[32];		/* pg_tblspc/16400/ */
	BkTree		tree;
} BkGroundSpace;

typedef struct BkGround
{
	BkGroundSpace data;
	BkGroundSpace *spaces;		/* in order of their OIDs */
	size_t		space_count;
} BkGround;

/* Open the data directory. Whatever it returns, bk_ground_close() follows. */
extern bool bk_ground_open(BkGround *ground, const char *data_directory,
						   BkError *err);

/*
 * A repository within the data directory, its pg_wal or a tablespace is an
 * error (55000): it would be lost with them, and backed up into itself.
 */
extern bool bk_ground_check_repository(const BkGround *ground, BkPg *pg,
									   const BkRepository *repo, BkError *err);

/*
 * List all files. "folder" is the server's own in a tablespace. A tablespace
 * that is dropped meanwhile is left out.
 */
extern bool bk_ground_list(BkGround *ground, const char *folder,
						   const BkHost *host, BkError *err);

/* Sum of the sizes of all files. */
extern uint64_t bk_ground_size(const BkGround *ground);

/*
 * Read global/pg_control, again and again until two readings agree: the server
 * may write it meanwhile. The caller frees the data.
 */
extern bool bk_ground_read_control(const BkGround *ground, char **data,
								   size_t *size, BkError *err);

/* Close and free what it holds. */
extern void bk_ground_close(BkGround *ground);

#endif
