/*
 * digest.h
 *	  SHA-256 (FIPS 180-4), HMAC over it (RFC 2104), MD5, and random values.
 */
#ifndef BK_CORE_DIGEST_H
#define BK_CORE_DIGEST_H

#include <stdbool.h>
#include <stddef.h>

#include "core/error.h"

/* Size of a digest as lower-case hexadecimal text, with its NUL. */
#define BK_DIGEST_HEX_SIZE	65

#define BK_DIGEST_SIZE		32
#define BK_DIGEST_MD5_SIZE	16

typedef struct BkDigest BkDigest;

/* Start a SHA-256; NULL on failure. The caller frees it. */
extern BkDigest *bk_digest_new(BkError *err);

/* Start an HMAC-SHA256 under a key. */
extern BkDigest *bk_digest_new_keyed(const void *key, size_t len,
									 BkError *err);

/* Start an MD5: for what stores call an ETag, never for trust. */
extern BkDigest *bk_digest_new_md5(BkError *err);

/* Add len bytes. */
extern bool bk_digest_update(BkDigest *digest, const void *data, size_t len,
							 BkError *err);

/*
 * Write the digest of all bytes: BK_DIGEST_SIZE of them, or those of an MD5.
 * It is finished at most once; afterwards only free may follow.
 */
extern bool bk_digest_final(BkDigest *digest, void *out, BkError *err);

/* The same as 64 (32) lower-case hexadecimal digits and a NUL. */
extern bool bk_digest_final_hex(BkDigest *digest, char hex[BK_DIGEST_HEX_SIZE],
								BkError *err);

/* The digest of len bytes at once. */
extern bool bk_digest_hex(const void *data, size_t len,
						  char hex[BK_DIGEST_HEX_SIZE], BkError *err);

/* The HMAC-SHA256 of len bytes at once. */
extern bool bk_digest_keyed(const void *key, size_t key_len, const void *data,
							size_t len, void *out, BkError *err);

/* Write len bytes as 2 * len lower-case hexadecimal digits and a NUL. */
extern void bk_digest_to_hex(const void *data, size_t len, char *hex);

/* Are two texts or secrets the same? Takes the same time wherever they differ. */
extern bool bk_digest_equal(const void *a, const void *b, size_t len);

/* Free a digest, finished or not; NULL is allowed. */
extern void bk_digest_free(BkDigest *digest);

/* Fill len bytes from the kernel's random source (getrandom). */
extern bool bk_random_bytes(void *data, size_t len, BkError *err);

/*
 * Write n characters of 0-9 and a-z, each equally likely, and a NUL: out has
 * room for n + 1.
 */
extern bool bk_random_label(char *out, size_t n, BkError *err);

#endif
