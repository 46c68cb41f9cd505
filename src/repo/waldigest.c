/*
 * waldigest.c
 *	  Make the digests of a WAL file.
 */
#include "repo/waldigest.h"

#include <stdlib.h>
#include <string.h>

/* Under each key, in their order; the one without a key comes last. */
struct BkWalDigest
{
	size_t		key_count;
	size_t		count;
	BkDigest   *parts[BK_KEYS_MAX + 1];
	char		texts[BK_KEYS_MAX + 1][BK_DIGEST_HEX_SIZE];
};

static BkDigest *start(const BkRepositoryKey *secret,
					   const char *system_identifier, const BkWalName *name,
					   BkError *err);

BkWalDigest *
bk_wal_digest_new(const BkKeys *keys, const char *system_identifier,
				  const BkWalName *name, bool all, BkError *err)
{
	BkWalDigest *digest = calloc(1, sizeof(*digest));
	bool		ok = digest != NULL || bk_error_memory(err);

	if (!ok)
		return NULL;
	digest->key_count = keys == NULL ? 0 : keys->secret_count;
	digest->count = all ? digest->key_count + 1 : 1;
	for (size_t i = 0; ok && i < digest->count; i++)
	{
		digest->parts[i] = i < digest->key_count
			? start(&keys->secrets[i], system_identifier, name, err)
			: bk_digest_new(err);
		ok = digest->parts[i] != NULL;
	}
	if (ok)
		return digest;
	bk_wal_digest_free(digest);
	return NULL;
}

bool
bk_wal_digest_update(BkWalDigest *digest, const void *data, size_t len,
					 BkError *err)
{
	bool		ok = true;

	for (size_t i = 0; ok && i < digest->count; i++)
		ok = bk_digest_update(digest->parts[i], data, len, err);
	return ok;
}

bool
bk_wal_digest_final(BkWalDigest *digest, BkError *err)
{
	bool		ok = true;

	for (size_t i = 0; ok && i < digest->count; i++)
		ok = bk_digest_final_hex(digest->parts[i], digest->texts[i], err);
	return ok;
}

const char *
bk_wal_digest_text(const BkWalDigest *digest)
{
	return digest->texts[0];
}

BkWalMatch
bk_wal_digest_match(const BkWalDigest *digest, const char *found)
{
	for (size_t i = 0; i < digest->count; i++)
	{
		if (strlen(found) == BK_DIGEST_HEX_SIZE - 1 &&
			bk_digest_equal(digest->texts[i], found, BK_DIGEST_HEX_SIZE - 1))
			return i < digest->key_count ? BK_WAL_KEYED : BK_WAL_PLAIN;
	}
	return BK_WAL_OTHER;
}

void
bk_wal_digest_free(BkWalDigest *digest)
{
	if (digest == NULL)
		return;
	for (size_t i = 0; i < digest->count; i++)
		bk_digest_free(digest->parts[i]);
	free(digest);
}

static BkDigest *
start(const BkRepositoryKey *secret, const char *system_identifier,
	  const BkWalName *name, BkError *err)
{
	BkDigest   *digest = bk_digest_new_keyed(secret->secret, sizeof(secret->secret), err);

	if (digest != NULL &&
		bk_digest_update(digest, system_identifier, strlen(system_identifier) + 1, err) &&
		bk_digest_update(digest, name->text, strlen(name->text) + 1, err))
		return digest;
	bk_digest_free(digest);
	return NULL;
}
