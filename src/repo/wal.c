/*
 * wal.c
 *	  Store, find and read archived WAL.
 *
 * Two writers can both find a name free, and no store can be trusted to let
 * only one of them win. But the digest in the name keeps their objects apart,
 * and each looks again after it has written: whoever looks last sees both.
 *
 * Writing, in the order in which the bytes pass:
 *	  digest > chain > memory, and from there at once > storage
 * Files that are too large for that are read twice:
 *	  digest; then digest and compare > chain > storage
 * The chain is codec and encryption (repo/chain.h), the digest that of
 * repo/waldigest.h.
 */
#include "repo/wal.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "repo/chain.h"
#include "repo/waldigest.h"
#include "repo/walread.h"

#define MEMORY_MAX		((uint64_t) 64 * 1024 * 1024)

/* A file to store. */
typedef struct Task
{
	BkRepository *repo;
	const char *cluster;
	const BkWalName *name;
	const BkWalSource *source;
	BkCodecSpec codec;
} Task;

/* A reading of the source. */
typedef struct Pass
{
	BkWalDigest *digest;		/* of what is read */
	BkWriter   *writer;			/* NULL: only the digest is wanted */
} Pass;

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
static bool recognise(const Task *task, const BkWalFound *found,
					  BkError *err);
static bool require_agreement(const BkWalName *name, const BkWalFound *found,
							  const BkWalDigest *digest, BkError *err);
static bool confirm(const Task *task, const BkWalFound *found, BkError *err);
static bool store(const Task *task, BkWalFound *found, BkError *err);
static bool store_packed(const Task *task, BkWalDigest *digest,
						 BkError *err);
static bool store_stream(const Task *task, BkWalDigest *digest,
						 BkError *err);
static bool pack(const Task *task, BkWriter *below, BkWalDigest *digest,
				 const char *expected, BkError *err);
static void make_key(const Task *task, const BkWalDigest *digest,
					 char key[BK_KEY_SIZE]);
static BkWalDigest *new_digest(const Task *task, bool all, BkError *err);
static bool run_pass(const Task *task, Pass *pass, BkError *err);
static bool read_piece(const BkWalSource *source, uint64_t at, void *buf,
					   size_t len, BkError *err);

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
	Task		task = {
		.repo = repo,
		.cluster = system_identifier,
		.name = name,
		.source = source,
	};

	*fresh = false;
	/* Look whether the name is free, or has this content already. */
	if (!bk_codec_parse(codec, &task.codec, err) ||
		!bk_wal_find(repo, system_identifier, name, found, err))
		return false;
	if (found->state != BK_WAL_MISSING)
		return recognise(&task, found, err) && confirm(&task, found, err);

	/* Store, and look again: somebody else may have done so, too. */
	*fresh = true;
	if (!store(&task, found, err))
		return false;
	return found->state == BK_WAL_STORED ||
		bk_error(err, BK_STATE_IN_USE, "WAL file \"%s\" was removed from the repository while it was stored",
				 name->text);
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
	BkWalKey	parts;

	(void) err;
	if (!bk_layout_wal_parse(key, &parts))
		return true;
	if (found->state == BK_WAL_MISSING)
	{
		found->state = BK_WAL_STORED;
		memcpy(found->key, key, strlen(key) + 1);
		memcpy(found->digest, parts.digest, sizeof(parts.digest));
		found->size = stat->size;
		found->modified = stat->modified;
	}
	else if (found->state == BK_WAL_STORED && strcmp(found->digest, parts.digest) != 0)
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
	BkWalKey	parts;

	if (!bk_layout_wal_parse(key, &parts))
		return true;
	memcpy(found.digest, parts.digest, sizeof(parts.digest));
	memcpy(found.key, key, strlen(key) + 1);
	return walk->visit(walk->arg, &parts.name, &found, err);
}

/* Is what was found the content of the source, by whichever key and codec? */
static bool
recognise(const Task *task, const BkWalFound *found, BkError *err)
{
	Pass		pass = {.digest = new_digest(task, true, err)};
	bool		ok = pass.digest != NULL && run_pass(task, &pass, err) &&
		require_agreement(task->name, found, pass.digest, err);

	bk_wal_digest_free(pass.digest);
	return ok;
}

/* What is there must have one of these digests and no other. */
static bool
require_agreement(const BkWalName *name, const BkWalFound *found,
				  const BkWalDigest *digest, BkError *err)
{
	if (found->state == BK_WAL_CONFLICT)
		return bk_wal_conflict(name, found, err);
	if (found->state == BK_WAL_MISSING ||
		bk_wal_digest_match(digest, found->digest) != BK_WAL_OTHER)
		return true;
	bk_error(err, BK_STATE_DUP_KEY,
			 "WAL file \"%s\" is in the repository with other content", name->text);
	bk_error_detail(err, "The digest of the file is %s; the repository has \"%s\".",
					bk_wal_digest_text(digest), found->key);
	return bk_error_hint(err, "Two servers with the same history write into this repository, or it was written with a repository key that is not in the key file any more. Find out which one is right, and stop the other. To look at what is stored: pg_backup_ext archive-get %s FILE",
						 name->text);
}

