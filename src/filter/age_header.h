/*
 * age_header.h
 *	  The header of an age file: the file key, wrapped for each recipient, and
 *	  a MAC over it all.
 */
#ifndef BK_FILTER_AGE_HEADER_H
#define BK_FILTER_AGE_HEADER_H

#include <stddef.h>

#include "core/buf.h"
#include "core/error.h"
#include "filter/age.h"

#define BK_AGE_FILE_KEY_SIZE	16
#define BK_AGE_HEADER_MAX		(64 * 1024)

/* Make a file key and a header that gives it to all recipients. */
extern bool bk_age_header_make(const BkAgeRecipient *recipients, size_t count,
							   unsigned char file_key[BK_AGE_FILE_KEY_SIZE],
							   BkBuf *header, BkError *err);

/*
 * Read the header at the beginning of len bytes, *used of which it is, and
 * unwrap the file key. Fewer than BK_AGE_HEADER_MAX bytes are all there are.
 * Errors as in age.h.
 */
extern bool bk_age_header_open(const char *text, size_t len, size_t *used,
							   const BkAgeIdentity *identities, size_t count,
							   unsigned char file_key[BK_AGE_FILE_KEY_SIZE],
							   BkError *err);

#endif
