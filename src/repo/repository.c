/*
 * repository.c
 *	  Create, open and check a repository; its manifests.
 */
#include "repo/repository.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/buf.h"
#include "core/clock.h"
#include "core/digest.h"
#include "repo/fallback.h"
#include "repo/layout.h"

#define SENTINEL_MAX_SIZE	(64 * 1024)
#define REMOVE_BATCH		1000

typedef struct Walk
{
	BkRepositoryVisit visit;
	void	   *arg;
} Walk;

/* Objects that are to be removed. */
typedef struct Removal
{
	BkRepository *repo;
	size_t		count;
	char	   *keys[REMOVE_BATCH];
} Removal;

static BkRepository *repository_new(const BkRepositoryTarget *target,
									bool create, BkError *err);
static bool take_keys(BkRepository *repo, const BkRepositoryTarget *target,
					  BkError *err);
static BkManifest *read_manifest(BkRepository *repo, const char *key,
								 const char *id, BkError *err);
static bool require_empty(BkRepository *repo, BkError *err);
static bool write_sentinel(BkRepository *repo, BkError *err);
static bool read_sentinel(BkRepository *repo, BkError *err);
static bool add_ability(void *arg, const char *name, const char *value,
						BkError *err);
static bool require_expected(BkRepository *repo, const char *expected_id,
							 BkError *err);
static bool object_found(void *arg, const char *key,
						 const BkObjectStat *stat, BkError *err);
static bool manifest_found(void *arg, const char *key,
						   const BkObjectStat *stat, BkError *err);
static bool remove_folder(BkRepository *repo, const char *folder,
						  BkError *err);
static bool remove_found(void *arg, const char *key,
						 const BkObjectStat *stat, BkError *err);
static bool remove_batch(Removal *removal, BkError *err);

BkRepository *
bk_repository_create(const BkRepositoryTarget *target, BkError *err)
{
	BkRepository *repo = repository_new(target, true, err);

	if (repo == NULL)
		return NULL;
	if (require_empty(repo, err) && bk_repository_probe(repo, true, err) &&
		write_sentinel(repo, err))
		return repo;
	bk_repository_close(repo);
	return NULL;
}

BkRepository *
bk_repository_open(const BkRepositoryTarget *target, BkError *err)
{
	BkRepository *repo = repository_new(target, false, err);

	if (repo == NULL)
		return NULL;
	if (read_sentinel(repo, err) &&
		require_expected(repo, target->expected_id, err))
		return repo;
	bk_repository_close(repo);
	return NULL;
}

bool
bk_repository_probe(BkRepository *repo, bool write, BkError *err)
{
	BkBuf		abilities;
	bool		done;

	bk_buf_init(&abilities);
	done = bk_storage_probe(repo->storage, write, add_ability, &abilities, err);
	free(repo->abilities);
	repo->abilities = done ? bk_buf_take(&abilities, err) : NULL;
	bk_buf_free(&abilities);
	return repo->abilities != NULL;
}

void
bk_repository_close(BkRepository *repo)
{
	if (repo == NULL)
		return;
	bk_repository_close(repo->next);
	bk_fallback_leave(repo->fallback);
	bk_storage_close(repo->storage);
	bk_keys_free(repo->keys);
	free(repo->abilities);
	free(repo->url);
	free(repo);
}

bool
bk_repository_require_keys(const BkRepository *repo, BkError *err)
{
	bool		encrypts = repo->keys != NULL && repo->keys->recipient_count > 0;
	bool		seals = repo->keys != NULL && repo->keys->secret_count > 0;

	if ((encrypts || !repo->encrypted) && (seals || !repo->authenticated))
		return true;
	bk_error(err, BK_STATE_WRONG_STATE, "the repository \"%s\" is encrypted, and there %s",
			 repo->url, repo->keys == NULL ? "is no key file" :
			 encrypts ? "is no repository key" : "are no recipients");
	bk_error_detail(err, "What is written now would be readable, or would not be known as yours.");
	return bk_error_hint(err, "Set backup_ext.key_file (or give --key-file) to the key file that the repository was created with.");
}

