/*
 * ahead.h
 *	  WAL that recovery will ask for next, fetched before it asks.
 *
 * A process in the background keeps the next segments in a folder of its own
 * in pg_wal, where handing one over is a rename. It is only a help: whatever
 * goes wrong with it, the caller fetches what it needs by itself. DESIGN-NOTES
 * say what it may and may not do.
 */
#ifndef BK_JOB_AHEAD_H
#define BK_JOB_AHEAD_H

#include <stdbool.h>
#include <sys/types.h>

#include "core/host.h"
#include "core/walname.h"
#include "repo/repository.h"
#include "repo/urls.h"

/* The folder, in that of the files to restore. */
#define BK_AHEAD_FOLDER		"backup_ext.ahead"

/*
 * In it: a lock that the process holds as long as it lives, with who it works
 * for as its text, and the name of what was last fetched without it.
 */
#define BK_AHEAD_LOCK		"lock"
#define BK_AHEAD_LAST		"last"

typedef struct BkAhead
{
	int			wal;			/* the folder of the files to restore */
	const char *wal_path;		/* its name, from the current folder */
	mode_t		mode;			/* of what is put there */
	const char *data_directory; /* of the server that recovers */
	BkRepositoryTarget sources[BK_URLS_MAX];
	size_t		source_count;
	const char *system_identifier;
	int			jobs;			/* threads that may fetch */
} BkAhead;

/*
 * Hand over what was fetched ahead: *taken says whether "name" stands as
 * "target" now. Waits for what is being fetched. False only if the host wants
 * to stop.
 */
extern bool bk_ahead_take(const BkAhead *ahead, const BkWalName *name,
						  const char *target, const BkHost *host, bool *taken,
						  BkError *err);

/*
 * The caller has fetched this segment itself, and "size" is the size of all:
 * let the next ones be fetched, by the process that does so already or by a
 * new one.
 */
extern void bk_ahead_go_on(const BkAhead *ahead, const BkWalName *name,
						   uint64_t size, const BkHost *host);

/* The text of the lock, which the caller frees; NULL if memory is out. */
extern char *bk_ahead_purpose(const BkAhead *ahead);

#endif
