/*
 * posix.c
 *	  The store that is a folder: objects are files.
 *
 * The order of a put: temporary, write, fsync, drop the cache and read back,
 * rename without replacing, fsync the folder (see core/file.h). Reading back
 * comes before the name, so that bytes which the disk got wrong never stand
 * under a name. Every path goes through core/file.h and cannot leave the
 * root. walk.c goes through the folders.
 */
#define _GNU_SOURCE 1
#include "storage/posix.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/buf.h"
#include "core/digest.h"
#include "core/file.h"
#include "storage/folder.h"
#include "storage/walk.h"

#define POSIX_FLUSH_STEP	(8 * 1024 * 1024)

typedef struct Posix
{
	BkStorage	base;
	int			root;
	char	   *path;
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

typedef struct PosixWriter
{
	BkWriter	base;
	Posix	   *store;
	char	   *key;
	BkFile	   *file;
	BkDigest   *digest;			/* of what is written */
	BkDigest   *back;			/* of what is read back */
	char		hex[BK_DIGEST_HEX_SIZE];
	uint64_t	size;
	uint64_t	flushed;		/* handed to the disk already */
	uint64_t	confirmed;		/* read back already */
} PosixWriter;

static bool posix_put(BkStorage *storage, const char *key, BkWriter **writer,
					  BkError *err);
static bool posix_get(BkStorage *storage, const char *key, BkReader **reader,
					  BkError *err);
static bool posix_stat(BkStorage *storage, const char *key,
					   BkObjectStat *stat, BkError *err);
static bool posix_list(BkStorage *storage, const char *prefix,
					   BkStorageVisit visit, void *arg, BkError *err);
static bool posix_remove(BkStorage *storage, const char *key, BkError *err);
static bool posix_sweep(BkStorage *storage, const char *prefix, BkError *err);
static const char *posix_describe(BkStorage *storage);
static void posix_close(BkStorage *storage);
static bool reader_read(BkReader *reader, void *buf, size_t len, size_t *got,
						BkError *err);
static void reader_close(BkReader *reader);
static bool writer_write(BkWriter *writer, const void *buf, size_t len,
						 BkError *err);
static bool writer_finish(BkWriter *writer, BkError *err);
static void writer_close(BkWriter *writer);
static bool flush(PosixWriter *self, BkError *err);
static bool read_back(PosixWriter *self, uint64_t end, BkError *err);
static bool confirm(PosixWriter *self, BkError *err);
static bool compare_existing(PosixWriter *self, BkError *err);
static bool digest_file(int fd, uint64_t size, char *hex, BkError *err);
static bool digest_bytes(BkDigest *digest, int fd, uint64_t start,
						 uint64_t end, BkError *err);
static bool write_error(PosixWriter *self, const char *what, BkError *err);
static int	open_object(Posix *store, const char *key, int flags,
						struct stat *status);
static bool is_missing(int code);
static void remove_empty_folders(Posix *store, char *path);
static bool remove_empty_folder(Posix *store, const char *path);

static const BkStorageOps posix_ops = {
	.scheme = "file",
	.put = posix_put,
	.get = posix_get,
	.stat = posix_stat,
	.list = posix_list,
	.remove = posix_remove,
	.sweep = posix_sweep,
	.describe = posix_describe,
	.close = posix_close,
};

static const BkReaderOps reader_ops = {
	.read = reader_read,
	.close = reader_close,
};

static const BkWriterOps writer_ops = {
	.write = writer_write,
	.finish = writer_finish,
	.close = writer_close,
};

BkStorage *
bk_posix_open(const char *url, bool create, BkError *err)
{
	Posix	   *store = calloc(1, sizeof(*store));

	if (store == NULL)
	{
		bk_error_memory(err);
		return NULL;
	}
	store->base.ops = &posix_ops;
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
	PosixWriter *self;

	if (!bk_storage_check_key(key, err))
		return false;
	self = calloc(1, sizeof(*self));
	if (self == NULL)
		return bk_error_memory(err);
	self->base.ops = &writer_ops;
	self->store = store;
	self->key = strdup(key);
	if (self->key == NULL)
		bk_error_memory(err);
	else
		self->digest = bk_digest_new(err);
	if (self->digest != NULL)
		self->back = bk_digest_new(err);
	if (self->back != NULL)
	{
		self->file = bk_file_create(store->root, key, 0600, err);
		if (self->file == NULL)
			bk_error_detail(err, "The repository is in \"%s\".", store->path);
	}
	if (self->file == NULL)
	{
		writer_close(&self->base);
		return false;
	}
	*writer = &self->base;
	return true;
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
	fd = open_object(store, key, O_RDONLY | O_NONBLOCK, &status);
	if (fd < 0 && is_missing(errno))
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
	fd = open_object(store, key, O_PATH, &status);
	if (fd < 0 && is_missing(errno))
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
		(unlinkat(dir, name, 0) == 0 || is_missing(errno)) &&
		bk_file_sync_dir(dir) == 0 : is_missing(errno);
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
posix_sweep(BkStorage *storage, const char *prefix, BkError *err)
{
	Posix	   *store = (Posix *) storage;
	BkBuf		path;

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

static const char *
posix_describe(BkStorage *storage)
{
	return ((Posix *) storage)->path;
}

static void
posix_close(BkStorage *storage)
{
	Posix	   *store = (Posix *) storage;

	close(store->root);
	free(store->path);
	free(store);
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

static bool
writer_write(BkWriter *writer, const void *buf, size_t len, BkError *err)
{
	PosixWriter *self = (PosixWriter *) writer;

	if (!bk_digest_update(self->digest, buf, len, err))
		return false;
	if (bk_file_write(self->file, buf, len) != 0)
		return write_error(self, "write", err);
	self->size += len;

	return self->size - self->flushed < POSIX_FLUSH_STEP || flush(self, err);
}

static bool
writer_finish(BkWriter *writer, BkError *err)
{
	PosixWriter *self = (PosixWriter *) writer;
	BkFileOutcome outcome;

	if (!bk_digest_final_hex(self->digest, self->hex, err))
		return false;
	if (bk_file_sync(self->file) != 0)
		return write_error(self, "fsync", err);
	if (!confirm(self, err))
		return false;
	if (!bk_file_publish(self->file, &outcome, err))
		return false;
	return outcome == BK_FILE_PUBLISHED || compare_existing(self, err);
}

static void
writer_close(BkWriter *writer)
{
	PosixWriter *self = (PosixWriter *) writer;

	bk_file_close(self->file);
	bk_digest_free(self->digest);
	bk_digest_free(self->back);
	free(self->key);
	free(self);
}

/*
 * Hand what was written since the last time to the disk, and read back what
 * was handed over then. So the fsync and the reading back at the end are
 * short.
 */
static bool
flush(PosixWriter *self, BkError *err)
{
	int			fd = bk_file_descriptor(self->file);
	uint64_t	before = self->flushed;

	if (sync_file_range(fd, (off_t) before, (off_t) (self->size - before),
						SYNC_FILE_RANGE_WRITE) != 0)
		return write_error(self, "flush", err);
	self->flushed = self->size;
	if (before == self->confirmed)
		return true;

	/* An error of the disk that shows here does not show again at fsync. */
	if (sync_file_range(fd, (off_t) self->confirmed,
						(off_t) (before - self->confirmed),
						SYNC_FILE_RANGE_WAIT_BEFORE | SYNC_FILE_RANGE_WRITE |
						SYNC_FILE_RANGE_WAIT_AFTER) != 0)
		return write_error(self, "flush", err);
	return read_back(self, before, err);
}

/* Read the file on from where it is confirmed, from the disk if possible. */
static bool
read_back(PosixWriter *self, uint64_t end, BkError *err)
{
	int			fd = bk_file_descriptor(self->file);

	posix_fadvise(fd, (off_t) self->confirmed,
				  (off_t) (end - self->confirmed), POSIX_FADV_DONTNEED);
	if (!digest_bytes(self->back, fd, self->confirmed, end, err))
		return false;
	self->confirmed = end;
	return true;
}

/* Read the rest back, and compare all of it with what was written. */
static bool
confirm(PosixWriter *self, BkError *err)
{
	char		hex[BK_DIGEST_HEX_SIZE];

	if (!read_back(self, self->size, err) ||
		!bk_digest_final_hex(self->back, hex, err))
		return false;
	if (strcmp(hex, self->hex) != 0)
		return bk_error(err, BK_STATE_CORRUPT,
						"object \"%s\" in \"%s\" reads back other than it was written",
						self->key, self->store->path);
	return true;
}

/*
 * The key has an object. If it is ours, make sure that it is durable: its
 * writer may not have come to that.
 */
static bool
compare_existing(PosixWriter *self, BkError *err)
{
	char		hex[BK_DIGEST_HEX_SIZE] = "";
	struct stat status;
	const char *name;
	int			fd = open_object(self->store, self->key, O_RDONLY, &status);
	int			dir = bk_file_open_parent(self->store->root, self->key, &name);
	bool		done = fd >= 0 && dir >= 0;

	if (!done)
		bk_error_errno(err, "could not open object \"%s\" in \"%s\"",
					   self->key, self->store->path);
	if (done && (uint64_t) status.st_size == self->size)
		done = digest_file(fd, self->size, hex, err);
	if (done && strcmp(hex, self->hex) != 0)
		done = bk_error(err, BK_STATE_DUP_OBJECT,
						"object \"%s\" in \"%s\" exists with other content",
						self->key, self->store->path);
	if (done && (fsync(fd) != 0 || bk_file_sync_dir(dir) != 0))
		done = write_error(self, "fsync", err);
	if (fd >= 0)
		close(fd);
	if (dir >= 0)
		close(dir);
	return done;
}

/* The digest of a file's bytes from its start, of which there must be size. */
static bool
digest_file(int fd, uint64_t size, char *hex, BkError *err)
{
	BkDigest   *digest = bk_digest_new(err);
	bool		done = digest != NULL &&
		digest_bytes(digest, fd, 0, size, err) &&
		bk_digest_final_hex(digest, hex, err);

	bk_digest_free(digest);
	return done;
}

static bool
digest_bytes(BkDigest *digest, int fd, uint64_t start, uint64_t end,
			 BkError *err)
{
	char	   *buf = malloc(BK_STREAM_BUFFER);
	uint64_t	at = start;
	bool		good = buf != NULL || bk_error_memory(err);

	while (good && at < end)
	{
		size_t		want = end - at < BK_STREAM_BUFFER
			? (size_t) (end - at) : BK_STREAM_BUFFER;
		ssize_t		got = pread(fd, buf, want, (off_t) at);

		if (got > 0)
			good = bk_digest_update(digest, buf, (size_t) got, err);
		else if (got == 0)
			good = bk_error(err, BK_STATE_CORRUPT,
							"file ends at %llu instead of %llu bytes",
							(unsigned long long) at,
							(unsigned long long) end);
		else if (errno != EINTR)
			good = bk_error_errno(err, "could not read a file back");
		if (got > 0)
			at += (uint64_t) got;
	}
	free(buf);
	return good;
}

/* A full disk is told by where it is mounted: that is what has to be freed. */
static bool
write_error(PosixWriter *self, const char *what, BkError *err)
{
	int			code = errno;
	char	   *mount;

	if (code != ENOSPC && code != EDQUOT)
		return bk_error_errno(err, "could not %s object \"%s\" in \"%s\"",
							  what, self->key, self->store->path);
	mount = bk_folder_mount(self->store->root, self->store->path);
	bk_error(err, BK_STATE_DISK_FULL, "file system \"%s\" is full",
			 mount != NULL ? mount : self->store->path);
	free(mount);
	bk_error_detail(err, "Could not %s object \"%s\" in \"%s\": %s.",
					what, self->key, self->store->path, strerror(code));
	return bk_error_hint(err, "Free space there and try again.");
}

/* The file of a key; -1 and errno, ENOENT also where a folder stands. */
static int
open_object(Posix *store, const char *key, int flags, struct stat *status)
{
	int			fd = bk_file_open(store->root, key, flags, 0);

	*status = (struct stat) {0};
	if (fd < 0)
		return -1;
	if (fstat(fd, status) == 0 && S_ISREG(status->st_mode))
		return fd;
	close(fd);
	errno = S_ISDIR(status->st_mode) ? ENOENT : EINVAL;
	return -1;
}

/* A file where the key wants a folder means: no such object. */
static bool
is_missing(int code)
{
	return code == ENOENT || code == ENOTDIR;
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
