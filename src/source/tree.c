/*
 * tree.c
 *	  List what belongs into a base backup.
 *
 * Folders are listed one after another, names sorted, so that two listings of
 * the same files are the same. A file that cannot be looked at fails the
 * listing; one that is gone was dropped, and replay of WAL knows that.
 */
#include "source/tree.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/file.h"
#include "source/destination.h"
#include "source/relation.h"

/* Where in the tree a folder is: that decides what is left out. */
typedef enum Place
{
	PLACE_TOP,					/* the data directory itself */
	PLACE_GLOBAL,
	PLACE_LINKS,				/* pg_tblspc */
	PLACE_TABLESPACE,			/* a tablespace that is "in place" */
	PLACE_DATABASES,			/* base, and a tablespace's own folder */
	PLACE_DATABASE,				/* a folder of relations */
	PLACE_OTHER
} Place;

typedef struct Listing
{
	int			root;
	const BkHost *host;
	BkTree	   *tree;
} Listing;

/* The names in one folder. */
typedef struct Names
{
	char	  **list;
	size_t		count;
	size_t		room;
	uint32_t   *unlogged;		/* relations with an init fork, sorted */
	size_t		unlogged_count;
} Names;

static bool list_folder(const Listing *listing, const char *path, Place place,
						BkError *err);
static bool read_names(int fd, const char *path, Names *names, BkError *err);
static bool add_name(Names *names, const char *name, BkError *err);
static bool find_unlogged(Names *names, BkError *err);
static void free_names(Names *names);
static bool visit(const Listing *listing, int fd, const char *path,
				  const struct stat *status, Place place, BkError *err);
static bool visit_folder(const Listing *listing, const char *path,
						 const struct stat *status, Place place,
						 BkError *err);
static bool add_wal_folders(const Listing *listing, int fd,
							const struct stat *status, BkError *err);
static bool add_link(const Listing *listing, int fd, const char *path,
					 BkError *err);
static bool add_entry(BkTree *tree, const char *path,
					  const struct stat *status, BkError *err);
static bool is_excluded(const char *name, Place place, const Names *names);
static bool has_empty_copy(const char *name);
static Place place_below(const char *name, Place place);
static const char *base_name(const char *path);
static int	compare_names(const void *a, const void *b);
static int	compare_numbers(const void *a, const void *b);
static int	compare_links(const void *a, const void *b);
static bool grow(void **list, size_t *room, size_t count, size_t size,
				 BkError *err);

bool
bk_tree_read_data(int root, const BkHost *host, BkTree *tree, BkError *err)
{
	Listing		listing = {.root = root, .host = host, .tree = tree};

	memset(tree, 0, sizeof(*tree));
	if (!list_folder(&listing, "", PLACE_TOP, err))
		return false;
	if (tree->link_count > 0)
		qsort(tree->links, tree->link_count, sizeof(tree->links[0]), compare_links);
	return true;
}

bool
bk_tree_read_tablespace(int root, const char *folder, const BkHost *host,
						BkTree *tree, BkError *err)
{
	Listing		listing = {.root = root, .host = host, .tree = tree};
	struct stat status;

	memset(tree, 0, sizeof(*tree));
	if (fstatat(root, folder, &status, AT_SYMLINK_NOFOLLOW) != 0)
		return bk_error_errno(err, "could not look at folder \"%s\" of a tablespace", folder);
	return add_entry(tree, folder, &status, err) &&
		list_folder(&listing, folder, PLACE_DATABASES, err);
}

void
bk_tree_free(BkTree *tree)
{
	for (size_t i = 0; i < tree->count; i++)
		free(tree->entries[i].path);
	for (size_t i = 0; i < tree->link_count; i++)
		free(tree->links[i].location);
	free(tree->entries);
	free(tree->links);
	memset(tree, 0, sizeof(*tree));
}

static bool
list_folder(const Listing *listing, const char *path, Place place,
			BkError *err)
{
	int			fd = bk_file_open(listing->root, path, O_RDONLY | O_DIRECTORY, 0);
	Names		names = {0};
	bool		ok;

	if (fd < 0 && errno == ENOENT && *path != '\0')
		return true;
	if (fd < 0)
		return bk_error_errno(err, "could not open folder \"%s\"", path);
	ok = read_names(fd, path, &names, err) &&
		(place != PLACE_DATABASE || find_unlogged(&names, err));
	for (size_t i = 0; i < names.count && ok; i++)
	{
		const char *name = names.list[i];
		char		below[PATH_MAX];
		struct stat status;

		if (is_excluded(name, place, &names))
			continue;
		if (snprintf(below, sizeof(below), "%s%s%s", path, *path == '\0' ? "" : "/",
					 name) >= (int) sizeof(below))
			ok = bk_error(err, BK_STATE_TOO_LARGE, "path \"%.200s...\" is too long", below);
		else if (fstatat(fd, name, &status, AT_SYMLINK_NOFOLLOW) == 0)
			ok = visit(listing, fd, below, &status, place, err);
		else if (errno != ENOENT)
			ok = bk_error_errno(err, "could not look at \"%s\"", below);
	}
	free_names(&names);
	close(fd);
	return ok && bk_go_on(listing->host, err);
}

