/*
 * ground.c
 *	  Where the files of a cluster lie: its data directory and tablespaces.
 */
#include "job/ground.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/file.h"

#define CONTROL_FILE	"global/pg_control"
#define CONTROL_SIZE	8192	/* PG_CONTROL_FILE_SIZE */
#define CONTROL_TRIES	100

/* Those "in place" have a relative path and lie in the data directory. */
static const char spaces_sql[] =
	"SELECT pg_tablespace_location(oid) FROM pg_tablespace"
	" WHERE pg_tablespace_location(oid) LIKE '/%'";

static bool check_outside(const char *repository, const char *folder,
						  BkError *err);
static bool list_space(BkGround *ground, const BkTreeLink *link,
					   const char *folder, const BkHost *host, BkError *err);
static uint64_t size_of(const BkTree *tree);
static void close_space(BkGroundSpace *space);
static bool read_control(int root, char data[CONTROL_SIZE], BkError *err);

bool
bk_ground_open(BkGround *ground, const char *data_directory, BkError *err)
{
	BkGroundSpace *data = &ground->data;

	data->root = open(data_directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (data->root < 0)
		return bk_error_errno(err, "could not open data directory \"%s\"", data_directory);
	data->location = realpath(data_directory, NULL);
	return data->location != NULL ||
		bk_error_errno(err, "could not resolve data directory \"%s\"", data_directory);
}

bool
bk_ground_check_repository(const BkGround *ground, BkPg *pg,
						   const BkRepository *repo, BkError *err)
{
	const char *place = bk_storage_describe(repo->storage);
	char		wal[PATH_MAX];
	BkPgRows   *rows;
	bool		ok;

	/* Only a folder can be within another. */
	if (place[0] != '/')
		return true;
	snprintf(wal, sizeof(wal), "%s/pg_wal", ground->data.location);
	if (!check_outside(place, ground->data.location, err) ||
		!check_outside(place, wal, err))
		return false;
	rows = bk_pg_query(pg, spaces_sql, 0, NULL, err);
	ok = rows != NULL;
	for (int i = 0; ok && i < bk_pg_count(rows); i++)
		ok = check_outside(place, bk_pg_field(rows, i, 0), err);
	bk_pg_free(rows);
	return ok;
}

bool
bk_ground_list(BkGround *ground, const char *folder, const BkHost *host,
			   BkError *err)
{
	const BkTree *tree = &ground->data.tree;

	if (!bk_tree_read_data(ground->data.root, host, &ground->data.tree, err))
		return false;
	ground->spaces = calloc(tree->link_count + 1, sizeof(BkGroundSpace));
	if (ground->spaces == NULL)
		return bk_error_memory(err);
	for (size_t i = 0; i < tree->link_count; i++)
	{
		if (!list_space(ground, &tree->links[i], folder, host, err))
			return false;
	}
	return true;
}

uint64_t
bk_ground_size(const BkGround *ground)
{
	uint64_t	size = size_of(&ground->data.tree);

	for (size_t i = 0; i < ground->space_count; i++)
		size += size_of(&ground->spaces[i].tree);
	return size;
}

bool
bk_ground_read_control(const BkGround *ground, char **data, size_t *size,
					   BkError *err)
{
	char		again[CONTROL_SIZE];

	*size = CONTROL_SIZE;
	*data = malloc(CONTROL_SIZE);
	if (*data == NULL)
		return bk_error_memory(err);
	if (!read_control(ground->data.root, *data, err))
		return false;
	for (int i = 0; i < CONTROL_TRIES; i++)
	{
		if (!read_control(ground->data.root, again, err))
			return false;
		if (memcmp(*data, again, CONTROL_SIZE) == 0)
			return true;
		memcpy(*data, again, CONTROL_SIZE);
	}
	return bk_error(err, BK_STATE_IO, "file \"%s\" changes all the time", CONTROL_FILE);
}

void
bk_ground_close(BkGround *ground)
{
	close_space(&ground->data);
	for (size_t i = 0; i < ground->space_count; i++)
		close_space(&ground->spaces[i]);
	free(ground->spaces);
	memset(ground, 0, sizeof(*ground));
}

/* Is any folder above the repository, or itself, this one? */
static bool
check_outside(const char *repository, const char *folder, BkError *err)
{
	char	   *path = realpath(repository, NULL);
	struct stat inner;
	struct stat outer;
	bool		inside = false;

	if (path == NULL)
		return bk_error_errno(err, "could not resolve \"%s\"", repository);
	if (stat(folder, &outer) != 0)
	{
		free(path);
		return bk_error_errno(err, "could not look at folder \"%s\"", folder);
	}
	for (char *slash = path + strlen(path); slash != NULL && !inside; slash = strrchr(path, '/'))
	{
		*slash = '\0';
		inside = stat(path[0] == '\0' ? "/" : path, &inner) == 0 &&
			inner.st_dev == outer.st_dev && inner.st_ino == outer.st_ino;
	}
	free(path);
	if (!inside)
		return true;
	bk_error(err, BK_STATE_WRONG_STATE,
			 "the repository \"%s\" lies within the cluster that it shall back up",
			 repository);
	bk_error_detail(err, "It is in \"%s\".", folder);
	return bk_error_hint(err, "Set backup_ext.repository to a place outside the data directory and all tablespaces, best on another disk.");
}

static bool
list_space(BkGround *ground, const BkTreeLink *link, const char *folder,
		   const BkHost *host, BkError *err)
{
	BkGroundSpace *space = &ground->spaces[ground->space_count];
	struct stat status;
	char		path[32];
	bool		ok;

	snprintf(path, sizeof(path), "pg_tblspc/%u", link->oid);
	space->oid = link->oid;
	snprintf(space->name, sizeof(space->name), "tblspc-%u", link->oid);
	snprintf(space->prefix, sizeof(space->prefix), "pg_tblspc/%u/", link->oid);
	space->location = strdup(link->location);
	space->root = open(link->location, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	ground->space_count++;
	if (space->location == NULL)
		return bk_error_memory(err);
	ok = space->root >= 0
		? bk_tree_read_tablespace(space->root, folder, host, &space->tree, err)
		: bk_error_errno(err, "could not open tablespace \"%s\"", link->location);
	if (ok)
		return true;
	/* Without its link it was dropped, and replay knows that. */
	if (!bk_error_is(err, BK_STATE_MISSING_FILE) ||
		fstatat(ground->data.root, path, &status, AT_SYMLINK_NOFOLLOW) == 0)
		return false;
	close_space(space);
	ground->space_count--;
	return true;
}

static uint64_t
size_of(const BkTree *tree)
{
	uint64_t	size = 0;

	for (size_t i = 0; i < tree->count; i++)
		size += tree->entries[i].size;
	return size;
}

static void
close_space(BkGroundSpace *space)
{
	/* 0 in one that was never opened. */
	if (space->root > 0)
		close(space->root);
	free(space->location);
	bk_tree_free(&space->tree);
	memset(space, 0, sizeof(*space));
}

static bool
read_control(int root, char data[CONTROL_SIZE], BkError *err)
{
	int			fd = bk_file_open(root, CONTROL_FILE, O_RDONLY, 0);
	ssize_t		got = fd < 0 ? -1 : pread(fd, data, CONTROL_SIZE, 0);
	int			code = errno;

	if (fd >= 0)
		close(fd);
	errno = code;
	if (got < 0)
		return bk_error_errno(err, "could not read file \"%s\"", CONTROL_FILE);
	return got == CONTROL_SIZE ||
		bk_error(err, BK_STATE_IO, "file \"%s\" is too short", CONTROL_FILE);
}
