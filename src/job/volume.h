/*
 * volume.h
 *	  The files of a base backup, dealt out to tar volumes.
 *
 * Volumes are independent of each other: threads write and read them side by
 * side. None grows beyond the limit except by a file that is larger itself,
 * which has a volume of its own.
 */
#ifndef BK_JOB_VOLUME_H
#define BK_JOB_VOLUME_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/digest.h"
#include "core/json.h"
#include "source/config.h"
#include "source/datafile.h"
#include "source/tree.h"

#define BK_VOLUME_NAME_SIZE	48

/* A member. What it is made of is borrowed. */
typedef struct BkVolumeFile
{
	const char *path;			/* in the volume */
	const char *data;			/* its bytes; NULL: in a file of this path */
	bool		directory;

	/* Expected first, true once the volume is written. */
	BkDataFileFacts facts;
	bool		vanished;		/* it was gone: the volume is without it */
	char		sha256[BK_DIGEST_HEX_SIZE];
} BkVolumeFile;

typedef struct BkBaseVolume
{
	char		stream[BK_VOLUME_NAME_SIZE];	/* base.0001.tar */
	int			root;			/* folder of the paths; borrowed */
	const char *prefix;			/* before the paths in backup_manifest; NULL:
								 * it does not list them; borrowed */
	BkVolumeFile *files;		/* in an array that volumes of a tree share */
	size_t		count;
	BkVolumeFile *shared;		/* that array, in the one that frees it */
	uint64_t	size;			/* of all files, as expected */
	BkJson	   *objects;		/* what it was stored in */
} BkBaseVolume;

typedef struct BkVolumeSet
{
	BkBaseVolume   *list;
	size_t		count;
	size_t		room;			/* allocated */
	uint64_t	size;
} BkVolumeSet;

/* The limit for backups of so many bytes, written by so many threads. */
extern uint64_t bk_volume_limit(uint64_t total, int64_t jobs);

/*
 * Deal a tree out to volumes "<name>.<number>.tar". Files that the
 * configuration replaces are left out (NULL: none).
 */
extern bool bk_volume_add_tree(BkVolumeSet *set, const char *name,
							   const BkBaseVolume *like, const BkTree *tree,
							   const BkConfig *config, uint64_t limit,
							   BkError *err);

/* Add a volume of files in memory, unless there are none. */
extern bool bk_volume_add_files(BkVolumeSet *set, const char *name,
								const char *prefix, const BkConfigFile *files,
								size_t count, BkError *err);

/* Move all volumes of another set into this one; the other is then empty. */
extern bool bk_volume_take(BkVolumeSet *set, BkVolumeSet *other, BkError *err);

/* Sort the volumes by their names, or the largest first. */
extern void bk_volume_sort_by_name(BkVolumeSet *set);
extern void bk_volume_sort_by_size(BkVolumeSet *set);

/* Free what the set holds. */
extern void bk_volume_free(BkVolumeSet *set);

#endif
