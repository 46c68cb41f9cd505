/*
 * posix.c
 *	  The store that is a folder: objects are files.
 *
 * Every path goes through core/file.h and cannot leave the root. put.c writes,
 * walk.c goes through the folders.
 */
#define _GNU_SOURCE 1
#include "storage/posix.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "core/buf.h"
#include "core/file.h"
#include "storage/folder.h"
#include "storage/put.h"
#include "storage/walk.h"

typedef struct Posix
{
	BkStorage	base;
	int			root;
	char	   *path;
	BkFileFolder folder;		/* written to last */
} Posix;

typedef struct PosixReader
{
	BkReader	base;
	Posix	   *store;
	char	   *key;
	int			fd;
	uint64_t	size;			/* at the time of opening */
	uint64_t	done;
} PosixReader;

static bool posix_put(BkStorage *storage, const char *key, BkWriter **writer,
					  BkError *err);
static bool posix_store(BkStorage *storage, const char *key,
						const void *data, size_t len, bool free, BkError *err);
static bool posix_get(BkStorage *storage, const char *key, BkReader **reader,
					  BkError *err);
static bool posix_stat(BkStorage *storage, const char *key,
					   BkObjectStat *stat, BkError *err);
static bool posix_list(BkStorage *storage, const char *prefix,
					   BkStorageVisit visit, void *arg, BkError *err);
static bool posix_match(BkStorage *storage, const char *beginning,
						BkStorageVisit visit, void *arg, BkError *err);
static bool posix_sync(BkStorage *storage, const char *key, BkError *err);
static bool posix_remove(BkStorage *storage, const char *key, BkError *err);
static bool posix_sweep(BkStorage *storage, const char *prefix, bool dead,
					   BkError *err);
static bool posix_probe(BkStorage *storage, bool write,
						BkStorageFinding finding, void *arg, BkError *err);
static bool posix_space(BkStorage *storage, BkStorageSpace *space);
static const char *posix_describe(BkStorage *storage);
static void posix_close(BkStorage *storage);
static bool is_in_place(const Posix *store, BkError *err);
static bool reader_read(BkReader *reader, void *buf, size_t len, size_t *got,
						BkError *err);
static void reader_close(BkReader *reader);
static void remove_empty_folders(Posix *store, char *path);
static bool remove_empty_folder(Posix *store, const char *path);

static const BkStorageOps posix_ops = {
	.scheme = "file",
	.put = posix_put,
	.store = posix_store,
	.get = posix_get,
	.stat = posix_stat,
	.list = posix_list,
	.match = posix_match,
	.sync = posix_sync,
	.remove = posix_remove,
	.remove_all = bk_storage_remove_each,
	.sweep = posix_sweep,
	.probe = posix_probe,
	.lifecycle = bk_storage_no_lifecycle,
	.set_lifecycle = bk_storage_no_set_lifecycle,
	.space = posix_space,
	.describe = posix_describe,
	.close = posix_close,
};

static const BkReaderOps reader_ops = {
	.read = reader_read,
	.close = reader_close,
};

BkStorage *
bk_posix_open(const char *url, bool create, const BkStorageAccess *access,
			  BkError *err)
{
	Posix	   *store = calloc(1, sizeof(*store));

	(void) access;
	if (store == NULL)
	{
		bk_error_memory(err);
		return NULL;
	}
	store->base.ops = &posix_ops;
	store->folder = BK_FILE_FOLDER_NONE;
	store->root = bk_folder_open(url, create, &store->path, err);
	if (store->root < 0)
	{
		free(store);
		return NULL;
	}
	return &store->base;
}

static bool
posix_put(BkStorage *storage, const char *key, BkWriter **writer,
		  BkError *err)
{
	Posix	   *store = (Posix *) storage;

	if (!bk_storage_check_key(key, err) || !is_in_place(store, err))
		return false;
	*writer = bk_put_open(store->root, store->path, &store->folder, key, err);
	return *writer != NULL;
}

