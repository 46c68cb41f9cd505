/*
 * recover_delta.c
 *	  Make an existing directory as the backup is: what can stay, what must go.
 *
 * Only content decides. Neither time nor size tell that a file is the same;
 * another size tells that it is not.
 */
#define _GNU_SOURCE 1
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/digest.h"
#include "core/file.h"
#include "job/recover.h"

#define DEPTH_MAX	64			/* PostgreSQL's own folders are 4 deep */

/* A walk through one root. */
typedef struct Sweep
{
	const BkRecover *r;
	int			root;
	uint32_t	tablespace;
	char		path[PATH_MAX]; /* of where it is, below the root */
	size_t		length;
	int			depth;
} Sweep;

static bool sweep_folder(Sweep *sweep, BkError *err);
static bool sweep_entry(Sweep *sweep, int folder, const char *name,
						BkError *err);
static bool remove_entry(Sweep *sweep, int folder, const char *name,
						 mode_t mode, BkError *err);
static bool is_ours(const Sweep *sweep, const char *path, mode_t mode);
static bool same_file(int root, const BkListedFile *file, char *buf,
					  bool *same, const BkRecoverTick *tick, BkError *err);
static bool digest_file(int fd, char *buf, char hex[BK_DIGEST_HEX_SIZE],
						const BkRecoverTick *tick, BkError *err);
static bool digest_is(const unsigned char *digest, const char *hex);

bool
bk_recover_remove_others(const BkRecover *r, int root, uint32_t tablespace,
						 BkError *err)
{
	Sweep	   *sweep = calloc(1, sizeof(*sweep));
	bool		ok;

	if (sweep == NULL)
		return bk_error_memory(err);
	sweep->r = r;
	sweep->root = root;
	sweep->tablespace = tablespace;
	ok = sweep_folder(sweep, err);
	free(sweep);
	return ok;
}

bool
bk_recover_compare(const BkRecover *r, const BkVolume *volume, bool *same,
				   bool *all, const BkRecoverTick *tick, BkError *err)
{
	char	   *buf = malloc(BK_STREAM_BUFFER);
	int			root = bk_recover_root(r, volume);
	bool		ok = buf != NULL || bk_error_memory(err);

	*all = true;
	for (size_t i = 0; ok && i < volume->count; i++)
	{
		const BkListedFile *file = &r->list->files[volume->first + i];

		if (file->directory)
			continue;
		ok = same_file(root, file, buf, &same[i], tick, err);
		*all &= same[i];
	}
	free(buf);
	return ok;
}

/* All entries of the folder at the walk's path. */
static bool
sweep_folder(Sweep *sweep, BkError *err)
{
	int			fd = bk_file_open(sweep->root, sweep->path, O_RDONLY | O_DIRECTORY, 0);
	DIR		   *folder = fd < 0 ? NULL : fdopendir(fd);
	struct dirent *entry;
	bool		ok = folder != NULL ||
		bk_error_errno(err, "could not list folder \"%s\"", sweep->path);

	if (folder == NULL && fd >= 0)
		close(fd);
	if (ok && ++sweep->depth > DEPTH_MAX)
		ok = bk_error(err, BK_STATE_WRONG_STATE, "folder \"%.200s\" is too deep",
					  sweep->path);
	while (ok && (entry = readdir(folder)) != NULL)
	{
		if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0)
			ok = bk_go_on(sweep->r->host, err) &&
				sweep_entry(sweep, fd, entry->d_name, err);
	}
	if (folder != NULL)
		closedir(folder);
	sweep->depth--;
	return ok;
}

