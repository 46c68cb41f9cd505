/*
 * seal.c
 *	  Seal small JSON files and check the seal.
 *
 * Digest and HMAC are taken over the compact text with sorted keys, which is
 * the same whatever white space and order the stored file has.
 */
#include "repo/seal.h"

#include <stdlib.h>
#include <string.h>

#include "core/digest.h"

#define FORMAT_VERSION	1
#define PLAIN			"sha256"
#define KEYED			"hmac-sha256"

/* A seal as it was found. The texts are borrowed. */
typedef struct Seal
{
	bool		keyed;
	const char *digest;			/* 64 characters, like the next one */
	const char *value;			/* of a keyed one: the HMAC */
	const char *key_id;
} Seal;

static bool read_seal(const BkJson *json, const char *key, Seal *seal,
					  BkError *err);
static bool check_text(const Seal *seal, const char *text, const char *key,
					   BkError *err);
static bool check_author(const Seal *seal, const char *text, const char *key,
						 const BkKeys *keys, BkError *err);
static bool unknown_key(const Seal *seal, const char *key,
						const BkKeys *keys, BkError *err);
static bool seal_value(const BkRepositoryKey *secret, const char *key,
					   const char *text, char hex[BK_DIGEST_HEX_SIZE],
					   BkError *err);
static bool check_version(const BkJson *object, const char *key,
						  BkError *err);

bool
bk_seal_put(BkJson *object, const char *key, const BkKeys *keys, BkError *err)
{
	const BkRepositoryKey *secret = keys == NULL || keys->secret_count == 0
		? NULL : &keys->secrets[0];
	char		digest[BK_DIGEST_HEX_SIZE];
	char		value[BK_DIGEST_HEX_SIZE];
	char	   *text;
	BkJson	   *seal;
	bool		ok;

	bk_json_put_int(object, "format", FORMAT_VERSION);
	bk_json_remove(object, "seal");
	text = bk_json_text(object, false);
	if (text == NULL)
		return bk_error_memory(err);
	ok = bk_digest_hex(text, strlen(text), digest, err) &&
		(secret == NULL || seal_value(secret, key, text, value, err));
	free(text);
	if (!ok)
		return false;
	seal = bk_json_object();
	bk_json_put_string(seal, "algorithm", secret == NULL ? PLAIN : KEYED);
	bk_json_put_string(seal, "value", secret == NULL ? digest : value);
	if (secret != NULL)
	{
		bk_json_put_string(seal, "key", secret->id);
		bk_json_put_string(seal, "sha256", digest);
	}
	bk_json_put(object, "seal", seal);
	return true;
}

bool
bk_seal_check(BkJson *object, const char *key, const BkKeys *keys,
			  BkSealTrust trust, BkError *err)
{
	BkJson	   *json = NULL;
	char	   *text = NULL;
	Seal		seal;
	bool		ok;

	/* The version first: a newer format may seal in another way. */
	if (!check_version(object, key, err))
		return false;
	json = bk_json_copy(bk_json_get(object, "seal"));
	bk_json_remove(object, "seal");
	ok = read_seal(json, key, &seal, err);
	if (ok && (text = bk_json_text(object, false)) == NULL)
		ok = bk_error_memory(err);
	ok = ok && check_text(&seal, text, key, err) &&
		(trust == BK_SEAL_INTACT || check_author(&seal, text, key, keys, err));
	free(text);
	bk_json_free(json);
	return ok;
}

static bool
read_seal(const BkJson *json, const char *key, Seal *seal, BkError *err)
{
	const char *algorithm = bk_json_string(bk_json_get(json, "algorithm"), "");

	seal->keyed = strcmp(algorithm, KEYED) == 0;
	seal->value = bk_json_string(bk_json_get(json, "value"), "");
	seal->digest = seal->keyed ? bk_json_string(bk_json_get(json, "sha256"), "") : seal->value;
	seal->key_id = bk_json_string(bk_json_get(json, "key"), "");
	if ((seal->keyed || strcmp(algorithm, PLAIN) == 0) &&
		strlen(seal->value) == BK_DIGEST_HEX_SIZE - 1 &&
		strlen(seal->digest) == BK_DIGEST_HEX_SIZE - 1 &&
		(!seal->keyed || (strlen(seal->key_id) == BK_KEYS_ID_SIZE - 1 &&
						  strspn(seal->key_id, "0123456789abcdef") == BK_KEYS_ID_SIZE - 1)))
		return true;
	return bk_error(err, BK_STATE_CORRUPT, "%s has no valid seal", key);
}

