/*
 * waldigest.h
 *	  The digest by which an archived WAL file is called.
 *
 * With a repository key it is an HMAC-SHA256 over system identifier, NUL, the
 * file's name, NUL and its bytes, so that only who has the secret can name a
 * file that we believe. Without, it is the SHA-256 of the bytes. As keys come
 * and go the same bytes have several digests; that they are the same is told
 * by making all of them at once.
 */
#ifndef BK_REPO_WALDIGEST_H
#define BK_REPO_WALDIGEST_H

#include <stdbool.h>

#include "core/digest.h"
#include "core/walname.h"
#include "repo/keys.h"

typedef struct BkWalDigest BkWalDigest;

/* What a digest that was found says about the bytes. */
typedef enum BkWalMatch
{
	BK_WAL_OTHER,				/* they are others, or their key is not known */
	BK_WAL_PLAIN,				/* the same, but anybody can have said so */
	BK_WAL_KEYED				/* the same, by one of our keys */
} BkWalMatch;

/*
 * Start the digests of a file of a cluster: under all keys and without one, or
 * only the one by which it is written now. Keys may be NULL. NULL on failure.
 */
extern BkWalDigest *bk_wal_digest_new(const BkKeys *keys,
									  const char *system_identifier,
									  const BkWalName *name, bool all,
									  BkError *err);

/* Add len bytes. */
extern bool bk_wal_digest_update(BkWalDigest *digest, const void *data,
								 size_t len, BkError *err);

/* After the last byte, and before the following two. */
extern bool bk_wal_digest_final(BkWalDigest *digest, BkError *err);

/* The one by which the file is written now. Borrowed. */
extern const char *bk_wal_digest_text(const BkWalDigest *digest);

/* What a digest that was found is to those that were made. */
extern BkWalMatch bk_wal_digest_match(const BkWalDigest *digest,
									  const char *found);

/* Free it; NULL is allowed. */
extern void bk_wal_digest_free(BkWalDigest *digest);

#endif
