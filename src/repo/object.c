/*
 * object.c
 *	  Write and read the streams of a backup.
 *
 * Writing, in the order in which the bytes pass:
 *	  queue and thread > cut into parts > chain > count > digest > storage
 * Reading:
 *	  storage > digest > count > chain > count and compare > join the parts
 * The chain is codec and encryption (repo/chain.h).
 */
#include "repo/object.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/digest.h"
#include "filter/async.h"
#include "filter/count.h"
#include "filter/hash.h"
#include "repo/chain.h"
#include "repo/layout.h"

#define DEFAULT_PART_SIZE	((uint64_t) 32 * 1024 * 1024 * 1024)

/* Cuts a stream into parts. It runs in the thread of the queue above it. */
typedef struct Cutter
{
	BkWriter	base;
	BkRepository *repo;
	BkObjectSpec spec;
	BkCodecSpec codec;
	BkJson	   *objects;
	BkWriter   *queue;			/* above; borrowed */

	BkWriter   *part;			/* the chain of the open part, or NULL */
	unsigned	number;			/* of the open part, from 1 */
	uint64_t	plain_size;
	uint64_t	size;
	char		sha256[BK_DIGEST_HEX_SIZE];
} Cutter;

/* Joins the parts of a stream. */
typedef struct Joiner
{
	BkReader	base;
	BkRepository *repo;
	const BkManifest *manifest;
	const char *stream;

	BkReader   *part;			/* the chain of the open part, or NULL */
	unsigned	number;			/* of the open part, from 1 */
	size_t		index;			/* of the open part among the objects */
	uint64_t	plain_size;
	uint64_t	size;
	char		sha256[BK_DIGEST_HEX_SIZE];
} Joiner;

static bool cutter_write(BkWriter *writer, const void *buf, size_t len,
						 BkError *err);
static bool cutter_finish(BkWriter *writer, BkError *err);
static void cutter_close(BkWriter *writer);
static bool is_wanted(const Cutter *cutter, BkError *err);
static bool open_part(Cutter *cutter, BkError *err);
static bool finish_part(Cutter *cutter, BkError *err);
static void name_open_part(const Cutter *cutter, char name[BK_KEY_SIZE]);
static bool append_object(BkJson *objects, const BkObject *object,
						  BkError *err);

static bool joiner_read(BkReader *reader, void *buf, size_t len, size_t *got,
						BkError *err);
static void joiner_close(BkReader *reader);
static bool next_part(Joiner *joiner, bool *more, BkError *err);
static bool belongs_to(const BkObject *object, const char *stream);
static bool find_chain(const Joiner *joiner, const BkObject *object,
					   BkChain *chain, BkError *err);
static bool compare_part(const Joiner *joiner, BkError *err);
static bool complain_plain(const Joiner *joiner, BkError *err);
static bool name_part(const Joiner *joiner, BkError *err);
static bool refuse_part(const Joiner *joiner, BkError *err);
static bool compare_object(const BkManifest *manifest, const BkObject *object,
						   uint64_t size, const char *sha256, BkError *err);
static BkReader *stored_reader(BkRepository *repo, const BkManifest *manifest,
							   const BkObject *object, uint64_t *size,
							   char *sha256, BkError *err);

static const BkWriterOps cutter_ops = {
	.write = cutter_write,
	.finish = cutter_finish,
	.close = cutter_close,
};

static const BkReaderOps joiner_ops = {
	.read = joiner_read,
	.close = joiner_close,
};

BkWriter *
bk_object_writer(BkRepository *repo, const BkObjectSpec *spec,
				 BkJson *objects, BkError *err)
{
	Cutter	   *cutter = calloc(1, sizeof(Cutter));

	if (cutter == NULL)
	{
		bk_error_memory(err);
		return NULL;
	}
	cutter->base.ops = &cutter_ops;
	cutter->repo = repo;
	cutter->spec = *spec;
	cutter->objects = objects;
	if (cutter->spec.part_size == 0)
		cutter->spec.part_size = DEFAULT_PART_SIZE;
	if (bk_codec_parse(spec->codec, &cutter->codec, err) &&
		open_part(cutter, err) &&
		(cutter->queue = bk_async_writer(&cutter->base, spec->tick, spec->arg, err)) != NULL)
		return cutter->queue;
	cutter_close(&cutter->base);
	return NULL;
}

