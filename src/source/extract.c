/*
 * extract.c
 *	  Write the members of a tar volume below a folder, and nowhere else.
 *
 * Names are resolved by bk_file_open(), which follows no link and leaves no
 * root. Runs of zeros become holes.
 */
#define _GNU_SOURCE 1
#include "source/extract.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/file.h"
#include "core/stream.h"

#define BUFFER_SIZE		BK_STREAM_BUFFER
#define HOLE_SIZE		(64 * 1024)
#define PUSH_SIZE		(8 * 1024 * 1024)	/* bytes to send on their way to the disk */

static bool extract_member(BkTarReader *tar, const BkExtractSpec *spec,
						   const BkTarEntry *entry, char *buf, BkError *err);
static bool write_file(BkTarReader *tar, const BkExtractSpec *spec,
					   const BkTarEntry *entry, int fd, char *buf,
					   BkError *err);
static int	create_file(const BkExtractSpec *spec, const BkTarEntry *entry,
						bool replace, BkError *err);
static bool fill(BkTarReader *tar, const BkExtractSpec *spec, char *buf,
				 size_t *len, BkError *err);
static int	put_dense(int fd, const char *buf, size_t len, off_t offset);
static int	put(int fd, const char *buf, size_t len, off_t offset);
static bool is_zero(const char *buf, size_t len);

bool
bk_extract(BkTarReader *tar, const BkExtractSpec *spec, BkError *err)
{
	char	   *buf = malloc(BUFFER_SIZE);
	BkTarEntry	entry;
	bool		more = true;
	bool		ok = buf != NULL || bk_error_memory(err);

	while (ok && more)
	{
		ok = spec->tick(spec->arg, 0, err) &&
			bk_tar_next(tar, &entry, &more, err) &&
			(!more || extract_member(tar, spec, &entry, buf, err));
	}
	free(buf);
	return ok;
}

bool
bk_extract_check_name(const char *name, BkError *err)
{
	const char *at = name;
	bool		good = *name != '\0' && strlen(name) < PATH_MAX;

	while (good && *at != '\0')
	{
		size_t		len = strcspn(at, "/");

		good = len > 0 && len <= NAME_MAX &&
			!(len <= 2 && strncmp(at, "..", len) == 0);
		at += len;
		good = good && (*at == '\0' || at[1] != '\0');
		at += *at == '/';
	}
	if (good)
		return true;
	bk_error(err, BK_STATE_CORRUPT, "the backup has a file with the name \"%.200s\"",
			 name);
	return bk_error_detail(err, "A name in a backup is relative, has no empty, \".\" or \"..\" component, and no component of more than %d bytes.",
						   NAME_MAX);
}

bool
bk_extract_folder(const BkExtractSpec *spec, const char *name, BkError *err)
{
	const char *last;
	mode_t		mode = spec->group ? 0750 : 0700;
	int			parent = bk_file_open_parent(spec->root, name, &last);
	int			made = -1;
	int			dir = -1;

	if (parent >= 0)
		made = mkdirat(parent, last, mode);
	if (made == 0 || (parent >= 0 && errno == EEXIST))
		dir = bk_file_open(parent, last, O_RDONLY | O_DIRECTORY, 0);
	/* The umask may have taken from it. */
	if (dir < 0 || (made == 0 && spec->group && fchmod(dir, mode) != 0))
		bk_error_errno(err, "could not make folder \"%s\"", name);
	else
		made = 0;
	if (parent >= 0)
		close(parent);
	if (dir >= 0)
		close(dir);
	return made == 0;
}

static bool
extract_member(BkTarReader *tar, const BkExtractSpec *spec,
			   const BkTarEntry *entry, char *buf, BkError *err)
{
	BkExtractWhat what;
	bool		ok;
	int			fd;

	if (!bk_extract_check_name(entry->name, err))
		return false;
	if (entry->type == BK_TAR_OTHER)
	{
		bk_error(err, BK_STATE_CORRUPT,
				 "member \"%.200s\" of the backup is neither a file nor a folder",
				 entry->name);
		return bk_error_detail(err, "A backup has no links and no devices.");
	}
	if (!spec->member(spec->arg, entry, &what, err))
		return false;
	if (what == BK_EXTRACT_SKIP)
		return true;
	if (entry->type == BK_TAR_DIRECTORY)
		return bk_extract_folder(spec, entry->name, err);
	fd = create_file(spec, entry, what == BK_EXTRACT_REPLACE, err);
	if (fd < 0)
		return false;
	ok = write_file(tar, spec, entry, fd, buf, err);
	if (close(fd) != 0 && ok)
		ok = bk_error_errno(err, "could not close file \"%s\"", entry->name);
	return ok;
}

