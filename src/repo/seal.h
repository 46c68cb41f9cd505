/*
 * seal.h
 *	  The seal on the repository's small JSON files.
 *
 * A manifest, a note or a sentinel carries a digest over its other members,
 * so that a flipped bit or a cut file is never taken for good. Where there is
 * a repository key, it carries an HMAC as well, over the file's key and the
 * same members: so nobody without the secret can change the file, or show it
 * in another's place. FORMAT.md says how both are computed.
 */
#ifndef BK_REPO_SEAL_H
#define BK_REPO_SEAL_H

#include <stdbool.h>

#include "core/json.h"
#include "repo/keys.h"

/* What a reader wants to know. */
typedef enum BkSealTrust
{
	BK_SEAL_AUTHENTIC,			/* one of us wrote it, as far as keys are given */
	BK_SEAL_INTACT				/* it is as it was written, by whomever */
} BkSealTrust;

/*
 * Put the member "seal" into an object that will be stored under a key, in
 * place of any it has. Without keys, or one among them, it is a digest only.
 */
extern bool bk_seal_put(BkJson *object, const char *key, const BkKeys *keys,
						BkError *err);

/*
 * Check the member "seal" and the format version of an object that was read
 * from a key. Errors: no seal or another digest (XX001), a format or a
 * required feature that this program does not know (0A000); and where it must
 * be authentic: sealed with a repository key that was not given, or with none
 * although there are keys (28000), or another HMAC (XX001).
 */
extern bool bk_seal_check(BkJson *object, const char *key, const BkKeys *keys,
						  BkSealTrust trust, BkError *err);

#endif
