/*
 * upload.h
 *	  Writing an object of a store over the network as a stream: in parts that
 *	  several threads send.
 *
 * A part is kept until the store has acknowledged it, so that it can be sent
 * again; how many parts are kept bounds the memory. What fits in one part is
 * stored with one request.
 */
#ifndef BK_STORAGE_UPLOAD_H
#define BK_STORAGE_UPLOAD_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>

#include "core/error.h"
#include "core/stream.h"

/* Each part but the last has this size. */
#define BK_UPLOAD_PART_SIZE	((size_t) 8 * 1024 * 1024)

typedef struct BkUpload BkUpload;

/* How a driver carries it out. Only "send" is called by several threads. */
typedef struct BkUploadOps
{
	/*
	 * Take a connection for one thread, whose waits *cancel ends, as the host
	 * does; give it back. NULL on failure.
	 */
	void	   *(*take) (BkUpload *upload, const atomic_bool *cancel,
						 BkError *err);
	void		(*give) (void *connection);

	/* Store all there is, and confirm it. */
	bool		(*whole) (BkUpload *upload, const void *data, size_t len,
						  BkError *err);

	/* Begin an upload in parts. Called once, before the first part. */
	bool		(*begin) (BkUpload *upload, void *connection, BkError *err);

	/* There will be a part of this number, from 1: is there room for it? */
	bool		(*expect) (BkUpload *upload, int number, BkError *err);

	/* Send a part. */
	bool		(*send) (BkUpload *upload, void *connection, int number,
						 const void *data, size_t len, BkError *err);

	/* Make an object of so many parts, and confirm it. */
	bool		(*complete) (BkUpload *upload, void *connection, int count,
							 BkError *err);

	/* It was begun and will not be completed. Takes seconds at most. */
	void		(*abandon) (BkUpload *upload);

	/* Free the driver's part of it. */
	void		(*free) (BkUpload *upload);
} BkUploadOps;

/* A driver's upload begins with this. */
struct BkUpload
{
	const BkUploadOps *ops;
	int			jobs;			/* parts that may be in flight */
};

/*
 * Start an object. Takes the upload over, also if it fails: then it is freed,
 * and the writer is NULL.
 */
extern BkWriter *bk_upload_open(BkUpload *upload, BkError *err);

#endif
