/*
 * fallback.h
 *	  Reading from several repositories: what one cannot give, the next may.
 *
 * A handle that was opened here stands for the first repository that can be
 * read, and has the ones behind it in reserve. What was found out about them
 * is shared by all handles of a run, so that no thread asks again for what
 * another one has found damaged, or waits again for a store that is away.
 */
#ifndef BK_REPO_FALLBACK_H
#define BK_REPO_FALLBACK_H

#include <stdbool.h>
#include <stddef.h>

#include "core/host.h"
#include "repo/repository.h"

typedef struct BkFallback BkFallback;

/*
 * Open the first of these that can be read. What the targets point to, but for
 * URLs and ids, must outlive all handles. The error is that of the first one.
 */
extern BkRepository *bk_fallback_open(const BkRepositoryTarget *targets,
									  size_t count, BkError *err);

/* A handle for another thread, of the same repositories. */
extern BkRepository *bk_fallback_again(const BkRepository *repo, BkError *err);

/*
 * The one behind a repository, NULL if there is none that can be read. It is
 * closed with that.
 */
extern BkRepository *bk_fallback_next(BkRepository *repo);

/*
 * The repository of a chain in which an object is to be looked for: the first
 * one that has not been found to lack it. Any handle will do for "repo".
 */
extern BkRepository *bk_fallback_first(BkRepository *repo, const char *key);

/*
 * An object could not be read in *repo. Remember that, and go to the next
 * repository that may have it; false if there is none, or if the run was
 * canceled. *err stays as it is.
 */
extern bool bk_fallback_go_on(BkRepository **repo, const char *key,
							  const BkError *err);

/*
 * How often something had to be read elsewhere so far: a whole operation that
 * failed may be worth another attempt if that has grown.
 */
extern size_t bk_fallback_count(const BkRepository *repo);

/* From the main thread: log a warning for each that was not told yet. */
extern void bk_fallback_tell(const BkRepository *repo, const BkHost *host);

/* For repository.c: a handle is closed. NULL is allowed. */
extern void bk_fallback_leave(BkFallback *fallback);

#endif
