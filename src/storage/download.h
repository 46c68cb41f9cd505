/*
 * download.h
 *	  Reading an object of a store over the network as a stream: in ranges
 *	  that several threads fetch ahead.
 */
#ifndef BK_STORAGE_DOWNLOAD_H
#define BK_STORAGE_DOWNLOAD_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "core/buf.h"
#include "core/error.h"
#include "core/stream.h"

/* What one request asks for. */
#define BK_DOWNLOAD_RANGE	((uint64_t) 8 * 1024 * 1024)

typedef struct BkDownload BkDownload;

typedef struct BkDownloadOps
{
	/*
	 * Take a connection for one thread, whose waits *cancel ends, as the host
	 * does; give it back. NULL on failure.
	 */
	void	   *(*take) (BkDownload *download, const atomic_bool *cancel,
						 BkError *err);
	void		(*give) (void *connection);

	/*
	 * Fetch the first range, or all if the object is smaller; a missing one is
	 * an error (58P01). Sets the size, and keeps what tells that later ranges
	 * are of the same version.
	 */
	bool		(*first) (BkDownload *download, void *connection, BkBuf *data,
						  BkError *err);

	/*
	 * Fetch len bytes from an offset on: exactly those, of the version that
	 * was begun with. Several threads may be at it.
	 */
	bool		(*fetch) (BkDownload *download, void *connection,
						  uint64_t from, uint64_t len, BkBuf *data,
						  BkError *err);

	/* Free the driver's part of it. */
	void		(*free) (BkDownload *download);
} BkDownloadOps;

/* A driver's download begins with this. */
struct BkDownload
{
	const BkDownloadOps *ops;
	int			jobs;			/* ranges that may be in flight */
	uint64_t	size;			/* of the object; "first" finds it */
};

/*
 * Open an object. Its beginning has been read when this returns. Takes the
 * download over, also if it fails: then it is freed, and the reader is NULL.
 */
extern BkReader *bk_download_open(BkDownload *download, BkError *err);

#endif
