/*
 * schedule_part.c
 *	  The parts of a slot's work, and the runs that are made of them.
 */
#include "postgres.h"

#include "catalog/pg_database.h"
#include "catalog/pg_type.h"
#include "commands/dbcommands.h"
#include "executor/spi.h"
#include "mb/pg_wchar.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/timestamp.h"

#include "server/call.h"
#include "server/message.h"
#include "server/request.h"
#include "server/schedule_part.h"
#include "server/statement.h"

/* How long a part waits before its second attempt, its third and so on. */
static const int bk_part_pauses_min[] = {1, 5, 15, 30, 60};

static const char bk_sql_run[] =
"SELECT CASE WHEN r.sqlstate = '55S03' THEN 'vetoed' ELSE r.state END"
" FROM %s.backup_run_data AS r WHERE r.run = $1";

/* A limit of -2 marks those whose DROP was cut off. */
static const char bk_sql_databases[] =
"SELECT d.datname::text, NULL::text FROM %s.backup_schedule_data AS s, pg_catalog.pg_database AS d"
" WHERE s.name = $1 AND d.datallowconn AND d.datconnlimit <> -2 AND d.datname NOT IN ('template0', 'template1')"
" AND d.datname::text LIKE $2 ORDER BY d.datname";

/* The newest backup of each database, and of the cluster as a whole. */
static const char bk_sql_newest[] =
"SELECT DISTINCT ON (c.kind, c.database) c.database, c.id FROM %s.backup_catalogue_data AS c"
" WHERE c.state = 'good' AND c.system_identifier = $1"
" AND %s.backup_repository_number(c.repository) = 1"
" AND ($2 IS NULL OR c.kind = 'logical' AND c.database LIKE $2)"
" ORDER BY c.kind, c.database, c.started_at DESC, c.id DESC";

static bool bk_part_settle_one(BkSchedule *schedule, BkWorkPart *part, TimestampTz now);
static char *bk_part_run_state(int64 run);
static bool bk_part_is_pattern(const char *text);
static char *bk_part_like(const char *pattern);
static void bk_part_expand_by(BkSchedule *schedule, const char *statement,
							  const char *first, const char *second, BkTask *task);
static void bk_part_add(BkSchedule *schedule, const char *database, const char *backup_id);
static bool bk_part_begin(BkSchedule *schedule, BkWorkPart *part, TimestampTz now, BkTask *task);
static bool bk_part_ask(const BkSchedule *schedule, const BkWorkPart *part, BkRun *run);
static const char *bk_part_text(const char *text);
static BkRun *bk_part_run(const BkSchedule *schedule, TimestampTz slot_at, BkTask *task);
static void bk_part_note(const BkSchedule *schedule, BkRun *run,
						 const BkOutcome *outcome, BkTask *task);
static void bk_part_note_database(const BkSchedule *schedule, const char *database,
								  BkTask *task);
static void bk_part_note_name(const BkSchedule *schedule, const char *database,
							  BkTask *task);

void
bk_part_settle(BkSchedule *schedule, TimestampTz now)
{
	List	   *left = NIL;
	ListCell   *cell;

	foreach(cell, schedule->parts)
	{
		BkWorkPart *part = lfirst(cell);

		if (part->run == 0 || bk_shared_is_open(part->run) ||
			bk_part_settle_one(schedule, part, now))
			left = lappend(left, part);
		else
			bk_schedule_remove_part(schedule, part);
	}
	schedule->parts = left;
}

/* Is the part still to be done, now that its run has ended? */
static bool
bk_part_settle_one(BkSchedule *schedule, BkWorkPart *part, TimestampTz now)
{
	char	   *state = bk_part_run_state(part->run);
	int			pause;

	if (state != NULL && (strcmp(state, "done") == 0 ||
						  strcmp(state, "skipped") == 0 ||
						  strcmp(state, "vetoed") == 0 ||	/* by a hook, for good */
						  strcmp(state, "canceled") == 0))
		return false;
	part->run = 0;
	part->not_before = 0;
	/* without a row the run was lost before anybody has seen it */
	if (state != NULL)
	{
		if (part->attempt > schedule->retries)
			return false;
		pause = bk_part_pauses_min[Min(Max(part->attempt, 1), (int) lengthof(bk_part_pauses_min)) - 1];
		part->not_before = now + pause * USECS_PER_MINUTE;
		part->attempt++;
	}
	bk_schedule_save_part(schedule, part);
	return true;
}

static char *
bk_part_run_state(int64 run)
{
	BkValues	values = {0};

	bk_values_add(&values, INT8OID, Int64GetDatum(run), false);
	bk_statement_execute(bk_sql_run, &values);
	return SPI_processed == 0 ? NULL :
		SPI_getvalue(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1);
}

bool
bk_part_is_running(const BkSchedule *schedule)
{
	ListCell   *cell;

	foreach(cell, schedule->parts)
	{
		if (((BkWorkPart *) lfirst(cell))->run != 0)
			return true;
	}
	return false;
}