/* All names in a folder, sorted by their bytes. */
static bool
read_names(int fd, const char *path, Names *names, BkError *err)
{
	int			own = openat(fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR		   *dir = own < 0 ? NULL : fdopendir(own);
	struct dirent *entry;
	bool		ok = true;

	if (dir == NULL)
	{
		bk_error_errno(err, "could not open folder \"%s\"", path);
		if (own >= 0)
			close(own);
		return false;
	}
	while (errno = 0, ok && (entry = readdir(dir)) != NULL)
		ok = strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0 ||
			add_name(names, entry->d_name, err);
	if (ok && errno != 0)
		ok = bk_error_errno(err, "could not read folder \"%s\"", path);
	closedir(dir);
	if (names->count > 0)
		qsort(names->list, names->count, sizeof(char *), compare_names);
	return ok;
}

static bool
add_name(Names *names, const char *name, BkError *err)
{
	if (!grow((void **) &names->list, &names->room, names->count,
			  sizeof(char *), err))
		return false;
	names->list[names->count] = strdup(name);
	return names->list[names->count++] != NULL || bk_error_memory(err);
}

/* Of unlogged relations only the init forks are kept, which name them. */
static bool
find_unlogged(Names *names, BkError *err)
{
	size_t		room = 0;
	BkRelation	relation;

	for (size_t i = 0; i < names->count; i++)
	{
		if (!bk_relation_parse(names->list[i], &relation) || !relation.init)
			continue;
		if (!grow((void **) &names->unlogged, &room, names->unlogged_count,
				  sizeof(uint32_t), err))
			return false;
		names->unlogged[names->unlogged_count++] = relation.number;
	}
	if (names->unlogged_count > 0)
		qsort(names->unlogged, names->unlogged_count, sizeof(uint32_t), compare_numbers);
	return true;
}

static void
free_names(Names *names)
{
	for (size_t i = 0; i < names->count; i++)
		free(names->list[i]);
	free(names->list);
	free(names->unlogged);
}

/* Put one entry of an open folder into the tree, with all below it. */
static bool
visit(const Listing *listing, int fd, const char *path,
	  const struct stat *status, Place place, BkError *err)
{
	const char *name = base_name(path);

	if (place == PLACE_TOP && strcmp(name, "pg_wal") == 0)
		return add_wal_folders(listing, fd, status, err);
	if (S_ISDIR(status->st_mode) ||
		(place == PLACE_TOP && S_ISLNK(status->st_mode) && has_empty_copy(name)))
		return visit_folder(listing, path, status, place, err);
	if (place == PLACE_LINKS && S_ISLNK(status->st_mode))
		return add_link(listing, fd, path, err);
	if (S_ISREG(status->st_mode))
		return add_entry(listing->tree, path, status, err);
	bk_log(listing->host, BK_LOG_WARNING,
		   "\"%s\" is left out of the backup: it is neither file nor folder", path);
	return true;
}

static bool
visit_folder(const Listing *listing, const char *path,
			 const struct stat *status, Place place, BkError *err)
{
	struct stat folder = *status;

	/* The folder that a link stands for becomes one. */
	if (S_ISLNK(status->st_mode))
		folder.st_mode = S_IFDIR | S_IRWXU;
	if (!add_entry(listing->tree, path, &folder, err))
		return false;
	if (place == PLACE_TOP && has_empty_copy(path))
		return true;
	return list_folder(listing, path, place_below(base_name(path), place), err);
}

/* pg_wal may be a link. Replay needs its folders, and brings the WAL itself. */
static bool
add_wal_folders(const Listing *listing, int fd, const struct stat *status,
				BkError *err)
{
	static const char *const folders[] = {"pg_wal/archive_status", "pg_wal/summaries"};
	struct stat folder = *status;

	if (S_ISLNK(status->st_mode))
		folder.st_mode = S_IFDIR | S_IRWXU;
	if (!add_entry(listing->tree, "pg_wal", &folder, err))
		return false;
	for (size_t i = 0; i < sizeof(folders) / sizeof(folders[0]); i++)
	{
		struct stat below;

		if (fstatat(fd, folders[i], &below, AT_SYMLINK_NOFOLLOW) == 0 &&
			S_ISDIR(below.st_mode) &&
			!add_entry(listing->tree, folders[i], &below, err))
			return false;
	}
	return true;
}

/* pg_tblspc/<oid> */
static bool
add_link(const Listing *listing, int fd, const char *path, BkError *err)
{
	BkTree	   *tree = listing->tree;
	const char *name = base_name(path);
	char	   *end;
	unsigned long oid = strtoul(name, &end, 10);
	char		location[PATH_MAX];
	ssize_t		len = readlinkat(fd, name, location, sizeof(location) - 1);

	if (len < 0 && errno == ENOENT)
		return true;
	if (len < 0)
		return bk_error_errno(err, "could not read symbolic link \"%s\"", path);
	location[len] = '\0';
	if (!isdigit((unsigned char) *name) || *end != '\0' || oid > UINT32_MAX)
	{
		bk_log(listing->host, BK_LOG_WARNING,
			   "\"%s\" is left out of the backup: it is no tablespace", path);
		return true;
	}
	if (!grow((void **) &tree->links, &tree->link_room, tree->link_count,
			  sizeof(BkTreeLink), err))
		return false;
	tree->links[tree->link_count].oid = (uint32_t) oid;
	tree->links[tree->link_count].location = strdup(location);
	return tree->links[tree->link_count++].location != NULL || bk_error_memory(err);
}

static bool
add_entry(BkTree *tree, const char *path, const struct stat *status,
		  BkError *err)
{
	BkTreeEntry entry = {
		.path = strdup(path),
		.mtime = status->st_mtime,
		.mode = status->st_mode & 07777,
		.directory = S_ISDIR(status->st_mode),
	};

	if (entry.path == NULL ||
		!grow((void **) &tree->entries, &tree->entry_room, tree->count,
			  sizeof(BkTreeEntry), err))
	{
		free(entry.path);
		return bk_error_memory(err);
	}
	if (!entry.directory)
		entry.size = (uint64_t) status->st_size;
	tree->entries[tree->count++] = entry;
	return true;
}

/*
 * The lists of backup/basebackup.c, and what a server that is restored must
 * not find: it would not recover as it is told, or be taken for another.
 */
static bool
is_excluded(const char *name, Place place, const Names *names)
{
	static const char *const files[] = {
		"postgresql.auto.conf.tmp", "current_logfiles.tmp", "backup_label",
		"tablespace_map", "backup_manifest", "postmaster.pid", "postmaster.opts",
		"recovery.signal", "standby.signal", BK_DESTINATION_MARK, BK_DESTINATION_CLONE,
	};
	static const char *const prefixes[] = {"pgsql_tmp", "pg_internal.init"};
	BkRelation	relation;

	for (size_t i = 0; i < sizeof(prefixes) / sizeof(prefixes[0]); i++)
	{
		if (strncmp(name, prefixes[i], strlen(prefixes[i])) == 0)
			return true;
	}
	for (size_t i = 0; place == PLACE_TOP && i < sizeof(files) / sizeof(files[0]); i++)
	{
		if (strcmp(name, files[i]) == 0)
			return true;
	}
	if (place == PLACE_GLOBAL)
		return strcmp(name, "pg_control") == 0;
	if (place != PLACE_DATABASE || !bk_relation_parse(name, &relation))
		return false;
	return relation.temporary ||
		(!relation.init && names->unlogged_count > 0 &&
		 bsearch(&relation.number, names->unlogged, names->unlogged_count,
				 sizeof(uint32_t), compare_numbers) != NULL);
}

/* Folders that the server must find, and whose contents it makes anew. */
static bool
has_empty_copy(const char *name)
{
	static const char *const folders[] = {
		"pg_dynshmem", "pg_notify", "pg_replslot", "pg_serial",
		"pg_snapshots", "pg_stat_tmp", "pg_subtrans",
	};

	for (size_t i = 0; i < sizeof(folders) / sizeof(folders[0]); i++)
	{
		if (strcmp(name, folders[i]) == 0)
			return true;
	}
	return false;
}

static Place
place_below(const char *name, Place place)
{
	switch (place)
	{
		case PLACE_TOP:
			if (strcmp(name, "global") == 0)
				return PLACE_GLOBAL;
			if (strcmp(name, "base") == 0)
				return PLACE_DATABASES;
			return strcmp(name, "pg_tblspc") == 0 ? PLACE_LINKS : PLACE_OTHER;
		case PLACE_DATABASES:
			return isdigit((unsigned char) *name) ? PLACE_DATABASE : PLACE_OTHER;
		case PLACE_LINKS:
			return PLACE_TABLESPACE;
		case PLACE_TABLESPACE:
			return PLACE_DATABASES;
		default:
			return PLACE_OTHER;
	}
}

static const char *
base_name(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash == NULL ? path : slash + 1;
}

static int
compare_names(const void *a, const void *b)
{
	return strcmp(*(char *const *) a, *(char *const *) b);
}

static int
compare_numbers(const void *a, const void *b)
{
	uint32_t	x = *(const uint32_t *) a;
	uint32_t	y = *(const uint32_t *) b;

	return (x > y) - (x < y);
}

static int
compare_links(const void *a, const void *b)
{
	return compare_numbers(&((const BkTreeLink *) a)->oid,
						   &((const BkTreeLink *) b)->oid);
}

/* Make room for one more element. */
static bool
grow(void **list, size_t *room, size_t count, size_t size, BkError *err)
{
	size_t		more = count == 0 ? 16 : 2 * count;
	void	   *larger;

	if (count < *room)
		return true;
	larger = realloc(*list, more * size);
	if (larger == NULL)
		return bk_error_memory(err);
	*list = larger;
	*room = more;
	return true;
}