/* Is it as it was written? */
static bool
check_text(const Seal *seal, const char *text, const char *key, BkError *err)
{
	char		hex[BK_DIGEST_HEX_SIZE];

	if (!bk_digest_hex(text, strlen(text), hex, err))
		return false;
	if (strcmp(hex, seal->digest) == 0)
		return true;
	bk_error(err, BK_STATE_CORRUPT, "%s does not agree with its seal", key);
	return bk_error_detail(err, "The file says %s, its content gives %s.",
						   seal->digest, hex);
}

/* Did one of us write it? */
static bool
check_author(const Seal *seal, const char *text, const char *key,
			 const BkKeys *keys, BkError *err)
{
	bool		given = keys != NULL && keys->secret_count > 0;
	const BkRepositoryKey *secret;
	char		hex[BK_DIGEST_HEX_SIZE];

	if (!seal->keyed)
	{
		if (!given)
			return true;
		bk_error(err, BK_STATE_REFUSED, "%s is not authenticated", key);
		bk_error_detail(err, "It is not sealed with a repository key: anybody who can write into the store can have written it.");
		return bk_error_hint(err, "If you know that it is yours, from a time when there was no repository key, give --unauthenticated to pg_backup_ext.");
	}
	secret = given ? bk_keys_find(keys, seal->key_id) : NULL;
	if (secret == NULL)
		return unknown_key(seal, key, keys, err);
	if (!seal_value(secret, key, text, hex, err))
		return false;
	if (bk_digest_equal(hex, seal->value, BK_DIGEST_HEX_SIZE - 1))
		return true;
	bk_error(err, BK_STATE_CORRUPT, "%s is forged", key);
	return bk_error_detail(err, "It does not agree with its seal by repository key %s: somebody who does not have that key has written it, or has put it in another's place.",
						   seal->key_id);
}

static bool
unknown_key(const Seal *seal, const char *key, const BkKeys *keys,
			BkError *err)
{
	if (keys == NULL || keys->secret_count == 0)
	{
		bk_error(err, BK_STATE_REFUSED, "%s is sealed with repository key %s, which was not given",
				 key, seal->key_id);
		return bk_error_hint(err, "Set backup_ext.key_file, or give --key-file or --identity-file.");
	}
	bk_error(err, BK_STATE_REFUSED, "%s is sealed with repository key %s, which is not among those given",
			 key, seal->key_id);
	bk_error_detail(err, "The first one given is %s, of %zu.", keys->secrets[0].id,
					keys->secret_count);
	return bk_error_hint(err, "If it is a key of yours that was retired, add its line \"repository-key\" to the key file again; the owner's identity file has it, too.");
}

/* With the key in it, a file is good in its own place only. */
static bool
seal_value(const BkRepositoryKey *secret, const char *key, const char *text,
		   char hex[BK_DIGEST_HEX_SIZE], BkError *err)
{
	BkDigest   *digest = bk_digest_new_keyed(secret->secret, sizeof(secret->secret), err);
	bool		ok = digest != NULL &&
		bk_digest_update(digest, key, strlen(key) + 1, err) &&
		bk_digest_update(digest, text, strlen(text), err) &&
		bk_digest_final_hex(digest, hex, err);

	bk_digest_free(digest);
	return ok;
}

static bool
check_version(const BkJson *object, const char *key, BkError *err)
{
	const BkJson *required = bk_json_get(object, "requires");
	int64_t		format;

	if (!bk_json_need_int(object, "format", key, &format, err))
		return false;
	if (format != FORMAT_VERSION)
	{
		bk_error(err, BK_STATE_UNSUPPORTED,
				 "%s has format version %lld, this program knows version %d",
				 key, (long long) format, FORMAT_VERSION);
		return bk_error_hint(err, "Use the version of backup_ext that wrote it, or a newer one.");
	}
	if (bk_json_length(required) > 0)
	{
		bk_error(err, BK_STATE_UNSUPPORTED,
				 "%s requires feature \"%.60s\", which this program does not know",
				 key, bk_json_string(bk_json_at(required, 0), "?"));
		return bk_error_hint(err, "Use the version of backup_ext that wrote it, or a newer one.");
	}
	return true;
}
