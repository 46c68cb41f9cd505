/*
 * file.c
 *	  Files that are durable, written once, and never outside their root.
 *
 * The order that makes a file durable: create the temporary, write, fsync,
 * rename without replacing, fsync the folder. Two other processes are always
 * possible: a sweeper, which may lock and unlink a temporary between its
 * creation and our lock, and a remover, which may take an empty folder away
 * under our feet. Both are answered by starting again.
 */
#define _GNU_SOURCE 1
#include "core/file.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "core/digest.h"

#define FILE_ATTEMPTS		100
#define FILE_RANDOM			8
#define FILE_NAME_MAX		255

struct BkFile
{
	int			dir;			/* the folder of both names */
	int			fd;
	bool		published;
	char		temporary[FILE_NAME_MAX + 1];
	char		name[FILE_NAME_MAX + 1];
};

typedef enum FileTry
{
	FILE_DONE,
	FILE_AGAIN,					/* another process was faster */
	FILE_FAILED
} FileTry;

static bool is_plain(const char *path);
static int	open_resolved(int root, const char *path, int flags, mode_t mode);
static int	open_by_steps(int root, const char *path, int flags, mode_t mode);
static const char *cut_name(const char *path, char name[FILE_NAME_MAX + 1]);
static const char *enter_dir(int *dir, const char *path);
static void close_quietly(int fd);
static FileTry open_folder(BkFile *file, int root, BkFileFolder *known,
						   const char *path, BkError *err);
static int	make_folder(int root, BkFileFolder *known, const char *folder,
						BkError *err);
static FileTry create_temporary(BkFile *file, mode_t mode, BkError *err);
static FileTry lock_temporary(BkFile *file, BkError *err);
static int	give_name(int from_dir, const char *from, int to_dir,
					  const char *to);
static int	link_name(int from_dir, const char *from, int to_dir,
					  const char *to);

int
bk_file_open(int root, const char *path, int flags, mode_t mode)
{
	int			fd;

	if (!is_plain(path))
	{
		errno = EXDEV;
		return -1;
	}
	if (*path == '\0')
		return openat(root, ".", flags | O_CLOEXEC, mode);
	fd = open_resolved(root, path, flags | O_CLOEXEC, mode);

	/* Sandboxes that do not know the call answer EPERM. */
	if (fd < 0 && (errno == ENOSYS || errno == EPERM))
		fd = open_by_steps(root, path, flags | O_CLOEXEC, mode);
	return fd;
}

int
bk_file_open_parent(int root, const char *path, const char **name)
{
	const char *slash = strrchr(path, '/');
	char	   *folder;
	int			fd;
	int			code;

	*name = slash != NULL ? slash + 1 : path;
	folder = strndup(path, slash != NULL ? (size_t) (slash - path) : 0);
	if (folder == NULL)
		return -1;
	fd = bk_file_open(root, folder, O_RDONLY | O_DIRECTORY, 0);
	code = errno;
	free(folder);
	errno = code;
	return fd;
}

bool
bk_file_make_dirs(int root, const char *path, BkError *err)
{
	const char *next = path;
	int			dir = bk_file_open(root, "", O_RDONLY | O_DIRECTORY, 0);

	if (dir < 0)
		return bk_error_errno(err, "could not open the root of folder \"%s\"",
							  path);
	if (!is_plain(path))
		next = NULL;
	errno = EXDEV;
	while (next != NULL && *next != '\0')
		next = enter_dir(&dir, next);
	if (next == NULL)
		bk_error_errno(err, "could not make folder \"%s\"", path);
	close(dir);
	return next != NULL;
}

int
bk_file_sync_dir(int dir)
{
	if (fsync(dir) != 0 && errno != EINVAL && errno != EBADF)
		return -1;
	return 0;
}

BkFile *
bk_file_create(int root, const char *path, mode_t mode, BkError *err)
{
	BkFileFolder none = BK_FILE_FOLDER_NONE;
	BkFile	   *file = bk_file_create_in(root, &none, path, mode, err);

	bk_file_folder_close(&none);
	return file;
}