bool
bk_object_put_text(BkRepository *repo, const char *id, const char *name,
				   const char *text, BkJson *objects, BkError *err)
{
	char		key[BK_KEY_SIZE];
	char		sha256[BK_DIGEST_HEX_SIZE];
	size_t		len = strlen(text);
	BkObject	object = {.name = name, .sha256 = sha256};

	bk_layout_object(key, id, name);
	if (!bk_digest_hex(text, len, sha256, err) ||
		!bk_repository_put_text(repo, key, text, err))
		return false;
	object.size = object.plain_size = len;
	return append_object(objects, &object, err);
}

BkReader *
bk_object_reader(BkRepository *repo, const BkManifest *manifest,
				 const char *stream, BkError *err)
{
	Joiner	   *joiner;
	bool		more;

	if (!bk_manifest_has(manifest, stream))
	{
		bk_error(err, BK_STATE_NO_OBJECT, "backup \"%s\" has no \"%s\"",
				 manifest->id, stream);
		return NULL;
	}
	joiner = calloc(1, sizeof(Joiner));
	if (joiner == NULL)
	{
		bk_error_memory(err);
		return NULL;
	}
	joiner->base.ops = &joiner_ops;
	joiner->repo = repo;
	joiner->manifest = manifest;
	joiner->stream = stream;
	if (next_part(joiner, &more, err))
		return &joiner->base;
	joiner_close(&joiner->base);
	return NULL;
}

bool
bk_object_check(BkRepository *repo, const BkManifest *manifest,
				const BkObject *object, const BkHost *host, BkError *err)
{
	char	   *buf = malloc(BK_STREAM_BUFFER);
	char		sha256[BK_DIGEST_HEX_SIZE];
	uint64_t	size = 0;
	size_t		got = 1;
	BkReader   *reader = NULL;
	bool		ok;

	if (buf == NULL)
		return bk_error_memory(err);
	reader = stored_reader(repo, manifest, object, &size, sha256, err);
	ok = reader != NULL;
	while (ok && got > 0)
	{
		ok = bk_read(reader, buf, BK_STREAM_BUFFER, &got, err) &&
			bk_go_on(host, err);
		if (ok)
			bk_progress(host, "check", object->name, size, object->size);
	}
	ok = ok && compare_object(manifest, object, size, sha256, err);
	bk_reader_close(reader);
	free(buf);
	return ok;
}

static bool
cutter_write(BkWriter *writer, const void *buf, size_t len, BkError *err)
{
	Cutter	   *cutter = (Cutter *) writer;
	const char *from = buf;

	while (len > 0)
	{
		uint64_t	room = cutter->spec.part_size - cutter->plain_size;
		size_t		chunk = len < room ? len : (size_t) room;

		if (room == 0)
		{
			/* The ends and beginnings of parts wait for the disk. */
			if (!is_wanted(cutter, err) || !finish_part(cutter, err) ||
				!is_wanted(cutter, err) || !open_part(cutter, err))
				return false;
			continue;
		}
		if (!bk_write(cutter->part, from, chunk, err))
			return false;
		cutter->plain_size += chunk;
		from += chunk;
		len -= chunk;
	}
	return true;
}

static bool
cutter_finish(BkWriter *writer, BkError *err)
{
	return finish_part((Cutter *) writer, err);
}

static void
cutter_close(BkWriter *writer)
{
	Cutter	   *cutter = (Cutter *) writer;

	bk_writer_close(cutter->part);
	free(cutter);
}

static bool
is_wanted(const Cutter *cutter, BkError *err)
{
	return !bk_async_given_up(cutter->queue) ||
		bk_error(err, BK_STATE_CANCELED, "the stream was given up");
}

/* Open the next part: storage first, then what wraps it. */
static bool
open_part(Cutter *cutter, BkError *err)
{
	char		name[BK_KEY_SIZE];
	char		key[BK_KEY_SIZE];
	BkWriter   *below;
	BkWriter   *chain;

	cutter->number++;
	cutter->plain_size = 0;
	cutter->size = 0;
	name_open_part(cutter, name);
	bk_layout_object(key, cutter->spec.id, name);
	if (!bk_storage_put(cutter->repo->storage, key, &below, err))
		return false;
	if ((chain = bk_hash_writer(below, cutter->sha256, err)) == NULL)
	{
		bk_writer_close(below);
		return false;
	}
	below = chain;
	if ((chain = bk_count_writer(below, &cutter->size, err)) == NULL)
	{
		bk_writer_close(below);
		return false;
	}
	/*
	 * The queue's thread is one; the codec may use what is left of "jobs". The
	 * contents are what a server must read again by itself.
	 */
	cutter->part = bk_chain_writer(chain, &cutter->codec, cutter->spec.jobs - 1,
								   cutter->repo->keys,
								   strcmp(cutter->spec.stream, BK_STREAM_CONTENTS) == 0, err);
	return cutter->part != NULL;
}

