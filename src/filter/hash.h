/*
 * hash.h
 *	  Filters that compute the SHA-256 of what passes.
 */
#ifndef BK_FILTER_HASH_H
#define BK_FILTER_HASH_H

#include "core/digest.h"
#include "core/error.h"
#include "core/stream.h"

/*
 * A writer that passes everything on. Its finish fills hex, which must live
 * that long, once the writer below has finished. NULL on failure.
 */
extern BkWriter *bk_hash_writer(BkWriter *next, char hex[BK_DIGEST_HEX_SIZE],
								BkError *err);

/*
 * A reader that passes everything on, and fills hex, which must live that
 * long, when it reports the end of data. NULL on failure.
 */
extern BkReader *bk_hash_reader(BkReader *below, char hex[BK_DIGEST_HEX_SIZE],
								BkError *err);

#endif