static bool
sweep_entry(Sweep *sweep, int folder, const char *name, BkError *err)
{
	size_t		length = sweep->length;
	const BkListedFile *file;
	struct stat st;
	bool		ok;

	/* Servers of other versions have folders of their own beside ours. */
	if (sweep->tablespace != 0 && length == 0 &&
		bk_filelist_find(sweep->r->list, sweep->tablespace, name) == NULL)
		return true;
	if (length + strlen(name) + 2 > sizeof(sweep->path))
		return bk_error(err, BK_STATE_WRONG_STATE, "a path in folder \"%.200s\" is too long",
						sweep->path);
	if (fstatat(folder, name, &st, AT_SYMLINK_NOFOLLOW) != 0)
		return bk_error_errno(err, "could not look at \"%s\" in folder \"%s\"", name,
							  sweep->path);
	sweep->length += (size_t) snprintf(sweep->path + length, sizeof(sweep->path) - length,
									   "%s%s", length == 0 ? "" : "/", name);
	file = bk_filelist_find(sweep->r->list, sweep->tablespace, sweep->path);
	if (is_ours(sweep, sweep->path, st.st_mode))
		ok = true;
	else if (file != NULL && file->directory && S_ISLNK(st.st_mode))
	{
		bk_error(err, BK_STATE_WRONG_STATE, "folder \"%s\" is a symbolic link", sweep->path);
		ok = bk_error_hint(err, "Put a plain folder in its place, or restore into an empty directory.");
	}
	else if (file != NULL && file->directory && S_ISDIR(st.st_mode))
		ok = sweep_folder(sweep, err);
	else if (file != NULL && !file->directory && S_ISREG(st.st_mode))
		ok = true;
	else
		ok = remove_entry(sweep, folder, name, st.st_mode, err);
	sweep->length = length;
	sweep->path[length] = '\0';
	return ok;
}

/* A folder goes with all that is in it, as nothing of that is listed. */
static bool
remove_entry(Sweep *sweep, int folder, const char *name, mode_t mode,
			 BkError *err)
{
	if (S_ISDIR(mode) && !sweep_folder(sweep, err))
		return false;
	if (unlinkat(folder, name, S_ISDIR(mode) ? AT_REMOVEDIR : 0) == 0)
		return true;
	return bk_error_errno(err, "could not remove \"%s\"", sweep->path);
}

/*
 * In the data directory: our mark, and links to tablespaces, or those that
 * are in their place, which have a walk of their own.
 */
static bool
is_ours(const Sweep *sweep, const char *path, mode_t mode)
{
	const BkRecover *r = sweep->r;
	char		name[64];

	if (sweep->tablespace != 0)
		return false;
	if (strcmp(path, BK_DESTINATION_MARK) == 0 ||
		(r->request.clone && strcmp(path, BK_DESTINATION_CLONE) == 0))
		return S_ISREG(mode);
	for (size_t i = 0; i < r->tablespace_count; i++)
	{
		bool		inside = r->tablespaces[i].location[0] == '\0';

		snprintf(name, sizeof(name), "pg_tblspc/%u", r->tablespaces[i].oid);
		if (strcmp(path, name) == 0)
			return inside ? S_ISDIR(mode) : bk_recover_links_to(r, &r->tablespaces[i]);
	}
	return false;
}

static bool
same_file(int root, const BkListedFile *file, char *buf, bool *same,
		  const BkRecoverTick *tick, BkError *err)
{
	char		hex[BK_DIGEST_HEX_SIZE];
	struct stat st;
	int			fd = bk_file_open(root, file->name, O_RDONLY | O_NONBLOCK, 0);
	bool		ok = true;

	*same = false;
	if (fd < 0)
		return true;
	if (fstat(fd, &st) == 0 && S_ISREG(st.st_mode) && (uint64_t) st.st_size == file->size)
	{
		(void) posix_fadvise(fd, 0, 0, POSIX_FADV_SEQUENTIAL);
		ok = digest_file(fd, buf, hex, tick, err);
		*same = ok && digest_is(file->sha256, hex);
	}
	close(fd);
	return ok;
}

/* What cannot be read has no digest: it is written anew. */
static bool
digest_file(int fd, char *buf, char hex[BK_DIGEST_HEX_SIZE],
			const BkRecoverTick *tick, BkError *err)
{
	BkDigest   *digest = bk_digest_new(err);
	ssize_t		got = 1;
	bool		ok = digest != NULL;

	hex[0] = '\0';
	while (ok && got > 0)
	{
		got = read(fd, buf, BK_STREAM_BUFFER);
		if (got > 0)
			ok = bk_digest_update(digest, buf, (size_t) got, err);
		ok = ok && tick->call(tick->arg, got > 0 ? (size_t) got : 0, err);
	}
	ok = ok && (got < 0 || bk_digest_final_hex(digest, hex, err));
	bk_digest_free(digest);
	return ok;
}

static bool
digest_is(const unsigned char *digest, const char *hex)
{
	char		text[BK_DIGEST_HEX_SIZE];

	for (int i = 0; i < 32; i++)
		snprintf(text + 2 * i, 3, "%02x", digest[i]);
	return strcmp(text, hex) == 0;
}