bool
bk_part_is_left(const BkSchedule *schedule)
{
	ListCell   *cell;

	foreach(cell, schedule->parts)
	{
		BkWorkPart *part = lfirst(cell);

		if (part->run == 0 && part->not_before == 0)
			return true;
	}
	return false;
}

void
bk_part_drop_waiting(BkSchedule *schedule)
{
	List	   *left = NIL;
	ListCell   *cell;

	foreach(cell, schedule->parts)
	{
		BkWorkPart *part = lfirst(cell);

		if (part->run != 0)
			left = lappend(left, part);
		else
			bk_schedule_remove_part(schedule, part);
	}
	schedule->parts = left;
}

TimestampTz
bk_part_next(const BkSchedule *schedule)
{
	TimestampTz next = DT_NOEND;
	ListCell   *cell;

	foreach(cell, schedule->parts)
	{
		BkWorkPart *part = lfirst(cell);

		if (part->run == 0)
			next = Min(next, part->not_before);
	}
	return next;
}

/* --- what belongs to a slot --- */

void
bk_part_expand(BkSchedule *schedule, BkTask *task)
{
	bool		is_logical = strcmp(schedule->kind, "logical") == 0;

	if (strcmp(schedule->kind, "verify") == 0)
		bk_part_expand_by(schedule, bk_sql_newest, bk_schedule_cluster(),
						  bk_part_like(schedule->database), task);
	else if (is_logical && bk_part_is_pattern(schedule->database))
		bk_part_expand_by(schedule, bk_sql_databases, schedule->name,
						  bk_part_like(schedule->database), task);
	else
		bk_part_add(schedule, !is_logical ? NULL :
					schedule->database != NULL ? schedule->database :
					get_database_name(MyDatabaseId), NULL);
	if (schedule->parts != NIL)
		return;
	if (is_logical)
		bk_part_note_database(schedule, schedule->database, task);
	else
		bk_part_skip(schedule, schedule->slot_at, task,
					 "there is no good backup to be verified");
}

static void
bk_part_expand_by(BkSchedule *schedule, const char *statement,
				  const char *first, const char *second, BkTask *task)
{
	BkValues	values = {0};
	SPITupleTable *rows;
	uint64		count;
	uint64		i;

	bk_values_add_text(&values, first);
	bk_values_add_text(&values, second);
	bk_statement_execute(statement, &values);
	rows = SPI_tuptable;
	count = SPI_processed;
	for (i = 0; i < count; i++)
	{
		char	   *database = SPI_getvalue(rows->vals[i], rows->tupdesc, 1);

		/* a name is in the encoding of the database in which it was given */
		if (database == NULL || pg_verifymbstr(database, strlen(database), true))
			bk_part_add(schedule, database, SPI_getvalue(rows->vals[i], rows->tupdesc, 2));
		else
			bk_part_note_name(schedule, database, task);
	}
}

static void
bk_part_add(BkSchedule *schedule, const char *database, const char *backup_id)
{
	BkWorkPart *part = palloc0(sizeof(BkWorkPart));

	part->position = list_length(schedule->parts) + 1;
	part->database = database == NULL ? NULL : pstrdup(database);
	part->backup_id = backup_id == NULL ? NULL : pstrdup(backup_id);
	part->attempt = 1;
	schedule->parts = lappend(schedule->parts, part);
	bk_schedule_save_part(schedule, part);
}

static bool
bk_part_is_pattern(const char *text)
{
	return text != NULL && strpbrk(text, "*?") != NULL;
}

/* Returns a pattern of names as LIKE has it; NULL for none. */
static char *
bk_part_like(const char *pattern)
{
	StringInfoData like;

	if (pattern == NULL)
		return NULL;
	initStringInfo(&like);
	for (; *pattern != '\0'; pattern++)
	{
		if (strchr("\\%_", *pattern) != NULL)
			appendStringInfoChar(&like, '\\');
		appendStringInfoChar(&like, *pattern == '*' ? '%' :
							 *pattern == '?' ? '_' : *pattern);
	}
	return like.data;
}

/* --- runs --- */

void
bk_part_begin_next(BkSchedule *schedule, TimestampTz now, BkTask *task)
{
	List	   *left = NIL;
	ListCell   *cell;

	foreach(cell, schedule->parts)
	{
		BkWorkPart *part = lfirst(cell);

		if (task->run != NULL || part->not_before > now ||
			bk_part_begin(schedule, part, now, task))
			left = lappend(left, part);
		else
			bk_schedule_remove_part(schedule, part);
	}
	schedule->parts = left;
}

/* Begins a part; false if there is nothing to be done for it. */
static bool
bk_part_begin(BkSchedule *schedule, BkWorkPart *part, TimestampTz now, BkTask *task)
{
	BkRun	   *run = bk_part_run(schedule, schedule->slot_at, task);

	if (!bk_part_ask(schedule, part, run))
	{
		/* a database that a pattern has found may be gone by now */
		if (!bk_part_is_pattern(schedule->database))
			bk_part_note_database(schedule, bk_part_text(part->database), task);
		return false;
	}
	run->attempt = part->attempt;
	if (part->attempt > 1)
		bk_text_copy(run->reason, sizeof(run->reason), "retry");
	run->max_duration = schedule->max_duration;
	part->run = run->run;
	part->not_before = 0;
	bk_schedule_save_part(schedule, part);
	task->run = run;
	return true;
}

