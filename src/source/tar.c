/*
 * tar.c
 *	  Write and read tar volumes with libarchive.
 *
 * libarchive calls back for bytes; an error of our stream is kept in the
 * record and wins over what libarchive makes of it. A writer does not even
 * tell libarchive, which would leak memory on a write that failed. A reader
 * follows the bytes itself, since libarchive is lenient about the end of a
 * volume: everything behind the last member must be zeros, and at least the
 * two blocks of the format.
 */
#include "source/tar.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include <archive.h>
#include <archive_entry.h>

#define TAR_BLOCK		512
#define TAR_END			(2 * TAR_BLOCK)

struct BkTarWriter
{
	struct archive *archive;
	struct archive_entry *entry;
	BkWriter   *next;
	uint64_t	left;			/* bytes that the member still needs */
	BkError		problem;		/* of next */
	bool		failed;			/* see "problem" */
};

struct BkTarReader
{
	struct archive *archive;
	BkReader   *below;
	uint64_t	total;			/* bytes read from below */
	uint64_t	content;		/* of these, up to the last that is not zero */
	uint64_t	left;			/* bytes that the member still has */
	char	   *name;			/* of the member, without a slash at its end */
	BkError		problem;		/* of below */
	bool		failed;			/* see "problem" */
	char		buf[BK_STREAM_BUFFER];
};

static la_ssize_t write_below(struct archive *archive, void *arg,
							  const void *buf, size_t len);
static bool writer_error(BkTarWriter *tar, BkError *err);
static la_ssize_t read_below(struct archive *archive, void *arg,
							 const void **buf);
static bool pull(BkTarReader *tar, size_t *got);
static bool take_entry(BkTarReader *tar, struct archive_entry *from,
					   BkTarEntry *entry, BkError *err);
static BkTarType type_of(struct archive_entry *entry);
static bool check_end(BkTarReader *tar, BkError *err);
static bool reader_error(BkTarReader *tar, BkError *err);

BkTarWriter *
bk_tar_writer_open(BkWriter *next, BkError *err)
{
	BkTarWriter *tar = calloc(1, sizeof(*tar));

	if (tar == NULL)
	{
		bk_error_memory(err);
		return NULL;
	}
	tar->next = next;
	tar->archive = archive_write_new();
	tar->entry = archive_entry_new();
	/* No blocking: large writes pass through without being copied. */
	if (tar->archive != NULL && tar->entry != NULL &&
		archive_write_set_format_gnutar(tar->archive) == ARCHIVE_OK &&
		archive_write_set_bytes_per_block(tar->archive, 0) == ARCHIVE_OK &&
		archive_write_set_bytes_in_last_block(tar->archive, 1) == ARCHIVE_OK &&
		archive_write_open(tar->archive, tar, NULL, write_below, NULL) == ARCHIVE_OK)
		return tar;
	bk_tar_writer_free(tar);
	bk_error_memory(err);
	return NULL;
}

bool
bk_tar_begin(BkTarWriter *tar, const BkTarEntry *entry, BkError *err)
{
	bool		file = entry->type == BK_TAR_FILE;

	if (tar->left > 0)
		return bk_error(err, BK_STATE_SYSTEM,
						"a member of the tar volume lacks %llu bytes",
						(unsigned long long) tar->left);
	archive_entry_clear(tar->entry);
	archive_entry_copy_pathname(tar->entry, entry->name);
	archive_entry_set_filetype(tar->entry, file ? AE_IFREG : AE_IFDIR);
	archive_entry_set_perm(tar->entry, entry->mode & 07777);
	archive_entry_set_size(tar->entry, file ? (la_int64_t) entry->size : 0);
	archive_entry_set_mtime(tar->entry, entry->mtime, 0);
	archive_entry_set_uid(tar->entry, entry->uid);
	archive_entry_set_gid(tar->entry, entry->gid);
	if (archive_write_header(tar->archive, tar->entry) != ARCHIVE_OK || tar->failed)
		return writer_error(tar, err);
	tar->left = file ? entry->size : 0;
	return true;
}

bool
bk_tar_data(BkTarWriter *tar, const void *data, size_t len, BkError *err)
{
	if (len > tar->left)
		return bk_error(err, BK_STATE_SYSTEM,
						"a member of the tar volume has %llu bytes too many",
						(unsigned long long) (len - tar->left));
	if (len > 0 &&
		(archive_write_data(tar->archive, data, len) != (la_ssize_t) len ||
		 tar->failed))
		return writer_error(tar, err);
	tar->left -= len;
	return true;
}

bool
bk_tar_finish(BkTarWriter *tar, BkError *err)
{
	if (tar->left > 0)
		return bk_error(err, BK_STATE_SYSTEM,
						"a member of the tar volume lacks %llu bytes",
						(unsigned long long) tar->left);
	if (archive_write_close(tar->archive) != ARCHIVE_OK || tar->failed)
		return writer_error(tar, err);
	return true;
}

void
bk_tar_writer_free(BkTarWriter *tar)
{
	if (tar == NULL)
		return;
	/* An end of the volume that is written only now goes nowhere. */
	tar->failed = true;
	(void) archive_write_free(tar->archive);
	archive_entry_free(tar->entry);
	free(tar);
}

BkTarReader *
bk_tar_reader_open(BkReader *below, BkError *err)
{
	BkTarReader *tar = calloc(1, sizeof(*tar));

	if (tar == NULL)
	{
		bk_error_memory(err);
		return NULL;
	}
	tar->below = below;
	tar->archive = archive_read_new();
	if (tar->archive == NULL ||
		archive_read_support_format_gnutar(tar->archive) != ARCHIVE_OK)
		bk_error_memory(err);
	else if (archive_read_open(tar->archive, tar, NULL, read_below, NULL) != ARCHIVE_OK)
		reader_error(tar, err);
	else
		return tar;
	bk_tar_reader_free(tar);
	return NULL;
}

