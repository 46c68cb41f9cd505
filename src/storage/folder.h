/*
 * folder.h
 *	  Which folder a file URL names, and whether a repository may be there.
 *	  Used by the posix store only.
 */
#ifndef BK_STORAGE_FOLDER_H
#define BK_STORAGE_FOLDER_H

#include <stdbool.h>
#include <sys/stat.h>

#include "core/error.h"

/*
 * Open the folder of a file URL. Returns a descriptor and its real path,
 * *path, which the caller frees; -1 on failure. See bk_posix_open() for the
 * errors.
 */
extern int	bk_folder_open(const char *url, bool create, char **path,
						   BkError *err);

/*
 * Where the file system of an open folder is mounted, as a fresh string that
 * the caller frees; path is the folder's own path. NULL if memory is out.
 */
extern char *bk_folder_mount(int fd, const char *path);

/*
 * Open the file of a key below the root, and stat it. -1 and errno, ENOENT
 * also where a folder stands.
 */
extern int	bk_folder_object(int root, const char *key, int flags,
							 struct stat *status);

/* Does this errno mean that there is no such object? */
extern bool bk_folder_is_missing(int code);

#endif
