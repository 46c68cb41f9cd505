/*
 * stream.c
 *	  The reader and the writer over memory, and reading a stream to its end.
 */
#include "core/stream.h"

#include <stdlib.h>
#include <string.h>

#include "core/buf.h"

#define READ_ALL_STEP	(64 * 1024)

typedef struct MemoryReader
{
	BkReader	base;
	const char *data;
	size_t		left;
} MemoryReader;

typedef struct MemoryWriter
{
	BkWriter	base;
	BkBuf	   *buf;
} MemoryWriter;

static bool memory_read(BkReader *reader, void *buf, size_t len, size_t *got,
						BkError *err);
static void memory_close(BkReader *reader);
static bool memory_write(BkWriter *writer, const void *buf, size_t len,
						 BkError *err);
static bool memory_finish(BkWriter *writer, BkError *err);
static void memory_close_writer(BkWriter *writer);
static bool append_to_end(BkReader *reader, size_t max, BkBuf *buf,
						  BkError *err);

static const BkReaderOps memory_ops = {
	.read = memory_read,
	.close = memory_close,
};

static const BkWriterOps memory_writer_ops = {
	.write = memory_write,
	.finish = memory_finish,
	.close = memory_close_writer,
};

BkReader *
bk_memory_reader(const void *data, size_t len, BkError *err)
{
	MemoryReader *memory = malloc(sizeof(*memory));

	if (memory == NULL)
	{
		bk_error_memory(err);
		return NULL;
	}
	memory->base.ops = &memory_ops;
	memory->data = data;
	memory->left = len;
	return &memory->base;
}

BkWriter *
bk_memory_writer(BkBuf *buf, BkError *err)
{
	MemoryWriter *memory = malloc(sizeof(*memory));

	if (memory == NULL)
	{
		bk_error_memory(err);
		return NULL;
	}
	memory->base.ops = &memory_writer_ops;
	memory->buf = buf;
	return &memory->base;
}

bool
bk_drain(BkReader *reader, const BkHost *host, uint64_t *total, BkError *err)
{
	char	   *buf = malloc(BK_STREAM_BUFFER);
	size_t		got = 1;
	bool		ok = buf != NULL || bk_error_memory(err);

	*total = 0;
	while (ok && got > 0)
	{
		ok = bk_go_on(host, err) &&
			bk_read(reader, buf, BK_STREAM_BUFFER, &got, err);
		*total += ok ? got : 0;
	}
	free(buf);
	return ok;
}

bool
bk_read_all(BkReader *reader, size_t max, char **data, size_t *len,
			BkError *err)
{
	BkBuf		buf;

	bk_buf_init(&buf);
	if (!append_to_end(reader, max, &buf, err))
	{
		bk_buf_free(&buf);
		return false;
	}
	*len = buf.len;
	*data = bk_buf_take(&buf, err);
	return *data != NULL;
}

static bool
memory_read(BkReader *reader, void *buf, size_t len, size_t *got,
			BkError *err)
{
	MemoryReader *memory = (MemoryReader *) reader;
	size_t		step = len < memory->left ? len : memory->left;

	(void) err;
	if (step > 0)
		memcpy(buf, memory->data, step);
	memory->data += step;
	memory->left -= step;
	*got = step;
	return true;
}

static void
memory_close(BkReader *reader)
{
	free(reader);
}

static bool
memory_write(BkWriter *writer, const void *buf, size_t len, BkError *err)
{
	MemoryWriter *memory = (MemoryWriter *) writer;

	bk_buf_append(memory->buf, buf, len);
	return bk_buf_check(memory->buf, err);
}

static bool
memory_finish(BkWriter *writer, BkError *err)
{
	return bk_buf_check(((MemoryWriter *) writer)->buf, err);
}

static void
memory_close_writer(BkWriter *writer)
{
	free(writer);
}

static bool
append_to_end(BkReader *reader, size_t max, BkBuf *buf, BkError *err)
{
	size_t		got;

	do
	{
		if (!bk_buf_reserve(buf, READ_ALL_STEP))
			return bk_error_memory(err);
		if (!bk_read(reader, buf->data + buf->len, READ_ALL_STEP, &got, err))
			return false;
		buf->len += got;
		buf->data[buf->len] = '\0';
		if (buf->len > max)
			return bk_error(err, BK_STATE_TOO_LARGE,
							"data is larger than the limit of %zu bytes", max);
	} while (got > 0);
	return true;
}
