/*
 * shared.h
 *	  The runs that are wanted or under way, in shared memory: the place where
 *	  callers, the launcher and the workers meet.
 *
 * A run goes free -> queued -> starting -> running -> done -> free. The caller
 * queues it, the launcher starts it, its worker runs and finishes it. Whoever
 * is the last to need a finished run frees its slot: that is when nobody waits
 * for it any more and its row is written. One lock guards all slots; it is
 * held for copies only, never across I/O.
 */
#ifndef BK_SERVER_SHARED_H
#define BK_SERVER_SHARED_H

#include "datatype/timestamp.h"

#include "server/outcome.h"

#define BK_SLOTS 64
#define BK_NOTICES 8
#define BK_TELLING_RUNS 2		/* at the same time, beside backup_ext.max_runs */
#define BK_ID_SIZE 232			/* a backup's id and its final zero */

typedef enum BkRunState
{
	BK_RUN_FREE,
	BK_RUN_QUEUED,
	BK_RUN_STARTING,			/* the launcher has asked for a worker */
	BK_RUN_RUNNING,				/* a worker owns it */
	BK_RUN_DONE
} BkRunState;

typedef struct BkProgress
{
	char		phase[64];
	char		object[256];
	int64		done;
	int64		total;			/* 0: not known */
	TimestampTz updated_at;		/* 0: no progress was reported yet */
} BkProgress;

typedef struct BkNotice
{
	bool		warning;
	char		text[512];
	char		hint[128];		/* empty if there is none */
} BkNotice;

typedef struct BkRun
{
	int64		run;
	BkRunState	state;
	bool		cancel;			/* somebody wants it to stop */
	bool		accept;			/* a sync: what is missing is no alarm */
	bool		recorded;		/* its final row is written, or never can be */
	bool		row_written;	/* so is its first one, if it had to wait */
	int			waiters;
	char		verb[16];
	char		kind[16];
	char		database[NAMEDATALEN];	/* for people; may be empty */
	char		backup_id[BK_ID_SIZE];	/* may be empty */
	char		requested_by[NAMEDATALEN];
	char		reason[16];		/* request, schedule, ...: see backup_run */
	char		schedule[NAMEDATALEN];	/* that it is for; may be empty */
	TimestampTz slot_at;		/* when that schedule wanted it; 0: none */
	int			attempt;		/* from 1 */
	int64		max_duration;	/* of its work, in microseconds; 0: no limit */
	TimestampTz requested_at;
	TimestampTz tried_at;		/* first try to start it; 0: none yet */
	TimestampTz started_at;		/* 0: not yet, as finished_at */
	TimestampTz finished_at;
	int			worker_pid;
	BkProgress	progress;
	int64		plain_size;		/* -1: not known, as stored_size */
	int64		stored_size;
	BkOutcome	outcome;		/* valid when done */
	uint64		notice_count;	/* the newest is at (count - 1) % BK_NOTICES */
	BkNotice	notices[BK_NOTICES];
	char		arguments[8192];	/* JSON members in UTF-8, see request.h */
} BkRun;

/* Asks for the shared memory; to be called while libraries are preloaded. */
extern void bk_shared_request(void);

/* Is the shared memory there, that is, was the library preloaded? */
extern bool bk_shared_available(void);

/* The word for the state of a run, as in the view backup_run. */
extern const char *bk_run_state_name(const BkRun *run);

/* --- for callers --- */

/* Queues a copy of *run and wakes the launcher. Returns its slot; -1: all taken. */
extern int	bk_shared_queue(const BkRun *run);

/* Has a slot a run of this number? */
extern bool bk_shared_has(int64 run);

/* Is a run under way, or is its final row still to be written? */
extern bool bk_shared_is_open(int64 run);

/* How many more runs can be queued now? */
extern int	bk_shared_room(void);

/* Starts to wait for a run by number. Returns its slot; -1: it has none. */
extern int	bk_shared_join(int64 run);

/* Ends waiting for the run in a slot that was queued with a waiter or joined. */
extern void bk_shared_leave(int slot);

/*
 * Sleeps until something about the run in the slot has changed or the time is
 * over. Checks for interrupts. To be called in a loop that looks first.
 */
extern void bk_shared_sleep(int slot, long timeout_ms);

/* Tells a run to stop. Returns false if it is not there or already done. */
extern bool bk_shared_cancel(int64 run);

/* Copies the run in a slot; returns false if the slot is free. */
extern bool bk_shared_read(int slot, BkRun *copy);

/* Is the launcher at work? */
extern bool bk_shared_launcher_alive(void);

/* --- for the launcher --- */

/* Makes this process the launcher; earlier starts without a worker are undone. */
extern void bk_shared_launcher_attach(void);

/* Wakes the launcher if there is one. */
extern void bk_shared_wake_launcher(void);

/*
 * Moves the oldest queued run to starting if fewer than limit are at work; -1:
 * none. Those that tell people do not count, and have places of their own, so
 * that a receiver that hangs does not keep the others from theirs.
 */
extern int	bk_shared_next(int limit);

/* Moves a starting run back to queued; it may have been canceled meanwhile. */
extern void bk_shared_put_back(int slot);

/* --- for workers and the launcher --- */

/* Takes over a starting run; false if it is not there to be taken. */
extern bool bk_shared_attach(int slot, int64 run);

/* Sets the progress of a running run. */
extern void bk_shared_set_progress(int slot, const BkProgress *progress);

/* Sets what a running run has made or works on. */
extern void bk_shared_set_backup(int slot, const char *backup_id,
								 int64 plain_size, int64 stored_size);

/* Hands a message to those who wait for the run; hint may be NULL. */
extern void bk_shared_add_notice(int slot, bool warning, const char *text,
								 const char *hint);

/* Finishes a run and wakes those who wait for it. */
extern void bk_shared_finish(int slot, const BkOutcome *outcome, bool recorded);

/* Marks the row of a finished run as written. */
extern void bk_shared_set_recorded(int slot);

/* Marks the row of a queued run as written, if the slot still has that run. */
extern void bk_shared_set_row_written(int slot, int64 run);

/* Is a row of this run left to the recorder? */
extern bool bk_run_needs_recorder(const BkRun *run);

/* Is there a run whose row is left to the recorder? */
extern bool bk_shared_needs_recorder(void);

/* Have rows that an earlier server life left open been closed? */
extern bool bk_shared_is_swept(void);

/* Remembers that they have. */
extern void bk_shared_set_swept(void);

#endif							/* BK_SERVER_SHARED_H */
