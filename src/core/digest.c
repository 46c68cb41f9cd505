/*
 * digest.c
 *	  SHA-256 and random values; the one door to OpenSSL.
 */
#include "core/digest.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/random.h>

#include <openssl/err.h>
#include <openssl/evp.h>

struct BkDigest
{
	EVP_MD_CTX *ctx;
};

static bool openssl_error(BkError *err, const char *what);

BkDigest *
bk_digest_new(BkError *err)
{
	BkDigest   *digest = malloc(sizeof(*digest));

	if (digest == NULL)
	{
		bk_error_memory(err);
		return NULL;
	}
	digest->ctx = EVP_MD_CTX_new();
	if (digest->ctx == NULL ||
		EVP_DigestInit_ex(digest->ctx, EVP_sha256(), NULL) != 1)
	{
		openssl_error(err, "could not start a SHA-256 digest");
		bk_digest_free(digest);
		return NULL;
	}
	return digest;
}

bool
bk_digest_update(BkDigest *digest, const void *data, size_t len, BkError *err)
{
	if (EVP_DigestUpdate(digest->ctx, data, len) != 1)
		return openssl_error(err, "could not compute a SHA-256 digest");
	return true;
}

bool
bk_digest_final_hex(BkDigest *digest, char hex[BK_DIGEST_HEX_SIZE],
					BkError *err)
{
	static const char digits[] = "0123456789abcdef";
	unsigned char raw[EVP_MAX_MD_SIZE];
	unsigned	size = 0;

	if (EVP_DigestFinal_ex(digest->ctx, raw, &size) != 1 ||
		size != (BK_DIGEST_HEX_SIZE - 1) / 2)
		return openssl_error(err, "could not finish a SHA-256 digest");
	for (unsigned i = 0; i < size; i++)
	{
		hex[2 * i] = digits[raw[i] >> 4];
		hex[2 * i + 1] = digits[raw[i] & 15];
	}
	hex[2 * size] = '\0';
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

void
bk_digest_free(BkDigest *digest)
{
	if (digest == NULL)
		return;
	EVP_MD_CTX_free(digest->ctx);
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