BkFile *
bk_file_create_in(int root, BkFileFolder *known, const char *path, mode_t mode,
				  BkError *err)
{
	BkFile	   *file = calloc(1, sizeof(*file));
	FileTry		result = FILE_AGAIN;

	if (file == NULL)
	{
		bk_error_memory(err);
		return NULL;
	}
	file->dir = -1;
	file->fd = -1;
	if (*path == '\0' || !is_plain(path))
	{
		errno = EXDEV;
		bk_error_errno(err, "could not create file \"%s\"", path);
		result = FILE_FAILED;
	}
	for (int i = 0; i < FILE_ATTEMPTS && result == FILE_AGAIN; i++)
	{
		result = open_folder(file, root, known, path, err);
		if (result == FILE_DONE)
			result = create_temporary(file, mode, err);
		if (result == FILE_DONE)
			result = lock_temporary(file, err);
	}
	if (result == FILE_DONE)
		return file;
	bk_file_close(file);
	return NULL;
}

void
bk_file_folder_close(BkFileFolder *folder)
{
	if (folder->dir >= 0)
		close(folder->dir);
	*folder = BK_FILE_FOLDER_NONE;
}

int
bk_file_descriptor(const BkFile *file)
{
	return file->fd;
}

int
bk_file_write(BkFile *file, const void *data, size_t len)
{
	const char *next = data;

	while (len > 0)
	{
		ssize_t		done = write(file->fd, next, len);

		if (done < 0 && errno != EINTR)
			return -1;
		if (done > 0)
		{
			next += done;
			len -= (size_t) done;
		}
	}
	return 0;
}

int
bk_file_sync(BkFile *file)
{
	return fsync(file->fd);
}

bool
bk_file_publish(BkFile *file, BkFileOutcome *outcome, BkError *err)
{
	if (!bk_file_show(file, outcome, err))
		return false;
	if (*outcome == BK_FILE_PUBLISHED && bk_file_sync_dir(file->dir) != 0)
		return bk_error_errno(err, "could not fsync the folder of \"%s\"",
							  file->name);
	return true;
}

bool
bk_file_show(BkFile *file, BkFileOutcome *outcome, BkError *err)
{
	bool		done = bk_file_move(file->dir, file->temporary, file->dir,
									file->name, outcome, err);

	file->published = done && *outcome == BK_FILE_PUBLISHED;
	return done;
}

void
bk_file_close(BkFile *file)
{
	if (file == NULL)
		return;

	/* Unlink before close: closing gives up the lock. */
	if (file->fd >= 0 && !file->published)
		unlinkat(file->dir, file->temporary, 0);
	if (file->fd >= 0)
		close(file->fd);
	if (file->dir >= 0)
		close(file->dir);
	free(file);
}

bool
bk_file_move(int from_dir, const char *from, int to_dir, const char *to,
			 BkFileOutcome *outcome, BkError *err)
{
	*outcome = BK_FILE_EXISTS;
	if (give_name(from_dir, from, to_dir, to) == 0)
		*outcome = BK_FILE_PUBLISHED;
	else if (errno == EOPNOTSUPP)
		return bk_error(err, BK_STATE_UNSUPPORTED,
						"the file system supports neither renaming without replacing nor hard links");
	else if (errno != EEXIST)
		return bk_error_errno(err, "could not rename \"%s\" to \"%s\"", from, to);
	return true;
}

/* A lock that can be had means that the writer is gone. */
int
bk_file_sweep(int dir, const char *name)
{
	int			fd = bk_file_open(dir, name, O_RDWR | O_NONBLOCK, 0);
	int			result = 0;

	if (fd < 0)
		return errno == ENOENT ? 0 : -1;
	if (flock(fd, LOCK_EX | LOCK_NB) != 0)
		result = errno == EWOULDBLOCK ? 0 : -1;
	else if (unlinkat(dir, name, 0) != 0 && errno != ENOENT)
		result = -1;
	close(fd);
	return result;
}

