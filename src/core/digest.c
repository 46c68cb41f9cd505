/*
 * digest.c
 *	  Digests and random values; the one door to OpenSSL.
 */
#include "core/digest.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/evp.h>

/* An HMAC begins with a digest of the key's block, and so ends (RFC 2104). */
#define HMAC_BLOCK		64
#define HMAC_INNER		0x36
#define HMAC_OUTER		0x5c

struct BkDigest
{
	EVP_MD_CTX *ctx;
	bool		keyed;
	unsigned char outer[HMAC_BLOCK];	/* of a keyed one */
};

static BkDigest *digest_new(const EVP_MD *md, BkError *err);
static bool final(EVP_MD_CTX *ctx, void *out, unsigned *size, BkError *err);
static bool openssl_error(BkError *err, const char *what);

BkDigest *
bk_digest_new(BkError *err)
{
	return digest_new(EVP_sha256(), err);
}

BkDigest *
bk_digest_new_keyed(const void *key, size_t len, BkError *err)
{
	unsigned char block[HMAC_BLOCK] = {0};
	BkDigest   *digest = digest_new(EVP_sha256(), err);
	unsigned	size;
	bool		ok = digest != NULL;

	if (ok && len > HMAC_BLOCK)
		ok = bk_digest_update(digest, key, len, err) &&
			final(digest->ctx, block, &size, err) &&
			EVP_DigestInit_ex(digest->ctx, EVP_sha256(), NULL) == 1;
	else if (len > 0)
		memcpy(block, key, len);
	for (int i = 0; ok && i < HMAC_BLOCK; i++)
	{
		digest->outer[i] = block[i] ^ HMAC_OUTER;
		block[i] ^= HMAC_INNER;
	}
	ok = ok && bk_digest_update(digest, block, HMAC_BLOCK, err);
	OPENSSL_cleanse(block, sizeof(block));
	if (ok)
	{
		digest->keyed = true;
		return digest;
	}
	bk_digest_free(digest);
	return NULL;
}

BkDigest *
bk_digest_new_md5(BkError *err)
{
	return digest_new(EVP_md5(), err);
}

bool
bk_digest_update(BkDigest *digest, const void *data, size_t len, BkError *err)
{
	if (EVP_DigestUpdate(digest->ctx, data, len) != 1)
		return openssl_error(err, "could not compute a digest");
	return true;
}

bool
bk_digest_final(BkDigest *digest, void *out, BkError *err)
{
	unsigned	size;

	if (!final(digest->ctx, out, &size, err))
		return false;
	if (!digest->keyed)
		return true;
	if (EVP_DigestInit_ex(digest->ctx, EVP_sha256(), NULL) != 1)
		return openssl_error(err, "could not finish a digest");
	return bk_digest_update(digest, digest->outer, HMAC_BLOCK, err) &&
		bk_digest_update(digest, out, size, err) &&
		final(digest->ctx, out, &size, err);
}

bool
bk_digest_final_hex(BkDigest *digest, char hex[BK_DIGEST_HEX_SIZE],
					BkError *err)
{
	unsigned char raw[EVP_MAX_MD_SIZE];

	if (!bk_digest_final(digest, raw, err))
		return false;
	bk_digest_to_hex(raw, (size_t) EVP_MD_CTX_get_size(digest->ctx), hex);
	return true;
}

bool
bk_digest_hex(const void *data, size_t len, char hex[BK_DIGEST_HEX_SIZE],
			  BkError *err)
{
	BkDigest   *digest = bk_digest_new(err);
	bool		ok;

	ok = digest != NULL &&
		bk_digest_update(digest, data, len, err) &&
		bk_digest_final_hex(digest, hex, err);
	bk_digest_free(digest);
	return ok;
}

bool
bk_digest_keyed(const void *key, size_t key_len, const void *data, size_t len,
				void *out, BkError *err)
{
	BkDigest   *digest = bk_digest_new_keyed(key, key_len, err);
	bool		ok;

	ok = digest != NULL &&
		bk_digest_update(digest, data, len, err) &&
		bk_digest_final(digest, out, err);
	bk_digest_free(digest);
	return ok;
}

void
bk_digest_to_hex(const void *data, size_t len, char *hex)
{
	static const char digits[] = "0123456789abcdef";
	const unsigned char *bytes = data;

	for (size_t i = 0; i < len; i++)
	{
		hex[2 * i] = digits[bytes[i] >> 4];
		hex[2 * i + 1] = digits[bytes[i] & 15];
	}
	hex[2 * len] = '\0';
}

bool
bk_digest_equal(const void *a, const void *b, size_t len)
{
	return CRYPTO_memcmp(a, b, len) == 0;
}

void
bk_digest_free(BkDigest *digest)
{
	if (digest == NULL)
		return;
	EVP_MD_CTX_free(digest->ctx);
	OPENSSL_cleanse(digest->outer, sizeof(digest->outer));
	free(digest);
}

bool
bk_random_bytes(void *data, size_t len, BkError *err)
{
	char	   *next = data;

	while (len > 0)
	{
		ssize_t		got = getrandom(next, len, 0);

		if (got < 0 && errno == EINTR)
			continue;
		if (got <= 0)
			return bk_error_errno(err, "could not get random bytes");
		next += got;
		len -= (size_t) got;
	}
	return true;
}

bool
bk_random_label(char *out, size_t n, BkError *err)
{
	static const char letters[] = "0123456789abcdefghijklmnopqrstuvwxyz";
	const unsigned count = sizeof(letters) - 1;
	const unsigned fair = 256 - 256 % count;
	size_t		used = 0;

	while (used < n)
	{
		unsigned char byte;

		if (!bk_random_bytes(&byte, 1, err))
			return false;
		/* Bytes of the last, incomplete round would favour its letters. */
		if (byte < fair)
			out[used++] = letters[byte % count];
	}
	out[n] = '\0';
	return true;
}

static BkDigest *
digest_new(const EVP_MD *md, BkError *err)
{
	BkDigest   *digest = calloc(1, sizeof(*digest));

	if (digest == NULL)
	{
		bk_error_memory(err);
		return NULL;
	}
	digest->ctx = EVP_MD_CTX_new();
	if (digest->ctx == NULL || EVP_DigestInit_ex(digest->ctx, md, NULL) != 1)
	{
		openssl_error(err, "could not start a digest");
		bk_digest_free(digest);
		return NULL;
	}
	return digest;
}

static bool
final(EVP_MD_CTX *ctx, void *out, unsigned *size, BkError *err)
{
	*size = 0;
	return EVP_DigestFinal_ex(ctx, out, size) == 1 ||
		openssl_error(err, "could not finish a digest");
}

static bool
openssl_error(BkError *err, const char *what)
{
	char		reason[256] = "no reason given";
	unsigned long code = ERR_get_error();

	if (code != 0)
		ERR_error_string_n(code, reason, sizeof(reason));
	ERR_clear_error();
	bk_error(err, BK_STATE_SYSTEM, "%s", what);
	return bk_error_detail(err, "OpenSSL says: %s.", reason);
}
