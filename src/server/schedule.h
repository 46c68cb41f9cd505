/*
 * schedule.h
 *	  A schedule and how far it has come, as the tables have both.
 *
 * The functions here are parts of a transaction of the caller, who has
 * connected to SPI (see statement.h). What they return lives in the memory
 * context that is current when they are called.
 */
#ifndef BK_SERVER_SCHEDULE_H
#define BK_SERVER_SCHEDULE_H

#include "datatype/timestamp.h"
#include "nodes/pg_list.h"

/* What is to be done of a slot: all of it, or one of several parts. */
typedef struct BkWorkPart
{
	int			position;
	char	   *database;		/* NULL: none, as backup_id */
	char	   *backup_id;
	int			attempt;		/* from 1 */
	int64		run;			/* that is under way; 0: none */
	TimestampTz not_before;		/* when it may begin; 0: at once */
} BkWorkPart;

typedef struct BkSchedule
{
	/* what people have said */
	char	   *name;
	char	   *schedule;
	char	   *timezone;
	char	   *kind;
	char	   *database;		/* NULL: none, as content and level */
	char	   *content;
	char	   *level;
	bool		catches_up;
	int64		jitter;			/* microseconds, as max_duration */
	int64		max_duration;	/* 0: none */
	int			retries;
	bool		is_ours;		/* enabled, and made in this cluster */
	TimestampTz changed_at;
	char	   *changed_by;
	/* how far it has come */
	TimestampTz planned_for;	/* changed_at of what this belongs to; 0: nothing */
	char	   *problem;		/* why it cannot be obeyed; NULL: it can */
	TimestampTz last_slot;		/* 0: none, as all times */
	TimestampTz next_slot;
	TimestampTz next_run_at;	/* with jitter */
	char	   *next_run_local; /* NULL: none */
	TimestampTz slot_at;
	char	   *reason;			/* NULL: none */
	TimestampTz queued_slot;
	char	   *queued_reason;
	List	   *parts;			/* of slot_at: BkWorkPart, in their order */
} BkSchedule;

/* A schedule at first sight. */
typedef struct BkScheduleGlance
{
	char	   *name;
	bool		wants_look;		/* there may be something to do or to write */
	bool		wants_turn;		/* there is something to begin */
	TimestampTz next_run_at;	/* 0: none */
} BkScheduleGlance;

/*
 * Returns a BkScheduleGlance for each schedule. Writes and locks nothing, so that
 * a server on which nothing happens writes no WAL. Where none is to be obeyed
 * now, say so.
 */
extern List *bk_schedule_glance(TimestampTz now, bool may_be_obeyed);

/*
 * Reads a schedule and locks it until the end of the transaction. NULL: there is
 * none, or somebody else is changing it.
 */
extern BkSchedule *bk_schedule_lock(const char *name);

/* Writes how far a schedule has come, without its parts. */
extern void bk_schedule_save(const BkSchedule *schedule);

/* Writes a part of a slot. */
extern void bk_schedule_save_part(const BkSchedule *schedule, const BkWorkPart *part);

/* Takes a part of a slot away. */
extern void bk_schedule_remove_part(const BkSchedule *schedule, const BkWorkPart *part);

/* Takes away how far schedules have come that are not there any more. */
extern void bk_schedule_remove_orphans(void);

/* Takes a schedule away; false: there was none. */
extern bool bk_schedule_remove(const char *name);

/* Makes schedules that were made in another cluster ones of this cluster. */
extern void bk_schedule_adopt(void);

/* Returns the number of this cluster as text. */
extern char *bk_schedule_cluster(void);

#endif							/* BK_SERVER_SCHEDULE_H */
