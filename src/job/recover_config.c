/*
 * recover_config.c
 *	  Configuration files that were outside the data directory.
 *
 * Copies that fit are in the data directory already. Here the files themselves
 * go below a folder, which may be "/": so nothing that is there is touched.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/file.h"
#include "job/recover.h"
#include "repo/object.h"
#include "source/extract.h"

static bool check_absent(const BkRecover *r, int root, BkError *err);
static bool copy_volume(BkRecover *r, const BkVolume *volume, int root,
						BkError *err);
static bool sync_files(const BkRecover *r, int root, BkError *err);
static bool make_way(void *arg, const BkTarEntry *entry, BkExtractWhat *what,
					 BkError *err);
static bool tick(void *arg, size_t size, BkError *err);

typedef struct Config
{
	const BkRecover *r;
	int			root;
} Config;

bool
bk_recover_check_config(BkRecover *r, BkError *err)
{
	const char *path = r->request.config_to;
	int			root;
	bool		ok;

	if (path == NULL)
		return true;
	if (*path != '/')
		return bk_error(err, BK_STATE_BAD_ARGUMENT, "\"%.200s\" is not an absolute path", path);
	root = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (root < 0)
		return errno == ENOENT ||
			bk_error_errno(err, "could not open directory \"%s\"", path);
	ok = check_absent(r, root, err);
	close(root);
	return ok;
}

bool
bk_recover_copy_config(BkRecover *r, BkError *err)
{
	const char *path = r->request.config_to;
	bool		ok = true;
	int			root;

	if (path == NULL)
		return true;
	if (mkdir(path, 0700) != 0 && errno != EEXIST)
		return bk_error_errno(err, "could not make directory \"%s\"", path);
	root = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (root < 0)
		return bk_error_errno(err, "could not open directory \"%s\"", path);
	for (size_t i = 0; ok && i < r->list->volume_count; i++)
	{
		if (r->list->volumes[i].kind == BK_VOLUME_CONFIG)
			ok = copy_volume(r, &r->list->volumes[i], root, err);
	}
	ok = ok && sync_files(r, root, err);
	close(root);
	return ok;
}

static bool
check_absent(const BkRecover *r, int root, BkError *err)
{
	for (size_t i = 0; i < r->list->file_count; i++)
	{
		const BkListedFile *file = &r->list->files[i];
		int			fd = -1;

		if (!file->directory && r->list->volumes[file->volume].kind == BK_VOLUME_CONFIG)
			fd = bk_file_open(root, file->name, O_PATH | O_NOFOLLOW, 0);
		if (fd < 0)
			continue;
		close(fd);
		bk_error(err, BK_STATE_WRONG_STATE, "file \"%s\" exists already in \"%s\"",
				 file->name, r->request.config_to);
		return bk_error_hint(err, "Move it away, or name another directory with --config-to.");
	}
	return true;
}

static bool
copy_volume(BkRecover *r, const BkVolume *volume, int root, BkError *err)
{
	Config		config = {.r = r, .root = root};
	BkExtractSpec spec = {.root = root, .member = make_way, .tick = tick, .arg = &config};
	BkReader   *reader = bk_object_reader(r->repo, r->manifest, volume->stream, err);
	BkTarReader *tar = NULL;
	bool		ok = reader != NULL &&
		(tar = bk_tar_reader_open(reader, err)) != NULL &&
		bk_extract(tar, &spec, err);

	bk_tar_reader_free(tar);
	bk_reader_close(reader);
	return ok;
}

/* Their folders were synced when they were made. */
static bool
sync_files(const BkRecover *r, int root, BkError *err)
{
	for (size_t i = 0; i < r->list->file_count; i++)
	{
		const BkListedFile *file = &r->list->files[i];
		int			fd;
		bool		ok;

		if (file->directory || r->list->volumes[file->volume].kind != BK_VOLUME_CONFIG)
			continue;
		fd = bk_file_open(root, file->name, O_RDONLY, 0);
		ok = fd >= 0 && fsync(fd) == 0;
		if (!ok)
			bk_error_errno(err, "could not sync file \"%s\"", file->name);
		if (fd >= 0)
			close(fd);
		if (!ok)
			return false;
	}
	return true;
}

/* Folders are made as files need them. */
static bool
make_way(void *arg, const BkTarEntry *entry, BkExtractWhat *what,
		 BkError *err)
{
	Config	   *config = arg;
	const char *slash = strrchr(entry->name, '/');
	char	   *folder;
	bool		ok;

	*what = entry->type == BK_TAR_FILE ? BK_EXTRACT_NEW : BK_EXTRACT_SKIP;
	if (slash == NULL || *what == BK_EXTRACT_SKIP)
		return true;
	folder = strndup(entry->name, (size_t) (slash - entry->name));
	ok = folder != NULL ? bk_file_make_dirs(config->root, folder, err) : bk_error_memory(err);
	free(folder);
	return ok;
}

static bool
tick(void *arg, size_t size, BkError *err)
{
	(void) size;
	return bk_go_on(((Config *) arg)->r->host, err);
}
