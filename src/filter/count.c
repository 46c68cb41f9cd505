/*
 * count.c
 *	  Filters that count the bytes that pass.
 */
#include "filter/count.h"

#include <stdlib.h>

typedef struct CountWriter
{
	BkWriter	base;
	BkWriter   *next;
	uint64_t   *count;
} CountWriter;

typedef struct CountReader
{
	BkReader	base;
	BkReader   *below;
	uint64_t   *count;
} CountReader;

static bool count_write(BkWriter *writer, const void *buf, size_t len,
						BkError *err);
static bool count_finish(BkWriter *writer, BkError *err);
static void count_close_writer(BkWriter *writer);
static bool count_read(BkReader *reader, void *buf, size_t len, size_t *got,
					   BkError *err);
static void count_close_reader(BkReader *reader);

static const BkWriterOps count_writer_ops = {
	.write = count_write,
	.finish = count_finish,
	.close = count_close_writer,
};

static const BkReaderOps count_reader_ops = {
	.read = count_read,
	.close = count_close_reader,
};

BkWriter *
bk_count_writer(BkWriter *next, uint64_t *count, BkError *err)
{
	CountWriter *self = malloc(sizeof(*self));

	if (self == NULL)
	{
		bk_error_memory(err);
		return NULL;
	}
	self->base.ops = &count_writer_ops;
	self->next = next;
	self->count = count;
	return &self->base;
}

BkReader *
bk_count_reader(BkReader *below, uint64_t *count, BkError *err)
{
	CountReader *self = malloc(sizeof(*self));

	if (self == NULL)
	{
		bk_error_memory(err);
		return NULL;
	}
	self->base.ops = &count_reader_ops;
	self->below = below;
	self->count = count;
	return &self->base;
}

static bool
count_write(BkWriter *writer, const void *buf, size_t len, BkError *err)
{
	CountWriter *self = (CountWriter *) writer;

	if (!bk_write(self->next, buf, len, err))
		return false;
	*self->count += len;
	return true;
}

static bool
count_finish(BkWriter *writer, BkError *err)
{
	return bk_finish(((CountWriter *) writer)->next, err);
}

static void
count_close_writer(BkWriter *writer)
{
	bk_writer_close(((CountWriter *) writer)->next);
	free(writer);
}

static bool
count_read(BkReader *reader, void *buf, size_t len, size_t *got,
		   BkError *err)
{
	CountReader *self = (CountReader *) reader;

	if (!bk_read(self->below, buf, len, got, err))
		return false;
	*self->count += *got;
	return true;
}

static void
count_close_reader(BkReader *reader)
{
	bk_reader_close(((CountReader *) reader)->below);
	free(reader);
}