bool
bk_repository_put_text(BkRepository *repo, const char *key, const char *text,
					   BkError *err)
{
	return bk_storage_store(repo->storage, key, text, strlen(text), false, err);
}

bool
bk_repository_put_json(BkRepository *repo, const char *key, BkJson *json,
					   BkError *err)
{
	char	   *text = NULL;
	bool		ok;

	ok = bk_seal_put(json, key, repo->keys, err);
	if (ok && (text = bk_json_text(json, true)) == NULL)
		ok = bk_error_memory(err);
	bk_json_free(json);
	ok = ok && bk_repository_put_text(repo, key, text, err);
	free(text);
	return ok;
}

BkJson *
bk_repository_get_json(BkRepository *repo, const char *key, size_t max,
					   BkSealTrust trust, BkError *err)
{
	BkReader   *reader;
	char	   *text;
	size_t		len;
	BkJson	   *json = NULL;
	bool		ok;

	if (!bk_storage_get(repo->storage, key, &reader, err))
		return NULL;
	ok = bk_read_all(reader, max, &text, &len, err);
	bk_reader_close(reader);
	if (!ok)
		return NULL;
	json = bk_json_parse(text, len, key, err);
	free(text);
	if (repo->trust == BK_SEAL_INTACT)
		trust = BK_SEAL_INTACT;
	if (json != NULL && !bk_seal_check(json, key, repo->keys, trust, err))
	{
		bk_json_free(json);
		return NULL;
	}
	return json;
}

BkManifest *
bk_repository_manifest(BkRepository *repo, const char *id, BkError *err)
{
	char		key[BK_KEY_SIZE];
	BkManifest *manifest;
	BkRepository *at;
	BkError		problem;

	if (!bk_label_check(id, err))
		return NULL;
	bk_layout_manifest(key, id);
	at = bk_fallback_first(repo, key);
	manifest = read_manifest(at, key, id, err);
	while (manifest == NULL && bk_fallback_go_on(&at, key, err))
	{
		manifest = read_manifest(at, key, id, &problem);
		/* That it is missing says less than any other failure. */
		if (manifest == NULL && bk_error_is(err, BK_STATE_NO_OBJECT))
			*err = problem;
	}
	return manifest;
}

bool
bk_repository_is_listed(BkRepository *repo, const char *id, bool *listed,
						BkError *err)
{
	char		key[BK_KEY_SIZE];
	BkObjectStat stat;

	bk_layout_manifest(key, id);
	if (!bk_storage_stat(repo->storage, key, &stat, err))
		return false;
	*listed = stat.exists;
	return true;
}

bool
bk_repository_commit(BkRepository *repo, BkManifest *manifest, BkError *err)
{
	char		key[BK_KEY_SIZE];
	char	   *text = bk_manifest_text(manifest, repo->keys, err);
	bool		ok;

	if (text == NULL)
		return false;
	if (strlen(text) > BK_MANIFEST_MAX_SIZE)
	{
		free(text);
		bk_error(err, BK_STATE_TOO_LARGE, "the manifest of the backup is too large");
		bk_error_detail(err, "It lists %zu objects.", manifest->object_count);
		return bk_error_hint(err, "Cut the backup into larger parts.");
	}
	bk_layout_manifest(key, manifest->id);
	ok = bk_repository_put_text(repo, key, text, err);
	free(text);
	return ok;
}

bool
bk_repository_unlist(BkRepository *repo, const char *id, BkError *err)
{
	char		key[BK_KEY_SIZE];

	bk_layout_manifest(key, id);
	return bk_storage_remove(repo->storage, key, err);
}

bool
bk_repository_walk(BkRepository *repo, BkRepositoryVisit visit, void *arg,
				   BkError *err)
{
	Walk		walk = {.visit = visit, .arg = arg};

	return bk_storage_list(repo->storage, BK_LAYOUT_MANIFESTS, manifest_found,
						   &walk, err);
}

bool
bk_repository_remove_data(BkRepository *repo, const char *id, BkError *err)
{
	char		folder[BK_KEY_SIZE];

	bk_layout_backup(folder, id);
	if (!remove_folder(repo, folder, err))
		return false;
	bk_layout_notes(folder, id);
	return remove_folder(repo, folder, err);
}

