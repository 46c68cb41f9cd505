/*
 * put.c
 *	  Writing the objects of a posix store.
 *
 * The order of a put: temporary, write, fsync, drop the cache and read back,
 * rename without replacing, fsync the folder (see core/file.h). Reading back
 * comes before the name, so that bytes which the disk got wrong never stand
 * under a name.
 */
#define _GNU_SOURCE 1
#include "storage/put.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/digest.h"
#include "core/file.h"
#include "storage/folder.h"

#define FLUSH_STEP	(8 * 1024 * 1024)

typedef struct Put
{
	BkWriter	base;
	int			root;			/* these two are borrowed */
	const char *place;
	char	   *key;
	BkFile	   *file;
	BkDigest   *digest;			/* of what is written */
	BkDigest   *back;			/* of what is read back */
	char		hex[BK_DIGEST_HEX_SIZE];
	uint64_t	size;
	uint64_t	flushed;		/* handed to the disk already */
	uint64_t	confirmed;		/* read back already */
} Put;

static bool sync_folders(int root, const char *key, BkError *err);
static bool writer_write(BkWriter *writer, const void *buf, size_t len,
						 BkError *err);
static bool writer_finish(BkWriter *writer, BkError *err);
static void writer_close(BkWriter *writer);
static bool flush(Put *self, BkError *err);
static bool read_back(Put *self, uint64_t end, BkError *err);
static bool confirm(Put *self, BkError *err);
static bool reads_back_otherwise(const Put *self, BkError *err);
static bool compare_existing(Put *self, BkError *err);
static bool digest_file(int fd, uint64_t size, char *hex, BkError *err);
static bool digest_bytes(BkDigest *digest, int fd, uint64_t start,
						 uint64_t end, BkError *err);
static bool write_error(const Put *self, const char *what, BkError *err);
static bool same_bytes(int fd, const void *data, size_t len, bool *same,
					   BkError *err);

static const BkWriterOps writer_ops = {
	.write = writer_write,
	.finish = writer_finish,
	.close = writer_close,
};

BkWriter *
bk_put_open(int root, const char *place, BkFileFolder *known, const char *key,
			BkError *err)
{
	Put		   *self = calloc(1, sizeof(*self));

	if (self == NULL)
	{
		bk_error_memory(err);
		return NULL;
	}
	self->base.ops = &writer_ops;
	self->root = root;
	self->place = place;
	self->key = strdup(key);
	if (self->key == NULL)
		bk_error_memory(err);
	else
		self->digest = bk_digest_new(err);
	if (self->digest != NULL)
		self->back = bk_digest_new(err);
	if (self->back != NULL)
	{
		self->file = bk_file_create_in(root, known, key, 0600, err);
		if (self->file == NULL)
			bk_error_detail(err, "The repository is in \"%s\".", place);
	}
	if (self->file != NULL)
		return &self->base;
	writer_close(&self->base);
	return NULL;
}

/* The bytes are at hand: they are compared with what is read back as such. */
bool
bk_put_store(int root, const char *place, BkFileFolder *known,
			 const char *key, const void *data, size_t len, BkError *err)
{
	Put			put = {.root = root, .place = place, .key = (char *) key, .size = len};
	BkFileOutcome outcome;
	bool		same = false;
	bool		done;

	put.file = bk_file_create_in(root, known, key, 0600, err);
	if (put.file == NULL)
		return bk_error_detail(err, "The repository is in \"%s\".", place);
	if (bk_file_write(put.file, data, len) != 0)
		done = write_error(&put, "write", err);
	else if (bk_file_sync(put.file) != 0)
		done = write_error(&put, "fsync", err);
	else
		done = same_bytes(bk_file_descriptor(put.file), data, len, &same, err);
	if (done && !same)
		done = reads_back_otherwise(&put, err);
	done = done && bk_file_publish(put.file, &outcome, err);
	if (done && outcome == BK_FILE_EXISTS)
		done = bk_digest_hex(data, len, put.hex, err) &&
			compare_existing(&put, err);
	bk_file_close(put.file);
	return done;
}

/* The file's bytes, its name, and the names of the folders above. */
bool
bk_put_sync(int root, const char *place, const char *key, BkError *err)
{
	struct stat status;
	const char *name;
	int			fd;
	int			dir;
	bool		done;

	fd = bk_folder_object(root, key, O_RDONLY | O_NONBLOCK, &status);
	dir = fd < 0 ? -1 : bk_file_open_parent(root, key, &name);
	if (dir < 0 && bk_folder_is_missing(errno))
		done = bk_error(err, BK_STATE_MISSING_FILE,
						"object \"%s\" does not exist in \"%s\"", key, place);
	else if (dir < 0 || fsync(fd) != 0 || bk_file_sync_dir(dir) != 0)
		done = bk_error_errno(err, "could not fsync object \"%s\" in \"%s\"",
							  key, place);
	else
		done = sync_folders(root, key, err);
	if (fd >= 0)
		close(fd);
	if (dir >= 0)
		close(dir);
	return done;
}