/* Adds the arguments of the verb; false if its database does not exist. */
static bool
bk_part_ask(const BkSchedule *schedule, const BkWorkPart *part, BkRun *run)
{
	Oid			oid;

	if (part->database != NULL)
		bk_text_copy(run->database, sizeof(run->database), part->database);
	if (strcmp(run->verb, "backup") == 0)
	{
		bk_text_copy(run->kind, sizeof(run->kind), schedule->kind);
		bk_request_add_text(run, "kind", schedule->kind);
	}
	if (strcmp(schedule->kind, "logical") == 0)
	{
		oid = get_database_oid(bk_part_text(part->database), true);
		if (!OidIsValid(oid))
			return false;
		bk_request_add_text(run, "database", part->database);
		bk_request_add_number(run, "database_oid", oid);
		bk_request_add_text(run, "content", bk_part_text(schedule->content));
	}
	else if (strcmp(schedule->kind, "base") == 0)
		bk_request_add_text(run, "checkpoint", "spread");
	else if (strcmp(schedule->kind, "verify") == 0)
	{
		bk_text_copy(run->backup_id, sizeof(run->backup_id), bk_part_text(part->backup_id));
		bk_request_add_text(run, "id", run->backup_id);
		bk_request_add_text(run, "level", bk_part_text(schedule->level));
	}
	return true;
}

/* Whoever owns the tables can have left out what the program needs: it says so. */
static const char *
bk_part_text(const char *text)
{
	return text != NULL ? text : "";
}

/* Returns a run for a slot of a schedule, with a number, that nobody waits for. */
static BkRun *
bk_part_run(const BkSchedule *schedule, TimestampTz slot_at, BkTask *task)
{
	MemoryContext old = MemoryContextSwitchTo(task->context);
	bool		is_backup = strcmp(schedule->kind, "logical") == 0 ||
		strcmp(schedule->kind, "base") == 0;
	BkRun	   *run = bk_request_new(is_backup ? "backup" : schedule->kind);

	run->run = bk_call_next_number();
	bk_text_copy(run->requested_by, sizeof(run->requested_by), schedule->changed_by);
	bk_text_copy(run->schedule, sizeof(run->schedule), schedule->name);
	bk_text_copy(run->reason, sizeof(run->reason),
				 schedule->reason != NULL ? schedule->reason : "schedule");
	run->slot_at = slot_at;
	MemoryContextSwitchTo(old);
	return run;
}

void
bk_part_skip(const BkSchedule *schedule, TimestampTz slot_at, BkTask *task,
			 const char *why)
{
	BkOutcome	outcome;

	bk_outcome_fail(&outcome, BK_ERRCODE_SKIPPED, "%s", why);
	bk_part_note(schedule, bk_part_run(schedule, slot_at, task), &outcome, task);
}

static void
bk_part_note_database(const BkSchedule *schedule, const char *database, BkTask *task)
{
	BkRun	   *run = bk_part_run(schedule, schedule->slot_at, task);
	BkOutcome	outcome;

	bk_text_copy(run->kind, sizeof(run->kind), schedule->kind);
	bk_text_copy(run->database, sizeof(run->database), database);
	bk_outcome_fail(&outcome, ERRCODE_UNDEFINED_DATABASE,
					bk_part_is_pattern(database) ?
					"no database has a name like \"%s\"" :
					"database \"%s\" does not exist", database);
	bk_outcome_hint(&outcome, "Say what schedule \"%s\" is for, or take it away with backup_unschedule().",
					schedule->name);
	bk_part_note(schedule, run, &outcome, task);
}

static void
bk_part_note_name(const BkSchedule *schedule, const char *database, BkTask *task)
{
	BkRun	   *run = bk_part_run(schedule, schedule->slot_at, task);
	char	   *name = bk_message_repair(database);
	BkOutcome	outcome;

	bk_text_copy(run->kind, sizeof(run->kind), schedule->kind);
	bk_text_copy(run->database, sizeof(run->database), name);
	bk_outcome_fail(&outcome, ERRCODE_CHARACTER_NOT_IN_REPERTOIRE,
					"the name of database \"%s\" is not valid in the encoding of the home database",
					name);
	bk_outcome_hint(&outcome, "Rename it, from a database of the encoding in which the name was given.");
	bk_part_note(schedule, run, &outcome, task);
}

/* Has the row of a run written that has ended before it has begun. */
static void
bk_part_note(const BkSchedule *schedule, BkRun *run, const BkOutcome *outcome,
			 BkTask *task)
{
	MemoryContext old = MemoryContextSwitchTo(task->context);

	run->state = BK_RUN_DONE;
	run->outcome = *outcome;
	run->finished_at = run->requested_at;
	ereport(LOG,
			(errmsg("schedule \"%s\": %s", schedule->name, outcome->message)));
	task->rows = lappend(task->rows, run);
	MemoryContextSwitchTo(old);
}