static bool
remove_folder(BkRepository *repo, const char *folder, BkError *err)
{
	Removal    *removal = calloc(1, sizeof(*removal));
	bool		done;

	if (removal == NULL)
		return bk_error_memory(err);
	removal->repo = repo;
	done = bk_storage_sweep(repo->storage, folder, true, err) &&
		bk_storage_list(repo->storage, folder, remove_found, removal, err) &&
		remove_batch(removal, err);
	for (size_t i = 0; i < removal->count; i++)
		free(removal->keys[i]);
	free(removal);
	return done;
}

static BkRepository *
repository_new(const BkRepositoryTarget *target, bool create, BkError *err)
{
	BkRepository *repo = calloc(1, sizeof(BkRepository));

	if (repo == NULL || (repo->url = strdup(target->url)) == NULL)
	{
		free(repo);
		bk_error_memory(err);
		return NULL;
	}
	repo->access = target->access;
	repo->trust = target->unauthenticated ? BK_SEAL_INTACT : BK_SEAL_AUTHENTIC;
	if (take_keys(repo, target, err) &&
		(repo->storage = bk_storage_open(target->url, create, &repo->access, err)) != NULL)
		return repo;
	bk_keys_free(repo->keys);
	free(repo->url);
	free(repo);
	return NULL;
}

static BkManifest *
read_manifest(BkRepository *repo, const char *key, const char *id,
			  BkError *err)
{
	BkReader   *reader;
	BkManifest *manifest = NULL;
	char	   *text;
	size_t		len;

	if (!bk_storage_get(repo->storage, key, &reader, err))
	{
		if (bk_error_is(err, BK_STATE_MISSING_FILE))
		{
			bk_error(err, BK_STATE_NO_OBJECT, "backup \"%s\" does not exist", id);
			bk_error_hint(err, "SELECT id, database FROM backup_list(); shows the backups that exist.");
		}
		return NULL;
	}
	if (bk_read_all(reader, BK_MANIFEST_MAX_SIZE, &text, &len, err))
	{
		manifest = bk_manifest_parse(text, len, id, repo->keys, repo->trust, err);
		free(text);
	}
	bk_reader_close(reader);
	return manifest;
}

/* Each handle reads them anew, so that a change of the files is seen. */
static bool
take_keys(BkRepository *repo, const BkRepositoryTarget *target, BkError *err)
{
	const char *key_file = target->key_file;
	const char *identity_file = target->identity_file;

	if (key_file != NULL && key_file[0] == '\0')
		key_file = NULL;
	if (identity_file != NULL && identity_file[0] == '\0')
		identity_file = NULL;
	if (key_file == NULL && identity_file == NULL)
		return true;
	repo->keys = bk_keys_read(key_file, identity_file, err);
	return repo->keys != NULL;
}

static bool
require_empty(BkRepository *repo, BkError *err)
{
	BkObjectStat stat;

	if (!bk_storage_stat(repo->storage, BK_LAYOUT_REPOSITORY, &stat, err))
		return false;
	if (stat.exists)
	{
		bk_error(err, BK_STATE_DUP_OBJECT, "\"%s\" is a repository already",
				 repo->url);
		return bk_error_hint(err, "To use it with this cluster, run: SELECT backup_adopt();");
	}
	return bk_storage_list(repo->storage, "", object_found, repo, err);
}

static bool
write_sentinel(BkRepository *repo, BkError *err)
{
	BkJson	   *json;

	if (!bk_random_label(repo->id, sizeof(repo->id) - 1, err))
		return false;
	bk_clock_format(bk_clock_now(), repo->created_at);
	json = bk_json_object();
	bk_json_put_string(json, "id", repo->id);
	bk_json_put_string(json, "created_at", repo->created_at);
	repo->encrypted = repo->keys != NULL && repo->keys->recipient_count > 0;
	repo->authenticated = repo->keys != NULL && repo->keys->secret_count > 0;
	if (repo->encrypted)
		bk_json_put_bool(json, "encrypted", true);
	if (repo->authenticated)
		bk_json_put_bool(json, "authenticated", true);
	return bk_repository_put_json(repo, BK_LAYOUT_REPOSITORY, json, err);
}

