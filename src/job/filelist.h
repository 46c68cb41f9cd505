/*
 * filelist.h
 *	  The files of a base backup in memory: by volume, and by name.
 *
 * A restore takes nothing from a volume that is not on this list in the same
 * place, and with --delta removes what is not on it.
 */
#ifndef BK_JOB_FILELIST_H
#define BK_JOB_FILELIST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/json.h"
#include "core/stream.h"

typedef enum BkVolumeKind
{
	BK_VOLUME_BASE,				/* of the data directory */
	BK_VOLUME_TABLESPACE,
	BK_VOLUME_CONTROL,			/* what is written last */
	BK_VOLUME_CONFIG			/* files outside the data directory */
} BkVolumeKind;

typedef struct BkVolume
{
	char	   *stream;			/* base.0003.tar */
	BkVolumeKind kind;
	uint32_t	tablespace;		/* its OID, else 0 */
	size_t		first;			/* of its files */
	size_t		count;
	uint64_t	size;			/* bytes in its files */
} BkVolume;

typedef struct BkListedFile
{
	const char *name;
	uint64_t	size;
	uint32_t	volume;			/* index */
	uint32_t	mode;
	bool		directory;
	unsigned char sha256[32];
} BkListedFile;

typedef struct BkFileList
{
	BkJson	   *head;			/* of the contents */
	BkVolume   *volumes;
	size_t		volume_count;
	BkListedFile *files;		/* in the order of the volumes' members */
	size_t		file_count;
	uint32_t   *sorted;			/* indexes, by root and name */
	struct BkFileListBlock *blocks; /* memory of the names */
} BkFileList;

/*
 * Read the contents of a base backup to their end. Errors (XX001): volumes or
 * names that cannot be, a name twice below one root.
 */
extern BkFileList *bk_filelist_read(BkReader *contents, BkError *err);

/*
 * Find a file by the root it lies in, the OID of a tablespace or 0 for the
 * data directory, and its name. Files of the control volume are in the data
 * directory, those of the configuration volume are not found. NULL: none.
 */
extern const BkListedFile *bk_filelist_find(const BkFileList *list,
											uint32_t tablespace,
											const char *name);

/* Has the data directory anything below this folder, named with its slash? */
extern bool bk_filelist_has_below(const BkFileList *list, const char *folder);

/* Free a list; NULL is allowed. */
extern void bk_filelist_free(BkFileList *list);

#endif
