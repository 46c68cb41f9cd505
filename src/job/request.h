/*
 * request.h
 *	  What a verb is asked to do: one plain struct for all of them.
 *
 * The command line and the agent both fill it, so a verb cannot tell who
 * asks. Strings are borrowed and live as long as the run; NULL means that the
 * argument was not given.
 */
#ifndef BK_JOB_REQUEST_H
#define BK_JOB_REQUEST_H

#include <stdbool.h>
#include <stdint.h>

#include "core/host.h"

/* Where nothing else is said. */
#define BK_DEFAULT_COMPRESSION	"zstd:1"

/* An argument that may be given several times. */
#define BK_REQUEST_LIST_MAX		128
typedef struct BkRequestList
{
	const char *items[BK_REQUEST_LIST_MAX];
	int			count;
} BkRequestList;

typedef struct BkRequest
{
	/* Where. */
	const char *repository;		/* URL */
	const char *repository_id;	/* what must be found there */
	const char *credentials_file;	/* of the store */
	const char *key_file;		/* recipients, repository key (repo/keys.h) */
	const char *identity_file;	/* the owner's private key */
	bool		unauthenticated;	/* believe what nobody vouches for */
	const char *system_identifier;	/* the cluster that asks */
	const char *data_directory; /* and the copy of it */
	const char *fence;			/* why it may not write; "": it may */
	const char *conninfo;		/* libpq conninfo without a database */
	const char *role;
	const char *home;			/* the home database */
	const char *bindir;			/* of pg_dump and its kin */

	/* How. */
	const char *compression;	/* zstd:1 */
	const char *archive_required;	/* all, first: repositories that must have WAL */
	int64_t		jobs;
	int64_t		part_size;		/* plain bytes per object, 0: default */
	int64_t		lock_timeout;	/* milliseconds */
	int64_t		blocking_limit; /* milliseconds, 0: never */
	const char *checkpoint;		/* fast, spread */
	int64_t		rate_limit;		/* bytes per second, 0: none */
	int64_t		archive_timeout;	/* milliseconds to wait for WAL */

	/* What. */
	const char *id;
	const char *kind;
	const char *database;
	int64_t		database_oid;	/* 0: any */
	const char *content;		/* all, schema, data */
	const char *label;
	const char *previous;		/* backup to compare the new one with */
	const char *until;			/* time up to which it is pinned; NULL: for ever */
	const char *schedule;		/* that it is done for */
	const char *slot_at;		/* and when that wanted it */
	const char *level;			/* stored, readable */
	const char *target;			/* database to restore into, repository to copy to, a channel's URL */
	const char *object;			/* stream to print */
	const char *name;			/* of a mark */
	const char *wal;			/* name of a WAL file */
	const char *path;			/* where to, or where from */
	int64_t		retry;			/* milliseconds to try again for */

	/* Retention; numbers of 0: no such rule (job/policy.h). */
	int64_t		keep_last;
	int64_t		keep_within;	/* milliseconds */
	int64_t		keep_daily;
	int64_t		keep_weekly;
	int64_t		keep_monthly;
	int64_t		keep_yearly;
	const char *timezone;		/* in which days and weeks are */
	const char *policies;		/* of schedules, as JSON; NULL: not known */
	bool		scheduled;		/* then also what schedules have made */
	int64_t		recovery_window;	/* milliseconds, -1: none is set */
	int64_t		minimum_good;
	int64_t		expire_grace;	/* milliseconds */

	/* The lifecycle rule of a bucket, in days; 0: not. */
	int64_t		transition_days;
	const char *transition_class;
	int64_t		expiration_days;
	int64_t		noncurrent_days;
	int64_t		abort_days;
	bool		remove;			/* take the rule away */

	/* How far a base backup is recovered: one of the first five, or none. */
	const char *recovery_target;	/* latest, immediate */
	const char *target_time;
	const char *target_lsn;
	const char *target_name;
	const char *target_xid;
	const char *target_timeline;	/* current, latest, a number; NULL: its line */
	const char *target_action;	/* pause, promote, shutdown; NULL: pause */
	bool		target_exclusive;

	/* Where to, and what it becomes there. */
	const char *directory;		/* of a clone */
	const char *config_to;		/* for files outside the data directory */
	const char *restore_program;	/* that the restored server calls */
	BkRequestList tablespace_map;	/* OLD=NEW */
	int64_t		port;			/* of a clone, 0: as in the backup */
	bool		delta;			/* into a directory that is not empty */
	bool		standby;
	bool		clone;			/* cut off from the outside */
	bool		dry_run;

	/* What is run before and after, for at most so long; NULL or "": nothing. */
	const char *hook_before;
	const char *hook_after;
	int64_t		hook_timeout;	/* milliseconds */
	int64_t		run;			/* number of the run; 0: it has none */

	/* How people are told. */
	const char *channel;		/* kind of channel: webhook, mail ... */
	const char *message;		/* JSON; NULL: a test */
	const char *secret_file;	/* with its token, password or URL */
	const char *ca_file;
	const char *proxy;
	const char *sender;
	const char *login;
	BkRequestList recipients;
	BkRequestList program_arguments;
	bool		plaintext;

	bool		replace;
	bool		no_owner;
	bool		no_privileges;
	bool		subscriptions;
	bool		globals;		/* restore the globals */
	bool		sql;			/* print as SQL */
	bool		rotate;			/* add a new repository key */
	bool		force;
	bool		accept;
	bool		create;			/* a repository that is not there */
	bool		openmetrics;	/* the numbers in place of the verdicts */
	bool		nagios;			/* the verdicts in one line */
	int64_t		timeout;		/* milliseconds for a look at the status */
	int			input_fd;		/* where the archive verb reads what to push */
	int			output_fd;		/* where cat writes */
} BkRequest;

/*
 * A verb. Its records go to the host; true means that all of it was done.
 * Each function's comment names its records and the errors of its own; those
 * of repository, storage and server pass through.
 */
typedef bool (*BkVerb) (const BkRequest *request, const BkHost *host,
						BkError *err);

#endif
