/*
 * zstd.c
 *	  zstd frames (RFC 8878), through libzstd.
 *
 * The library's return value from the decoder is 0 exactly at the end of a
 * frame; that is the only place where the data below may end.
 */
#include "filter/zstd.h"

#include <stdlib.h>
#include <zstd.h>

#define ZSTD_WINDOW_LOG		23	/* 8 MiB */
#define ZSTD_JOB_SIZE		(1024 * 1024)

/*
 * At this level the library's tables do not fit into a processor's nearer
 * caches. With these, pages, COPY text and WAL take a fifth less time, and are
 * not larger.
 */
#define ZSTD_TUNED_LEVEL	3
#define ZSTD_TUNED_HASH_LOG 16
#define ZSTD_TUNED_CHAIN_LOG 15

typedef struct ZstdWriter
{
	BkWriter	base;
	BkWriter   *next;
	ZSTD_CCtx  *ctx;
	char		out[BK_STREAM_BUFFER];
} ZstdWriter;

typedef struct ZstdReader
{
	BkReader	base;
	BkReader   *below;
	ZSTD_DCtx  *ctx;
	ZSTD_inBuffer input;		/* what is left of "in" */
	size_t		hint;			/* 0: between two frames */
	bool		ended;			/* the reader below has no more */
	char		in[BK_STREAM_BUFFER];
} ZstdReader;

static bool zstd_write(BkWriter *writer, const void *buf, size_t len,
					   BkError *err);
static bool zstd_finish(BkWriter *writer, BkError *err);
static void zstd_close_writer(BkWriter *writer);
static bool zstd_read(BkReader *reader, void *buf, size_t len, size_t *got,
					  BkError *err);
static void zstd_close_reader(BkReader *reader);
static bool set_up(ZSTD_CCtx *ctx, int level, int threads, BkError *err);
static bool set(ZSTD_CCtx *ctx, ZSTD_cParameter parameter, int value,
				BkError *err);
static bool compress(ZstdWriter *self, ZSTD_inBuffer *input,
					 ZSTD_EndDirective mode, size_t *left, BkError *err);
static bool refill(ZstdReader *self, BkError *err);

static const BkWriterOps zstd_writer_ops = {
	.write = zstd_write,
	.finish = zstd_finish,
	.close = zstd_close_writer,
};

static const BkReaderOps zstd_reader_ops = {
	.read = zstd_read,
	.close = zstd_close_reader,
};

BkWriter *
bk_zstd_writer(BkWriter *next, int level, int threads, BkError *err)
{
	ZstdWriter *self = calloc(1, sizeof(*self));

	if (self != NULL)
		self->ctx = ZSTD_createCCtx();
	if (self == NULL || self->ctx == NULL)
	{
		free(self);
		bk_error_memory(err);
		return NULL;
	}
	if (!set_up(self->ctx, level, threads, err))
	{
		ZSTD_freeCCtx(self->ctx);
		free(self);
		return NULL;
	}
	self->base.ops = &zstd_writer_ops;
	self->next = next;
	return &self->base;
}

BkReader *
bk_zstd_reader(BkReader *below, BkError *err)
{
	ZstdReader *self = calloc(1, sizeof(*self));

	if (self != NULL)
		self->ctx = ZSTD_createDCtx();
	if (self == NULL || self->ctx == NULL ||
		ZSTD_isError(ZSTD_DCtx_setParameter(self->ctx, ZSTD_d_windowLogMax,
											ZSTD_WINDOW_LOG)))
	{
		if (self != NULL)
			ZSTD_freeDCtx(self->ctx);
		free(self);
		bk_error_memory(err);
		return NULL;
	}
	self->base.ops = &zstd_reader_ops;
	self->below = below;
	self->hint = 1;
	self->input.src = self->in;
	return &self->base;
}

static bool
zstd_write(BkWriter *writer, const void *buf, size_t len, BkError *err)
{
	ZstdWriter *self = (ZstdWriter *) writer;
	ZSTD_inBuffer input = {buf, len, 0};
	size_t		left;

	while (input.pos < input.size)
	{
		if (!compress(self, &input, ZSTD_e_continue, &left, err))
			return false;
	}
	return true;
}