/*
 * The content is there already. Before it is acknowledged, and the server's
 * own copy goes, it is read once, and made durable: its writer may have died
 * before that. A server that encrypts to others only cannot read it; but the
 * store did, before the object had its name.
 */
static bool
confirm(const Task *task, const BkWalFound *found, BkError *err)
{
	BkReader   *reader = bk_wal_open(task->repo, found, true, err);
	char	   *buf = malloc(BK_STREAM_BUFFER);
	size_t		got = 1;
	bool		ok = reader != NULL;

	if (ok && buf == NULL)
		ok = bk_error_memory(err);
	while (ok && got > 0)
	{
		ok = bk_read(reader, buf, BK_STREAM_BUFFER, &got, err) &&
			task->source->tick(task->source->arg, got, err);
	}
	bk_reader_close(reader);
	free(buf);
	if (!ok && bk_error_is(err, BK_STATE_REFUSED))
		ok = found->size > 0 || bk_wal_damaged(found, "it is empty", err);
	return ok && bk_storage_sync(task->repo->storage, found->key, err);
}

/* Store the file, and see in *found what is there then. */
static bool
store(const Task *task, BkWalFound *found, BkError *err)
{
	BkWalDigest *digest = new_digest(task, false, err);
	bool		small = task->source->size <= MEMORY_MAX;
	bool		ok;

	ok = digest != NULL &&
		(small ? store_packed : store_stream) (task, digest, err) &&
		bk_wal_find(task->repo, task->cluster, task->name, found, err) &&
		require_agreement(task->name, found, digest, err);
	bk_wal_digest_free(digest);
	return ok;
}

/* What the key is called is known after a reading; so is the object, then. */
static bool
store_packed(const Task *task, BkWalDigest *digest, BkError *err)
{
	char		key[BK_KEY_SIZE];
	BkWriter   *below;
	BkBuf		packed;
	bool		ok;

	bk_buf_init(&packed);
	below = bk_memory_writer(&packed, err);
	ok = below != NULL && pack(task, below, digest, NULL, err);
	if (ok)
	{
		make_key(task, digest, key);
		ok = bk_storage_store(task->repo->storage, key, packed.data, packed.len, true, err);
	}
	bk_buf_free(&packed);
	return ok;
}

/* A first reading for the key, and a second one for the object. */
static bool
store_stream(const Task *task, BkWalDigest *digest, BkError *err)
{
	Pass		first = {.digest = digest};
	BkWalDigest *again = NULL;
	BkWriter   *below;
	char		key[BK_KEY_SIZE];
	bool		ok;

	ok = run_pass(task, &first, err) && (again = new_digest(task, false, err)) != NULL;
	if (ok)
	{
		make_key(task, digest, key);
		ok = bk_storage_put(task->repo->storage, key, &below, err) &&
			pack(task, below, again, bk_wal_digest_text(digest), err);
	}
	bk_wal_digest_free(again);
	return ok;
}

/*
 * Read the source through digest and chain into a writer, and close that. If
 * there is an expected digest, the content must have it still.
 */
static bool
pack(const Task *task, BkWriter *below, BkWalDigest *digest,
	 const char *expected, BkError *err)
{
	/* What a server needs of its own archive, to know the ways through it. */
	bool		for_server = task->name->kind == BK_WAL_HISTORY ||
		task->name->kind == BK_WAL_BACKUP;
	Pass		pass = {.digest = digest};
	bool		ok;

	pass.writer = bk_chain_writer(below, &task->codec, 0, task->repo->keys,
								  for_server, err);
	if (pass.writer == NULL)
		return false;
	ok = run_pass(task, &pass, err);
	if (ok && expected != NULL && strcmp(expected, bk_wal_digest_text(digest)) != 0)
		ok = bk_error(err, BK_STATE_WRONG_STATE,
					  "the file changed while it was archived");
	ok = ok && bk_finish(pass.writer, err);
	bk_writer_close(pass.writer);
	return ok;
}

static void
make_key(const Task *task, const BkWalDigest *digest, char key[BK_KEY_SIZE])
{
	BkChain		chain = bk_chain_new(task->codec.codec, task->repo->keys);
	char		suffix[BK_CHAIN_SUFFIX_SIZE];

	bk_chain_suffix(&chain, suffix);
	bk_layout_wal(key, task->cluster, task->name, bk_wal_digest_text(digest), suffix);
}

static BkWalDigest *
new_digest(const Task *task, bool all, BkError *err)
{
	return bk_wal_digest_new(task->repo->keys, task->cluster, task->name, all, err);
}

/*
 * Read the source once, piece by piece, so that each is still in the
 * processor's cache.
 */
static bool
run_pass(const Task *task, Pass *pass, BkError *err)
{
	const BkWalSource *source = task->source;
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
		ok = ok && bk_wal_digest_update(pass->digest, piece, len, err) &&
			(pass->writer == NULL || bk_write(pass->writer, piece, len, err)) &&
			source->tick(source->arg, len, err);
		at += len;
	}
	free(buf);
	return ok && bk_wal_digest_final(pass->digest, err);
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
