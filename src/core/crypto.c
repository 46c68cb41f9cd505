/*
 * crypto.c
 *	  What core/digest.h and core/crypto.h promise; the one door to OpenSSL.
 *
 * Every answer of the library is looked at, also where it "cannot fail": a
 * cipher that was not set up and is used all the same may pass its input on.
 */
#include "core/crypto.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/evp.h>

#include "core/digest.h"

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

struct BkAead
{
	EVP_CIPHER_CTX *ctx;
	bool		seals;
};

static BkDigest *digest_new(const EVP_MD *md, BkError *err);
static bool final(EVP_MD_CTX *ctx, void *out, unsigned *size, BkError *err);
static EVP_PKEY *x25519_private(const unsigned char secret[BK_CRYPTO_KEY_SIZE],
								BkError *err);
static bool aead_start(BkAead *aead, const unsigned char *nonce, size_t len,
					   BkError *err);
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
bk_crypto_x25519_public(const unsigned char secret[BK_CRYPTO_KEY_SIZE],
						unsigned char public[BK_CRYPTO_KEY_SIZE],
						BkError *err)
{
	EVP_PKEY   *key = x25519_private(secret, err);
	size_t		len = BK_CRYPTO_KEY_SIZE;
	bool		ok;

	if (key == NULL)
		return false;
	ok = (EVP_PKEY_get_raw_public_key(key, public, &len) == 1 &&
		  len == BK_CRYPTO_KEY_SIZE) ||
		openssl_error(err, "could not compute a public key");
	EVP_PKEY_free(key);
	return ok;
}

/*
 * A point of low order gives a result of zeros, which OpenSSL writes and then
 * calls a failure. Other failures say nothing about the point.
 */
bool
bk_crypto_x25519(const unsigned char secret[BK_CRYPTO_KEY_SIZE],
				 const unsigned char public[BK_CRYPTO_KEY_SIZE],
				 unsigned char shared[BK_CRYPTO_KEY_SIZE], BkError *err)
{
	static const unsigned char zeros[BK_CRYPTO_KEY_SIZE];
	EVP_PKEY   *key = x25519_private(secret, err);
	EVP_PKEY   *peer;
	EVP_PKEY_CTX *ctx;
	size_t		len = BK_CRYPTO_KEY_SIZE;
	bool		ok;

	if (key == NULL)
		return false;
	peer = EVP_PKEY_new_raw_public_key(EVP_PKEY_X25519, NULL, public,
									   BK_CRYPTO_KEY_SIZE);
	ctx = EVP_PKEY_CTX_new(key, NULL);
	ok = (peer != NULL && ctx != NULL && EVP_PKEY_derive_init(ctx) == 1 &&
		  EVP_PKEY_derive_set_peer(ctx, peer) == 1) ||
		openssl_error(err, "could not set up a key agreement");
	if (ok)
	{
		memset(shared, 0xff, BK_CRYPTO_KEY_SIZE);
		ok = (EVP_PKEY_derive(ctx, shared, &len) == 1 &&
			  len == BK_CRYPTO_KEY_SIZE) ||
			openssl_error(err, "could not agree on a key");
		if (bk_digest_equal(shared, zeros, sizeof(zeros)))
			ok = bk_error(err, BK_STATE_CORRUPT,
						  "a public key is a point of low order");
	}
	EVP_PKEY_CTX_free(ctx);
	EVP_PKEY_free(peer);
	EVP_PKEY_free(key);
	return ok;
}

bool
bk_crypto_hkdf(const BkCryptoText *secret, const BkCryptoText *salt,
			   const char *info, unsigned char out[BK_CRYPTO_KEY_SIZE],
			   BkError *err)
{
	unsigned char prk[BK_DIGEST_SIZE];
	BkDigest   *expand = NULL;
	bool		ok;

	ok = bk_digest_keyed(salt->data, salt->len, secret->data, secret->len, prk,
						 err);
	if (ok)
		expand = bk_digest_new_keyed(prk, sizeof(prk), err);
	ok = expand != NULL &&
		bk_digest_update(expand, info, strlen(info), err) &&
		bk_digest_update(expand, "\001", 1, err) &&
		bk_digest_final(expand, out, err);
	bk_digest_free(expand);
	OPENSSL_cleanse(prk, sizeof(prk));
	return ok;
}

