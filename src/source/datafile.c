/*
 * datafile.c
 *	  Read a file that the server may write at the same time.
 */
#include "source/datafile.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "core/file.h"
#include "core/stream.h"
#include "source/page.h"
#include "source/relation.h"

#define BUFFER_ALIGNMENT	4096

/*
 * A page is read again so often, with a pause before each time but the first.
 * A file with many wrong pages is broken, and shall not cost the pauses.
 */
#define READ_AGAIN			5
#define READ_AGAIN_NS		10000000L
#define PATIENCE			20

struct BkDataFile
{
	const BkDataFileRules *rules;
	char	   *buffer;			/* BK_STREAM_BUFFER bytes, aligned */
	int			fd;				/* -1: no file is open */
	const char *path;
	BkDataFileFacts facts;
	BkDigest   *digest;
	uint64_t	done;
	bool		check;			/* compare checksums */
	uint32_t	first_block;	/* of the file in its relation */
	int			wrong;			/* pages so far */
};

static bool fill(BkDataFile *file, size_t want, size_t *got, BkError *err);
static void check_pages(BkDataFile *file, size_t len);
static bool is_right(const BkDataFile *file, const char *page,
					 uint32_t block);
static bool read_again(BkDataFile *file, char *page, uint32_t block);

BkDataFile *
bk_datafile_new(const BkDataFileRules *rules, BkError *err)
{
	BkDataFile *file = calloc(1, sizeof(*file));
	void	   *buffer = NULL;

	if (file == NULL ||
		posix_memalign(&buffer, BUFFER_ALIGNMENT, BK_STREAM_BUFFER) != 0)
	{
		free(file);
		bk_error_memory(err);
		return NULL;
	}
	file->rules = rules;
	file->buffer = buffer;
	file->fd = -1;
	return file;
}

bool
bk_datafile_open(BkDataFile *file, int root, const char *path, bool *vanished,
				 BkError *err)
{
	struct stat status;
	BkRelation	relation;

	/* A pipe that has taken the name must not stop us. */
	file->fd = bk_file_open(root, path, O_RDONLY | O_NONBLOCK | O_NOFOLLOW, 0);
	*vanished = file->fd < 0 && errno == ENOENT;
	if (*vanished)
		return true;
	if (file->fd < 0 || fstat(file->fd, &status) != 0)
		return bk_error_errno(err, "could not open file \"%s\"", path);
	if (!S_ISREG(status.st_mode))
		return bk_error(err, BK_STATE_IO, "\"%s\" is no longer a file", path);
	file->digest = bk_digest_new(err);
	if (file->digest == NULL)
		return false;
	file->path = path;
	file->facts.size = (uint64_t) status.st_size;
	file->facts.mtime = status.st_mtime;
	file->facts.mode = status.st_mode & 07777;
	file->done = 0;
	file->wrong = 0;
	file->check = file->rules->checksums && bk_relation_parse_path(path, &relation);
	file->first_block = file->check ? relation.segment * file->rules->segment_blocks : 0;
	return true;
}

const BkDataFileFacts *
bk_datafile_facts(const BkDataFile *file)
{
	return &file->facts;
}

bool
bk_datafile_next(BkDataFile *file, const void **data, size_t *len,
				 BkError *err)
{
	uint64_t	left = file->facts.size - file->done;
	size_t		want = left < BK_STREAM_BUFFER ? (size_t) left : BK_STREAM_BUFFER;
	size_t		got;

	*data = file->buffer;
	*len = want;
	if (want == 0)
		return true;
	if (!fill(file, want, &got, err))
		return false;
	if (file->check)
		check_pages(file, got);
	/* It was cut meanwhile. */
	memset(file->buffer + got, 0, want - got);
	file->done += want;
	return bk_digest_update(file->digest, file->buffer, want, err);
}

bool
bk_datafile_digest(BkDataFile *file, char hex[BK_DIGEST_HEX_SIZE],
				   BkError *err)
{
	return bk_digest_final_hex(file->digest, hex, err);
}

void
bk_datafile_close(BkDataFile *file)
{
	if (file->fd >= 0)
		close(file->fd);
	bk_digest_free(file->digest);
	file->fd = -1;
	file->digest = NULL;
}

void
bk_datafile_free(BkDataFile *file)
{
	if (file == NULL)
		return;
	bk_datafile_close(file);
	free(file->buffer);
	free(file);
}

/* Read as much as is there, up to "want" bytes. */
static bool
fill(BkDataFile *file, size_t want, size_t *got, BkError *err)
{
	*got = 0;
	while (*got < want)
	{
		ssize_t		step = pread(file->fd, file->buffer + *got, want - *got,
								 (off_t) (file->done + *got));

		if (step < 0 && errno == EINTR)
			continue;
		if (step < 0)
			return bk_error_errno(err, "could not read file \"%s\"", file->path);
		if (step == 0)
			break;
		*got += (size_t) step;
	}
	return true;
}

/* The whole pages of the buffer. A page that is not whole has no checksum. */
static void
check_pages(BkDataFile *file, size_t len)
{
	uint32_t	size = file->rules->block_size;
	uint32_t	block = (uint32_t) (file->done / size);

	for (size_t at = 0; at + size <= len; at += size, block++)
	{
		char	   *page = file->buffer + at;

		if (is_right(file, page, block) || read_again(file, page, block))
			continue;
		file->wrong++;
		file->rules->corrupt(file->rules->arg, file->path, block);
	}
}

static bool
is_right(const BkDataFile *file, const char *page, uint32_t block)
{
	return bk_page_is_right(page, file->rules->block_size,
							file->first_block + block, file->rules->start_lsn,
							UINT64_MAX);
}

/* Does the page become right? A page that was cut off is none of ours. */
static bool
read_again(BkDataFile *file, char *page, uint32_t block)
{
	struct timespec pause = {.tv_nsec = READ_AGAIN_NS};
	uint32_t	size = file->rules->block_size;
	char		again[BK_PAGE_MAX_SIZE] __attribute__((aligned(8)));

	for (int i = 0; i < READ_AGAIN; i++)
	{
		if (i > 0 && file->wrong < PATIENCE)
			nanosleep(&pause, NULL);
		if (pread(file->fd, again, size, (off_t) block * size) != (ssize_t) size)
			return true;
		memcpy(page, again, size);
		if (is_right(file, page, block))
			return true;
	}
	return false;
}
