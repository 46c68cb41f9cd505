/*
 * secret.c
 *	  Files that hold secrets.
 */
#define _GNU_SOURCE 1
#include "core/secret.h"

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* A file that changes whenever it is read is not read. */
#define READ_ATTEMPTS	3

static bool read_once(const char *path, BkSecretFile *file, bool *whole,
					  BkError *err);
static bool read_all(int fd, const char *path, BkSecretFile *file,
					 BkError *err);

bool
bk_secret_read(const char *path, BkSecretFile *file, BkError *err)
{
	return bk_secret_load(path, file, err) &&
		bk_secret_is_private(path, &file->status, err);
}

bool
bk_secret_load(const char *path, BkSecretFile *file, BkError *err)
{
	bool		whole = false;

	*file = (BkSecretFile) {0};
	for (int i = 0; i < READ_ATTEMPTS && !whole; i++)
	{
		bk_secret_free(file);
		if (!read_once(path, file, &whole, err))
			return false;
	}
	return whole || bk_error(err, BK_STATE_IN_USE,
							 "file \"%s\" is being written", path);
}

bool
bk_secret_is_private(const char *path, const struct stat *status,
					 BkError *err)
{
	bool		ours = status->st_uid == geteuid();
	mode_t		open_to = status->st_mode & (S_IRWXG | S_IRWXO);

	if (status->st_uid == 0)
		open_to &= ~(mode_t) S_IRGRP;
	else if (!ours)
	{
		bk_error(err, BK_STATE_NO_RIGHT,
				 "file \"%s\" belongs to another user", path);
		return bk_error_hint(err, "Do: chown %u \"%s\"", (unsigned) geteuid(),
							 path);
	}
	if (open_to == 0)
		return true;
	bk_error(err, BK_STATE_NO_RIGHT,
			 "file \"%s\" has secrets and is open to other users", path);
	bk_error_detail(err, "Its mode is %04o.", (unsigned) status->st_mode & 07777);
	return bk_error_hint(err, "Do: chmod 600 \"%s\"", path);
}

void
bk_secret_free(BkSecretFile *file)
{
	if (file->text != NULL)
		explicit_bzero(file->text, file->len);
	free(file->text);
	*file = (BkSecretFile) {0};
}

bool
bk_secret_same(const struct stat *one, const struct stat *other)
{
	return one->st_dev == other->st_dev && one->st_ino == other->st_ino &&
		one->st_size == other->st_size && one->st_mode == other->st_mode &&
		one->st_uid == other->st_uid &&
		one->st_mtim.tv_sec == other->st_mtim.tv_sec &&
		one->st_mtim.tv_nsec == other->st_mtim.tv_nsec &&
		one->st_ctim.tv_sec == other->st_ctim.tv_sec &&
		one->st_ctim.tv_nsec == other->st_ctim.tv_nsec;
}

static bool
read_once(const char *path, BkSecretFile *file, bool *whole, BkError *err)
{
	int			fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	struct stat after;
	bool		done;

	if (fd < 0 || fstat(fd, &file->status) != 0)
		done = bk_error_errno(err, "could not open file \"%s\"", path);
	else if (!S_ISREG(file->status.st_mode))
		done = bk_error(err, BK_STATE_WRONG_STATE, "\"%s\" is not a file", path);
	else if ((uint64_t) file->status.st_size > BK_SECRET_MAX)
		done = bk_error(err, BK_STATE_TOO_LARGE, "file \"%s\" is too large",
						path);
	else
		done = read_all(fd, path, file, err);
	if (done && fstat(fd, &after) != 0)
		done = bk_error_errno(err, "could not stat file \"%s\"", path);
	*whole = done && bk_secret_same(&file->status, &after) &&
		file->len == (size_t) after.st_size;
	if (fd >= 0)
		close(fd);
	return done;
}

static bool
read_all(int fd, const char *path, BkSecretFile *file, BkError *err)
{
	size_t		size = (size_t) file->status.st_size;

	file->text = calloc(1, size + 1);
	if (file->text == NULL)
		return bk_error_memory(err);
	while (file->len < size)
	{
		ssize_t		got = read(fd, file->text + file->len, size - file->len);

		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return bk_error_errno(err, "could not read file \"%s\"", path);
		if (got == 0)
			break;
		file->len += (size_t) got;
	}
	return true;
}
