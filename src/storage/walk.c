/*
 * walk.c
 *	  Going through the folders of a posix store.
 *
 * Each folder is read and closed before anything in it is visited: visitors
 * may remove, and the depth of a tree costs no descriptors. Folders sort as
 * if their names ended in a slash, which makes the order that of whole keys,
 * as in other stores.
 */
#define _GNU_SOURCE 1
#include "storage/walk.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/buf.h"
#include "core/file.h"

typedef struct WalkEntry
{
	char	   *name;			/* with a slash at the end: a folder */
	BkObjectStat stat;
} WalkEntry;

typedef struct WalkFolder
{
	WalkEntry  *entries;
	size_t		count;
	size_t		size;
} WalkFolder;

typedef struct Walk
{
	int			root;
	const char *place;
	BkBuf		key;			/* of the folder at hand, with a slash, or "" */
	BkStorageVisit visit;
	void	   *arg;
	const char *beginning;		/* of names in the one folder that is asked for; NULL: all, in all folders */

	/* Called for each temporary; its folder is open. 0, or -1 and errno. */
	int			(*temporary) (int dir, const char *name);
} Walk;

static int	skip_temporary(int dir, const char *name);
static bool skip_object(void *arg, const char *key, const BkObjectStat *stat,
						BkError *err);
static bool walk_prefix(Walk *walk, const char *prefix, BkError *err);
static bool walk_folder(Walk *walk, BkError *err);
static bool visit_entry(Walk *walk, const WalkEntry *entry, BkError *err);
static bool read_folder(Walk *walk, WalkFolder *folder, BkError *err);
static bool read_entries(Walk *walk, DIR *dir, WalkFolder *folder,
						 BkError *err);
static bool read_entry(Walk *walk, int dir, const char *name,
					   WalkFolder *folder, BkError *err);
static bool add_entry(WalkFolder *folder, const char *name,
					  const struct stat *status, BkError *err);
static int	compare_entries(const void *left, const void *right);
static void free_folder(WalkFolder *folder);

bool
bk_walk_objects(int root, const char *place, const char *prefix,
				BkStorageVisit visit, void *arg, BkError *err)
{
	Walk		walk = {
		.root = root,
		.place = place,
		.visit = visit,
		.arg = arg,
		.temporary = skip_temporary,
	};

	return walk_prefix(&walk, prefix, err);
}

bool
bk_walk_matches(int root, const char *place, const char *beginning,
				BkStorageVisit visit, void *arg, BkError *err)
{
	const char *slash = strrchr(beginning, '/');
	char	   *folder = strndup(beginning, slash == NULL ? 0 :
								 (size_t) (slash - beginning));
	Walk		walk = {
		.root = root,
		.place = place,
		.visit = visit,
		.arg = arg,
		.beginning = slash == NULL ? beginning : slash + 1,
		.temporary = skip_temporary,
	};
	bool		done = folder != NULL ? walk_prefix(&walk, folder, err) :
		bk_error_memory(err);

	free(folder);
	return done;
}

bool
bk_walk_sweep(int root, const char *place, const char *prefix, BkError *err)
{
	Walk		walk = {
		.root = root,
		.place = place,
		.visit = skip_object,
		.arg = NULL,
		.temporary = bk_file_sweep,
	};

	return walk_prefix(&walk, prefix, err);
}

static int
skip_temporary(int dir, const char *name)
{
	(void) dir;
	(void) name;
	return 0;
}

static bool
skip_object(void *arg, const char *key, const BkObjectStat *stat,
			BkError *err)
{
	(void) arg;
	(void) key;
	(void) stat;
	(void) err;
	return true;
}

static bool
walk_prefix(Walk *walk, const char *prefix, BkError *err)
{
	bool		done;

	bk_buf_init(&walk->key);
	bk_buf_append_string(&walk->key, prefix);
	if (walk->key.len > 0 && walk->key.data[walk->key.len - 1] == '/')
		bk_buf_truncate(&walk->key, walk->key.len - 1);
	done = bk_buf_check(&walk->key, err) &&
		(*prefix == '\0' || bk_storage_check_key(walk->key.data, err));
	if (done && *prefix != '\0')
		bk_buf_append(&walk->key, "/", 1);
	done = done && walk_folder(walk, err);
	bk_buf_free(&walk->key);
	return done;
}

static bool
walk_folder(Walk *walk, BkError *err)
{
	WalkFolder	folder = {0};
	bool		done = read_folder(walk, &folder, err);

	if (done && folder.count > 0)
		qsort(folder.entries, folder.count, sizeof(WalkEntry),
			  compare_entries);
	for (size_t i = 0; done && i < folder.count; i++)
		done = visit_entry(walk, &folder.entries[i], err);
	free_folder(&folder);
	return done;
}

