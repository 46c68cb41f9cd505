/*
 * recover_place.c
 *	  Where the parts of a cluster go: data directory, tablespaces, folders.
 *
 * The backup tells where its tablespaces were. These places may be in use: by
 * the very server that the backup was made of, on the same machine. So a
 * tablespace goes to an empty place only, or with --delta to one that the
 * data directory links to already. A clone keeps all within its directory
 * (PostgreSQL docs, "allow_in_place_tablespaces").
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/file.h"
#include "job/common.h"
#include "job/recover.h"
#include "source/extract.h"

static bool links_to(const char *data_directory,
					 const BkRecoverTablespace *tablespace);
static bool read_tablespaces(BkRecover *r, BkError *err);
static bool map_location(BkRecover *r, const char *old, char *location,
						 BkError *err);
static bool check_map(const BkRecover *r, BkError *err);
static bool split_map(const char *item, char *old, const char **new,
					  BkError *err);
static bool check_location(BkRecover *r, BkRecoverTablespace *tablespace,
						   BkError *err);
static bool check_owner(const BkRecover *r,
						const BkRecoverTablespace *tablespace, BkError *err);
static bool is_inside(const char *path, const char *folder);
static bool check_repositories(const BkRecover *r, BkError *err);
static bool check_repository(const BkRecover *r, const char *url, BkError *err);
static void link_name(char *name, size_t size, uint32_t oid);
static bool open_tablespace(BkRecover *r, BkRecoverTablespace *tablespace,
							BkError *err);
static bool put_link(BkRecover *r, const BkRecoverTablespace *tablespace,
					 BkError *err);
static bool make_folders(BkRecover *r, BkError *err);

bool
bk_recover_check_places(BkRecover *r, BkError *err)
{
	if (geteuid() == 0)
	{
		bk_error(err, BK_STATE_NO_RIGHT, "a cluster cannot be restored by root");
		return bk_error_hint(err, "Run the program as the user that the server shall run as.");
	}
	if (!bk_destination_check(&r->data, r->request.target, r->request.delta,
							  r->bases.system_identifier, err) ||
		!check_repositories(r, err) ||
		!read_tablespaces(r, err) ||
		!check_map(r, err))
		return false;
	for (size_t i = 0; i < r->tablespace_count; i++)
	{
		if (r->tablespaces[i].location[0] != '\0' &&
			!check_location(r, &r->tablespaces[i], err))
			return false;
	}
	return true;
}

bool
bk_recover_open_places(BkRecover *r, BkError *err)
{
	BkExtractSpec spec;

	if (!bk_destination_open(&r->data, r->group, err) ||
		!bk_destination_begin(&r->data, r->bases.system_identifier, err) ||
		(r->request.clone &&
		 !bk_destination_put(&r->data, BK_DESTINATION_CLONE, r->data.path,
							 strlen(r->data.path), err)))
		return false;
	if (r->data.filled && !bk_recover_remove_others(r, r->data.root, 0, err))
		return false;
	spec = (BkExtractSpec) {.root = r->data.root, .group = r->group};
	if (!bk_extract_folder(&spec, "pg_tblspc", err))
		return false;
	for (size_t i = 0; i < r->tablespace_count; i++)
	{
		const BkDestination *place = &r->tablespaces[i].place;

		if (!open_tablespace(r, &r->tablespaces[i], err) ||
			(r->data.filled &&
			 !bk_recover_remove_others(r, place->root, r->tablespaces[i].oid, err)))
			return false;
	}
	return make_folders(r, err);
}

int
bk_recover_root(const BkRecover *r, const BkVolume *volume)
{
	for (size_t i = 0; i < r->tablespace_count; i++)
	{
		if (volume->kind == BK_VOLUME_TABLESPACE &&
			r->tablespaces[i].oid == volume->tablespace)
			return r->tablespaces[i].place.root;
	}
	return volume->kind == BK_VOLUME_BASE ? r->data.root : -1;
}

bool
bk_recover_links_to(const BkRecover *r, const BkRecoverTablespace *tablespace)
{
	return links_to(r->data.path, tablespace);
}

static bool
links_to(const char *data_directory, const BkRecoverTablespace *tablespace)
{
	char		name[64];
	char		path[PATH_MAX + 64];
	char		found[PATH_MAX];
	ssize_t		len;

	link_name(name, sizeof(name), tablespace->oid);
	snprintf(path, sizeof(path), "%.*s/%s", PATH_MAX - 1, data_directory, name);
	len = readlink(path, found, sizeof(found) - 1);
	if (len < 0)
		return false;
	found[len] = '\0';
	return strcmp(found, tablespace->location) == 0;
}

static bool
read_tablespaces(BkRecover *r, BkError *err)
{
	const BkJson *list = bk_json_get(r->manifest->json, "tablespaces");

	r->tablespaces = calloc(bk_json_length(list) + 1, sizeof(*r->tablespaces));
	if (r->tablespaces == NULL)
		return bk_error_memory(err);
	for (size_t i = 0; i < bk_json_length(list); i++)
	{
		const BkJson *item = bk_json_at(list, i);
		const char *location = bk_json_string(bk_json_get(item, "location"), "");
		BkRecoverTablespace *tablespace = &r->tablespaces[r->tablespace_count++];

		tablespace->oid = (uint32_t) bk_json_int(bk_json_get(item, "oid"), 0);
		tablespace->place.root = -1;
		if (tablespace->oid == 0)
			return bk_error(err, BK_STATE_CORRUPT,
							"the manifest of backup \"%s\" has a tablespace without an OID",
							r->manifest->id);
		if (!r->request.clone && !map_location(r, location, tablespace->location, err))
			return false;
	}
	for (size_t i = 0; i < r->list->volume_count; i++)
	{
		const BkVolume *volume = &r->list->volumes[i];
		bool		known = volume->kind != BK_VOLUME_TABLESPACE;

		for (size_t k = 0; k < r->tablespace_count; k++)
			known |= r->tablespaces[k].oid == volume->tablespace;
		if (!known)
			return bk_error(err, BK_STATE_CORRUPT,
							"volume \"%s\" belongs to no tablespace of the manifest",
							volume->stream);
	}
	return true;
}

static bool
map_location(BkRecover *r, const char *old, char *location, BkError *err)
{
	const BkRequestList *map = &r->request.tablespace_map;
	const char *chosen = old;

	for (int i = 0; i < map->count; i++)
	{
		char		from[PATH_MAX];
		const char *to;

		if (!split_map(map->items[i], from, &to, err))
			return false;
		if (strcmp(from, old) == 0)
			chosen = to;
	}
	if (strlen(chosen) >= PATH_MAX)
		return bk_error(err, BK_STATE_BAD_ARGUMENT, "the location of a tablespace is too long");
	snprintf(location, PATH_MAX, "%s", chosen);
	return true;
}

/* A mapping that maps nothing is a slip of the pen. */
static bool
check_map(const BkRecover *r, BkError *err)
{
	const BkRequestList *map = &r->request.tablespace_map;
	const BkJson *list = bk_json_get(r->manifest->json, "tablespaces");

	for (int i = 0; i < map->count; i++)
	{
		char		from[PATH_MAX];
		const char *to;
		bool		used = false;

		if (!split_map(map->items[i], from, &to, err))
			return false;
		for (size_t k = 0; k < bk_json_length(list); k++)
		{
			const BkJson *old = bk_json_get(bk_json_at(list, k), "location");

			used |= strcmp(bk_json_string(old, ""), from) == 0;
		}
		if (!used)
			return bk_error(err, BK_STATE_BAD_ARGUMENT,
							"backup \"%s\" has no tablespace at \"%s\"",
							r->manifest->id, from);
	}
	return true;
}

