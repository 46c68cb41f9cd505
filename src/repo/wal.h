/*
 * wal.h
 *	  The archived WAL of a repository.
 *
 * An object's name is that of the WAL file and a digest of its plain bytes
 * (repo/waldigest.h), so "the same content" is told by a listing. Another codec
 * of the same digest is the same content; two digests of one name are a
 * conflict, which nobody acknowledges and nobody is served (FORMAT.md, "WAL").
 */
#ifndef BK_REPO_WAL_H
#define BK_REPO_WAL_H

#include <stdbool.h>
#include <stdint.h>

#include "core/digest.h"
#include "core/stream.h"
#include "core/walname.h"
#include "repo/layout.h"
#include "repo/repository.h"

typedef enum BkWalState
{
	BK_WAL_MISSING,
	BK_WAL_STORED,
	BK_WAL_CONFLICT
} BkWalState;

typedef struct BkWalFound
{
	BkWalState	state;
	char		key[BK_KEY_SIZE];	/* the rest is empty if it is missing */
	char		digest[BK_DIGEST_HEX_SIZE]; /* of the plain bytes, by some key */
	uint64_t	size;			/* stored bytes */
	int64_t		modified;		/* UTC seconds, by the store's clock */
	char		other_key[BK_KEY_SIZE]; /* with BK_WAL_CONFLICT: a second one */
} BkWalFound;

/* Plain bytes to store. Make it with one of the functions below. */
typedef struct BkWalSource
{
	const void *data;			/* all of them; NULL: they are in fd */
	int			fd;				/* a file that is read by position */
	uint64_t	size;

	/*
	 * Called for each piece of work, with the bytes that were worked on;
	 * false ends the work with the error set here.
	 */
	bool		(*tick) (void *arg, uint64_t bytes, BkError *err);
	void	   *arg;			/* for tick */
} BkWalSource;

/*
 * A source with a tick that does nothing. A file of more than 64 MiB is read
 * twice, and it is an error (55000) if the second time gives other bytes; all
 * else is read once. Memory and descriptor stay the caller's.
 */
extern BkWalSource bk_wal_memory(const void *data, size_t size);
extern BkWalSource bk_wal_file(int fd, uint64_t size);

/* Look for a WAL file. That it is missing or in conflict is no error. */
extern bool bk_wal_find(BkRepository *repo, const char *system_identifier,
						const BkWalName *name, BkWalFound *found,
						BkError *err);

/*
 * Store a WAL file: look, put, look again. True means that exactly this
 * content stands under the name, durable and confirmed, as *found tells;
 * *fresh is false if it was there before. Another content is an error
 * (23505): what was there stays as it was.
 */
extern bool bk_wal_put(BkRepository *repo, const char *system_identifier,
					   const BkWalName *name, const BkWalSource *source,
					   const char *codec, BkWalFound *found, bool *fresh,
					   BkError *err);

/*
 * A reader of the plain bytes of what was found. The digest is checked before
 * the end is reported (XX001). A file in conflict is refused (23505), and so is
 * one that no identity opens, or that none of our keys has named (28000).
 */
extern BkReader *bk_wal_reader(BkRepository *repo, const BkWalFound *found,
							   BkError *err);

/* Called for each archived file, borrowed for the call; false ends the walk. */
typedef bool (*BkWalVisit) (void *arg, const BkWalName *name,
							const BkWalFound *found, BkError *err);

/*
 * Visit every archived file of a timeline (0: of all) in byte order of the
 * keys: of each timeline its history, then the segments in order, each followed
 * by its .backup and .partial. The state is always BK_WAL_STORED: a
 * conflict shows as two visits of one name with two digests, the same content
 * in two codecs as two with the same.
 */
extern bool bk_wal_walk(BkRepository *repo, const char *system_identifier,
						uint32_t timeline, BkWalVisit visit, void *arg,
						BkError *err);

#endif
