/*
 * put.h
 *	  Writing the objects of a posix store. Used by posix.c only.
 */
#ifndef BK_STORAGE_PUT_H
#define BK_STORAGE_PUT_H

#include "core/error.h"
#include "core/stream.h"

/*
 * Start an object below the root; "put" in storage.h has the rules. The place
 * names the root in messages; both must outlive the writer. NULL on failure.
 */
extern BkWriter *bk_put_open(int root, const char *place, const char *key,
							 BkError *err);

/* Make sure that an object is durable; "sync" in storage.h has the rules. */
extern bool bk_put_sync(int root, const char *place, const char *key,
						BkError *err);

#endif
