/*
 * put.h
 *	  Writing the objects of a posix store. Used by posix.c only.
 */
#ifndef BK_STORAGE_PUT_H
#define BK_STORAGE_PUT_H

#include "core/error.h"
#include "core/file.h"
#include "core/stream.h"

/*
 * Start an object below the root; "put" in storage.h has the rules. The place
 * names the root in messages; both must outlive the writer. *known is the
 * folder that was written to last. NULL on failure.
 */
extern BkWriter *bk_put_open(int root, const char *place, BkFileFolder *known,
							 const char *key, BkError *err);

/* Put an object at once; "store" in storage.h has the rules. */
extern bool bk_put_store(int root, const char *place, BkFileFolder *known,
						 const char *key, const void *data, size_t len,
						 BkError *err);

/* Make sure that an object is durable; "sync" in storage.h has the rules. */
extern bool bk_put_sync(int root, const char *place, const char *key,
						BkError *err);

#endif
