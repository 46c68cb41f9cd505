/*
 * hash.c
 *	  Filters that compute the SHA-256 of what passes.
 */
#include "filter/hash.h"

#include <stdlib.h>

typedef struct HashWriter
{
	BkWriter	base;
	BkWriter   *next;
	BkDigest   *digest;
	char	   *hex;
} HashWriter;

typedef struct HashReader
{
	BkReader	base;
	BkReader   *below;
	BkDigest   *digest;
	char	   *hex;
	bool		ended;			/* the digest is final */
} HashReader;

static bool hash_write(BkWriter *writer, const void *buf, size_t len,
					   BkError *err);
static bool hash_finish(BkWriter *writer, BkError *err);
static void hash_close_writer(BkWriter *writer);
static bool hash_read(BkReader *reader, void *buf, size_t len, size_t *got,
					  BkError *err);
static void hash_close_reader(BkReader *reader);

static const BkWriterOps hash_writer_ops = {
	.write = hash_write,
	.finish = hash_finish,
	.close = hash_close_writer,
};

static const BkReaderOps hash_reader_ops = {
	.read = hash_read,
	.close = hash_close_reader,
};

BkWriter *
bk_hash_writer(BkWriter *next, char hex[BK_DIGEST_HEX_SIZE], BkError *err)
{
	HashWriter *self = malloc(sizeof(*self));

	if (self == NULL)
	{
		bk_error_memory(err);
		return NULL;
	}
	self->digest = bk_digest_new(err);
	if (self->digest == NULL)
	{
		free(self);
		return NULL;
	}
	self->base.ops = &hash_writer_ops;
	self->next = next;
	self->hex = hex;
	return &self->base;
}

BkReader *
bk_hash_reader(BkReader *below, char hex[BK_DIGEST_HEX_SIZE], BkError *err)
{
	HashReader *self = malloc(sizeof(*self));

	if (self == NULL)
	{
		bk_error_memory(err);
		return NULL;
	}
	self->digest = bk_digest_new(err);
	if (self->digest == NULL)
	{
		free(self);
		return NULL;
	}
	self->base.ops = &hash_reader_ops;
	self->below = below;
	self->hex = hex;
	self->ended = false;
	return &self->base;
}

static bool
hash_write(BkWriter *writer, const void *buf, size_t len, BkError *err)
{
	HashWriter *self = (HashWriter *) writer;

	return bk_digest_update(self->digest, buf, len, err) &&
		bk_write(self->next, buf, len, err);
}

static bool
hash_finish(BkWriter *writer, BkError *err)
{
	HashWriter *self = (HashWriter *) writer;

	return bk_finish(self->next, err) &&
		bk_digest_final_hex(self->digest, self->hex, err);
}

static void
hash_close_writer(BkWriter *writer)
{
	HashWriter *self = (HashWriter *) writer;

	bk_digest_free(self->digest);
	bk_writer_close(self->next);
	free(self);
}

static bool
hash_read(BkReader *reader, void *buf, size_t len, size_t *got, BkError *err)
{
	HashReader *self = (HashReader *) reader;

	*got = 0;
	if (self->ended)
		return true;
	if (!bk_read(self->below, buf, len, got, err))
		return false;
	if (*got > 0)
		return bk_digest_update(self->digest, buf, *got, err);
	self->ended = true;
	return bk_digest_final_hex(self->digest, self->hex, err);
}

static void
hash_close_reader(BkReader *reader)
{
	HashReader *self = (HashReader *) reader;

	bk_digest_free(self->digest);
	bk_reader_close(self->below);
	free(self);
}
