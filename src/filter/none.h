/*
 * none.h
 *	  No compression: bytes pass as they are.
 */
#ifndef BK_FILTER_NONE_H
#define BK_FILTER_NONE_H

#include "core/error.h"
#include "core/stream.h"

/*
 * A writer that passes everything on; level and threads mean nothing.
 */
extern BkWriter *bk_none_writer(BkWriter *next, int level, int threads,
							   BkError *err);

/* A reader that passes everything on. */
extern BkReader *bk_none_reader(BkReader *below, BkError *err);

#endif
