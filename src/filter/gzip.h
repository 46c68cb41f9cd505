/*
 * gzip.h
 *	  gzip streams (RFC 1952), through zlib.
 */
#ifndef BK_FILTER_GZIP_H
#define BK_FILTER_GZIP_H

#include "core/error.h"
#include "core/stream.h"

/*
 * See BkCodec in codec.h. The header has no name and no time: equal bytes give
 * equal output.
 */
extern BkWriter *bk_gzip_writer(BkWriter *next, int level, int threads,
							   BkError *err);

/* See BkCodec in codec.h. */
extern BkReader *bk_gzip_reader(BkReader *below, BkError *err);

#endif