static bool
posix_store(BkStorage *storage, const char *key, const void *data, size_t len,
			bool free, BkError *err)
{
	Posix	   *store = (Posix *) storage;

	/* Giving the name never replaces a file, and costs nothing. */
	(void) free;
	return bk_storage_check_key(key, err) && is_in_place(store, err) &&
		bk_put_store(store->root, store->path, &store->folder, key, data, len, err);
}

static bool
posix_get(BkStorage *storage, const char *key, BkReader **reader,
		  BkError *err)
{
	Posix	   *store = (Posix *) storage;
	PosixReader *self;
	struct stat status;
	int			fd;

	if (!bk_storage_check_key(key, err))
		return false;
	fd = bk_folder_object(store->root, key, O_RDONLY | O_NONBLOCK, &status);
	if (fd < 0 && bk_folder_is_missing(errno))
		return bk_error(err, BK_STATE_MISSING_FILE,
						"object \"%s\" does not exist in \"%s\"", key, store->path);
	if (fd < 0)
		return bk_error_errno(err, "could not open object \"%s\" in \"%s\"",
							  key, store->path);
	self = calloc(1, sizeof(*self));
	if (self != NULL)
		self->key = strdup(key);
	if (self == NULL || self->key == NULL)
	{
		free(self);
		close(fd);
		return bk_error_memory(err);
	}
	self->base.ops = &reader_ops;
	self->store = store;
	self->fd = fd;
	self->size = (uint64_t) status.st_size;
	posix_fadvise(fd, 0, 0, POSIX_FADV_SEQUENTIAL);
	*reader = &self->base;
	return true;
}

static bool
posix_stat(BkStorage *storage, const char *key, BkObjectStat *stat,
		   BkError *err)
{
	Posix	   *store = (Posix *) storage;
	struct stat status;
	int			fd;

	*stat = (BkObjectStat) {0};
	if (!bk_storage_check_key(key, err))
		return false;
	fd = bk_folder_object(store->root, key, O_PATH, &status);
	if (fd < 0 && bk_folder_is_missing(errno))
		return true;
	if (fd < 0)
		return bk_error_errno(err, "could not stat object \"%s\" in \"%s\"",
							  key, store->path);
	close(fd);
	stat->exists = true;
	stat->size = (uint64_t) status.st_size;
	stat->modified = (int64_t) status.st_mtime;
	return true;
}

static bool
posix_list(BkStorage *storage, const char *prefix, BkStorageVisit visit,
		   void *arg, BkError *err)
{
	Posix	   *store = (Posix *) storage;

	return bk_walk_objects(store->root, store->path, prefix, visit, arg, err);
}

static bool
posix_match(BkStorage *storage, const char *beginning, BkStorageVisit visit,
			void *arg, BkError *err)
{
	Posix	   *store = (Posix *) storage;

	return bk_walk_matches(store->root, store->path, beginning, visit, arg,
						   err);
}

static bool
posix_sync(BkStorage *storage, const char *key, BkError *err)
{
	Posix	   *store = (Posix *) storage;

	return bk_storage_check_key(key, err) && is_in_place(store, err) &&
		bk_put_sync(store->root, store->path, key, err);
}

static bool
posix_remove(BkStorage *storage, const char *key, BkError *err)
{
	Posix	   *store = (Posix *) storage;
	const char *name;
	char	   *path;
	int			dir;
	bool		removed;

	if (!bk_storage_check_key(key, err))
		return false;
	dir = bk_file_open_parent(store->root, key, &name);
	removed = dir >= 0 ?
		(unlinkat(dir, name, 0) == 0 || bk_folder_is_missing(errno)) &&
		bk_file_sync_dir(dir) == 0 : bk_folder_is_missing(errno);
	if (!removed)
		bk_error_errno(err, "could not remove object \"%s\" in \"%s\"", key,
					   store->path);
	if (dir >= 0)
		close(dir);
	if (!removed)
		return false;
	path = strdup(key);
	if (path == NULL)
		return bk_error_memory(err);
	remove_empty_folders(store, path);
	free(path);
	return true;
}

