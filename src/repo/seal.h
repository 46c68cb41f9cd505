/*
 * seal.h
 *	  The seal on the repository's small JSON files.
 *
 * A manifest, a note or a sentinel carries a digest over its other members,
 * so that a flipped bit or a cut file is never taken for good. FORMAT.md says
 * how it is computed.
 */
#ifndef BK_REPO_SEAL_H
#define BK_REPO_SEAL_H

#include <stdbool.h>

#include "core/json.h"

/* Put the member "seal" into an object, in place of any it has. */
extern bool bk_seal_put(BkJson *object, BkError *err);

/*
 * Check the member "seal" and the format version of an object that was read.
 * "what" names the file. Errors: no seal or another digest (XX001), a format
 * or a required feature that this program does not know (0A000).
 */
extern bool bk_seal_check(BkJson *object, const char *what, BkError *err);

#endif