/* As in pg_basebackup's --tablespace-mapping: "\=" is part of a name. */
static bool
split_map(const char *item, char *old, const char **new, BkError *err)
{
	size_t		len = 0;

	while (*item != '\0' && *item != '=' && len < PATH_MAX - 1)
	{
		if (item[0] == '\\' && item[1] == '=')
			item++;
		old[len++] = *item++;
	}
	old[len] = '\0';
	*new = item + 1;
	if (*item == '=' && len > 0)
		return true;
	bk_error(err, BK_STATE_BAD_ARGUMENT, "\"%.200s\" does not map a tablespace", old);
	return bk_error_hint(err, "Give it as OLD=NEW, two absolute paths.");
}

static bool
check_location(BkRecover *r, BkRecoverTablespace *tablespace, BkError *err)
{
	const char *location = tablespace->location;
	BkDestination *place = &tablespace->place;

	if (is_inside(location, r->data.path) || is_inside(r->data.path, location))
		return bk_error(err, BK_STATE_BAD_ARGUMENT,
						"tablespace %u cannot be at \"%s\": data directory and tablespaces must not lie in each other",
						tablespace->oid, location);
	for (const BkRecoverTablespace *other = r->tablespaces; other < tablespace; other++)
	{
		if (is_inside(location, other->location) || is_inside(other->location, location))
			return bk_error(err, BK_STATE_BAD_ARGUMENT,
							"tablespaces %u and %u cannot both be at \"%s\"",
							other->oid, tablespace->oid, location);
	}
	if (!bk_destination_check_other(place, location, err))
		return false;
	if (!place->filled)
		return true;
	if (r->request.delta && bk_recover_links_to(r, tablespace))
		return check_owner(r, tablespace, err);
	bk_error(err, BK_STATE_WRONG_STATE, "directory \"%s\" of tablespace %u is not empty",
			 location, tablespace->oid);
	return bk_error_hint(err, "Put the tablespace elsewhere: --tablespace-map '%s=/another/directory'",
						 location);
}