bool
bk_file_sweep_folder(int dir, BkError *err)
{
	int			fd = bk_file_open(dir, "", O_RDONLY | O_DIRECTORY, 0);
	DIR		   *stream = fd < 0 ? NULL : fdopendir(fd);
	struct dirent *entry;
	bool		done = stream != NULL;

	if (!done)
		bk_error_errno(err, "could not list a folder for temporary files");
	if (!done && fd >= 0)
		close(fd);
	while (done && (entry = readdir(stream)) != NULL)
	{
		if (strncmp(entry->d_name, BK_FILE_TEMPORARY, strlen(BK_FILE_TEMPORARY)) == 0 &&
			bk_file_sweep(dir, entry->d_name) != 0)
			done = bk_error_errno(err, "could not remove \"%s\"", entry->d_name);
	}
	if (stream != NULL)
		closedir(stream);
	return done;
}

static bool
is_plain(const char *path)
{
	while (*path != '\0')
	{
		size_t		len = strcspn(path, "/");

		if (len == 0 || (len == 1 && path[0] == '.') ||
			(len == 2 && path[0] == '.' && path[1] == '.'))
			return false;
		path += len;
		if (path[0] == '/' && path[1] == '\0')
			return false;
		path += *path == '/';
	}
	return true;
}

static int
open_resolved(int root, const char *path, int flags, mode_t mode)
{
	struct open_how how = {
		.flags = (unsigned) flags,
		.mode = (flags & O_CREAT) != 0 ? mode : 0,
		.resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS |
		RESOLVE_NO_MAGICLINKS,
	};

	return (int) syscall(SYS_openat2, root, path, &how, sizeof(how));
}

