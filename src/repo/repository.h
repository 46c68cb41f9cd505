/*
 * repository.h
 *	  A repository: the storage behind a URL, with its sentinels checked.
 *
 * Nobody writes into a place that was not made a repository on purpose, and
 * no server writes into a repository that does not know it (repo/writer.h). An
 * unmounted disk, a foreign bucket and a clone all fail before anything
 * happens.
 */
#ifndef BK_REPO_REPOSITORY_H
#define BK_REPO_REPOSITORY_H

#include <stdbool.h>
#include <stddef.h>

#include "core/json.h"
#include "repo/keys.h"
#include "repo/label.h"
#include "repo/manifest.h"
#include "repo/seal.h"
#include "storage/storage.h"

typedef struct BkRepository
{
	BkStorage  *storage;
	BkStorageAccess access;
	BkKeys	   *keys;			/* NULL: none were given */
	BkSealTrust trust;			/* in what one of us must have written */
	char	   *url;
	char		id[17];			/* 16 characters that never change */
	char		created_at[32];
	char	   *abilities;		/* of its store, in words; NULL: not asked for */
	bool		encrypted;		/* it was created to be */
	bool		authenticated;	/* it was created with a repository key */

	/* Of one among several (repo/fallback.h). */
	struct BkFallback *fallback;	/* NULL: it stands alone */
	size_t		place;			/* its number, from 0 */
	struct BkRepository *next;	/* the next one that can be read, once needed */
} BkRepository;

typedef struct BkRepositoryTarget
{
	const char *url;
	const char *expected_id;	/* NULL: any repository will do */
	BkStorageAccess access;
	const char *key_file;		/* both NULL or "": there is none (repo/keys.h) */
	const char *identity_file;
	bool		unauthenticated;	/* believe also what anybody can have written */
} BkRepositoryTarget;

/*
 * Start a repository on an empty place. Nobody is registered in it yet. What
 * keys it is given it will ask for, see bk_repository_require_keys(). Errors:
 * the place is not empty (55000), already a repository (42710), and those of
 * the keys and the storage.
 */
extern BkRepository *bk_repository_create(const BkRepositoryTarget *target,
										  BkError *err);

/*
 * Open a repository for reading. Errors: no sentinel (58P01), another
 * repository than expected (55000), and those of the keys and the storage.
 */
extern BkRepository *bk_repository_open(const BkRepositoryTarget *target,
										BkError *err);

/* Find out what its store can do; with write, by trying. */
extern bool bk_repository_probe(BkRepository *repo, bool write, BkError *err);

/* Close and free; NULL is allowed. */
extern void bk_repository_close(BkRepository *repo);

/*
 * Are the keys there that the repository was created with? A server that lost
 * its setting must not write plain data into an encrypted one: 55000.
 */
extern bool bk_repository_require_keys(const BkRepository *repo, BkError *err);

/* Store a small text under a new key. */
extern bool bk_repository_put_text(BkRepository *repo, const char *key,
								   const char *text, BkError *err);

/* Seal a JSON object, store it under a new key and free it, also on failure. */
extern bool bk_repository_put_json(BkRepository *repo, const char *key,
								   BkJson *json, BkError *err);

/*
 * Read a small sealed JSON file of at most max bytes; the caller frees it. With
 * BK_SEAL_AUTHENTIC it must be from one of us, unless the target said that
 * everything is believed.
 */
extern BkJson *bk_repository_get_json(BkRepository *repo, const char *key,
									  size_t max, BkSealTrust trust,
									  BkError *err);

/* Read the manifest of a listed backup. No such backup: 42704. */
extern BkManifest *bk_repository_manifest(BkRepository *repo, const char *id,
										  BkError *err);

/* Is the backup listed? */
extern bool bk_repository_is_listed(BkRepository *repo, const char *id,
									bool *listed, BkError *err);

/*
 * Store a manifest: from here on the backup is listed. On failure it may be
 * listed or not; see bk_repository_unlist(). A manifest that readers would
 * refuse for its size is an error (54000).
 */
extern bool bk_repository_commit(BkRepository *repo, BkManifest *manifest,
								 BkError *err);

/* Remove a manifest, if it is there: from here on the backup is not listed. */
extern bool bk_repository_unlist(BkRepository *repo, const char *id,
								 BkError *err);

/* Called for each id; false with an error ends the walk. */
typedef bool (*BkRepositoryVisit) (void *arg, const char *id, BkError *err);

/* Walk the ids of all listed backups in order of time. */
extern bool bk_repository_walk(BkRepository *repo, BkRepositoryVisit visit,
							   void *arg, BkError *err);

/* Remove a backup's objects and notes. Only for one that is not listed. */
extern bool bk_repository_remove_data(BkRepository *repo, const char *id,
									  BkError *err);

#endif
