/*
 * catalogue.h
 *	  What workers write into the extension's tables. The repository is the
 *	  truth; these tables are a cache of it, and the history of runs.
 *
 * Every function here is one short transaction of its own, raises an error if
 * it fails, and leaves the caller's memory context current.
 */
#ifndef BK_SERVER_CATALOGUE_H
#define BK_SERVER_CATALOGUE_H

#include "datatype/timestamp.h"
#include "utils/jsonb.h"

#include "server/shared.h"
#include "server/urls.h"

/* The repositories of a run, as the tables know them. */
typedef struct BkRepository
{
	const char *url;			/* of one, or a list as in the setting */
	char		id[BK_URLS_MAX * 64];	/* in the same order, with a space
										 * between; "-": not known */
} BkRepository;

/*
 * Prepares a worker's session: safe search_path, bounded waits for locks, no
 * waiting for standbys, whatever is set for the database.
 */
extern void bk_catalogue_prepare_session(void);

/* Is the extension installed in this database? */
extern bool bk_catalogue_is_installed(void);

/* Writes the row of a run as it is now; checks may be NULL, else a JSON text. */
extern void bk_catalogue_write_run(const BkRun *run, const char *checks);

/* Closes rows of runs that are under way in the table, but not in this server. */
extern void bk_catalogue_close_lost_runs(void);

/* Looks up the ids of the repositories at repository->url. */
extern void bk_catalogue_find_repository(BkRepository *repository);

/*
 * Remembers what was said about the repository at a URL in a "repository"
 * event. A new id means another repository: what is known of the old one goes.
 */
extern void bk_catalogue_put_repository(const char *url, Jsonb *event);

/* Adds or replaces a backup by a "backup" event. */
extern void bk_catalogue_put_backup(const char *url, Jsonb *event);

/* Adds or replaces a named restore point by a "mark" event. */
extern void bk_catalogue_put_mark(const char *url, Jsonb *event);

/*
 * Adds or replaces what is known of the WAL of one timeline by a "wal" event of
 * a program that was started at the given time.
 */
extern void bk_catalogue_put_wal_range(const char *url, Jsonb *event,
									   TimestampTz since);

/* Adds or replaces a clone by a "restored" event. */
extern void bk_catalogue_put_clone(Jsonb *event, const char *created_by);

/* Takes a clone out. */
extern void bk_catalogue_remove_clone(const char *directory);

/* Notes that a backup is about to be taken off the list: it may be gone soon. */
extern void bk_catalogue_begin_deletion(const char *url, const char *id);

/* Takes a backup out. */
extern void bk_catalogue_remove_backup(const char *url, const char *id);

/* Takes a backup out that is missing; false: no such one is. */
extern bool bk_catalogue_forget_missing(const char *id);

/*
 * Takes out the backups, marks and WAL that a sync, begun at the given time, has
 * not seen. A backup that was not deleted here stays as a missing one, and so
 * does a loss of WAL, unless they are accepted.
 */
extern void bk_catalogue_remove_unseen(const char *url, TimestampTz since,
									   bool accept);

/* How many backups are there in the repositories that are set now? */
extern int64 bk_catalogue_count_backups(void);

/*
 * For PG_CATCH: logs the error, ends the transaction that it broke, makes the
 * context current, and takes the error as an outcome.
 */
extern void bk_catalogue_catch(BkOutcome *outcome, MemoryContext context);

#endif							/* BK_SERVER_CATALOGUE_H */
