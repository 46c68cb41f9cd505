/*
 * schedule.c
 *	  The statements that read and write schedules and how far they have come.
 */
#include "postgres.h"

#include "access/xlog.h"
#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "utils/builtins.h"
#include "utils/timestamp.h"

#include "server/schedule.h"
#include "server/statement.h"

/* What is planned for a time to come, and not under way, can be left alone. */
static const char bk_sql_glance[] =
"SELECT d.name, s.next_run_at, s.name IS NULL OR s.changed_at <> d.changed_at"
" OR s.next_run_at <= $1 OR s.last_slot > $1"
" OR (s.next_run_at IS NOT NULL) <> (d.enabled AND d.system_identifier = $2 AND $3)"
" OR EXISTS (SELECT FROM %s.backup_schedule_work_data AS w WHERE w.schedule = d.name AND w.run IS NOT NULL),"
" s.queued_slot IS NOT NULL"
" OR EXISTS (SELECT FROM %s.backup_schedule_work_data AS w WHERE w.schedule = d.name AND w.run IS NULL)"
" FROM %s.backup_schedule_data AS d LEFT JOIN %s.backup_schedule_state_data AS s"
" ON s.name = d.name ORDER BY COALESCE(s.slot_at, s.next_run_at), d.name COLLATE \"C\"";

static const char bk_sql_lock[] =
"SELECT d.name, d.schedule, d.timezone, d.kind, d.database, d.content, d.level,"
" d.catch_up = 'once',"
" (pg_catalog.date_part('epoch', d.jitter) * 1000000)::bigint,"
" (pg_catalog.date_part('epoch', d.max_duration) * 1000000)::bigint,"
" d.retries, d.enabled AND d.system_identifier = $2, d.changed_at, d.changed_by"
" FROM %s.backup_schedule_data AS d WHERE d.name = $1 FOR UPDATE SKIP LOCKED";

static const char bk_sql_state[] =
"SELECT s.changed_at, s.problem, s.last_slot, s.next_slot, s.next_run_at,"
" s.next_run_local, s.slot_at, s.reason, s.queued_slot, s.queued_reason"
" FROM %s.backup_schedule_state_data AS s WHERE s.name = $1";

static const char bk_sql_parts[] =
"SELECT w.position, w.database, w.backup_id, w.attempt, w.run, w.not_before"
" FROM %s.backup_schedule_work_data AS w WHERE w.schedule = $1 ORDER BY w.position";

static const char bk_sql_save[] =
"INSERT INTO %s.backup_schedule_state_data (name, changed_at, problem, last_slot,"
" next_slot, next_run_at, next_run_local, slot_at, reason, queued_slot, queued_reason)"
" VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)"
" ON CONFLICT (name) DO UPDATE SET changed_at = excluded.changed_at,"
" problem = excluded.problem, last_slot = excluded.last_slot,"
" next_slot = excluded.next_slot, next_run_at = excluded.next_run_at,"
" next_run_local = excluded.next_run_local, slot_at = excluded.slot_at,"
" reason = excluded.reason, queued_slot = excluded.queued_slot,"
" queued_reason = excluded.queued_reason";

static const char bk_sql_save_part[] =
"INSERT INTO %s.backup_schedule_work_data (schedule, position, database,"
" backup_id, attempt, run, not_before) VALUES ($1, $2, $3, $4, $5, $6, $7)"
" ON CONFLICT (schedule, position) DO UPDATE SET database = excluded.database,"
" backup_id = excluded.backup_id, attempt = excluded.attempt,"
" run = excluded.run, not_before = excluded.not_before";

static const char bk_sql_remove_part[] =
"DELETE FROM %s.backup_schedule_work_data WHERE schedule = $1 AND position = $2";

static const char bk_sql_remove_states[] =
"DELETE FROM %s.backup_schedule_state_data AS s WHERE NOT EXISTS"
" (SELECT FROM %s.backup_schedule_data AS d WHERE d.name = s.name)";

