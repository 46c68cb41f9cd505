/*
 * stream.h
 *	  Streams: bytes are pulled from a reader and pushed into a writer.
 *
 * Storage gives the innermost stream, filters wrap it. A stream owns the one
 * it wraps: closing the outermost closes the chain. A constructor that fails
 * leaves the stream below with its caller.
 */
#ifndef BK_CORE_STREAM_H
#define BK_CORE_STREAM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/buf.h"
#include "core/error.h"
#include "core/host.h"

/* The unit in which data moves through a chain. */
#define BK_STREAM_BUFFER	(256 * 1024)

typedef struct BkReader BkReader;
typedef struct BkWriter BkWriter;

typedef struct BkReaderOps
{
	/*
	 * Put up to len bytes (len > 0) into buf, which stays the caller's. *got
	 * is 0 at the end of data only; a short read is not the end. A reader
	 * that knows digests or lengths checks them before it reports the end.
	 * After a failure the only legal call is close.
	 */
	bool		(*read) (BkReader *reader, void *buf, size_t len, size_t *got,
						 BkError *err);

	/* Free the reader and the reader below. Called once, at any time. */
	void		(*close) (BkReader *reader);
} BkReaderOps;

struct BkReader
{
	const BkReaderOps *ops;
};

typedef struct BkWriterOps
{
	/*
	 * Take all of the len bytes (len may be 0). The buffer stays the
	 * caller's and may be reused on return. After a failure the only legal
	 * call is close.
	 */
	bool		(*write) (BkWriter *writer, const void *buf, size_t len,
						  BkError *err);

	/*
	 * The data is complete: flush it and finish the writer below. True means
	 * that everything arrived and, for storage, is durable. Called at most
	 * once; afterwards only close may follow.
	 */
	bool		(*finish) (BkWriter *writer, BkError *err);

	/*
	 * Free the writer and the writer below. Without a finish before it, what
	 * was written is abandoned and leaves nothing behind. Called once.
	 */
	void		(*close) (BkWriter *writer);
} BkWriterOps;

struct BkWriter
{
	const BkWriterOps *ops;
};

static inline bool
bk_read(BkReader *reader, void *buf, size_t len, size_t *got, BkError *err)
{
	return reader->ops->read(reader, buf, len, got, err);
}

static inline bool
bk_write(BkWriter *writer, const void *buf, size_t len, BkError *err)
{
	return writer->ops->write(writer, buf, len, err);
}

static inline bool
bk_finish(BkWriter *writer, BkError *err)
{
	return writer->ops->finish(writer, err);
}

/* Close a reader; NULL is allowed, so that failing paths stay short. */
static inline void
bk_reader_close(BkReader *reader)
{
	if (reader != NULL)
		reader->ops->close(reader);
}

/* Close a writer; NULL is allowed. */
static inline void
bk_writer_close(BkWriter *writer)
{
	if (writer != NULL)
		writer->ops->close(writer);
}

/* A reader over len bytes at data, which must outlive it. NULL: no memory. */
extern BkReader *bk_memory_reader(const void *data, size_t len, BkError *err);

/*
 * A writer that appends to a buffer, which must outlive it. Its finish fails
 * if memory has run out. NULL: no memory.
 */
extern BkWriter *bk_memory_writer(BkBuf *buf, BkError *err);

/*
 * Read to the end, where a reader checks what it knows, and drop the bytes.
 * *total counts them.
 */
extern bool bk_drain(BkReader *reader, const BkHost *host, uint64_t *total,
					 BkError *err);

/*
 * Read up to max bytes to the end of the stream into a fresh, NUL-terminated
 * buffer, *data (the caller frees it). More than max is an error (54000).
 */
extern bool bk_read_all(BkReader *reader, size_t max, char **data, size_t *len,
						BkError *err);

#endif
