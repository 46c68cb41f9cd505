/*
 * none.c
 *	  No compression: bytes pass as they are.
 */
#include "filter/none.h"

#include <stdlib.h>

typedef struct NoneWriter
{
	BkWriter	base;
	BkWriter   *next;
} NoneWriter;

typedef struct NoneReader
{
	BkReader	base;
	BkReader   *below;
} NoneReader;

static bool none_write(BkWriter *writer, const void *buf, size_t len,
					   BkError *err);
static bool none_finish(BkWriter *writer, BkError *err);
static void none_close_writer(BkWriter *writer);
static bool none_read(BkReader *reader, void *buf, size_t len, size_t *got,
					  BkError *err);
static void none_close_reader(BkReader *reader);

static const BkWriterOps none_writer_ops = {
	.write = none_write,
	.finish = none_finish,
	.close = none_close_writer,
};

static const BkReaderOps none_reader_ops = {
	.read = none_read,
	.close = none_close_reader,
};

BkWriter *
bk_none_writer(BkWriter *next, int level, int threads, BkError *err)
{
	NoneWriter *self = malloc(sizeof(*self));

	(void) level;
	(void) threads;
	if (self == NULL)
	{
		bk_error_memory(err);
		return NULL;
	}
	self->base.ops = &none_writer_ops;
	self->next = next;
	return &self->base;
}

BkReader *
bk_none_reader(BkReader *below, BkError *err)
{
	NoneReader *self = malloc(sizeof(*self));

	if (self == NULL)
	{
		bk_error_memory(err);
		return NULL;
	}
	self->base.ops = &none_reader_ops;
	self->below = below;
	return &self->base;
}

static bool
none_write(BkWriter *writer, const void *buf, size_t len, BkError *err)
{
	return bk_write(((NoneWriter *) writer)->next, buf, len, err);
}

static bool
none_finish(BkWriter *writer, BkError *err)
{
	return bk_finish(((NoneWriter *) writer)->next, err);
}

static void
none_close_writer(BkWriter *writer)
{
	bk_writer_close(((NoneWriter *) writer)->next);
	free(writer);
}

static bool
none_read(BkReader *reader, void *buf, size_t len, size_t *got, BkError *err)
{
	return bk_read(((NoneReader *) reader)->below, buf, len, got, err);
}

static void
none_close_reader(BkReader *reader)
{
	bk_reader_close(((NoneReader *) reader)->below);
	free(reader);
}