static const char bk_sql_remove_works[] =
"DELETE FROM %s.backup_schedule_work_data AS w WHERE NOT EXISTS"
" (SELECT FROM %s.backup_schedule_data AS d WHERE d.name = w.schedule)";

static const char bk_sql_remove[] =
"DELETE FROM %s.backup_schedule_data WHERE name = $1";

static const char bk_sql_adopt[] =
"UPDATE %s.backup_schedule_data SET system_identifier = $1"
" WHERE system_identifier <> $1";

static void bk_schedule_read_state(BkSchedule *schedule);
static void bk_schedule_read_parts(BkSchedule *schedule);
static void bk_schedule_execute(const char *statement, const char *name);
static char *bk_row_text(uint64 row, int column);
static int64 bk_row_number(uint64 row, int column);
static TimestampTz bk_row_time(uint64 row, int column);

List *
bk_schedule_glance(TimestampTz now, bool may_be_obeyed)
{
	BkValues	values = {0};
	List	   *glances = NIL;
	uint64		i;

	bk_values_add_time(&values, now);
	bk_values_add_text(&values, bk_schedule_cluster());
	bk_values_add(&values, BOOLOID, BoolGetDatum(may_be_obeyed), false);
	bk_statement_execute(bk_sql_glance, &values);
	for (i = 0; i < SPI_processed; i++)
	{
		BkScheduleGlance *glance = palloc0(sizeof(BkScheduleGlance));

		glance->name = bk_row_text(i, 1);
		glance->next_run_at = bk_row_time(i, 2);
		glance->wants_look = bk_row_number(i, 3) != 0;
		glance->wants_turn = bk_row_number(i, 4) != 0;
		glances = lappend(glances, glance);
	}
	return glances;
}

BkSchedule *
bk_schedule_lock(const char *name)
{
	BkSchedule *schedule = palloc0(sizeof(BkSchedule));
	BkValues	values = {0};

	bk_values_add_text(&values, name);
	bk_values_add_text(&values, bk_schedule_cluster());
	bk_statement_execute(bk_sql_lock, &values);
	if (SPI_processed == 0)
		return NULL;
	schedule->name = bk_row_text(0, 1);
	schedule->schedule = bk_row_text(0, 2);
	schedule->timezone = bk_row_text(0, 3);
	schedule->kind = bk_row_text(0, 4);
	schedule->database = bk_row_text(0, 5);
	schedule->content = bk_row_text(0, 6);
	schedule->level = bk_row_text(0, 7);
	schedule->catches_up = bk_row_number(0, 8) != 0;
	schedule->jitter = bk_row_number(0, 9);
	schedule->max_duration = bk_row_number(0, 10);
	schedule->retries = bk_row_number(0, 11);
	schedule->is_ours = bk_row_number(0, 12) != 0;
	schedule->changed_at = bk_row_time(0, 13);
	schedule->changed_by = bk_row_text(0, 14);
	bk_schedule_read_state(schedule);
	bk_schedule_read_parts(schedule);
	return schedule;
}

static void
bk_schedule_read_state(BkSchedule *schedule)
{
	bk_schedule_execute(bk_sql_state, schedule->name);
	if (SPI_processed == 0)
		return;
	schedule->planned_for = bk_row_time(0, 1);
	schedule->problem = bk_row_text(0, 2);
	schedule->last_slot = bk_row_time(0, 3);
	schedule->next_slot = bk_row_time(0, 4);
	schedule->next_run_at = bk_row_time(0, 5);
	schedule->next_run_local = bk_row_text(0, 6);
	schedule->slot_at = bk_row_time(0, 7);
	schedule->reason = bk_row_text(0, 8);
	schedule->queued_slot = bk_row_time(0, 9);
	schedule->queued_reason = bk_row_text(0, 10);
}

