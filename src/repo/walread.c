/*
 * walread.c
 *	  Read an archived WAL file, and find out whether to believe it.
 *
 * In the order in which the bytes pass:
 *	  storage > chain > digest and compare
 */
#include "repo/walread.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "repo/chain.h"
#include "repo/waldigest.h"

/* Checks the plain bytes of a WAL file against the digest in its name. */
typedef struct WalReader
{
	BkReader	base;
	BkReader   *below;			/* gives plain bytes */
	BkWalDigest *digest;
	const BkRepository *repo;
	bool		encrypted;
	bool		known;			/* to be the right bytes, see bk_wal_open() */
	uint64_t	size;			/* plain bytes so far */
	BkWalFound	found;
} WalReader;

static bool wal_read(BkReader *reader, void *buf, size_t len, size_t *got,
					 BkError *err);
static void wal_close(BkReader *reader);
static bool is_believed(const WalReader *self, BkError *err);
static bool complain(const WalReader *self, BkError *err);

static const BkReaderOps wal_reader_ops = {
	.read = wal_read,
	.close = wal_close,
};

BkReader *
bk_wal_reader(BkRepository *repo, const BkWalFound *found, BkError *err)
{
	return bk_wal_open(repo, found, false, err);
}

BkReader *
bk_wal_open(BkRepository *repo, const BkWalFound *found, bool known,
			BkError *err)
{
	WalReader  *self;
	BkWalKey	parts;
	BkChain		chain;
	BkReader   *below;

	if (!bk_layout_wal_parse(found->key, &parts) || !bk_chain_parse(parts.suffix, &chain))
	{
		bk_error(err, BK_STATE_UNSUPPORTED, "\"%s\" has a compression that this program does not know",
				 found->key);
		bk_error_hint(err, "Install a newer version of this program.");
		return NULL;
	}
	if (found->state == BK_WAL_CONFLICT)
	{
		bk_wal_conflict(&parts.name, found, err);
		return NULL;
	}
	self = calloc(1, sizeof(*self));
	if (self == NULL)
	{
		bk_error_memory(err);
		return NULL;
	}
	*self = (WalReader) {
		.base.ops = &wal_reader_ops,
		.repo = repo,
		.encrypted = chain.encrypted,
		.known = known,
		.found = *found,
	};
	self->digest = bk_wal_digest_new(repo->keys, parts.cluster, &parts.name, true, err);
	if (self->digest != NULL && bk_storage_get(repo->storage, found->key, &below, err) &&
		((self->below = bk_chain_reader(below, &chain, repo->keys, err)) != NULL ||
		 complain(self, err)))
		return &self->base;
	wal_close(&self->base);
	return NULL;
}

bool
bk_wal_conflict(const BkWalName *name, const BkWalFound *found, BkError *err)
{
	bk_error(err, BK_STATE_DUP_KEY,
			 "WAL file \"%s\" is in the repository with two contents", name->text);
	bk_error_detail(err, "There are \"%s\" and \"%s\".", found->key, found->other_key);
	return bk_error_hint(err, "Find out which of them belongs to this history, and take the other one out of the repository. All conflicts are shown by: pg_backup_ext wal");
}

bool
bk_wal_damaged(const BkWalFound *found, const char *reason, BkError *err)
{
	bk_error(err, BK_STATE_CORRUPT, "object \"%s\" is damaged", found->key);
	return bk_error_detail(err, "It cannot be used: %s.", reason);
}

static bool
wal_read(BkReader *reader, void *buf, size_t len, size_t *got, BkError *err)
{
	WalReader  *self = (WalReader *) reader;

	if (!bk_read(self->below, buf, len, got, err))
		return complain(self, err);
	/* The digest is known at the end only: until then a disk could fill. */
	self->size += *got;
	if (self->size > BK_WAL_SEGMENT_MAX)
		return bk_wal_damaged(&self->found, "it has more bytes than a WAL file can have", err);
	if (*got > 0)
		return bk_wal_digest_update(self->digest, buf, *got, err);
	return bk_wal_digest_final(self->digest, err) && is_believed(self, err);
}

static void
wal_close(BkReader *reader)
{
	WalReader  *self = (WalReader *) reader;

	bk_reader_close(self->below);
	bk_wal_digest_free(self->digest);
	free(self);
}

/* Are they the bytes that the name promises, and is it one of us who says so? */
static bool
is_believed(const WalReader *self, BkError *err)
{
	const BkRepository *repo = self->repo;
	bool		keyed = repo->keys != NULL && repo->keys->secret_count > 0;
	bool		anybody = repo->trust == BK_SEAL_INTACT;
	bool		can_be_keyed = keyed || repo->authenticated || self->encrypted;
	BkWalMatch	match = bk_wal_digest_match(self->digest, self->found.digest);

	if (match == BK_WAL_KEYED || (match == BK_WAL_PLAIN && (!keyed || anybody || self->known)))
		return true;
	if (!can_be_keyed)
		return bk_wal_damaged(&self->found, "its content has another SHA-256 than its name says", err);

	/* Named by a key that we do not have: nothing can be told. */
	if (anybody)
		return true;
	bk_error(err, BK_STATE_REFUSED, "object \"%s\" is not authenticated", self->found.key);
	if (match == BK_WAL_PLAIN)
		bk_error_detail(err, "Its name has a plain SHA-256: anybody who can write into the store can have written it.");
	else if (keyed)
		bk_error_detail(err, "Its content does not have the digest in its name by any repository key that was given (%s is the first of %zu): it is forged, or was written with a key that was retired.",
						repo->keys->secrets[0].id, repo->keys->secret_count);
	else
		bk_error_detail(err, "Its name is made with a repository key, and none was given.");
	return bk_error_hint(err, "Give the key file or the identity file that has the repository key. To use what nobody vouches for, give --unauthenticated to pg_backup_ext.");
}

/* Filters know no names: say of which object their complaint is. */
static bool
complain(const WalReader *self, BkError *err)
{
	char		reason[sizeof(err->message)];
	char		what[BK_KEY_SIZE + 16];

	if (self->encrypted && bk_error_is(err, BK_STATE_REFUSED))
	{
		snprintf(what, sizeof(what), "object \"%s\"", self->found.key);
		return bk_chain_refused(what, err);
	}
	if (!bk_error_is(err, BK_STATE_CORRUPT))
		return false;
	memcpy(reason, err->message, sizeof(reason));
	return bk_wal_damaged(&self->found, reason, err);
}
