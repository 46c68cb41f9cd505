/*
 * crypto.h
 *	  Key agreement, key derivation and authenticated encryption: X25519
 *	  (RFC 7748), HKDF-SHA256 (RFC 5869), scrypt (RFC 7914) and
 *	  ChaCha20-Poly1305 (RFC 8439). Digests are in digest.h.
 *
 * Whoever is about to encrypt or decrypt calls bk_crypto_check() first. A
 * failure of the library is 58000. What is passed here is the caller's to wipe.
 */
#ifndef BK_CORE_CRYPTO_H
#define BK_CORE_CRYPTO_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/error.h"

#define BK_CRYPTO_KEY_SIZE		32
#define BK_CRYPTO_NONCE_SIZE	12
#define BK_CRYPTO_TAG_SIZE		16

/* Bytes of somebody else. */
typedef struct BkCryptoText
{
	const void *data;
	size_t		len;
} BkCryptoText;

/* What scrypt costs: N is two to the log_n; memory is 128 * N * r bytes. */
typedef struct BkCryptoCost
{
	unsigned	log_n;			/* less than 32 */
	unsigned	r;
	unsigned	p;
} BkCryptoCost;

/* ChaCha20-Poly1305 under one key, in one direction. */
typedef struct BkAead BkAead;

/*
 * Do the primitives of this process give the published answers? They are asked
 * once; every later call, in any thread, has the answer of the first.
 */
extern bool bk_crypto_check(BkError *err);

/* The public key of a private one, which may be any 32 bytes. */
extern bool bk_crypto_x25519_public(const unsigned char secret[BK_CRYPTO_KEY_SIZE],
									unsigned char public[BK_CRYPTO_KEY_SIZE],
									BkError *err);

/* The secret of two keys. A point of low order has none (XX001). */
extern bool bk_crypto_x25519(const unsigned char secret[BK_CRYPTO_KEY_SIZE],
							 const unsigned char public[BK_CRYPTO_KEY_SIZE],
							 unsigned char shared[BK_CRYPTO_KEY_SIZE],
							 BkError *err);

/* Derive 32 bytes; the salt may have no bytes. */
extern bool bk_crypto_hkdf(const BkCryptoText *secret, const BkCryptoText *salt,
						   const char *info,
						   unsigned char out[BK_CRYPTO_KEY_SIZE], BkError *err);

/* Derive 32 bytes from a passphrase. */
extern bool bk_crypto_scrypt(const char *passphrase, const BkCryptoText *salt,
							 const BkCryptoCost *cost,
							 unsigned char out[BK_CRYPTO_KEY_SIZE],
							 BkError *err);

/* Start; it either seals or opens. NULL on failure. */
extern BkAead *bk_aead_new(const unsigned char key[BK_CRYPTO_KEY_SIZE],
						   bool seals, BkError *err);

/*
 * Encrypt len bytes: sealed gets them and the tag, BK_CRYPTO_TAG_SIZE more. No
 * two texts under one key may have the same nonce.
 */
extern bool bk_aead_seal(BkAead *aead,
						 const unsigned char nonce[BK_CRYPTO_NONCE_SIZE],
						 const void *plain, size_t len, unsigned char *sealed,
						 BkError *err);

/*
 * Decrypt len bytes, the last of which are the tag, in their place. Where they
 * are not authentic nothing of the text is left there.
 */
extern bool bk_aead_open(BkAead *aead,
						 const unsigned char nonce[BK_CRYPTO_NONCE_SIZE],
						 unsigned char *sealed, size_t len, bool *authentic,
						 BkError *err);

/* Wipe and free; NULL is allowed. */
extern void bk_aead_free(BkAead *aead);

#endif
