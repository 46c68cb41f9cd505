/*
 * state.c
 *	  Notes the states of backup_status, from which alarms are made. Time alone
 *	  makes a schedule late, so somebody must look; a server without schedules
 *	  is looked at when something has happened.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "utils/timestamp.h"

#include "server/state.h"
#include "server/statement.h"

#define BK_STATE_PAUSE (60 * USECS_PER_SEC)

/* The view is read once: what it takes is most of what a look costs. */
static const char bk_sql_track[] =
"WITH s AS MATERIALIZED"
" (SELECT v.what, v.subject, v.state, v.reason, v.since FROM %s.backup_status AS v),"
" gone AS (DELETE FROM %s.backup_alarm_state_data AS d"
" WHERE NOT EXISTS (SELECT FROM s WHERE s.what = d.what AND s.subject = d.subject))"
" INSERT INTO %s.backup_alarm_state_data AS d (what, subject, state, reason, since)"
" SELECT s.what, s.subject, s.state, s.reason, LEAST(s.since, $1) FROM s"
/* a conflict locks a row, which is WAL, even if nothing has changed */
" WHERE NOT EXISTS (SELECT FROM %s.backup_alarm_state_data AS o"
" WHERE o.what = s.what AND o.subject = s.subject AND o.state = s.state AND o.reason = s.reason)"
" ON CONFLICT (subject, what) DO UPDATE SET state = excluded.state, reason = excluded.reason,"
" before = CASE WHEN d.state = excluded.state THEN d.before ELSE d.state END,"
" since = CASE WHEN d.state = excluded.state THEN d.since ELSE $1 END"
" WHERE d.state <> excluded.state OR d.reason <> excluded.reason";

static const char bk_sql_is_watched[] =
"SELECT FROM %s.backup_schedule_data WHERE enabled LIMIT 1";

TimestampTz
bk_state_track(TimestampTz now)
{
	MemoryContext caller = bk_statement_begin();
	BkValues	values = {0};
	BkValues	none = {0};
	bool		watched;

	bk_values_add_time(&values, now);
	bk_statement_execute(bk_sql_track, &values);
	bk_statement_execute(bk_sql_is_watched, &none);
	watched = SPI_processed > 0;
	bk_statement_commit(caller);
	return watched ? now + BK_STATE_PAUSE : 0;
}
