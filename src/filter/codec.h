/*
 * codec.h
 *	  Compressions by name and by the suffix of an object's name.
 *
 * What a codec writes is one standard frame that the stock tool reads (zstd,
 * gzip, lz4), with a checksum of the content. What it reads may be several
 * frames one after another; anything else behind the last frame, a frame that
 * is cut, no frame at all and a wrong checksum are errors (XX001).
 */
#ifndef BK_FILTER_CODEC_H
#define BK_FILTER_CODEC_H

#include <stdbool.h>
#include <stddef.h>

#include "core/error.h"
#include "core/stream.h"

typedef struct BkCodec
{
	const char *name;			/* as in settings */
	const char *suffix;			/* of object names, with its dot, or "" */
	int			min_level;		/* all three 0: there are no levels */
	int			max_level;
	int			default_level;

	/*
	 * A writer that compresses into next, at a level between min and max.
	 * threads says how many further threads may be used; 0 is none, and a
	 * codec that has no use for them takes none. NULL on failure.
	 */
	BkWriter   *(*compress) (BkWriter *next, int level, int threads,
							 BkError *err);

	/* A reader of the plain bytes of what below gives. NULL on failure. */
	BkReader   *(*decompress) (BkReader *below, BkError *err);
} BkCodec;

typedef struct BkCodecSpec
{
	const BkCodec *codec;
	int			level;
} BkCodecSpec;

/* The codec at a place in the table, NULL behind the last. */
extern const BkCodec *bk_codec_at(size_t index);

/* The codec of this name, NULL if there is none. */
extern const BkCodec *bk_codec_by_name(const char *name);

/* The codec of exactly this suffix (".zst", ""), NULL if there is none. */
extern const BkCodec *bk_codec_by_suffix(const char *suffix);

/*
 * Read "name" or "name:level". An unknown name or a level that the codec does
 * not have is an error (22023) that lists what there is.
 */
extern bool bk_codec_parse(const char *text, BkCodecSpec *spec, BkError *err);

#endif
