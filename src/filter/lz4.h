/*
 * lz4.h
 *	  lz4 frames (LZ4 Frame Format Description, lz4_Frame_format.md).
 */
#ifndef BK_FILTER_LZ4_H
#define BK_FILTER_LZ4_H

#include "core/error.h"
#include "core/stream.h"

/*
 * See BkCodec in codec.h.
 */
extern BkWriter *bk_lz4_writer(BkWriter *next, int level, int threads,
							   BkError *err);

/* See BkCodec in codec.h. */
extern BkReader *bk_lz4_reader(BkReader *below, BkError *err);

#endif