bool
bk_crypto_scrypt(const char *passphrase, const BkCryptoText *salt,
				 const BkCryptoCost *cost,
				 unsigned char out[BK_CRYPTO_KEY_SIZE], BkError *err)
{
	uint64_t	n = (uint64_t) 1 << cost->log_n;
	uint64_t	memory = 128 * cost->r * (n + cost->p + 2);

	return EVP_PBE_scrypt(passphrase, strlen(passphrase), salt->data, salt->len,
						  n, cost->r, cost->p, memory, out,
						  BK_CRYPTO_KEY_SIZE) == 1 ||
		openssl_error(err, "could not derive a key from a passphrase");
}

BkAead *
bk_aead_new(const unsigned char key[BK_CRYPTO_KEY_SIZE], bool seals,
			BkError *err)
{
	BkAead	   *aead = calloc(1, sizeof(*aead));

	if (aead == NULL)
	{
		bk_error_memory(err);
		return NULL;
	}
	aead->seals = seals;
	aead->ctx = EVP_CIPHER_CTX_new();
	if (aead->ctx == NULL ||
		EVP_CipherInit_ex(aead->ctx, EVP_chacha20_poly1305(), NULL, key, NULL,
						  seals) != 1 ||
		EVP_CIPHER_CTX_get_iv_length(aead->ctx) != BK_CRYPTO_NONCE_SIZE)
	{
		openssl_error(err, "could not set up ChaCha20-Poly1305");
		bk_aead_free(aead);
		return NULL;
	}
	return aead;
}

bool
bk_aead_seal(BkAead *aead, const unsigned char nonce[BK_CRYPTO_NONCE_SIZE],
			 const void *plain, size_t len, unsigned char *sealed,
			 BkError *err)
{
	int			done = 0;
	int			rest = 0;

	return aead_start(aead, nonce, len, err) &&
		((EVP_CipherUpdate(aead->ctx, sealed, &done, plain, (int) len) == 1 &&
		  done == (int) len &&
		  EVP_CipherFinal_ex(aead->ctx, sealed + len, &rest) == 1 &&
		  rest == 0 &&
		  EVP_CIPHER_CTX_ctrl(aead->ctx, EVP_CTRL_AEAD_GET_TAG,
							  BK_CRYPTO_TAG_SIZE, sealed + len) == 1) ||
		 openssl_error(err, "could not encrypt"));
}

bool
bk_aead_open(BkAead *aead, const unsigned char nonce[BK_CRYPTO_NONCE_SIZE],
			 unsigned char *sealed, size_t len, bool *authentic, BkError *err)
{
	int			done = 0;
	int			rest = 0;

	*authentic = false;
	if (len < BK_CRYPTO_TAG_SIZE)
		return true;
	len -= BK_CRYPTO_TAG_SIZE;
	if (!aead_start(aead, nonce, len, err))
		return false;
	if (EVP_CIPHER_CTX_ctrl(aead->ctx, EVP_CTRL_AEAD_SET_TAG,
							BK_CRYPTO_TAG_SIZE, sealed + len) != 1 ||
		EVP_CipherUpdate(aead->ctx, sealed, &done, sealed, (int) len) != 1 ||
		done != (int) len)
		return openssl_error(err, "could not decrypt");
	*authentic = EVP_CipherFinal_ex(aead->ctx, sealed + len, &rest) == 1 &&
		rest == 0;
	if (!*authentic)
		OPENSSL_cleanse(sealed, len);
	ERR_clear_error();
	return true;
}

void
bk_aead_free(BkAead *aead)
{
	if (aead == NULL)
		return;
	EVP_CIPHER_CTX_free(aead->ctx);
	free(aead);
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

static EVP_PKEY *
x25519_private(const unsigned char secret[BK_CRYPTO_KEY_SIZE], BkError *err)
{
	EVP_PKEY   *key = EVP_PKEY_new_raw_private_key(EVP_PKEY_X25519, NULL,
												   secret, BK_CRYPTO_KEY_SIZE);

	if (key == NULL)
		openssl_error(err, "could not set up a private key");
	return key;
}

/* The context keeps its key; a nonce starts the next text. */
static bool
aead_start(BkAead *aead, const unsigned char *nonce, size_t len, BkError *err)
{
	if (len > INT_MAX)
		return bk_error(err, BK_STATE_SYSTEM, "too much to encrypt at once");
	return EVP_CipherInit_ex(aead->ctx, NULL, NULL, NULL, nonce,
							 aead->seals) == 1 ||
		openssl_error(err, "could not start ChaCha20-Poly1305");
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
