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
 * everything. All signals are blocked in the thread. NULL on failure.
 *
 * While write or finish waits for the thread it calls tick(arg) several times
 * a second, in the thread of its caller; if tick fails, so do they, at once
 * and with its error.
 *
 * Close without a finish that succeeded drops what is queued. It waits for
 * the one call of next's write or finish that the thread is in: nothing can
 * interrupt a thread in fsync(2), and what it works on must not be freed
 * below it.
 */
extern BkWriter *bk_async_writer(BkWriter *next,
								 bool (*tick) (void *arg, BkError *err),
								 void *arg, BkError *err);

/*
 * For what is below, in the thread: has this writer been given up? What takes
 * time may be left out then; the write fails, and nobody looks at its error.
 */
extern bool bk_async_given_up(BkWriter *writer);

#endif