static int
create_file(const BkExtractSpec *spec, const BkTarEntry *entry, bool replace,
			BkError *err)
{
	mode_t		mode = (entry->mode & (spec->group ? 0640 : 0600)) | 0600;
	const char *name;
	int			parent = bk_file_open_parent(spec->root, entry->name, &name);
	int			fd = -1;
	bool		free_name;

	free_name = parent >= 0 &&
		(!replace || unlinkat(parent, name, 0) == 0 || errno == ENOENT);
	if (free_name)
		fd = bk_file_open(parent, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, mode);
	if (fd < 0 && free_name && errno == EEXIST)
		bk_error(err, BK_STATE_CORRUPT,
				 "the backup has file \"%.200s\" more than once, or something else wrote it",
				 entry->name);
	else if (fd < 0 || (spec->group && fchmod(fd, mode) != 0))
		bk_error_errno(err, "could not create file \"%s\"", entry->name);
	else
	{
		close(parent);
		return fd;
	}
	if (fd >= 0)
		close(fd);
	if (parent >= 0)
		close(parent);
	return -1;
}

static bool
write_file(BkTarReader *tar, const BkExtractSpec *spec,
		   const BkTarEntry *entry, int fd, char *buf, BkError *err)
{
	uint64_t	done = 0;
	uint64_t	pushed = 0;
	size_t		len = 1;

	while (len > 0)
	{
		if (!fill(tar, spec, buf, &len, err))
			return false;
		if (put_dense(fd, buf, len, (off_t) done) != 0)
			return bk_error_errno(err, "could not write file \"%s\"", entry->name);
		done += len;
		if (done - pushed >= PUSH_SIZE || (len == 0 && done >= PUSH_SIZE / 8))
		{
			(void) sync_file_range(fd, (off_t) pushed, 0, SYNC_FILE_RANGE_WRITE);
			pushed = done;
		}
	}
	if (done != entry->size)
		return bk_error(err, BK_STATE_CORRUPT, "file \"%s\" of the backup is cut",
						entry->name);
	/* What ends in a hole gets its length here. */
	return ftruncate(fd, (off_t) done) == 0 ||
		bk_error_errno(err, "could not write file \"%s\"", entry->name);
}

/* Read until the buffer is full or the member is at its end. */
static bool
fill(BkTarReader *tar, const BkExtractSpec *spec, char *buf, size_t *len,
	 BkError *err)
{
	size_t		got = 1;

	*len = 0;
	while (got > 0 && *len < BUFFER_SIZE)
	{
		if (!bk_tar_read(tar, buf + *len, BUFFER_SIZE - *len, &got, err))
			return false;
		*len += got;
	}
	return spec->tick(spec->arg, *len, err);
}

/* Write a buffer without its holes. */
static int
put_dense(int fd, const char *buf, size_t len, off_t offset)
{
	size_t		from = 0;

	for (size_t at = 0; at < len; at += HOLE_SIZE)
	{
		size_t		piece = len - at < HOLE_SIZE ? len - at : HOLE_SIZE;

		if (!is_zero(buf + at, piece))
			continue;
		if (put(fd, buf + from, at - from, offset + (off_t) from) != 0)
			return -1;
		from = at + piece;
	}
	return put(fd, buf + from, len - from, offset + (off_t) from);
}

static int
put(int fd, const char *buf, size_t len, off_t offset)
{
	while (len > 0)
	{
		ssize_t		done = pwrite(fd, buf, len, offset);

		if (done < 0 && errno != EINTR)
			return -1;
		if (done > 0)
		{
			buf += done;
			offset += done;
			len -= (size_t) done;
		}
	}
	return 0;
}

static bool
is_zero(const char *buf, size_t len)
{
	return len > 0 && buf[0] == 0 && memcmp(buf, buf + 1, len - 1) == 0;
}
