/*
 * wal.c
 *	  Store, find and read archived WAL.
 *
 * Two writers can both find a name free, and no store can be trusted to let
 * only one of them win. But the digest in the name keeps their objects apart,
 * and each looks again after it has written: whoever looks last sees both.
 *
 * Writing, in the order in which the bytes pass:
 *	  digest > codec > memory, and from there at once > storage
 * Files that are too large for that are read twice:
 *	  digest; then digest and compare > codec > storage
 * Reading:
 *	  storage > codec > digest and compare
 */
#include "repo/wal.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "filter/codec.h"

#define MEMORY_MAX		((uint64_t) 64 * 1024 * 1024)
#define DIGEST_DIGITS	(BK_DIGEST_HEX_SIZE - 1)

/* A reading of a source. */
typedef struct Pass
{
	const BkWalSource *source;
	BkDigest   *digest;			/* of what was read */
	BkWriter   *writer;			/* NULL: only the digest is wanted */
	char		hex[BK_DIGEST_HEX_SIZE];	/* at the end */
} Pass;

/* Checks the plain bytes of a WAL file against the digest in its name. */
typedef struct WalReader
{
	BkReader	base;
	BkReader   *below;			/* gives plain bytes */
	BkDigest   *digest;
	BkWalFound	found;
} WalReader;

typedef struct WalWalk
{
	BkWalVisit	visit;
	void	   *arg;
} WalWalk;

static bool no_tick(void *arg, uint64_t bytes, BkError *err);
static bool add_found(void *arg, const char *key, const BkObjectStat *stat,
					  BkError *err);
static bool visit_found(void *arg, const char *key, const BkObjectStat *stat,
						BkError *err);
static bool split_key(const char *key, BkWalName *name, char *digest,
					  const char **suffix);
static bool require_agreement(const BkWalName *name, const BkWalFound *found,
							  const char *digest, BkError *err);
static bool conflict(const char *name, const char *key, const char *other,
					 BkError *err);
static bool confirm(BkRepository *repo, const BkWalFound *found,
					const BkWalSource *source, BkError *err);
static bool store(BkRepository *repo, const char *system_identifier,
				  const BkWalName *name, const BkWalSource *source,
				  const BkCodecSpec *codec, char *digest, BkError *err);
static bool compress(const BkCodecSpec *codec, BkWriter *below, Pass *pass,
					 const char *digest, BkError *err);
static bool run_pass(Pass *pass, BkError *err);
static bool run_pieces(Pass *pass, BkError *err);
static bool read_piece(const BkWalSource *source, uint64_t at, void *buf,
					   size_t len, BkError *err);
static bool wal_read(BkReader *reader, void *buf, size_t len, size_t *got,
					 BkError *err);
static void wal_close(BkReader *reader);
static bool damaged(const BkWalFound *found, const char *reason,
					BkError *err);

static const BkReaderOps wal_reader_ops = {
	.read = wal_read,
	.close = wal_close,
};

BkWalSource
bk_wal_memory(const void *data, size_t size)
{
	return (BkWalSource) {.data = data, .fd = -1, .size = size, .tick = no_tick};
}

BkWalSource
bk_wal_file(int fd, uint64_t size)
{
	return (BkWalSource) {.fd = fd, .size = size, .tick = no_tick};
}

bool
bk_wal_find(BkRepository *repo, const char *system_identifier,
			const BkWalName *name, BkWalFound *found, BkError *err)
{
	char		beginning[BK_KEY_SIZE];

	*found = (BkWalFound) {.state = BK_WAL_MISSING};
	if (!bk_layout_check_cluster(system_identifier, err))
		return false;
	bk_layout_wal(beginning, system_identifier, name, "", "");
	return bk_storage_match(repo->storage, beginning, add_found, found, err);
}

