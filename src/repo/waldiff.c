/*
 * waldiff.c
 *	  Compare the WAL of two repositories, folder by folder.
 *
 * A key is the same in both but for the suffix, which tells the codec: so its
 * beginning, with name and digest, is what is compared.
 */
#include "repo/waldiff.h"

#include <stdlib.h>
#include <string.h>

/* What the other repository has in a folder, in the order of the keys. */
typedef struct Folder
{
	char		path[BK_KEY_SIZE];	/* empty: none yet */
	char	  **keys;
	size_t		count;
	size_t		room;
} Folder;

typedef struct Diff
{
	BkRepository *to;
	const char *system_identifier;
	BkWalVisit	visit;
	void	   *arg;
	Folder		folder;
} Diff;

static bool file_found(void *arg, const BkWalName *name,
					   const BkWalFound *found, BkError *err);
static bool is_there(Diff *diff, const BkWalName *name,
					 const BkWalFound *found, bool *there, BkError *err);
static bool read_folder(Diff *diff, const char *path, BkError *err);
static bool add_key(void *arg, const char *key, const BkObjectStat *stat,
					BkError *err);
static void empty_folder(Folder *folder);

bool
bk_wal_diff(BkRepository *from, BkRepository *to,
			const char *system_identifier, BkWalVisit visit, void *arg,
			BkError *err)
{
	Diff		diff = {
		.to = to,
		.system_identifier = system_identifier,
		.visit = visit,
		.arg = arg,
	};
	bool		ok = bk_wal_walk(from, system_identifier, 0, file_found, &diff, err);

	empty_folder(&diff.folder);
	free(diff.folder.keys);
	return ok;
}

static bool
file_found(void *arg, const BkWalName *name, const BkWalFound *found,
		   BkError *err)
{
	Diff	   *diff = arg;
	bool		there;

	return is_there(diff, name, found, &there, err) &&
		(there || diff->visit(diff->arg, name, found, err));
}

static bool
is_there(Diff *diff, const BkWalName *name, const BkWalFound *found,
		 bool *there, BkError *err)
{
	const Folder *folder = &diff->folder;
	char		path[BK_KEY_SIZE];
	char		wanted[BK_KEY_SIZE];
	size_t		first = 0;
	size_t		end;

	/* Of histories there are few, and all else is below their folder. */
	if (name->kind == BK_WAL_HISTORY)
	{
		BkWalFound	other;

		if (!bk_wal_find(diff->to, diff->system_identifier, name, &other, err))
			return false;
		*there = other.state == BK_WAL_STORED && strcmp(other.digest, found->digest) == 0;
		return true;
	}
	bk_layout_wal_folder(path, diff->system_identifier, name);
	if (strcmp(path, folder->path) != 0 && !read_folder(diff, path, err))
		return false;
	bk_layout_wal(wanted, diff->system_identifier, name, found->digest, "");
	end = folder->count;
	while (first < end)
	{
		size_t		middle = first + (end - first) / 2;

		if (strcmp(folder->keys[middle], wanted) < 0)
			first = middle + 1;
		else
			end = middle;
	}
	*there = first < folder->count &&
		strncmp(folder->keys[first], wanted, strlen(wanted)) == 0;
	return true;
}

static bool
read_folder(Diff *diff, const char *path, BkError *err)
{
	Folder	   *folder = &diff->folder;

	empty_folder(folder);
	memcpy(folder->path, path, strlen(path) + 1);
	return bk_storage_list(diff->to->storage, path, add_key, folder, err);
}

static bool
add_key(void *arg, const char *key, const BkObjectStat *stat, BkError *err)
{
	Folder	   *folder = arg;

	(void) stat;
	if (folder->count == folder->room)
	{
		size_t		room = folder->room == 0 ? 256 : folder->room * 2;
		char	  **keys = realloc(folder->keys, room * sizeof(*keys));

		if (keys == NULL)
			return bk_error_memory(err);
		folder->keys = keys;
		folder->room = room;
	}
	folder->keys[folder->count] = strdup(key);
	return folder->keys[folder->count++] != NULL || bk_error_memory(err);
}

static void
empty_folder(Folder *folder)
{
	while (folder->count > 0)
		free(folder->keys[--folder->count]);
}
