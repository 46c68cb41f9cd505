/*
 * zstd.h
 *	  zstd frames (RFC 8878).
 */
#ifndef BK_FILTER_ZSTD_H
#define BK_FILTER_ZSTD_H

#include "core/error.h"
#include "core/stream.h"

/*
 * See BkCodec in codec.h. The window is at most 8 MiB, which every decoder must
 * support (RFC 8878, 3.1.1.1.2). Further threads are the library's own; they
 * inherit the signal mask of the thread that writes first.
 */
extern BkWriter *bk_zstd_writer(BkWriter *next, int level, int threads,
							   BkError *err);

/* See BkCodec in codec.h. A window over 8 MiB is refused. */
extern BkReader *bk_zstd_reader(BkReader *below, BkError *err);

#endif
