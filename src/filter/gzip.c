/*
 * gzip.c
 *	  gzip streams (RFC 1952), through zlib.
 *
 * The data below may end only behind a member's trailer, which zlib has
 * checked (CRC and length) when it says Z_STREAM_END.
 */
#include "filter/gzip.h"

#include <stdlib.h>
#include <zlib.h>

#define GZIP_WINDOW_BITS	(15 + 16)	/* 32 kB, gzip header and trailer */
#define GZIP_MEMORY_LEVEL	8			/* zlib's default */

typedef struct GzipWriter
{
	BkWriter	base;
	BkWriter   *next;
	z_stream	z;
	unsigned char out[BK_STREAM_BUFFER];
} GzipWriter;

typedef struct GzipReader
{
	BkReader	base;
	BkReader   *below;
	z_stream	z;
	bool		in_member;		/* false: between two members */
	bool		any_member;
	bool		ended;			/* the reader below has no more */
	unsigned char in[BK_STREAM_BUFFER];
} GzipReader;

static bool gzip_write(BkWriter *writer, const void *buf, size_t len,
					   BkError *err);
static bool gzip_finish(BkWriter *writer, BkError *err);
static void gzip_close_writer(BkWriter *writer);
static bool gzip_read(BkReader *reader, void *buf, size_t len, size_t *got,
					  BkError *err);
static void gzip_close_reader(BkReader *reader);
static bool compress_step(GzipWriter *self, int flush, bool *more,
						  BkError *err);
static bool refill(GzipReader *self, BkError *err);
static bool inflate_step(GzipReader *self, BkError *err);
static unsigned slice(size_t len);

static const BkWriterOps gzip_writer_ops = {
	.write = gzip_write,
	.finish = gzip_finish,
	.close = gzip_close_writer,
};

static const BkReaderOps gzip_reader_ops = {
	.read = gzip_read,
	.close = gzip_close_reader,
};

BkWriter *
bk_gzip_writer(BkWriter *next, int level, int threads, BkError *err)
{
	GzipWriter *self = calloc(1, sizeof(*self));

	(void) threads;
	if (self == NULL ||
		deflateInit2(&self->z, level, Z_DEFLATED, GZIP_WINDOW_BITS,
					 GZIP_MEMORY_LEVEL, Z_DEFAULT_STRATEGY) != Z_OK)
	{
		free(self);
		bk_error_memory(err);
		return NULL;
	}
	self->base.ops = &gzip_writer_ops;
	self->next = next;
	return &self->base;
}

BkReader *
bk_gzip_reader(BkReader *below, BkError *err)
{
	GzipReader *self = calloc(1, sizeof(*self));

	if (self == NULL || inflateInit2(&self->z, GZIP_WINDOW_BITS) != Z_OK)
	{
		free(self);
		bk_error_memory(err);
		return NULL;
	}
	self->base.ops = &gzip_reader_ops;
	self->below = below;
	return &self->base;
}

static bool
gzip_write(BkWriter *writer, const void *buf, size_t len, BkError *err)
{
	GzipWriter *self = (GzipWriter *) writer;
	const unsigned char *next = buf;
	bool		more;

	while (len > 0)
	{
		unsigned	step = slice(len);

		self->z.next_in = (unsigned char *) next;
		self->z.avail_in = step;
		next += step;
		len -= step;
		do
		{
			if (!compress_step(self, Z_NO_FLUSH, &more, err))
				return false;
		} while (more);
	}
	return true;
}

static bool
gzip_finish(BkWriter *writer, BkError *err)
{
	GzipWriter *self = (GzipWriter *) writer;
	bool		more;

	self->z.next_in = NULL;
	self->z.avail_in = 0;
	do
	{
		if (!compress_step(self, Z_FINISH, &more, err))
			return false;
	} while (more);
	return bk_finish(self->next, err);
}

static void
gzip_close_writer(BkWriter *writer)
{
	GzipWriter *self = (GzipWriter *) writer;

	deflateEnd(&self->z);
	bk_writer_close(self->next);
	free(self);
}

static bool
gzip_read(BkReader *reader, void *buf, size_t len, size_t *got, BkError *err)
{
	GzipReader *self = (GzipReader *) reader;
	unsigned	room = slice(len);

	self->z.next_out = buf;
	self->z.avail_out = room;
	while (self->z.avail_out == room)
	{
		if (self->z.avail_in == 0 && !refill(self, err))
			return false;
		if (self->ended && !self->in_member && self->any_member)
			break;
		if (!inflate_step(self, err))
			return false;
	}
	*got = room - self->z.avail_out;
	return true;
}

static void
gzip_close_reader(BkReader *reader)
{
	GzipReader *self = (GzipReader *) reader;

	inflateEnd(&self->z);
	bk_reader_close(self->below);
	free(self);
}

/* Fill the output once and pass it on; *more if the output was too small. */
static bool
compress_step(GzipWriter *self, int flush, bool *more, BkError *err)
{
	int			result;

	self->z.next_out = self->out;
	self->z.avail_out = sizeof(self->out);
	result = deflate(&self->z, flush);
	if (result == Z_STREAM_ERROR)
		return bk_error(err, BK_STATE_SYSTEM, "could not compress: %s",
						zError(result));
	*more = flush == Z_FINISH ? result != Z_STREAM_END : self->z.avail_out == 0;
	return self->z.avail_out == sizeof(self->out) ||
		bk_write(self->next, self->out,
				 sizeof(self->out) - self->z.avail_out, err);
}

static bool
refill(GzipReader *self, BkError *err)
{
	size_t		got;

	if (self->ended)
		return true;
	if (!bk_read(self->below, self->in, sizeof(self->in), &got, err))
		return false;
	self->z.next_in = self->in;
	self->z.avail_in = (unsigned) got;
	self->ended = got == 0;
	return true;
}

/* Without input, inflate still gives what it holds back, or Z_BUF_ERROR. */
static bool
inflate_step(GzipReader *self, BkError *err)
{
	int			result;

	if (!self->in_member)
		inflateReset(&self->z);
	self->in_member = true;
	self->any_member = true;
	result = inflate(&self->z, Z_NO_FLUSH);
	self->in_member = result != Z_STREAM_END;
	if (result == Z_OK || result == Z_STREAM_END)
		return true;
	if (result == Z_BUF_ERROR)
		return bk_error(err, BK_STATE_CORRUPT, "gzip data ends early");
	if (result == Z_MEM_ERROR)
		return bk_error_memory(err);
	return bk_error(err, BK_STATE_CORRUPT, "gzip data is corrupt: %s",
					self->z.msg != NULL ? self->z.msg : zError(result));
}

/* zlib counts in unsigned. */
static unsigned
slice(size_t len)
{
	return len < BK_STREAM_BUFFER ? (unsigned) len : BK_STREAM_BUFFER;
}
