/*
 * same.h
 *	  Comparing what is stored with what was to be stored.
 */
#ifndef BK_STORAGE_SAME_H
#define BK_STORAGE_SAME_H

#include "core/digest.h"
#include "core/stream.h"

/* A piece of an object. */
typedef struct BkSamePart
{
	size_t		size;
	unsigned char sha256[BK_DIGEST_SIZE];
} BkSamePart;

/*
 * A writer for an object that is there already: what is written is compared
 * with a reader of that, and other content is an error (42710). Takes the
 * reader over, also if it fails. The place must outlive the writer. NULL on
 * failure.
 */
extern BkWriter *bk_same_open(BkReader *there, const char *key,
							  const char *place, BkError *err);

/*
 * Is what is read made of these parts? "parts" are count records of "stride"
 * bytes that begin with a BkSamePart.
 */
extern bool bk_same_parts(BkReader *reader, const void *parts, size_t stride,
						  int count, bool *same, BkError *err);

#endif
