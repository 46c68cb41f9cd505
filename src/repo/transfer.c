/*
 * transfer.c
 *	  Copy objects from one repository to another.
 *
 * The bytes pass:
 *	  storage > digest and count > storage, finished when both are right
 */
#include "repo/transfer.h"

#include <stdlib.h>
#include <string.h>

#include "core/digest.h"
#include "filter/count.h"
#include "filter/hash.h"
#include "repo/layout.h"

#define SMALL_MAX	(64 * 1024)

static bool copy_object(const BkTransfer *transfer, const char *key,
						const BkManifest *manifest, const BkObject *object,
						BkError *err);
static bool compare_object(const BkTransfer *transfer, const char *key,
						   const BkManifest *manifest, const BkObject *object,
						   BkError *err);
static bool is_wanted(const BkObject *object, uint64_t size,
					  const char *sha256);
static BkReader *open_hashed(BkRepository *repo, const char *key,
							 uint64_t *size, char *sha256, BkError *err);
static bool small_found(void *arg, const char *key, const BkObjectStat *stat,
						BkError *err);
static bool copy_text(const BkTransfer *transfer, const char *key, size_t max,
					  BkError *err);
static bool check_wal(const BkTransfer *transfer, BkRepository *repo,
					  const BkWalFound *found, BkError *err);
static bool agrees(const BkTransfer *transfer, const BkWalName *name,
				   const BkWalFound *found, const BkWalFound *there,
				   BkError *err);
static bool copy_key(const BkTransfer *transfer, const char *key,
					 BkError *err);
static bool pump(const BkTransfer *transfer, BkReader *reader,
				 BkWriter *writer, BkError *err);

bool
bk_transfer_object(const BkTransfer *transfer, const BkManifest *manifest,
				   const BkObject *object, BkError *err)
{
	char		key[BK_KEY_SIZE];
	BkObjectStat stat;

	bk_layout_object(key, manifest->id, object->name);
	if (!bk_storage_stat(transfer->to->storage, key, &stat, err))
		return false;
	return stat.exists ? compare_object(transfer, key, manifest, object, err)
		: copy_object(transfer, key, manifest, object, err);
}

bool
bk_transfer_manifest(const BkTransfer *transfer, const char *id, BkError *err)
{
	char		key[BK_KEY_SIZE];

	bk_layout_manifest(key, id);
	return copy_text(transfer, key, BK_MANIFEST_MAX_SIZE, err);
}

bool
bk_transfer_small(const BkTransfer *transfer, const char *folder, BkError *err)
{
	return bk_storage_list(transfer->from->storage, folder, small_found,
						   (void *) transfer, err);
}

bool
bk_transfer_wal(const BkTransfer *transfer, const char *system_identifier,
				const BkWalName *name, const BkWalFound *found, BkError *err)
{
	BkWalFound	there;

	if (!bk_wal_find(transfer->to, system_identifier, name, &there, err))
		return false;
	if (there.state != BK_WAL_MISSING)
		return agrees(transfer, name, found, &there, err);
	return check_wal(transfer, transfer->from, found, err) &&
		copy_key(transfer, found->key, err) &&
		/* Somebody else may have archived it meanwhile. */
		bk_wal_find(transfer->to, system_identifier, name, &there, err) &&
		agrees(transfer, name, found, &there, err);
}

static bool
copy_object(const BkTransfer *transfer, const char *key,
			const BkManifest *manifest, const BkObject *object, BkError *err)
{
	char		sha256[BK_DIGEST_HEX_SIZE];
	uint64_t	size = 0;
	BkReader   *reader = open_hashed(transfer->from, key, &size, sha256, err);
	BkWriter   *writer = NULL;
	bool		ok;

	ok = reader != NULL &&
		bk_storage_put(transfer->to->storage, key, &writer, err) &&
		pump(transfer, reader, writer, err);
	if (ok && !is_wanted(object, size, sha256))
	{
		bk_error(err, BK_STATE_CORRUPT, "object \"%s\" of backup \"%s\" is damaged in \"%s\"",
				 object->name, manifest->id, transfer->from->url);
		ok = bk_error_detail(err, "It has %llu bytes with SHA-256 %s, the manifest says %llu with %s.",
							 (unsigned long long) size, sha256,
							 (unsigned long long) object->size, object->sha256);
	}
	ok = ok && bk_finish(writer, err);
	bk_writer_close(writer);
	bk_reader_close(reader);
	return ok;
}

/* What is there was left by an earlier attempt, or by somebody else. */
static bool
compare_object(const BkTransfer *transfer, const char *key,
			   const BkManifest *manifest, const BkObject *object,
			   BkError *err)
{
	char		sha256[BK_DIGEST_HEX_SIZE];
	uint64_t	size = 0;
	BkReader   *reader = open_hashed(transfer->to, key, &size, sha256, err);
	bool		ok = reader != NULL && pump(transfer, reader, NULL, err);

	bk_reader_close(reader);
	if (!ok)
		return false;
	if (is_wanted(object, size, sha256))
		return bk_storage_sync(transfer->to->storage, key, err);
	bk_error(err, BK_STATE_DUP_OBJECT, "object \"%s\" of backup \"%s\" is in \"%s\" with other content",
			 object->name, manifest->id, transfer->to->url);
	return bk_error_hint(err, "The backup is not listed there. Take \"%s\" out of that repository, and try again.",
						 key);
}

