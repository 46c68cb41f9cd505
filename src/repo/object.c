/*
 * object.c
 *	  Write the streams of a backup.
 *
 * In the order in which the bytes pass:
 *	  queue and thread > cut into parts > chain > count > digest > storage
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

static const BkWriterOps cutter_ops = {
	.write = cutter_write,
	.finish = cutter_finish,
	.close = cutter_close,
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