static bool
read_sentinel(BkRepository *repo, BkError *err)
{
	BkJson	   *json = bk_repository_get_json(repo, BK_LAYOUT_REPOSITORY,
											  SENTINEL_MAX_SIZE, BK_SEAL_INTACT, err);
	const char *id;
	const char *created_at;
	bool		ok;

	if (json == NULL && bk_error_is(err, BK_STATE_MISSING_FILE))
	{
		bk_error(err, BK_STATE_MISSING_FILE, "there is no repository at \"%s\"",
				 repo->url);
		bk_error_detail(err, "The file \"%s\" is missing there.", BK_LAYOUT_REPOSITORY);
		bk_error_hint(err, "If a disk should be mounted there, mount it. To start a new repository, run: SELECT backup_repository_create();");
		return false;
	}
	if (json == NULL)
		return false;
	ok = bk_json_need_string(json, "id", BK_LAYOUT_REPOSITORY, &id, err) &&
		bk_json_need_string(json, "created_at", BK_LAYOUT_REPOSITORY,
							&created_at, err);
	if (ok)
	{
		snprintf(repo->id, sizeof(repo->id), "%s", id);
		snprintf(repo->created_at, sizeof(repo->created_at), "%s", created_at);
		repo->encrypted = bk_json_bool(bk_json_get(json, "encrypted"), false);
		repo->authenticated = bk_json_bool(bk_json_get(json, "authenticated"), false);
	}
	bk_json_free(json);
	return ok;
}

static bool
require_expected(BkRepository *repo, const char *expected_id, BkError *err)
{
	if (expected_id == NULL || strcmp(expected_id, repo->id) == 0)
		return true;
	bk_error(err, BK_STATE_WRONG_STATE,
			 "\"%s\" is not the repository that this server uses", repo->url);
	bk_error_detail(err, "The repository there has id %s, this server knows %s.",
					repo->id, expected_id);
	return bk_error_hint(err, "Check what is mounted there. If the change is on purpose, run: SELECT backup_sync(accept => true);");
}

static bool
add_ability(void *arg, const char *name, const char *value, BkError *err)
{
	BkBuf	   *abilities = arg;

	bk_buf_printf(abilities, "%s%s: %s", abilities->len > 0 ? "; " : "", name, value);
	return bk_buf_check(abilities, err);
}

/* Called for the first thing found in a place that should be empty. */
static bool
object_found(void *arg, const char *key, const BkObjectStat *stat,
			 BkError *err)
{
	BkRepository *repo = arg;

	(void) stat;
	bk_error(err, BK_STATE_WRONG_STATE, "\"%s\" is not empty", repo->url);
	bk_error_detail(err, "It contains \"%s\".", key);
	return bk_error_hint(err, "Choose an empty directory for the repository.");
}

static bool
manifest_found(void *arg, const char *key, const BkObjectStat *stat,
			   BkError *err)
{
	Walk	   *walk = arg;
	char		id[BK_LABEL_SIZE];

	(void) stat;
	if (!bk_layout_manifest_id(key, id))
		return true;
	return walk->visit(walk->arg, id, err);
}

static bool
remove_found(void *arg, const char *key, const BkObjectStat *stat,
			 BkError *err)
{
	Removal    *removal = arg;

	(void) stat;
	if (removal->count == REMOVE_BATCH && !remove_batch(removal, err))
		return false;
	removal->keys[removal->count] = strdup(key);
	if (removal->keys[removal->count] == NULL)
		return bk_error_memory(err);
	removal->count++;
	return true;
}

static bool
remove_batch(Removal *removal, BkError *err)
{
	bool		done = bk_storage_remove_all(removal->repo->storage,
											 (const char *const *) removal->keys,
											 removal->count, err);

	for (size_t i = 0; i < removal->count; i++)
		free(removal->keys[i]);
	removal->count = 0;
	return done;
}