bool
bk_wal_put(BkRepository *repo, const char *system_identifier,
		   const BkWalName *name, const BkWalSource *source,
		   const char *codec, BkWalFound *found, bool *fresh, BkError *err)
{
	char		digest[BK_DIGEST_HEX_SIZE];
	Pass		pass = {.source = source};
	BkCodecSpec spec;

	*fresh = false;
	/* Look whether the name is free, or has this content already. */
	if (!bk_codec_parse(codec, &spec, err) ||
		!bk_wal_find(repo, system_identifier, name, found, err))
		return false;
	if (found->state != BK_WAL_MISSING)
		return run_pass(&pass, err) &&
			require_agreement(name, found, pass.hex, err) &&
			confirm(repo, found, source, err);

	/* Store, and look again: somebody else may have done so, too. */
	*fresh = true;
	if (!store(repo, system_identifier, name, source, &spec, digest, err) ||
		!bk_wal_find(repo, system_identifier, name, found, err) ||
		!require_agreement(name, found, digest, err))
		return false;
	return found->state == BK_WAL_STORED ||
		bk_error(err, BK_STATE_IN_USE, "WAL file \"%s\" was removed from the repository while it was stored",
				 name->text);
}

BkReader *
bk_wal_reader(BkRepository *repo, const BkWalFound *found, BkError *err)
{
	WalReader  *self;
	BkWalName	name;
	char		digest[BK_DIGEST_HEX_SIZE];
	const char *suffix;
	const BkCodec *codec;
	BkReader   *below;

	if (found->state == BK_WAL_CONFLICT && split_key(found->key, &name, digest, &suffix))
	{
		conflict(name.text, found->key, found->other_key, err);
		return NULL;
	}
	if (!split_key(found->key, &name, digest, &suffix) ||
		(codec = bk_codec_by_suffix(suffix)) == NULL)
	{
		bk_error(err, BK_STATE_UNSUPPORTED, "\"%s\" has a compression that this program does not know",
				 found->key);
		bk_error_hint(err, "Install a newer version of this program.");
		return NULL;
	}
	self = calloc(1, sizeof(*self));
	if (self == NULL)
	{
		bk_error_memory(err);
		return NULL;
	}
	self->base.ops = &wal_reader_ops;
	self->found = *found;
	if ((self->digest = bk_digest_new(err)) != NULL &&
		bk_storage_get(repo->storage, found->key, &below, err))
	{
		self->below = codec->decompress(below, err);
		if (self->below != NULL)
			return &self->base;
		bk_reader_close(below);
	}
	wal_close(&self->base);
	return NULL;
}

bool
bk_wal_walk(BkRepository *repo, const char *system_identifier,
			uint32_t timeline, BkWalVisit visit, void *arg, BkError *err)
{
	WalWalk		walk = {.visit = visit, .arg = arg};
	char		folder[BK_KEY_SIZE];

	if (!bk_layout_check_cluster(system_identifier, err))
		return false;
	bk_layout_timeline(folder, system_identifier, timeline);
	return bk_storage_list(repo->storage, folder, visit_found, &walk, err);
}

static bool
no_tick(void *arg, uint64_t bytes, BkError *err)
{
	(void) arg;
	(void) bytes;
	(void) err;
	return true;
}

static bool
add_found(void *arg, const char *key, const BkObjectStat *stat, BkError *err)
{
	BkWalFound *found = arg;
	BkWalName	name;
	char		digest[BK_DIGEST_HEX_SIZE];
	const char *suffix;

	(void) err;
	if (!split_key(key, &name, digest, &suffix))
		return true;
	if (found->state == BK_WAL_MISSING)
	{
		found->state = BK_WAL_STORED;
		memcpy(found->key, key, strlen(key) + 1);
		memcpy(found->digest, digest, sizeof(digest));
		found->size = stat->size;
		found->modified = stat->modified;
	}
	else if (found->state == BK_WAL_STORED && strcmp(found->digest, digest) != 0)
	{
		found->state = BK_WAL_CONFLICT;
		memcpy(found->other_key, key, strlen(key) + 1);
	}
	return true;
}

static bool
visit_found(void *arg, const char *key, const BkObjectStat *stat, BkError *err)
{
	WalWalk    *walk = arg;
	BkWalFound	found = {
		.state = BK_WAL_STORED,
		.size = stat->size,
		.modified = stat->modified,
	};
	BkWalName	name;
	const char *suffix;

	if (!split_key(key, &name, found.digest, &suffix))
		return true;
	memcpy(found.key, key, strlen(key) + 1);
	return walk->visit(walk->arg, &name, &found, err);
}