static bool
is_wanted(const BkObject *object, uint64_t size, const char *sha256)
{
	return size == object->size && strcmp(sha256, object->sha256) == 0;
}

static BkReader *
open_hashed(BkRepository *repo, const char *key, uint64_t *size, char *sha256,
			BkError *err)
{
	BkReader   *below;
	BkReader   *chain;

	if (!bk_storage_get(repo->storage, key, &below, err))
		return NULL;
	if ((chain = bk_hash_reader(below, sha256, err)) != NULL)
	{
		below = chain;
		chain = bk_count_reader(below, size, err);
	}
	if (chain == NULL)
		bk_reader_close(below);
	return chain;
}

static bool
small_found(void *arg, const char *key, const BkObjectStat *stat, BkError *err)
{
	const BkTransfer *transfer = arg;
	BkObjectStat there;
	BkJson	   *json;

	if (!transfer->tick(transfer->arg, stat->size, err) ||
		!bk_storage_stat(transfer->to->storage, key, &there, err))
		return false;
	if (there.exists)
		return true;
	json = bk_repository_get_json(transfer->from, key, SMALL_MAX,
								  BK_SEAL_AUTHENTIC, err);
	bk_json_free(json);
	return json != NULL && copy_text(transfer, key, SMALL_MAX, err);
}

static bool
copy_text(const BkTransfer *transfer, const char *key, size_t max, BkError *err)
{
	BkReader   *reader;
	char	   *text;
	size_t		len;
	bool		ok;

	if (!bk_storage_get(transfer->from->storage, key, &reader, err))
		return false;
	ok = bk_read_all(reader, max, &text, &len, err);
	bk_reader_close(reader);
	if (!ok)
		return false;
	ok = bk_storage_store(transfer->to->storage, key, text, len, false, err);
	free(text);
	return ok;
}

static bool
check_wal(const BkTransfer *transfer, BkRepository *repo,
		  const BkWalFound *found, BkError *err)
{
	const BkKeys *keys = repo->keys;
	BkReader   *reader = bk_wal_reader(repo, found, err);
	bool		ok = reader != NULL && pump(transfer, reader, NULL, err);

	bk_reader_close(reader);
	/* Without the owner's key it goes unread; whoever restores it will tell. */
	return ok || (bk_error_is(err, BK_STATE_REFUSED) && (keys == NULL || !keys->is_owner));
}

/*
 * While a repository key is replaced, a file may be named by the old one here
 * and by the new one there: the server has compared both with its own when it
 * archived it, so that it is enough if the other is ours.
 */
static bool
agrees(const BkTransfer *transfer, const BkWalName *name,
	   const BkWalFound *found, const BkWalFound *there, BkError *err)
{
	const BkKeys *keys = transfer->to->keys;
	bool		rotated = keys != NULL && keys->secret_count > 1;

	if (there->state == BK_WAL_STORED && strcmp(there->digest, found->digest) == 0)
		return true;
	if (there->state == BK_WAL_STORED && rotated)
		return check_wal(transfer, transfer->to, there, err);
	if (there->state == BK_WAL_MISSING)
		return bk_error(err, BK_STATE_IN_USE, "WAL file \"%s\" was removed from \"%s\" while it was stored",
						name->text, transfer->to->url);
	bk_error(err, BK_STATE_DUP_KEY, "WAL file \"%s\" is in two repositories with two contents",
			 name->text);
	bk_error_detail(err, "\"%s\" has \"%s\", \"%s\" has \"%s\".",
					transfer->from->url, found->key, transfer->to->url, there->key);
	return bk_error_hint(err, "Find out which of them belongs to this history, and take the other one out of its repository.");
}

static bool
copy_key(const BkTransfer *transfer, const char *key, BkError *err)
{
	BkReader   *reader;
	BkWriter   *writer = NULL;
	bool		ok;

	if (!bk_storage_get(transfer->from->storage, key, &reader, err))
		return false;
	ok = bk_storage_put(transfer->to->storage, key, &writer, err) &&
		pump(transfer, reader, writer, err) &&
		bk_finish(writer, err);
	bk_writer_close(writer);
	bk_reader_close(reader);
	return ok;
}

/* To the end of the reader; without a writer only to see it read. */
static bool
pump(const BkTransfer *transfer, BkReader *reader, BkWriter *writer,
	 BkError *err)
{
	char	   *buf = malloc(BK_STREAM_BUFFER);
	size_t		got = 1;
	bool		ok = buf != NULL || bk_error_memory(err);

	while (ok && got > 0)
		ok = bk_read(reader, buf, BK_STREAM_BUFFER, &got, err) &&
			(writer == NULL || bk_write(writer, buf, got, err)) &&
			transfer->tick(transfer->arg, got, err);
	free(buf);
	return ok;
}
