/*
 * s3_probe.h
 *	  What an S3 store can do. Used by the S3 driver only.
 */
#ifndef BK_STORAGE_S3_PROBE_H
#define BK_STORAGE_S3_PROBE_H

#include "storage/storage.h"

/* "probe" in storage.h has the rules. */
extern bool bk_s3_probe(BkStorage *storage, bool write,
						BkStorageFinding finding, void *arg, BkError *err);

#endif
