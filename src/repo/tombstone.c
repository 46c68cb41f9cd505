/*
 * tombstone.c
 *	  Manifests of backups that retention has taken off the list.
 */
#include "repo/tombstone.h"

#include <stdlib.h>

#include "repo/layout.h"

typedef struct Walk
{
	BkRepositoryVisit visit;
	void	   *arg;
} Walk;

static bool copy_text(BkRepository *repo, const char *from, const char *to,
					  BkError *err);
static bool check_objects(BkRepository *repo, const BkManifest *manifest,
						  BkError *err);
static bool check_wal(const BkManifest *manifest, const BkWalMap *map,
					  BkError *err);
static bool read_text(BkRepository *repo, const char *key, char **text,
					  size_t *len, BkError *err);
static bool tombstone_found(void *arg, const char *key,
							const BkObjectStat *stat, BkError *err);

bool
bk_tombstone_put(BkRepository *repo, const char *id, BkError *err)
{
	char		manifest[BK_KEY_SIZE];
	char		tombstone[BK_KEY_SIZE];

	bk_layout_manifest(manifest, id);
	bk_layout_expired(tombstone, id);
	return copy_text(repo, manifest, tombstone, err);
}

bool
bk_tombstone_exists(BkRepository *repo, const char *id, bool *exists,
					BkError *err)
{
	int64_t		modified;

	if (!bk_tombstone_written(repo, id, &modified, err))
		return false;
	*exists = modified != 0;
	return true;
}

bool
bk_tombstone_written(BkRepository *repo, const char *id, int64_t *modified,
					 BkError *err)
{
	char		key[BK_KEY_SIZE];
	BkObjectStat stat;

	bk_layout_expired(key, id);
	if (!bk_storage_stat(repo->storage, key, &stat, err))
		return false;
	*modified = stat.exists ? stat.modified : 0;
	return true;
}

BkManifest *
bk_tombstone_manifest(BkRepository *repo, const char *id, BkError *err)
{
	BkManifest *manifest = NULL;
	char		key[BK_KEY_SIZE];
	char	   *text;
	size_t		len;

	if (!bk_label_check(id, err))
		return NULL;
	bk_layout_expired(key, id);
	if (read_text(repo, key, &text, &len, err))
	{
		manifest = bk_manifest_parse(text, len, id, repo->keys, repo->trust, err);
		free(text);
	}
	else if (bk_error_is(err, BK_STATE_MISSING_FILE))
	{
		bk_error(err, BK_STATE_NO_OBJECT, "backup \"%s\" has not expired, or is deleted already", id);
		bk_error_hint(err, "SELECT id, delete_after FROM backup_expired; shows the backups that can be brought back.");
	}
	return manifest;
}

bool
bk_tombstone_check(BkRepository *repo, const BkManifest *manifest,
				   const BkWalMap *map, BkError *err)
{
	BkWalMap   *own = NULL;
	bool		ok = check_objects(repo, manifest, err);

	if (ok && manifest->is_base && map == NULL)
		map = own = bk_wal_map_read(repo, manifest->system_identifier,
									manifest->physical.wal_segment_size, err);
	ok = ok && (!manifest->is_base || (map != NULL && check_wal(manifest, map, err)));
	bk_wal_map_free(own);
	return ok;
}

bool
bk_tombstone_raise(BkRepository *repo, const char *id, BkError *err)
{
	char		manifest[BK_KEY_SIZE];
	char		tombstone[BK_KEY_SIZE];

	bk_layout_manifest(manifest, id);
	bk_layout_expired(tombstone, id);
	return copy_text(repo, tombstone, manifest, err) &&
		bk_storage_remove(repo->storage, tombstone, err);
}

bool
bk_tombstone_remove(BkRepository *repo, const char *id, BkError *err)
{
	char		key[BK_KEY_SIZE];

	bk_layout_expired(key, id);
	return bk_storage_remove(repo->storage, key, err);
}

bool
bk_tombstone_walk(BkRepository *repo, BkRepositoryVisit visit, void *arg,
				  BkError *err)
{
	Walk		walk = {.visit = visit, .arg = arg};

	return bk_storage_list(repo->storage, BK_LAYOUT_EXPIRED, tombstone_found,
						   &walk, err);
}

/* Each object, and its size. */
static bool
check_objects(BkRepository *repo, const BkManifest *manifest, BkError *err)
{
	for (size_t i = 0; i < manifest->object_count; i++)
	{
		const BkObject *object = &manifest->objects[i];
		char		key[BK_KEY_SIZE];
		BkObjectStat stat;

		bk_layout_object(key, manifest->id, object->name);
		if (!bk_storage_stat(repo->storage, key, &stat, err))
			return false;
		if (stat.exists && stat.size == object->size)
			continue;
		bk_error(err, BK_STATE_WRONG_STATE, "backup \"%s\" cannot be brought back", manifest->id);
		return bk_error_detail(err, "\"%s\" is gone already.", key);
	}
	return true;
}

static bool
check_wal(const BkManifest *manifest, const BkWalMap *map, BkError *err)
{
	const BkPhysical *physical = &manifest->physical;
	char		missing[BK_WAL_NAME_SIZE];

	if (bk_wal_map_covers(map, physical->timeline, physical->start_lsn,
						  physical->stop_lsn, missing))
		return true;
	bk_error(err, BK_STATE_WRONG_STATE, "backup \"%s\" cannot be brought back", manifest->id);
	return bk_error_detail(err, "WAL segment %s is gone already.", missing);
}

/* The bytes as they are: their seal is for the name of the manifest. */
static bool
copy_text(BkRepository *repo, const char *from, const char *to, BkError *err)
{
	char	   *text;
	size_t		len;
	bool		ok;

	if (!read_text(repo, from, &text, &len, err))
		return false;
	ok = bk_storage_store(repo->storage, to, text, len, false, err);
	free(text);
	return ok;
}

static bool
read_text(BkRepository *repo, const char *key, char **text, size_t *len,
		  BkError *err)
{
	BkReader   *reader;
	bool		ok;

	if (!bk_storage_get(repo->storage, key, &reader, err))
		return false;
	ok = bk_read_all(reader, BK_MANIFEST_MAX_SIZE, text, len, err);
	bk_reader_close(reader);
	return ok;
}

static bool
tombstone_found(void *arg, const char *key, const BkObjectStat *stat,
				BkError *err)
{
	Walk	   *walk = arg;
	char		id[BK_LABEL_SIZE];

	(void) stat;
	return !bk_layout_expired_id(key, id) || walk->visit(walk->arg, id, err);
}
