/*
 * manifest.c
 *	  Check, read and write manifests.
 *
 * A manifest comes from the repository, so nothing in it is trusted: it is
 * the only place from which names of objects are taken for reading.
 */
#include "repo/manifest.h"

#include <stdlib.h>
#include <string.h>

#include "core/clock.h"
#include "repo/label.h"
#include "repo/layout.h"

static bool read_members(BkManifest *manifest, BkError *err);
static bool read_kind(BkManifest *manifest, BkError *err);
static bool read_recipients(BkManifest *manifest, BkError *err);
static bool read_times(BkManifest *manifest, BkError *err);
static bool read_objects(BkManifest *manifest, BkError *err);
static bool read_object(const BkJson *json, BkObject *object, BkError *err);
static bool check_twice(const BkManifest *manifest, BkError *err);
static bool is_object_name(const char *name);
static int	compare_names(const void *a, const void *b);

BkManifest *
bk_manifest_new(BkJson *json, BkError *err)
{
	BkManifest *manifest = calloc(1, sizeof(BkManifest));

	if (manifest == NULL || json == NULL)
	{
		free(manifest);
		bk_json_free(json);
		bk_error_memory(err);
		return NULL;
	}
	manifest->json = json;
	if (read_members(manifest, err) && read_recipients(manifest, err) &&
		read_times(manifest, err) &&
		read_objects(manifest, err) && check_twice(manifest, err))
		return manifest;
	bk_manifest_free(manifest);
	return NULL;
}

BkManifest *
bk_manifest_parse(const char *text, size_t len, const char *id,
				  const BkKeys *keys, BkSealTrust trust, BkError *err)
{
	char		what[BK_KEY_SIZE];
	BkJson	   *json;
	BkManifest *manifest;

	bk_layout_manifest(what, id);
	json = bk_json_parse(text, len, what, err);
	if (json == NULL)
		return NULL;
	if (!bk_seal_check(json, what, keys, trust, err))
	{
		bk_json_free(json);
		return NULL;
	}
	manifest = bk_manifest_new(json, err);
	if (manifest == NULL || strcmp(manifest->id, id) == 0)
		return manifest;
	bk_error(err, BK_STATE_CORRUPT, "%s is the manifest of another backup, \"%s\"",
			 what, manifest->id);
	bk_manifest_free(manifest);
	return NULL;
}

char *
bk_manifest_text(BkManifest *manifest, const BkKeys *keys, BkError *err)
{
	char		key[BK_KEY_SIZE];
	char	   *text;

	bk_layout_manifest(key, manifest->id);
	if (!bk_seal_put(manifest->json, key, keys, err))
		return NULL;
	text = bk_json_text(manifest->json, true);
	if (text == NULL)
		bk_error_memory(err);
	return text;
}

void
bk_manifest_free(BkManifest *manifest)
{
	if (manifest == NULL)
		return;
	bk_json_free(manifest->json);
	bk_physical_free(&manifest->physical);
	free(manifest->objects);
	free(manifest);
}

bool
bk_manifest_has(const BkManifest *manifest, const char *stream)
{
	for (size_t i = 0; i < manifest->object_count; i++)
	{
		const char *name = manifest->objects[i].name;

		if (strcmp(name, stream) == 0 || bk_layout_is_part(name, stream))
			return true;
	}
	return false;
}

static bool
read_members(BkManifest *manifest, BkError *err)
{
	static const char what[] = "the manifest";
	const BkJson *json = manifest->json;

	if (!bk_json_need_string(json, "id", what, &manifest->id, err) ||
		!bk_json_need_string(json, "kind", what, &manifest->kind, err) ||
		!bk_json_need_string(json, "codec", what, &manifest->codec, err) ||
		!bk_json_need_string(json, "system_identifier", what,
							 &manifest->system_identifier, err) ||
		!bk_json_need_int(json, "server_version", what,
						  &manifest->server_version, err) ||
		!read_kind(manifest, err))
		return false;
	if (!bk_label_check(manifest->id, err))
		return bk_error(err, BK_STATE_CORRUPT, "the manifest has an invalid id");
	manifest->label = bk_json_string(bk_json_get(json, "label"), NULL);
	manifest->schedule = bk_json_string(bk_json_get(json, "schedule"), NULL);
	manifest->emptied_tables = bk_json_int(bk_json_get(json, "emptied_tables"), -1);
	manifest->shrunk_tables = bk_json_int(bk_json_get(json, "shrunk_tables"), -1);
	return true;
}