static bool
posix_sweep(BkStorage *storage, const char *prefix, bool dead,
			BkError *err)
{
	Posix	   *store = (Posix *) storage;
	BkBuf		path;

	/* Locks tell who lives. */
	(void) dead;
	if (!bk_walk_sweep(store->root, store->path, prefix, err))
		return false;

	/* A writer that came to nothing has left its folder. */
	bk_buf_init(&path);
	bk_buf_printf(&path, "%s/", prefix);
	if (!path.failed)
		remove_empty_folders(store, path.data);
	bk_buf_free(&path);
	return true;
}

static bool
posix_probe(BkStorage *storage, bool write, BkStorageFinding finding,
			void *arg, BkError *err)
{
	(void) storage;
	(void) write;
	return finding(arg, "write once", "files get their names without replacing others", err);
}

/* What is kept for root is not there for us. */
static bool
posix_space(BkStorage *storage, BkStorageSpace *space)
{
	struct statvfs disk;

	if (fstatvfs(((Posix *) storage)->root, &disk) != 0)
		return false;
	space->free = (uint64_t) disk.f_bavail * disk.f_frsize;
	space->total = (uint64_t) (disk.f_blocks - disk.f_bfree + disk.f_bavail) * disk.f_frsize;
	return true;
}

static const char *
posix_describe(BkStorage *storage)
{
	return ((Posix *) storage)->path;
}

static void
posix_close(BkStorage *storage)
{
	Posix	   *store = (Posix *) storage;

	bk_file_folder_close(&store->folder);
	close(store->root);
	free(store->path);
	free(store);
}

/*
 * Is our folder still the one that has its name? A handle may live for long,
 * and what was unmounted or moved away meanwhile can be written to by it, but
 * nobody would find that there.
 */
static bool
is_in_place(const Posix *store, BkError *err)
{
	struct stat ours;
	struct stat named;

	if (fstat(store->root, &ours) != 0 || stat(store->path, &named) != 0)
		return bk_error_errno(err, "could not stat directory \"%s\"", store->path);
	if (ours.st_dev == named.st_dev && ours.st_ino == named.st_ino)
		return true;
	bk_error(err, BK_STATE_WRONG_STATE,
			 "directory \"%s\" is another one than before", store->path);
	return bk_error_detail(err, "It was moved away, or something was mounted or unmounted there.");
}

static bool
reader_read(BkReader *reader, void *buf, size_t len, size_t *got,
			BkError *err)
{
	PosixReader *self = (PosixReader *) reader;
	ssize_t		size;

	do
		size = read(self->fd, buf, len);
	while (size < 0 && errno == EINTR);
	if (size < 0)
		return bk_error_errno(err, "could not read object \"%s\" in \"%s\"",
							  self->key, self->store->path);
	self->done += (uint64_t) size;
	if (size == 0 && self->done != self->size)
		return bk_error(err, BK_STATE_CORRUPT,
						"object \"%s\" in \"%s\" changed while it was read",
						self->key, self->store->path);
	*got = (size_t) size;
	return true;
}

static void
reader_close(BkReader *reader)
{
	PosixReader *self = (PosixReader *) reader;

	close(self->fd);
	free(self->key);
	free(self);
}

/* Cuts the path as it goes up; the first level stays. */
static void
remove_empty_folders(Posix *store, char *path)
{
	for (;;)
	{
		char	   *slash = strrchr(path, '/');

		if (slash == NULL)
			return;
		*slash = '\0';
		if (strchr(path, '/') == NULL || !remove_empty_folder(store, path))
			return;
	}
}

/* False where it is still in use, or stays for another reason: harmless. */
static bool
remove_empty_folder(Posix *store, const char *path)
{
	const char *name;
	int			dir = bk_file_open_parent(store->root, path, &name);
	bool		gone;

	if (dir < 0)
		return errno == ENOENT;
	gone = unlinkat(dir, name, AT_REMOVEDIR) == 0 || errno == ENOENT;
	if (gone)
		gone = bk_file_sync_dir(dir) == 0;
	close(dir);
	return gone;
}
