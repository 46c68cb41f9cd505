/*
 * s3_page.h
 *	  What the pages of all listings of an S3 store have in common. Used by the
 *	  S3 driver only.
 */
#ifndef BK_STORAGE_S3_PAGE_H
#define BK_STORAGE_S3_PAGE_H

#include "storage/s3_client.h"

/* The store's prefix and the beginning of a key; the caller frees it. */
extern char *bk_s3_page_beginning(const BkS3 *s3, const char *beginning,
								  BkError *err);

/*
 * Take the percent-encoding off a text that a store has encoded, where it
 * stands. Errors: not encoded so, or a NUL in it (08P01).
 */
extern bool bk_s3_page_decode(const BkS3 *s3, char *text, BkError *err);

/* A number of bytes, and a time in UTC seconds (else 08P01). */
extern bool bk_s3_page_size(const BkS3 *s3, const char *text, uint64_t *size,
							BkError *err);
extern bool bk_s3_page_time(const BkS3 *s3, const char *text, int64_t *time,
							BkError *err);

/* Put a copy of the text in the place of another. */
extern bool bk_s3_page_keep(char **kept, const char *text, BkError *err);

/* The listing cannot be believed (08P01). Returns false. */
extern bool bk_s3_page_odd(const BkS3 *s3, const char *why, BkError *err);

#endif