static void
bk_schedule_read_parts(BkSchedule *schedule)
{
	uint64		i;

	bk_schedule_execute(bk_sql_parts, schedule->name);
	for (i = 0; i < SPI_processed; i++)
	{
		BkWorkPart *part = palloc0(sizeof(BkWorkPart));

		part->position = bk_row_number(i, 1);
		part->database = bk_row_text(i, 2);
		part->backup_id = bk_row_text(i, 3);
		part->attempt = bk_row_number(i, 4);
		part->run = bk_row_number(i, 5);
		part->not_before = bk_row_time(i, 6);
		schedule->parts = lappend(schedule->parts, part);
	}
}

void
bk_schedule_save(const BkSchedule *schedule)
{
	BkValues	values = {0};

	bk_values_add_text(&values, schedule->name);
	bk_values_add_time(&values, schedule->changed_at);
	bk_values_add_text(&values, schedule->problem);
	bk_values_add_time(&values, schedule->last_slot);
	bk_values_add_time(&values, schedule->next_slot);
	bk_values_add_time(&values, schedule->next_run_at);
	bk_values_add_text(&values, schedule->next_run_local);
	bk_values_add_time(&values, schedule->slot_at);
	bk_values_add_text(&values, schedule->reason);
	bk_values_add_time(&values, schedule->queued_slot);
	bk_values_add_text(&values, schedule->queued_reason);
	bk_statement_execute(bk_sql_save, &values);
}

void
bk_schedule_save_part(const BkSchedule *schedule, const BkWorkPart *part)
{
	BkValues	values = {0};

	bk_values_add_text(&values, schedule->name);
	bk_values_add(&values, INT4OID, Int32GetDatum(part->position), false);
	bk_values_add_text(&values, part->database);
	bk_values_add_text(&values, part->backup_id);
	bk_values_add(&values, INT4OID, Int32GetDatum(part->attempt), false);
	bk_values_add(&values, INT8OID, Int64GetDatum(part->run), part->run == 0);
	bk_values_add_time(&values, part->not_before);
	bk_statement_execute(bk_sql_save_part, &values);
}

void
bk_schedule_remove_part(const BkSchedule *schedule, const BkWorkPart *part)
{
	BkValues	values = {0};

	bk_values_add_text(&values, schedule->name);
	bk_values_add(&values, INT4OID, Int32GetDatum(part->position), false);
	bk_statement_execute(bk_sql_remove_part, &values);
}

void
bk_schedule_remove_orphans(void)
{
	BkValues	values = {0};

	bk_statement_execute(bk_sql_remove_states, &values);
	bk_statement_execute(bk_sql_remove_works, &values);
}

bool
bk_schedule_remove(const char *name)
{
	bool		found;

	bk_schedule_execute(bk_sql_remove, name);
	found = SPI_processed > 0;
	bk_schedule_remove_orphans();
	return found;
}

void
bk_schedule_adopt(void)
{
	bk_schedule_execute(bk_sql_adopt, bk_schedule_cluster());
}

char *
bk_schedule_cluster(void)
{
	return psprintf(UINT64_FORMAT, GetSystemIdentifier());
}

/* Executes a statement that takes one text. */
static void
bk_schedule_execute(const char *statement, const char *name)
{
	BkValues	values = {0};

	bk_values_add_text(&values, name);
	bk_statement_execute(statement, &values);
}

/* --- the rows of the last statement --- */

static char *
bk_row_text(uint64 row, int column)
{
	return SPI_getvalue(SPI_tuptable->vals[row], SPI_tuptable->tupdesc, column);
}

/* Of any type that is passed by value and signed, or a truth value; NULL is 0. */
static int64
bk_row_number(uint64 row, int column)
{
	bool		is_null;
	Datum		value = SPI_getbinval(SPI_tuptable->vals[row],
									  SPI_tuptable->tupdesc, column, &is_null);

	if (is_null)
		return 0;
	switch (SPI_gettypeid(SPI_tuptable->tupdesc, column))
	{
		case BOOLOID:
			return DatumGetBool(value);
		case INT4OID:
			return DatumGetInt32(value);
		default:
			return DatumGetInt64(value);
	}
}

static TimestampTz
bk_row_time(uint64 row, int column)
{
	return bk_row_number(row, column);
}