/* Take a key apart, .../<name>-<digest><suffix>; false if it is another. */
static bool
split_key(const char *key, BkWalName *name, char *digest, const char **suffix)
{
	const char *slash = strrchr(key, '/');
	const char *base = slash == NULL ? key : slash + 1;
	const char *dash = strchr(base, '-');
	char		text[BK_WAL_NAME_SIZE];
	BkError		ignored;

	if (dash == NULL || (size_t) (dash - base) >= sizeof(text) ||
		strlen(key) >= BK_KEY_SIZE ||
		strspn(dash + 1, "0123456789abcdef") != DIGEST_DIGITS)
		return false;
	memcpy(text, base, (size_t) (dash - base));
	text[dash - base] = '\0';
	memcpy(digest, dash + 1, DIGEST_DIGITS);
	digest[DIGEST_DIGITS] = '\0';
	*suffix = dash + 1 + DIGEST_DIGITS;
	return (**suffix == '\0' || **suffix == '.') &&
		bk_wal_name_parse(text, name, &ignored);
}

/* What is there must have this digest and no other. */
static bool
require_agreement(const BkWalName *name, const BkWalFound *found,
				  const char *digest, BkError *err)
{
	if (found->state == BK_WAL_CONFLICT)
		return conflict(name->text, found->key, found->other_key, err);
	if (found->state == BK_WAL_MISSING || strcmp(found->digest, digest) == 0)
		return true;
	bk_error(err, BK_STATE_DUP_KEY,
			 "WAL file \"%s\" is in the repository with other content", name->text);
	bk_error_detail(err, "The SHA-256 of the file is %s; the repository has \"%s\".",
					digest, found->key);
	return bk_error_hint(err, "Two servers with the same history write into this repository. Find out which one is right, and stop the other. To look at what is stored: pg_backup_ext archive-get %s FILE",
						 name->text);
}

static bool
conflict(const char *name, const char *key, const char *other, BkError *err)
{
	bk_error(err, BK_STATE_DUP_KEY,
			 "WAL file \"%s\" is in the repository with two contents", name);
	bk_error_detail(err, "There are \"%s\" and \"%s\".", key, other);
	return bk_error_hint(err, "Find out which of them belongs to this history, and take the other one out of the repository. All conflicts are shown by: pg_backup_ext wal");
}

/*
 * The content is there already. Before it is acknowledged, and the server's
 * own copy goes, it is read once, and made durable: its writer may have died
 * before that.
 */
static bool
confirm(BkRepository *repo, const BkWalFound *found,
		const BkWalSource *source, BkError *err)
{
	BkReader   *reader = bk_wal_reader(repo, found, err);
	char	   *buf = malloc(BK_STREAM_BUFFER);
	size_t		got = 1;
	bool		ok = reader != NULL;

	if (ok && buf == NULL)
		ok = bk_error_memory(err);
	while (ok && got > 0)
	{
		ok = bk_read(reader, buf, BK_STREAM_BUFFER, &got, err) &&
			source->tick(source->arg, got, err);
	}
	bk_reader_close(reader);
	free(buf);
	return ok && bk_storage_sync(repo->storage, found->key, err);
}

/* *digest is the content's, as it was stored. */
static bool
store(BkRepository *repo, const char *system_identifier,
	  const BkWalName *name, const BkWalSource *source,
	  const BkCodecSpec *codec, char *digest, BkError *err)
{
	bool		small = source->size <= MEMORY_MAX;
	Pass		pass = {.source = source};
	char		key[BK_KEY_SIZE];
	BkWriter   *below = NULL;
	BkBuf		packed;
	bool		ok;

	/* What the key is called is known after a first reading. */
	bk_buf_init(&packed);
	if (small)
	{
		below = bk_memory_writer(&packed, err);
		ok = below != NULL && compress(codec, below, &pass, NULL, err);
	}
	else
		ok = run_pass(&pass, err);
	memcpy(digest, pass.hex, sizeof(pass.hex));
	bk_layout_wal(key, system_identifier, name, digest, codec->codec->suffix);
	if (ok && small)
		ok = bk_storage_store(repo->storage, key, packed.data, packed.len, true, err);
	else if (ok)
		ok = bk_storage_put(repo->storage, key, &below, err) &&
			compress(codec, below, &pass, digest, err);
	bk_buf_free(&packed);
	return ok;
}