/* Making folders that are there makes them durable. */
static bool
sync_folders(int root, const char *key, BkError *err)
{
	const char *slash = strrchr(key, '/');
	char	   *folder = strndup(key, slash == NULL ? 0 : (size_t) (slash - key));
	bool		done = folder != NULL ? bk_file_make_dirs(root, folder, err) :
		bk_error_memory(err);

	free(folder);
	return done;
}

static bool
writer_write(BkWriter *writer, const void *buf, size_t len, BkError *err)
{
	Put		   *self = (Put *) writer;

	if (!bk_digest_update(self->digest, buf, len, err))
		return false;
	if (bk_file_write(self->file, buf, len) != 0)
		return write_error(self, "write", err);
	self->size += len;

	return self->size - self->flushed < FLUSH_STEP || flush(self, err);
}

static bool
writer_finish(BkWriter *writer, BkError *err)
{
	Put		   *self = (Put *) writer;
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
	Put		   *self = (Put *) writer;

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
flush(Put *self, BkError *err)
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
read_back(Put *self, uint64_t end, BkError *err)
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
confirm(Put *self, BkError *err)
{
	char		hex[BK_DIGEST_HEX_SIZE];

	if (!read_back(self, self->size, err) ||
		!bk_digest_final_hex(self->back, hex, err))
		return false;
	return strcmp(hex, self->hex) == 0 || reads_back_otherwise(self, err);
}

static bool
reads_back_otherwise(const Put *self, BkError *err)
{
	return bk_error(err, BK_STATE_CORRUPT,
					"object \"%s\" in \"%s\" reads back other than it was written",
					self->key, self->place);
}

/* From the disk, if possible. */
static bool
same_bytes(int fd, const void *data, size_t len, bool *same, BkError *err)
{
	char	   *buf = malloc(BK_STREAM_BUFFER);
	size_t		at = 0;
	ssize_t		got = 1;

	if (buf == NULL)
		return bk_error_memory(err);
	posix_fadvise(fd, 0, (off_t) len, POSIX_FADV_DONTNEED);
	while (at < len && got != 0)
	{
		got = pread(fd, buf, BK_STREAM_BUFFER, (off_t) at);
		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0 || (size_t) got > len - at ||
			memcmp(buf, (const char *) data + at, (size_t) got) != 0)
			break;
		at += (size_t) got;
	}
	free(buf);
	*same = at == len;
	return got >= 0 || bk_error_errno(err, "could not read a file back");
}

/*
 * The key has an object. If it is ours, make sure that it is durable: its
 * writer may not have come to that.
 */
static bool
compare_existing(Put *self, BkError *err)
{
	char		hex[BK_DIGEST_HEX_SIZE] = "";
	struct stat status;
	const char *name;
	int			fd = bk_folder_object(self->root, self->key, O_RDONLY, &status);
	int			dir = bk_file_open_parent(self->root, self->key, &name);
	bool		done = fd >= 0 && dir >= 0;

	if (!done)
		bk_error_errno(err, "could not open object \"%s\" in \"%s\"",
					   self->key, self->place);
	if (done && (uint64_t) status.st_size == self->size)
		done = digest_file(fd, self->size, hex, err);
	if (done && strcmp(hex, self->hex) != 0)
		done = bk_error(err, BK_STATE_DUP_OBJECT,
						"object \"%s\" in \"%s\" exists with other content",
						self->key, self->place);
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
write_error(const Put *self, const char *what, BkError *err)
{
	int			code = errno;
	char	   *mount;

	if (code != ENOSPC && code != EDQUOT)
		return bk_error_errno(err, "could not %s object \"%s\" in \"%s\"",
							  what, self->key, self->place);
	mount = bk_folder_mount(self->root, self->place);
	bk_error(err, BK_STATE_DISK_FULL, "file system \"%s\" is full",
			 mount != NULL ? mount : self->place);
	free(mount);
	bk_error_detail(err, "Could not %s object \"%s\" in \"%s\": %s.",
					what, self->key, self->place, strerror(code));
	return bk_error_hint(err, "Free space there and try again.");
}
