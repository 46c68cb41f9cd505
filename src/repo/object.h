/*
 * object.h
 *	  Streams of a backup as stored objects.
 *
 * A stream is cut into parts of bounded size. Each part is one object, a
 * complete frame of its codec, and a complete age file where it is encrypted;
 * the decoded parts concatenate to the stream.
 */
#ifndef BK_REPO_OBJECT_H
#define BK_REPO_OBJECT_H

#include <stdbool.h>
#include <stdint.h>

#include "core/host.h"
#include "core/stream.h"
#include "repo/repository.h"

typedef struct BkObjectSpec
{
	const char *id;				/* of the backup */
	const char *stream;			/* archive.dump, ... */
	const char *codec;			/* zstd:1 */
	int			jobs;			/* threads that may be used */
	uint64_t	part_size;		/* plain bytes per part, 0: 32 GiB */

	/* Called several times a second while a writer waits; false ends that. */
	bool		(*tick) (void *arg, BkError *err);
	void	   *arg;			/* for tick */
} BkObjectSpec;

/*
 * A writer that compresses and encrypts, in a thread of its own, and stores.
 * Every part that is complete and durable is appended to "objects" in the
 * manifest's form; look at it only after finish. The strings of spec and the
 * array stay the caller's and must live until close.
 */
extern BkWriter *bk_object_writer(BkRepository *repo, const BkObjectSpec *spec,
								  BkJson *objects, BkError *err);

/* Store a text as it is, as one object outside any stream. */
extern bool bk_object_put_text(BkRepository *repo, const char *id,
							   const char *name, const char *text,
							   BkJson *objects, BkError *err);

/*
 * A reader of the plain bytes of a stream, or of an object outside any. Sizes
 * and digests of the stored bytes and sizes of the plain bytes are compared
 * with the manifest before the end is reported (XX001). Manifest and name must
 * outlive it. No such stream: 42704; no private key that opens it: 28000.
 * With several repositories (repo/fallback.h) each part comes from the first
 * one that has it whole.
 * After a failure it may be read again, and gives the same error.
 */
extern BkReader *bk_object_reader(BkRepository *repo,
								  const BkManifest *manifest,
								  const char *stream, BkError *err);

/*
 * Read one object's stored bytes and compare them with the manifest (XX001).
 * It takes no private key.
 */
extern bool bk_object_check(BkRepository *repo, const BkManifest *manifest,
							const BkObject *object, const BkHost *host,
							BkError *err);

#endif