static bool
finish_part(Cutter *cutter, BkError *err)
{
	char		name[BK_KEY_SIZE];
	BkObject	object = {.name = name, .sha256 = cutter->sha256};
	bool		ok = bk_finish(cutter->part, err);

	bk_writer_close(cutter->part);
	cutter->part = NULL;
	if (!ok)
		return false;
	name_open_part(cutter, name);
	object.size = cutter->size;
	object.plain_size = cutter->plain_size;
	return append_object(cutter->objects, &object, err);
}

static void
name_open_part(const Cutter *cutter, char name[BK_KEY_SIZE])
{
	BkChain		chain = bk_chain_new(cutter->codec.codec, cutter->repo->keys);
	char		suffix[BK_CHAIN_SUFFIX_SIZE];

	bk_chain_suffix(&chain, suffix);
	bk_layout_part(name, cutter->spec.stream, cutter->number, suffix);
}

static bool
append_object(BkJson *objects, const BkObject *object, BkError *err)
{
	BkJson	   *json = bk_json_object();

	bk_json_put_string(json, "name", object->name);
	bk_json_put_string(json, "sha256", object->sha256);
	bk_json_put_int(json, "size", (int64_t) object->size);
	bk_json_put_int(json, "plain_size", (int64_t) object->plain_size);
	return bk_json_append(objects, json) || bk_error_memory(err);
}

static bool
joiner_read(BkReader *reader, void *buf, size_t len, size_t *got,
			BkError *err)
{
	Joiner	   *joiner = (Joiner *) reader;
	bool		more = true;

	*got = 0;
	while (joiner->part != NULL)
	{
		if (!bk_read(joiner->part, buf, len, got, err))
			return name_part(joiner, err);
		/* What is larger than it should be may be so without an end. */
		if (*got > 0 &&
			joiner->plain_size <= joiner->manifest->objects[joiner->index].plain_size)
			return true;
		if (*got > 0)
			return complain_plain(joiner, err);
		if (!compare_part(joiner, err) || !next_part(joiner, &more, err))
			return false;
	}
	return true;
}

static void
joiner_close(BkReader *reader)
{
	Joiner	   *joiner = (Joiner *) reader;

	bk_reader_close(joiner->part);
	free(joiner);
}

/* Open the part after the open one; *more is false after the last. */
static bool
next_part(Joiner *joiner, bool *more, BkError *err)
{
	const BkManifest *manifest = joiner->manifest;
	const BkObject *object;
	BkChain		form;
	BkReader   *below;
	BkReader   *chain;

	bk_reader_close(joiner->part);
	joiner->part = NULL;
	joiner->number++;
	joiner->size = joiner->plain_size = 0;

	/* The manifest lists the parts of a stream in order. */
	if (joiner->number > 1)
		joiner->index++;
	while (joiner->index < manifest->object_count &&
		   !belongs_to(&manifest->objects[joiner->index], joiner->stream))
		joiner->index++;
	*more = joiner->index < manifest->object_count;
	if (!*more)
		return true;

	object = &manifest->objects[joiner->index];
	if (!find_chain(joiner, object, &form, err))
		return false;
	below = stored_reader(joiner->repo, manifest, object, &joiner->size,
						  joiner->sha256, err);
	if (below == NULL)
		return false;
	below = bk_chain_reader(below, &form, joiner->repo->keys, err);
	if (below == NULL)
		return name_part(joiner, err);
	chain = bk_count_reader(below, &joiner->plain_size, err);
	if (chain == NULL)
		bk_reader_close(below);
	joiner->part = chain;
	return chain != NULL;
}

/* RESTORE.txt is an object of its own, all else are parts. */
static bool
belongs_to(const BkObject *object, const char *stream)
{
	return strcmp(object->name, stream) == 0 || bk_layout_is_part(object->name, stream);
}

