/*
 * count.h
 *	  Filters that count the bytes that pass.
 */
#ifndef BK_FILTER_COUNT_H
#define BK_FILTER_COUNT_H

#include <stdint.h>

#include "core/error.h"
#include "core/stream.h"

/*
 * A writer that passes everything on and adds to *count, which must outlive
 * it, what the writer below has taken. NULL on failure.
 */
extern BkWriter *bk_count_writer(BkWriter *next, uint64_t *count,
								 BkError *err);

/* A reader that passes everything on and adds to *count. NULL on failure. */
extern BkReader *bk_count_reader(BkReader *below, uint64_t *count,
								 BkError *err);

#endif
