/*
 * same.h
 *	  A writer for an object that is there already: it accepts only what that
 *	  has.
 */
#ifndef BK_STORAGE_SAME_H
#define BK_STORAGE_SAME_H

#include "core/stream.h"

/*
 * Compare what is written with a reader of what is there; other content is an
 * error (42710). Takes the reader over, also if it fails. The place must
 * outlive the writer. NULL on failure.
 */
extern BkWriter *bk_same_open(BkReader *there, const char *key,
							  const char *place, BkError *err);

#endif