static bool
find_chain(const Joiner *joiner, const BkObject *object, BkChain *chain,
		   BkError *err)
{
	char		name[BK_KEY_SIZE];
	size_t		len;

	if (strcmp(object->name, joiner->stream) == 0)
		return bk_chain_parse("", chain);
	bk_layout_part(name, joiner->stream, joiner->number, "");
	len = strlen(name);
	return (strncmp(object->name, name, len) == 0 &&
			bk_chain_parse(object->name + len, chain)) ||
		bk_error(err, BK_STATE_CORRUPT,
				 "the manifest lists object \"%s\" where part %u of \"%s\" should be",
				 object->name, joiner->number, joiner->stream);
}

static bool
compare_part(const Joiner *joiner, BkError *err)
{
	const BkObject *object = &joiner->manifest->objects[joiner->index];

	if (!compare_object(joiner->manifest, object, joiner->size,
						joiner->sha256, err))
		return false;
	return joiner->plain_size == object->plain_size || complain_plain(joiner, err);
}

static bool
complain_plain(const Joiner *joiner, BkError *err)
{
	const BkObject *object = &joiner->manifest->objects[joiner->index];

	bk_error(err, BK_STATE_CORRUPT,
			 "object \"%s\" of backup \"%s\" has another size than its manifest says",
			 object->name, joiner->manifest->id);
	return bk_error_detail(err, "It decodes to %s%llu bytes, expected were %llu.",
						   joiner->plain_size > object->plain_size ? "at least " : "",
						   (unsigned long long) joiner->plain_size,
						   (unsigned long long) object->plain_size);
}

/* Filters know no names: say of which object their complaint is. */
static bool
name_part(const Joiner *joiner, BkError *err)
{
	char		reason[sizeof(err->message)];

	if (bk_error_is(err, BK_STATE_REFUSED) && joiner->manifest->recipients != NULL)
		return refuse_part(joiner, err);
	if (!bk_error_is(err, BK_STATE_CORRUPT))
		return false;
	memcpy(reason, err->message, sizeof(reason));
	bk_error(err, BK_STATE_CORRUPT,
			 "object \"%s\" of backup \"%s\" is damaged",
			 joiner->manifest->objects[joiner->index].name,
			 joiner->manifest->id);
	return bk_error_detail(err, "It cannot be decoded: %s.", reason);
}

static bool
refuse_part(const Joiner *joiner, BkError *err)
{
	const BkManifest *manifest = joiner->manifest;
	char		what[512];
	char		reason[sizeof(err->detail)];

	snprintf(what, sizeof(what), "object \"%s\" of backup \"%s\"",
			 manifest->objects[joiner->index].name, manifest->id);
	bk_chain_refused(what, err);
	memcpy(reason, err->detail, sizeof(reason));
	return bk_error_detail(err, "%.1000s The backup is encrypted to %s%s.", reason,
						   bk_json_string(bk_json_at(manifest->recipients, 0), "?"),
						   bk_json_length(manifest->recipients) > 1 ? " and others" : "");
}

static bool
compare_object(const BkManifest *manifest, const BkObject *object,
			   uint64_t size, const char *sha256, BkError *err)
{
	if (size == object->size && strcmp(sha256, object->sha256) == 0)
		return true;
	bk_error(err, BK_STATE_CORRUPT,
			 "object \"%s\" of backup \"%s\" is damaged", object->name,
			 manifest->id);
	if (size != object->size)
		return bk_error_detail(err, "It has %llu bytes, the manifest says %llu.",
							   (unsigned long long) size,
							   (unsigned long long) object->size);
	return bk_error_detail(err, "Its SHA-256 is %s, the manifest says %s.",
						   sha256, object->sha256);
}

/* The innermost chain of reading: storage, digest, count. */
static BkReader *
stored_reader(BkRepository *repo, const BkManifest *manifest,
			  const BkObject *object, uint64_t *size, char *sha256,
			  BkError *err)
{
	char		key[BK_KEY_SIZE];
	BkReader   *below;
	BkReader   *chain;

	bk_layout_object(key, manifest->id, object->name);
	if (!bk_storage_get(repo->storage, key, &below, err))
		return NULL;
	if ((chain = bk_hash_reader(below, sha256, err)) != NULL)
	{
		below = chain;
		chain = bk_count_reader(below, size, err);
	}
	if (chain == NULL)
		bk_reader_close(below);
	return chain;
}