static bool
zstd_finish(BkWriter *writer, BkError *err)
{
	ZstdWriter *self = (ZstdWriter *) writer;
	ZSTD_inBuffer input = {NULL, 0, 0};
	size_t		left;

	do
	{
		if (!compress(self, &input, ZSTD_e_end, &left, err))
			return false;
	} while (left > 0);
	return bk_finish(self->next, err);
}

static void
zstd_close_writer(BkWriter *writer)
{
	ZstdWriter *self = (ZstdWriter *) writer;

	ZSTD_freeCCtx(self->ctx);
	bk_writer_close(self->next);
	free(self);
}

static bool
zstd_read(BkReader *reader, void *buf, size_t len, size_t *got, BkError *err)
{
	ZstdReader *self = (ZstdReader *) reader;
	ZSTD_outBuffer output = {buf, len, 0};
	size_t		before;

	while (output.pos == 0)
	{
		if (self->input.pos == self->input.size && !refill(self, err))
			return false;
		if (self->ended && self->hint == 0)
			break;

		/* The decoder may hold more output, so it is asked also at the end. */
		before = self->input.pos;
		self->hint = ZSTD_decompressStream(self->ctx, &output, &self->input);
		if (ZSTD_isError(self->hint))
			return bk_error(err, BK_STATE_CORRUPT, "zstd data is corrupt: %s",
							ZSTD_getErrorName(self->hint));
		if (self->ended && output.pos == 0 && self->input.pos == before)
			return bk_error(err, BK_STATE_CORRUPT, "zstd data ends early");
	}
	*got = output.pos;
	return true;
}

static void
zstd_close_reader(BkReader *reader)
{
	ZstdReader *self = (ZstdReader *) reader;

	ZSTD_freeDCtx(self->ctx);
	bk_reader_close(self->below);
	free(self);
}

/*
 * With workers the library cuts the input into jobs and holds several in
 * memory; small jobs keep that at 14 MB for level 3 and eight workers
 * (measured with libzstd 1.5.4). A library built without threads refuses
 * workers and does the work itself.
 */
static bool
set_up(ZSTD_CCtx *ctx, int level, int threads, BkError *err)
{
	if (!set(ctx, ZSTD_c_compressionLevel, level, err) ||
		!set(ctx, ZSTD_c_checksumFlag, 1, err))
		return false;
	if (level == ZSTD_TUNED_LEVEL &&
		(!set(ctx, ZSTD_c_hashLog, ZSTD_TUNED_HASH_LOG, err) ||
		 !set(ctx, ZSTD_c_chainLog, ZSTD_TUNED_CHAIN_LOG, err)))
		return false;
	if (threads == 0 ||
		ZSTD_isError(ZSTD_CCtx_setParameter(ctx, ZSTD_c_nbWorkers, threads)))
		return true;
	return set(ctx, ZSTD_c_jobSize, ZSTD_JOB_SIZE, err);
}

static bool
set(ZSTD_CCtx *ctx, ZSTD_cParameter parameter, int value, BkError *err)
{
	size_t		result = ZSTD_CCtx_setParameter(ctx, parameter, value);

	if (ZSTD_isError(result))
		return bk_error(err, BK_STATE_SYSTEM, "could not set up zstd: %s",
						ZSTD_getErrorName(result));
	return true;
}

/* One step; *left is 0 when the mode has nothing more to do. */
static bool
compress(ZstdWriter *self, ZSTD_inBuffer *input, ZSTD_EndDirective mode,
		 size_t *left, BkError *err)
{
	ZSTD_outBuffer output = {self->out, sizeof(self->out), 0};

	*left = ZSTD_compressStream2(self->ctx, &output, input, mode);
	if (ZSTD_isError(*left))
		return bk_error(err, BK_STATE_SYSTEM, "could not compress: %s",
						ZSTD_getErrorName(*left));
	return output.pos == 0 ||
		bk_write(self->next, self->out, output.pos, err);
}

static bool
refill(ZstdReader *self, BkError *err)
{
	if (self->ended)
		return true;
	self->input.pos = 0;
	self->input.size = 0;
	if (!bk_read(self->below, self->in, sizeof(self->in), &self->input.size,
				 err))
		return false;
	self->ended = self->input.size == 0;
	return true;
}