static bool
visit_entry(Walk *walk, const WalkEntry *entry, BkError *err)
{
	size_t		before = walk->key.len;
	bool		done;

	bk_buf_append_string(&walk->key, entry->name);
	if (!bk_buf_check(&walk->key, err))
		return false;
	if (entry->stat.exists)
		done = walk->visit(walk->arg, walk->key.data, &entry->stat, err);
	else
		done = walk->beginning != NULL || walk_folder(walk, err);
	bk_buf_truncate(&walk->key, before);
	return done;
}

/* A folder that is gone, or that is a file, has no objects below it. */
static bool
read_folder(Walk *walk, WalkFolder *folder, BkError *err)
{
	char	   *path = strndup(walk->key.data,
							   walk->key.len > 0 ? walk->key.len - 1 : 0);
	DIR		   *dir = NULL;
	int			fd;
	bool		done;

	if (path == NULL)
		return bk_error_memory(err);
	fd = bk_file_open(walk->root, path, O_RDONLY | O_DIRECTORY, 0);
	done = fd < 0 && (errno == ENOENT || errno == ENOTDIR);
	if (fd >= 0)
		dir = fdopendir(fd);
	if (dir == NULL && !done)
		bk_error_errno(err, "could not list \"%s\" in \"%s\"", path,
					   walk->place);
	if (dir == NULL && fd >= 0)
		close(fd);
	free(path);
	if (dir == NULL)
		return done;
	done = read_entries(walk, dir, folder, err);
	closedir(dir);
	return done;
}

static bool
read_entries(Walk *walk, DIR *dir, WalkFolder *folder, BkError *err)
{
	struct dirent *entry;

	for (;;)
	{
		errno = 0;
		entry = readdir(dir);
		if (entry == NULL)
			break;
		if (strcmp(entry->d_name, ".") != 0 &&
			strcmp(entry->d_name, "..") != 0 &&
			!read_entry(walk, dirfd(dir), entry->d_name, folder, err))
			return false;
	}
	if (errno != 0)
		return bk_error_errno(err, "could not list \"%s\" in \"%s\"",
							  walk->key.data, walk->place);
	return true;
}

static bool
read_entry(Walk *walk, int dir, const char *name, WalkFolder *folder,
		   BkError *err)
{
	struct stat status;

	if (walk->beginning != NULL &&
		strncmp(name, walk->beginning, strlen(walk->beginning)) != 0)
		return true;

	/* The root of a file system has a folder that is not ours to read. */
	if (walk->key.len == 0 && strcmp(name, "lost+found") == 0)
		return true;
	if (strncmp(name, BK_FILE_TEMPORARY, strlen(BK_FILE_TEMPORARY)) == 0)
	{
		if (walk->temporary(dir, name) == 0)
			return true;
		return bk_error_errno(err, "could not remove \"%s%s\" in \"%s\"",
							  walk->key.data, name, walk->place);
	}
	if (fstatat(dir, name, &status, AT_SYMLINK_NOFOLLOW) != 0)
	{
		if (errno == ENOENT)
			return true;
		return bk_error_errno(err, "could not stat \"%s%s\" in \"%s\"",
							  walk->key.data, name, walk->place);
	}
	if (!S_ISREG(status.st_mode) && !S_ISDIR(status.st_mode))
		return bk_error(err, BK_STATE_WRONG_STATE,
						"\"%s%s\" in \"%s\" is neither a file nor a directory",
						walk->key.data, name, walk->place);
	return add_entry(folder, name, &status, err);
}

static bool
add_entry(WalkFolder *folder, const char *name, const struct stat *status,
		  BkError *err)
{
	bool		is_folder = S_ISDIR(status->st_mode);
	WalkEntry  *entry;
	BkBuf		text;

	if (folder->count == folder->size)
	{
		size_t		size = folder->size > 0 ? folder->size * 2 : 16;
		WalkEntry  *entries = reallocarray(folder->entries, size,
										   sizeof(WalkEntry));

		if (entries == NULL)
			return bk_error_memory(err);
		folder->entries = entries;
		folder->size = size;
	}
	bk_buf_init(&text);
	bk_buf_printf(&text, "%s%s", name, is_folder ? "/" : "");
	entry = &folder->entries[folder->count];
	entry->name = bk_buf_take(&text, err);
	if (entry->name == NULL)
		return false;
	entry->stat.exists = !is_folder;
	entry->stat.size = (uint64_t) status->st_size;
	entry->stat.modified = (int64_t) status->st_mtime;
	folder->count++;
	return true;
}

static int
compare_entries(const void *left, const void *right)
{
	return strcmp(((const WalkEntry *) left)->name,
				  ((const WalkEntry *) right)->name);
}

static void
free_folder(WalkFolder *folder)
{
	for (size_t i = 0; i < folder->count; i++)
		free(folder->entries[i].name);
	free(folder->entries);
}