/*
 * A plain copy of the original's data directory links to the original's
 * tablespaces, in which a server may be running.
 */
static bool
check_owner(const BkRecover *r, const BkRecoverTablespace *tablespace,
			BkError *err)
{
	const char *original = bk_json_string(bk_json_get(r->manifest->json, "data_directory"), "");
	struct stat theirs;
	struct stat ours;

	if (!links_to(original, tablespace) || stat(original, &theirs) != 0)
		return true;
	if (stat(r->data.path, &ours) != 0)
		return bk_error_errno(err, "could not look at directory \"%s\"", r->data.path);
	if (theirs.st_dev == ours.st_dev && theirs.st_ino == ours.st_ino)
		return true;
	bk_error(err, BK_STATE_IN_USE,
			 "directory \"%s\" of tablespace %u belongs to the cluster in \"%s\"",
			 tablespace->location, tablespace->oid, original);
	return bk_error_hint(err, "Put the tablespace elsewhere: --tablespace-map '%s=/another/directory'",
						 tablespace->location);
}

/* Is it the folder itself, or below it? */
static bool
is_inside(const char *path, const char *folder)
{
	size_t		len = strlen(folder);

	return len > 0 && strncmp(path, folder, len) == 0 &&
		(path[len] == '/' || path[len] == '\0');
}

static bool
check_repositories(const BkRecover *r, BkError *err)
{
	BkUrls		urls;
	bool		ok = bk_common_urls(&r->request, &urls, err);

	for (size_t i = 0; ok && i < urls.count; i++)
		ok = check_repository(r, urls.urls[i], err);
	bk_urls_free(&urls);
	return ok;
}

/* With --delta, what is not of the backup is removed. */
static bool
check_repository(const BkRecover *r, const char *url, BkError *err)
{
	bool		local = strncmp(url, "file://", strlen("file://")) == 0;
	char	   *repository = local ? realpath(url + strlen("file://"), NULL) : NULL;
	char	   *data = realpath(r->data.path, NULL);
	const char *directory = data == NULL ? r->data.path : data;
	bool		good = repository == NULL ||
		(!is_inside(repository, directory) && !is_inside(directory, repository));

	free(repository);
	free(data);
	return good ||
		bk_error(err, BK_STATE_BAD_ARGUMENT,
				 "directory \"%s\" and the repository must not lie in each other",
				 r->data.path);
}

static void
link_name(char *name, size_t size, uint32_t oid)
{
	snprintf(name, size, "pg_tblspc/%u", oid);
}

static bool
open_tablespace(BkRecover *r, BkRecoverTablespace *tablespace, BkError *err)
{
	BkExtractSpec spec = {.root = r->data.root, .group = r->group};
	char		name[64];

	if (tablespace->location[0] != '\0')
		return bk_destination_open(&tablespace->place, r->group, err) &&
			put_link(r, tablespace, err);
	link_name(name, sizeof(name), tablespace->oid);
	if (!bk_extract_folder(&spec, name, err))
		return false;
	tablespace->place.root = bk_file_open(r->data.root, name, O_RDONLY | O_DIRECTORY, 0);
	return tablespace->place.root >= 0 ||
		bk_error_errno(err, "could not open directory \"%s\"", name);
}

static bool
put_link(BkRecover *r, const BkRecoverTablespace *tablespace, BkError *err)
{
	char		name[64];
	const char *last;
	int			parent;
	bool		ok;

	if (bk_recover_links_to(r, tablespace))
		return true;
	link_name(name, sizeof(name), tablespace->oid);
	parent = bk_file_open_parent(r->data.root, name, &last);
	ok = parent >= 0 && symlinkat(tablespace->location, parent, last) == 0;
	if (!ok)
		bk_error_errno(err, "could not make the link \"%s\"", name);
	if (parent >= 0)
		close(parent);
	return ok;
}

/* In order of their names: a folder comes before what is in it. */
static bool
make_folders(BkRecover *r, BkError *err)
{
	for (size_t i = 0; i < r->list->file_count; i++)
	{
		const BkListedFile *file = &r->list->files[r->list->sorted[i]];
		const BkVolume *volume = &r->list->volumes[file->volume];
		BkExtractSpec spec = {.root = bk_recover_root(r, volume), .group = r->group};

		if (file->directory && spec.root >= 0 &&
			!bk_extract_folder(&spec, file->name, err))
			return false;
	}
	return true;
}