static int
open_by_steps(int root, const char *path, int flags, mode_t mode)
{
	char		name[FILE_NAME_MAX + 1];
	int			dir = fcntl(root, F_DUPFD_CLOEXEC, 0);

	while (dir >= 0 && strchr(path, '/') != NULL)
	{
		int			next = -1;

		path = cut_name(path, name);
		if (path != NULL)
			next = openat(dir, name,
						  O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
		close_quietly(dir);
		dir = next;
	}
	if (dir >= 0)
	{
		int			fd = openat(dir, path, flags | O_NOFOLLOW, mode);

		close_quietly(dir);
		dir = fd;
	}
	return dir;
}

/*
 * Copy the first name of a path and return what follows its slash; NULL and
 * ENAMETOOLONG if no file system could have such a name.
 */
static const char *
cut_name(const char *path, char name[FILE_NAME_MAX + 1])
{
	size_t		len = strcspn(path, "/");

	if (len > FILE_NAME_MAX)
	{
		errno = ENAMETOOLONG;
		return NULL;
	}
	memcpy(name, path, len);
	name[len] = '\0';
	return path + len + (path[len] == '/');
}

/*
 * Make the first folder of a path if it is missing, make that durable, and
 * move *dir into it. Returns the rest of the path, or NULL and errno.
 */
static const char *
enter_dir(int *dir, const char *path)
{
	char		name[FILE_NAME_MAX + 1];
	const char *rest = cut_name(path, name);
	int			next;

	if (rest == NULL)
		return NULL;
	if (mkdirat(*dir, name, 0700) != 0 && errno != EEXIST)
		return NULL;
	next = bk_file_open(*dir, name, O_RDONLY | O_DIRECTORY, 0);
	if (next < 0)
		return NULL;
	if (bk_file_sync_dir(*dir) != 0)
		rest = NULL;
	close_quietly(*dir);
	*dir = next;
	return rest;
}

/* Close on a failing path, where errno is still wanted. */
static void
close_quietly(int fd)
{
	int			code = errno;

	close(fd);
	errno = code;
}

static FileTry
open_folder(BkFile *file, int root, BkFileFolder *known, const char *path,
			BkError *err)
{
	const char *slash = strrchr(path, '/');
	char	   *folder;

	if (file->dir >= 0)
		close(file->dir);
	file->dir = -1;
	folder = strndup(path, slash != NULL ? (size_t) (slash - path) : 0);
	if (folder == NULL)
	{
		bk_error_memory(err);
		return FILE_FAILED;
	}
	file->dir = make_folder(root, known, folder, err);
	free(folder);
	if (file->dir < 0)
		return bk_error_is(err, BK_STATE_MISSING_FILE) ? FILE_AGAIN : FILE_FAILED;
	if (cut_name(slash != NULL ? slash + 1 : path, file->name) == NULL)
	{
		bk_error_errno(err, "could not create file \"%s\"", path);
		return FILE_FAILED;
	}
	return FILE_DONE;
}

/* A descriptor of the folder, which is made durable unless it is known. */
static int
make_folder(int root, BkFileFolder *known, const char *folder, BkError *err)
{
	struct stat status;
	int			dir;

	/* One that was removed has no links, whatever stands in its place now. */
	if (known->dir >= 0 && strcmp(known->path, folder) == 0 &&
		fstat(known->dir, &status) == 0 && status.st_nlink > 0)
	{
		dir = fcntl(known->dir, F_DUPFD_CLOEXEC, 0);
		if (dir < 0)
			bk_error_errno(err, "could not open folder \"%s\"", folder);
		return dir;
	}
	bk_file_folder_close(known);
	if (!bk_file_make_dirs(root, folder, err))
		return -1;
	dir = bk_file_open(root, folder, O_RDONLY | O_DIRECTORY, 0);
	if (dir < 0)
		bk_error_errno(err, "could not open folder \"%s\"", folder);
	else if (strlen(folder) < sizeof(known->path))
	{
		known->dir = fcntl(dir, F_DUPFD_CLOEXEC, 0);
		snprintf(known->path, sizeof(known->path), "%s", folder);
	}
	return dir;
}

static FileTry
create_temporary(BkFile *file, mode_t mode, BkError *err)
{
	char		random[FILE_RANDOM + 1];
	int			code;
	int			room = FILE_NAME_MAX - FILE_RANDOM - 1 -
		(int) strlen(BK_FILE_TEMPORARY);

	if (!bk_random_label(random, FILE_RANDOM, err))
		return FILE_FAILED;
	snprintf(file->temporary, sizeof(file->temporary), "%s%s-%.*s",
			 BK_FILE_TEMPORARY, random, room, file->name);
	file->fd = bk_file_open(file->dir, file->temporary,
							O_RDWR | O_CREAT | O_EXCL, mode);
	code = errno;
	if (file->fd >= 0)
		return FILE_DONE;
	bk_error_errno(err, "could not create file \"%s\"", file->temporary);
	return code == ENOENT || code == EEXIST ? FILE_AGAIN : FILE_FAILED;
}

/* A sweeper that was faster has the lock, or has unlinked the file already. */
static FileTry
lock_temporary(BkFile *file, BkError *err)
{
	struct stat status;
	int			locked = flock(file->fd, LOCK_EX | LOCK_NB);

	if (locked == 0 && fstat(file->fd, &status) == 0 && status.st_nlink > 0)
		return FILE_DONE;
	if (locked != 0 && errno != EWOULDBLOCK)
	{
		bk_error_errno(err, "could not lock file \"%s\"", file->temporary);
		return FILE_FAILED;
	}
	bk_error(err, BK_STATE_IN_USE, "file \"%s\" was removed by another process",
			 file->temporary);
	unlinkat(file->dir, file->temporary, 0);
	close(file->fd);
	file->fd = -1;
	return FILE_AGAIN;
}

/* EOPNOTSUPP stands for a file system that knows no way. */
static int
give_name(int from_dir, const char *from, int to_dir, const char *to)
{
	if (renameat2(from_dir, from, to_dir, to, RENAME_NOREPLACE) == 0)
		return 0;
	if (errno != EINVAL && errno != ENOSYS)
		return -1;
	return link_name(from_dir, from, to_dir, to);
}

static int
link_name(int from_dir, const char *from, int to_dir, const char *to)
{
	if (linkat(from_dir, from, to_dir, to, 0) != 0)
	{
		if (errno == EPERM || errno == ENOSYS || errno == EMLINK)
			errno = EOPNOTSUPP;
		return -1;
	}

	/* If this fails, a sweep takes the second name away later. */
	unlinkat(from_dir, from, 0);
	return 0;
}
