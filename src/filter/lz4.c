/*
 * lz4.c
 *	  lz4 frames, through liblz4.
 *
 * The decoder's return value is 0 exactly at the end of a frame; that is the
 * only place where the data below may end.
 */
#include "filter/lz4.h"

#include <lz4frame.h>
#include <stdlib.h>

typedef struct Lz4Writer
{
	BkWriter	base;
	BkWriter   *next;
	LZ4F_cctx  *ctx;
	LZ4F_preferences_t preferences;
	bool		begun;			/* the frame's header is written */
	char	   *out;
	size_t		out_size;		/* enough for a slice of BK_STREAM_BUFFER */
} Lz4Writer;

typedef struct Lz4Reader
{
	BkReader	base;
	BkReader   *below;
	LZ4F_dctx  *ctx;
	size_t		start;			/* what is left of "in" */
	size_t		end;
	size_t		hint;			/* 0: between two frames */
	bool		ended;			/* the reader below has no more */
	char		in[BK_STREAM_BUFFER];
} Lz4Reader;

static bool lz4_write(BkWriter *writer, const void *buf, size_t len,
					  BkError *err);
static bool lz4_finish(BkWriter *writer, BkError *err);
static void lz4_close_writer(BkWriter *writer);
static bool lz4_read(BkReader *reader, void *buf, size_t len, size_t *got,
					 BkError *err);
static void lz4_close_reader(BkReader *reader);
static bool begin(Lz4Writer *self, BkError *err);
static bool pass_on(Lz4Writer *self, size_t result, BkError *err);
static bool refill(Lz4Reader *self, BkError *err);

static const BkWriterOps lz4_writer_ops = {
	.write = lz4_write,
	.finish = lz4_finish,
	.close = lz4_close_writer,
};

static const BkReaderOps lz4_reader_ops = {
	.read = lz4_read,
	.close = lz4_close_reader,
};

BkWriter *
bk_lz4_writer(BkWriter *next, int level, int threads, BkError *err)
{
	Lz4Writer  *self = calloc(1, sizeof(*self));

	(void) threads;
	if (self == NULL)
	{
		bk_error_memory(err);
		return NULL;
	}
	self->base.ops = &lz4_writer_ops;
	self->preferences.compressionLevel = level;
	self->preferences.frameInfo.blockSizeID = LZ4F_max256KB;
	self->preferences.frameInfo.contentChecksumFlag = LZ4F_contentChecksumEnabled;
	self->out_size = LZ4F_compressBound(BK_STREAM_BUFFER, &self->preferences) +
		LZ4F_HEADER_SIZE_MAX;
	self->out = malloc(self->out_size);
	if (self->out == NULL ||
		LZ4F_isError(LZ4F_createCompressionContext(&self->ctx, LZ4F_VERSION)))
	{
		/* next is still the caller's. */
		lz4_close_writer(&self->base);
		bk_error_memory(err);
		return NULL;
	}
	self->next = next;
	return &self->base;
}

BkReader *
bk_lz4_reader(BkReader *below, BkError *err)
{
	Lz4Reader  *self = calloc(1, sizeof(*self));

	if (self == NULL ||
		LZ4F_isError(LZ4F_createDecompressionContext(&self->ctx, LZ4F_VERSION)))
	{
		free(self);
		bk_error_memory(err);
		return NULL;
	}
	self->base.ops = &lz4_reader_ops;
	self->below = below;
	self->hint = 1;
	return &self->base;
}

static bool
lz4_write(BkWriter *writer, const void *buf, size_t len, BkError *err)
{
	Lz4Writer  *self = (Lz4Writer *) writer;
	const char *next = buf;

	if (!begin(self, err))
		return false;
	while (len > 0)
	{
		size_t		step = len < BK_STREAM_BUFFER ? len : BK_STREAM_BUFFER;
		size_t		result = LZ4F_compressUpdate(self->ctx, self->out,
												 self->out_size, next, step,
												 NULL);

		if (!pass_on(self, result, err))
			return false;
		next += step;
		len -= step;
	}
	return true;
}

static bool
lz4_finish(BkWriter *writer, BkError *err)
{
	Lz4Writer  *self = (Lz4Writer *) writer;

	if (!begin(self, err) ||
		!pass_on(self, LZ4F_compressEnd(self->ctx, self->out, self->out_size,
										NULL), err))
		return false;
	return bk_finish(self->next, err);
}

static void
lz4_close_writer(BkWriter *writer)
{
	Lz4Writer  *self = (Lz4Writer *) writer;

	LZ4F_freeCompressionContext(self->ctx);
	bk_writer_close(self->next);
	free(self->out);
	free(self);
}

static bool
lz4_read(BkReader *reader, void *buf, size_t len, size_t *got, BkError *err)
{
	Lz4Reader  *self = (Lz4Reader *) reader;
	size_t		room = 0;
	size_t		used;

	while (room == 0)
	{
		if (self->start == self->end && !refill(self, err))
			return false;
		if (self->ended && self->hint == 0)
			break;
		room = len;
		used = self->end - self->start;
		self->hint = LZ4F_decompress(self->ctx, buf, &room,
									 self->in + self->start, &used, NULL);
		if (LZ4F_isError(self->hint))
			return bk_error(err, BK_STATE_CORRUPT, "lz4 data is corrupt: %s",
							LZ4F_getErrorName(self->hint));
		self->start += used;
		if (self->ended && room == 0)
			return bk_error(err, BK_STATE_CORRUPT, "lz4 data ends early");
	}
	*got = room;
	return true;
}

static void
lz4_close_reader(BkReader *reader)
{
	Lz4Reader  *self = (Lz4Reader *) reader;

	LZ4F_freeDecompressionContext(self->ctx);
	bk_reader_close(self->below);
	free(self);
}

static bool
begin(Lz4Writer *self, BkError *err)
{
	if (self->begun)
		return true;
	self->begun = true;
	return pass_on(self, LZ4F_compressBegin(self->ctx, self->out,
											self->out_size,
											&self->preferences), err);
}

/* Write what the library has put into "out", if it succeeded. */
static bool
pass_on(Lz4Writer *self, size_t result, BkError *err)
{
	if (LZ4F_isError(result))
		return bk_error(err, BK_STATE_SYSTEM, "could not compress: %s",
						LZ4F_getErrorName(result));
	return result == 0 || bk_write(self->next, self->out, result, err);
}

static bool
refill(Lz4Reader *self, BkError *err)
{
	if (self->ended)
		return true;
	self->start = 0;
	self->end = 0;
	if (!bk_read(self->below, self->in, sizeof(self->in), &self->end, err))
		return false;
	self->ended = self->end == 0;
	return true;
}
