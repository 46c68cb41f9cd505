/*
 * keys.h
 *	  The keys of a repository: who may read what is written, what we can read
 *	  ourselves, and the secret by which we know our own.
 *
 * The key file is the server's. It has lines "recipient age1…" (the owners'
 * public keys), "identity AGE-SECRET-KEY-1…" (the server's own, to which only
 * what it must read itself is encrypted as well) and "repository-key" with 64
 * hexadecimal digits; the last of these seals, all are believed, so that a new
 * one is a line more. The identity file is the owner's, and opens with stock
 * age: its repository keys are comments, "# backup_ext repository-key …".
 * FORMAT.md has the details.
 */
#ifndef BK_REPO_KEYS_H
#define BK_REPO_KEYS_H

#include <stdbool.h>
#include <stddef.h>

#include "core/error.h"
#include "filter/age.h"

#define BK_KEYS_MAX			32
#define BK_KEYS_SECRET_SIZE	32
#define BK_KEYS_ID_SIZE		17	/* 16 hexadecimal digits, with its NUL */

/* A repository key. */
typedef struct BkRepositoryKey
{
	unsigned char secret[BK_KEYS_SECRET_SIZE];
	char		id[BK_KEYS_ID_SIZE];	/* of its SHA-256; may be shown */
} BkRepositoryKey;

typedef struct BkKeys
{
	BkAgeRecipient recipients[BK_KEYS_MAX];	/* the owners */
	size_t		recipient_count;	/* 0: nothing is encrypted */
	BkAgeRecipient server;		/* of the key file's identity */
	bool		has_server;
	BkAgeIdentity identities[BK_KEYS_MAX];	/* what we can read with */
	size_t		identity_count;
	bool		is_owner;		/* there is an identity file */
	BkRepositoryKey secrets[BK_KEYS_MAX];	/* newest first: it seals */
	size_t		secret_count;	/* 0: nothing is authenticated */
} BkKeys;

/*
 * Read a key file and an identity file; either may be NULL. Errors: 42501 for
 * a file that others may read, 22023 with the line's number for one that is
 * not understood, 0A000 for keys of other kinds and an identity file that is
 * encrypted, and those of reading. NULL on failure.
 */
extern BkKeys *bk_keys_read(const char *key_file, const char *identity_file,
							BkError *err);

/* Wipe and free; NULL is allowed. */
extern void bk_keys_free(BkKeys *keys);

/* Compute the id of a secret. */
extern bool bk_keys_name(BkRepositoryKey *key, BkError *err);

/* The secret with this id, NULL if there is none. */
extern const BkRepositoryKey *bk_keys_find(const BkKeys *keys, const char *id);

#endif