/* What only backups of this kind have. */
static bool
read_kind(BkManifest *manifest, BkError *err)
{
	const BkJson *json = manifest->json;
	const BkJson *database = bk_json_get(json, "database");

	manifest->is_base = strcmp(manifest->kind, "base") == 0;
	if (manifest->is_base)
		return bk_physical_read(json, &manifest->physical, err);
	return bk_json_need_string(json, "content", "the manifest",
							   &manifest->content, err) &&
		bk_json_need_string(database, "name", "the manifest's database",
							&manifest->database, err) &&
		bk_json_need_int(database, "oid", "the manifest's database",
						 &manifest->database_oid, err);
}

/* For people: nobody encrypts to what stands here. */
static bool
read_recipients(BkManifest *manifest, BkError *err)
{
	const BkJson *list = bk_json_get(manifest->json, "recipients");
	bool		ok = list == NULL || bk_json_length(list) > 0;

	for (size_t i = 0; ok && i < bk_json_length(list); i++)
		ok = bk_json_is_string(bk_json_at(list, i));
	manifest->recipients = list;
	return ok || bk_error(err, BK_STATE_CORRUPT, "the manifest has invalid recipients");
}

static bool
read_times(BkManifest *manifest, BkError *err)
{
	const char *started;
	const char *finished;

	if (!bk_json_need_string(manifest->json, "started_at", "the manifest",
							 &started, err) ||
		!bk_json_need_string(manifest->json, "finished_at", "the manifest",
							 &finished, err))
		return false;
	if (!bk_clock_parse(started, &manifest->started_at) ||
		!bk_clock_parse(finished, &manifest->finished_at))
		return bk_error(err, BK_STATE_CORRUPT, "the manifest has an invalid time");
	return true;
}

static bool
read_objects(BkManifest *manifest, BkError *err)
{
	const BkJson *list = bk_json_get(manifest->json, "objects");
	size_t		count = bk_json_length(list);

	if (count == 0)
		return bk_error(err, BK_STATE_CORRUPT, "the manifest lists no objects");
	manifest->objects = calloc(count, sizeof(BkObject));
	if (manifest->objects == NULL)
		return bk_error_memory(err);
	manifest->object_count = count;
	for (size_t i = 0; i < count; i++)
	{
		BkObject   *object = &manifest->objects[i];

		if (!read_object(bk_json_at(list, i), object, err))
			return false;
		if (__builtin_add_overflow(manifest->size, object->size, &manifest->size) ||
			__builtin_add_overflow(manifest->plain_size, object->plain_size,
								   &manifest->plain_size) ||
			manifest->plain_size > INT64_MAX || manifest->size > INT64_MAX)
			return bk_error(err, BK_STATE_CORRUPT, "the manifest's sizes overflow");
	}
	return true;
}

static bool
read_object(const BkJson *json, BkObject *object, BkError *err)
{
	static const char what[] = "an object of the manifest";
	int64_t		size;
	int64_t		plain_size;

	if (!bk_json_need_string(json, "name", what, &object->name, err) ||
		!bk_json_need_string(json, "sha256", what, &object->sha256, err) ||
		!bk_json_need_int(json, "size", what, &size, err) ||
		!bk_json_need_int(json, "plain_size", what, &plain_size, err))
		return false;
	if (!is_object_name(object->name))
		return bk_error(err, BK_STATE_CORRUPT,
						"the manifest has an invalid object name \"%.80s\"",
						object->name);
	if (strlen(object->sha256) != 64 ||
		strspn(object->sha256, "0123456789abcdef") != 64)
		return bk_error(err, BK_STATE_CORRUPT,
						"the manifest has an invalid digest for \"%s\"",
						object->name);
	if (size < 0 || plain_size < 0)
		return bk_error(err, BK_STATE_CORRUPT,
						"the manifest has a negative size for \"%s\"",
						object->name);
	object->size = (uint64_t) size;
	object->plain_size = (uint64_t) plain_size;
	return true;
}

/* No object may be listed twice: its bytes would be restored twice. */
static bool
check_twice(const BkManifest *manifest, BkError *err)
{
	size_t		count = manifest->object_count;
	const char **names = calloc(count, sizeof(char *));
	bool		ok = true;

	if (names == NULL)
		return bk_error_memory(err);
	for (size_t i = 0; i < count; i++)
		names[i] = manifest->objects[i].name;
	qsort(names, count, sizeof(char *), compare_names);
	for (size_t i = 1; i < count && ok; i++)
	{
		if (strcmp(names[i - 1], names[i]) == 0)
			ok = bk_error(err, BK_STATE_CORRUPT,
						  "the manifest lists object \"%s\" twice", names[i]);
	}
	free(names);
	return ok;
}

/* One path component of harmless characters that is not hidden. */
static bool
is_object_name(const char *name)
{
	size_t		len = strlen(name);

	return len > 0 && len <= 200 && name[0] != '.' &&
		strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
			   "0123456789._-") == len;
}

static int
compare_names(const void *a, const void *b)
{
	return strcmp(*(const char *const *) a, *(const char *const *) b);
}
