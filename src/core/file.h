/*
 * file.h
 *	  Files that are durable, written once, and never outside their root.
 *
 * A path here is relative to a folder that is open as a descriptor, the root,
 * and consists of plain names: no leading, doubled or trailing slash, no ".",
 * no "..". It is resolved without following any symbolic link, so whatever
 * stands in the folder, nothing outside it can be reached. "" is the root
 * itself.
 *
 * A file in the making is a temporary, .tmp-<random>-<name>, beside its
 * target. Its writer holds an exclusive flock on it for as long as it lives:
 * a temporary that can be locked has lost its writer.
 */
#ifndef BK_CORE_FILE_H
#define BK_CORE_FILE_H

#include <stdbool.h>
#include <sys/types.h>

#include "core/error.h"

/* How the names of temporaries begin. */
#define BK_FILE_TEMPORARY	".tmp-"

/* What became of a file that was published. */
typedef enum BkFileOutcome
{
	BK_FILE_PUBLISHED,			/* it stands under its name */
	BK_FILE_EXISTS				/* the name is taken; nothing was changed */
} BkFileOutcome;

typedef struct BkFile BkFile;

/*
 * open() below a root, O_CLOEXEC added. Returns a descriptor, or -1 and errno
 * in the manner of open(2); a path that is not plain gives EXDEV, a symbolic
 * link in it ELOOP. Uses openat2(2), and where the kernel lacks that, walks
 * component by component with O_NOFOLLOW.
 */
extern int	bk_file_open(int root, const char *path, int flags, mode_t mode);

/*
 * Open the folder that holds the path (the path's part before the last
 * slash), and point *name at the rest. Descriptor, or -1 and errno.
 */
extern int	bk_file_open_parent(int root, const char *path, const char **name);

/*
 * Make the folder and all above it, mode 0700 less the umask, each made
 * durable in its parent, also those that were there: whoever made them may
 * not have come to that yet.
 */
extern bool bk_file_make_dirs(int root, const char *path, BkError *err);

/*
 * fsync() an open folder. Filesystems that cannot do this say EINVAL or
 * EBADF, which is taken as success, as PostgreSQL does (fsync_fname in
 * src/common/file_utils.c). 0, or -1 and errno.
 */
extern int	bk_file_sync_dir(int dir);

/*
 * The folder that files were made in last: known to be durable, with all above
 * it, for as long as it is the same folder. Start with BK_FILE_FOLDER_NONE.
 */
typedef struct BkFileFolder
{
	int			dir;
	char		path[1024];
} BkFileFolder;

#define BK_FILE_FOLDER_NONE	((BkFileFolder) {.dir = -1})

/* Forget it. */
extern void bk_file_folder_close(BkFileFolder *folder);

/*
 * Start the file that shall become "path": its folder is made, the temporary
 * is created, empty, with exactly this mode less the umask, and locked. NULL
 * on failure.
 */
extern BkFile *bk_file_create(int root, const char *path, mode_t mode,
							  BkError *err);

/* The same, where many files are made: a folder that is known is not synced. */
extern BkFile *bk_file_create_in(int root, BkFileFolder *known,
								 const char *path, mode_t mode, BkError *err);

/* The descriptor of the temporary, open for reading and writing; borrowed. */
extern int	bk_file_descriptor(const BkFile *file);

/* Write len bytes at the end. 0, or -1 and errno. */
extern int	bk_file_write(BkFile *file, const void *data, size_t len);

/* fsync() the temporary. 0, or -1 and errno. */
extern int	bk_file_sync(BkFile *file);

/*
 * Give the synced file its name, unless the name is taken, and make that
 * durable: renameat2(2) with RENAME_NOREPLACE, else link and unlink. A
 * filesystem with neither is an error (0A000). Called at most once; on
 * BK_FILE_EXISTS and on failure the temporary remains until close.
 */
extern bool bk_file_publish(BkFile *file, BkFileOutcome *outcome,
							BkError *err);

/* The same for what need not survive a crash: nothing is synced. */
extern bool bk_file_show(BkFile *file, BkFileOutcome *outcome, BkError *err);

/* Free the handle; a file that was not published is removed. NULL allowed. */
extern void bk_file_close(BkFile *file);

/*
 * Give a file another name, perhaps in another folder of the same file
 * system, unless that name is taken. Nothing is synced. A file that is not
 * there is an error (58P01).
 */
extern bool bk_file_move(int from_dir, const char *from, int to_dir,
						 const char *to, BkFileOutcome *outcome, BkError *err);

/*
 * Remove a temporary from its folder if its writer is gone. 0, also if the
 * writer lives or the file is not there any more, or -1 and errno.
 */
extern int	bk_file_sweep(int dir, const char *name);

/* The same for all temporaries that are in the folder itself. */
extern bool bk_file_sweep_folder(int dir, BkError *err);

#endif