/*
 * Read the source through the codec into a writer, and close that. If there is
 * a digest, the content must have it still.
 */
static bool
compress(const BkCodecSpec *codec, BkWriter *below, Pass *pass,
		 const char *digest, BkError *err)
{
	bool		ok;

	pass->writer = codec->codec->compress(below, codec->level, 0, err);
	if (pass->writer == NULL)
	{
		bk_writer_close(below);
		return false;
	}
	ok = run_pass(pass, err);
	if (ok && digest != NULL && strcmp(digest, pass->hex) != 0)
		ok = bk_error(err, BK_STATE_WRONG_STATE,
					  "the file changed while it was archived");
	ok = ok && bk_finish(pass->writer, err);
	bk_writer_close(pass->writer);
	return ok;
}

/* Read the source once. */
static bool
run_pass(Pass *pass, BkError *err)
{
	bool		ok;

	pass->digest = bk_digest_new(err);
	ok = pass->digest != NULL && run_pieces(pass, err) &&
		bk_digest_final_hex(pass->digest, pass->hex, err);
	bk_digest_free(pass->digest);
	return ok;
}

/* Piece by piece, so that each is still in the processor's cache. */
static bool
run_pieces(Pass *pass, BkError *err)
{
	const BkWalSource *source = pass->source;
	char	   *buf = source->data == NULL ? malloc(BK_STREAM_BUFFER) : NULL;
	uint64_t	at = 0;
	bool		ok = source->data != NULL || buf != NULL || bk_error_memory(err);

	while (ok && at < source->size)
	{
		uint64_t	left = source->size - at;
		size_t		len = left < BK_STREAM_BUFFER ? (size_t) left : BK_STREAM_BUFFER;
		const void *piece = buf;

		if (source->data != NULL)
			piece = (const char *) source->data + at;
		else
			ok = read_piece(source, at, buf, len, err);
		ok = ok && bk_digest_update(pass->digest, piece, len, err) &&
			(pass->writer == NULL || bk_write(pass->writer, piece, len, err)) &&
			source->tick(source->arg, len, err);
		at += len;
	}
	free(buf);
	return ok;
}

static bool
read_piece(const BkWalSource *source, uint64_t at, void *buf, size_t len,
		   BkError *err)
{
	size_t		done = 0;

	while (done < len)
	{
		ssize_t		got = pread(source->fd, (char *) buf + done, len - done,
								(off_t) (at + done));

		if (got == 0)
			return bk_error(err, BK_STATE_WRONG_STATE,
							"the file became shorter while it was archived");
		if (got < 0 && errno != EINTR)
			return bk_error_errno(err, "could not read the file to archive");
		done += got > 0 ? (size_t) got : 0;
	}
	return true;
}

static bool
wal_read(BkReader *reader, void *buf, size_t len, size_t *got, BkError *err)
{
	WalReader  *self = (WalReader *) reader;
	char		hex[BK_DIGEST_HEX_SIZE];

	if (!bk_read(self->below, buf, len, got, err))
	{
		char		reason[sizeof(err->message)];

		if (!bk_error_is(err, BK_STATE_CORRUPT))
			return false;
		memcpy(reason, err->message, sizeof(reason));
		return damaged(&self->found, reason, err);
	}
	if (*got > 0)
		return bk_digest_update(self->digest, buf, *got, err);
	if (!bk_digest_final_hex(self->digest, hex, err))
		return false;
	return strcmp(hex, self->found.digest) == 0 ||
		damaged(&self->found, "its content has another SHA-256 than its name says", err);
}

static void
wal_close(BkReader *reader)
{
	WalReader  *self = (WalReader *) reader;

	bk_reader_close(self->below);
	bk_digest_free(self->digest);
	free(self);
}

static bool
damaged(const BkWalFound *found, const char *reason, BkError *err)
{
	bk_error(err, BK_STATE_CORRUPT, "object \"%s\" is damaged", found->key);
	return bk_error_detail(err, "It cannot be used: %s.", reason);
}
