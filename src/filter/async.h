/*
 * async.h
 *	  A writer that lets a thread of its own do the writing below.
 */
#ifndef BK_FILTER_ASYNC_H
#define BK_FILTER_ASYNC_H

#include "core/error.h"
#include "core/stream.h"

/*
 * What is written goes through a bounded queue (four buffers of
 * BK_STREAM_BUFFER) to a thread, in which next's write and finish run; its
 * close runs in the thread that closes this writer, when the other has ended.
 * An error below is reported by the next write or by finish, which waits for
 * everything. Close without finish drops what is queued and waits for the
 * write in progress only. All signals are blocked in the thread. NULL on
 * failure.
 */
extern BkWriter *bk_async_writer(BkWriter *next, BkError *err);

#endif
