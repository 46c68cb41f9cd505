/*
 * digest.h
 *	  SHA-256 (FIPS 180-4) and random values; the one door to OpenSSL.
 */
#ifndef BK_CORE_DIGEST_H
#define BK_CORE_DIGEST_H

#include <stdbool.h>
#include <stddef.h>

#include "core/error.h"

/* Size of a digest as lower-case hexadecimal text, with its NUL. */
#define BK_DIGEST_HEX_SIZE	65

typedef struct BkDigest BkDigest;

/* Start a digest; NULL on failure. The caller frees it. */
extern BkDigest *bk_digest_new(BkError *err);

/* Add len bytes. */
extern bool bk_digest_update(BkDigest *digest, const void *data, size_t len,
							 BkError *err);

/*
 * Write the digest of all bytes as 64 lower-case hexadecimal digits. Called
 * at most once; afterwards only free may follow.
 */
extern bool bk_digest_final_hex(BkDigest *digest, char hex[BK_DIGEST_HEX_SIZE],
								BkError *err);

/* The digest of len bytes at once. */
extern bool bk_digest_hex(const void *data, size_t len,
						  char hex[BK_DIGEST_HEX_SIZE], BkError *err);

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