bool
bk_tar_next(BkTarReader *tar, BkTarEntry *entry, bool *more, BkError *err)
{
	struct archive_entry *found;
	int			result = archive_read_next_header(tar->archive, &found);

	*more = result == ARCHIVE_OK;
	if (result == ARCHIVE_EOF)
		return check_end(tar, err);
	if (result != ARCHIVE_OK)
		return reader_error(tar, err);
	return take_entry(tar, found, entry, err);
}

bool
bk_tar_read(BkTarReader *tar, void *buf, size_t len, size_t *got,
			BkError *err)
{
	la_ssize_t	result = archive_read_data(tar->archive, buf, len);

	if (result < 0)
		return reader_error(tar, err);
	if ((uint64_t) result > tar->left)
		return bk_error(err, BK_STATE_CORRUPT,
						"a member of the tar volume has more data than it says");
	tar->left -= (uint64_t) result;
	*got = (size_t) result;
	return true;
}

void
bk_tar_reader_free(BkTarReader *tar)
{
	if (tar == NULL)
		return;
	(void) archive_read_free(tar->archive);
	free(tar->name);
	free(tar);
}

static la_ssize_t
write_below(struct archive *archive, void *arg, const void *buf, size_t len)
{
	BkTarWriter *tar = arg;

	(void) archive;
	if (!tar->failed && !bk_write(tar->next, buf, len, &tar->problem))
		tar->failed = true;
	return (la_ssize_t) len;
}

static bool
writer_error(BkTarWriter *tar, BkError *err)
{
	const char *reason = archive_error_string(tar->archive);

	if (!tar->failed)
		return bk_error(err, BK_STATE_SYSTEM, "could not write a tar volume: %s",
						reason == NULL ? "no reason given" : reason);
	*err = tar->problem;
	return false;
}

static la_ssize_t
read_below(struct archive *archive, void *arg, const void **buf)
{
	BkTarReader *tar = arg;
	size_t		got;

	(void) archive;
	*buf = tar->buf;
	return pull(tar, &got) ? (la_ssize_t) got : -1;
}

/* Fill the buffer from below, and remember where the last content stands. */
static bool
pull(BkTarReader *tar, size_t *got)
{
	size_t		end;

	if (tar->failed ||
		!bk_read(tar->below, tar->buf, sizeof(tar->buf), got, &tar->problem))
	{
		tar->failed = true;
		return false;
	}
	end = *got;
	while (end > 0 && tar->buf[end - 1] == '\0')
		end--;
	if (end > 0)
		tar->content = tar->total + end;
	tar->total += *got;
	return true;
}

static bool
take_entry(BkTarReader *tar, struct archive_entry *from, BkTarEntry *entry,
		   BkError *err)
{
	const char *name = archive_entry_pathname(from);
	la_int64_t	size = archive_entry_size(from);
	size_t		len;

	if (name == NULL || name[0] == '\0')
		return bk_error(err, BK_STATE_CORRUPT,
						"the tar volume has a member without a name");
	if (size < 0)
		return bk_error(err, BK_STATE_CORRUPT,
						"a member of the tar volume has a negative size");
	free(tar->name);
	tar->name = strdup(name);
	if (tar->name == NULL)
		return bk_error_memory(err);
	entry->name = tar->name;
	entry->type = type_of(from);
	entry->size = entry->type == BK_TAR_FILE ? (uint64_t) size : 0;
	tar->left = entry->size;
	entry->mode = archive_entry_perm(from);
	entry->mtime = archive_entry_mtime(from);
	entry->uid = (uid_t) archive_entry_uid(from);
	entry->gid = (gid_t) archive_entry_gid(from);
	len = strlen(tar->name);
	if (entry->type == BK_TAR_DIRECTORY && len > 1 && tar->name[len - 1] == '/')
		tar->name[len - 1] = '\0';
	return true;
}

static BkTarType
type_of(struct archive_entry *entry)
{
	if (archive_entry_hardlink(entry) != NULL ||
		archive_entry_sparse_count(entry) > 0)
		return BK_TAR_OTHER;
	switch (archive_entry_filetype(entry))
	{
		case AE_IFREG:
			return BK_TAR_FILE;
		case AE_IFDIR:
			return BK_TAR_DIRECTORY;
		default:
			return BK_TAR_OTHER;
	}
}

/* Read on to the end of the stream, which checks digests of its own there. */
static bool
check_end(BkTarReader *tar, BkError *err)
{
	uint64_t	end = (uint64_t) archive_read_header_position(tar->archive);
	size_t		got = 1;

	while (got > 0)
	{
		if (!pull(tar, &got))
			return reader_error(tar, err);
	}
	if (tar->total < end + TAR_END || tar->total % TAR_BLOCK != 0)
		return bk_error(err, BK_STATE_CORRUPT, "the tar volume ends too early");
	if (tar->content > end)
		return bk_error(err, BK_STATE_CORRUPT,
						"the tar volume has something behind its end");
	return true;
}

static bool
reader_error(BkTarReader *tar, BkError *err)
{
	const char *reason = archive_error_string(tar->archive);

	if (!tar->failed)
		return bk_error(err, BK_STATE_CORRUPT, "the tar volume is damaged: %s",
						reason == NULL ? "no reason given" : reason);
	*err = tar->problem;
	return false;
}
