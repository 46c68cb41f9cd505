/*
 * alarm.c
 *	  Tells people what has changed in backup_status.
 *
 * Messages wait in a table until a run has sent them, so that an outage of
 * their receiver, a crash or a failover loses none. A run is written down
 * before it is queued: what becomes of it is read from its row, and a run that
 * never gets one counts as failed after a while. So a message may come twice,
 * after a crash, and never not at all.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "utils/builtins.h"
#include "utils/timestamp.h"
#include "utils/uuid.h"

#include "server/alarm.h"
#include "server/call.h"
#include "server/catalogue.h"
#include "server/notice.h"
#include "server/settings.h"
#include "server/statement.h"

#define BK_ALARM_PAUSE_MS (60 * 1000)	/* between two looks */

/* Runs that have no row after this time will never have one. */
#define BK_ALARM_LOST "'10 min'::interval"

/* A message that is to be sent now. */
typedef struct BkAlarmNext
{
	bool		found;
	pg_uuid_t	id;
	BkRun	   *run;			/* that sends it; NULL: it is sent */
} BkAlarmNext;

static bool bk_alarm_has_channels(TimestampTz now);
static void bk_alarm_settle(TimestampTz now);
static void bk_alarm_write(TimestampTz now);
static void bk_alarm_send(TimestampTz now);
static void bk_alarm_take(TimestampTz now, BkAlarmNext *next);
static void bk_alarm_postpone(TimestampTz now, const BkAlarmNext *next,
							  const BkOutcome *problem);
static void bk_alarm_execute(const char *statement, TimestampTz now);

/* Those of another cluster are left alone, in a copy of its database. */
#define BK_OWN_CHANNELS \
	" FROM %s.backup_channel_data AS c WHERE c.enabled AND c.system_identifier = $2"

static const char bk_sql_count_channels[] =
"SELECT FROM %s.backup_channel_data AS c WHERE c.enabled AND c.system_identifier = $2";

/* What has been sent. */
static const char bk_sql_settle_sent[] =
"WITH n AS (DELETE FROM %s.backup_notice_data AS n"
" USING %s.backup_run_data AS r WHERE r.run = n.run AND r.state = 'done'"
" RETURNING n.channel, r.finished_at)"
" INSERT INTO %s.backup_channel_state_data AS s (channel, sent_at)"
" SELECT n.channel, max(n.finished_at) FROM n GROUP BY n.channel"
" ON CONFLICT (channel) DO UPDATE SET sent_at = excluded.sent_at, failing_since = NULL";

/*
 * What could not be sent: after a minute, and then ever later. A sign of life
 * that is late is none, and the next one comes by itself.
 */
static const char bk_sql_settle_failed[] =
"WITH f AS (SELECT n.id, n.channel, COALESCE(r.message, 'its run was lost') AS failure,"
" c.kind = 'ping' AND c.schedule IS NULL AS is_ping, n.next_try_at AS at"
" FROM %s.backup_notice_data AS n"
" JOIN %s.backup_channel_data AS c ON c.name = n.channel"
" LEFT JOIN %s.backup_run_data AS r ON r.run = n.run"
" WHERE n.run IS NOT NULL AND CASE WHEN r.run IS NULL"
" THEN n.next_try_at NOT BETWEEN $1 - " BK_ALARM_LOST " AND $1 + " BK_ALARM_LOST
" AND NOT EXISTS (SELECT FROM %s.backup_run_slots() AS s WHERE s.run = n.run)"
" ELSE r.state NOT IN ('queued', 'running', 'done') END),"
" d AS (DELETE FROM %s.backup_notice_data AS n USING f WHERE f.id = n.id AND f.is_ping),"
" u AS (UPDATE %s.backup_notice_data AS n SET run = NULL, attempts = n.attempts + 1,"
" next_try_at = $1 + least('1 h'::interval, '1 min'::interval * 2 ^ least(n.attempts, 10))"
" FROM f WHERE f.id = n.id AND NOT f.is_ping)"
" INSERT INTO %s.backup_channel_state_data AS s (channel, failed_at, failing_since, failure)"
" SELECT DISTINCT ON (f.channel) f.channel, $1, f.at, f.failure FROM f ORDER BY f.channel, f.at"
" ON CONFLICT (channel) DO UPDATE SET failed_at = excluded.failed_at, failure = excluded.failure,"
" failing_since = COALESCE(s.failing_since, excluded.failing_since)";

/* What nobody has to know any more, or can. Trouble that lasts is then not told. */
static const char bk_sql_give_up[] =
"WITH g AS (DELETE FROM %s.backup_notice_data AS n"
" WHERE n.run IS NULL AND (n.created_at < $1 - '1 day'::interval"
" OR NOT EXISTS (SELECT" BK_OWN_CHANNELS " AND c.name = n.channel))"
" RETURNING n.channel, n.created_at),"
" t AS (DELETE FROM %s.backup_told_data AS t USING g"
" WHERE t.channel = g.channel AND t.told_at = g.created_at)"
" SELECT FROM g";

/*
 * The changes since each channel was last told. A state that has become
 * critical is told at once, everything else when it has held; also what has
 * just appeared, since its first backup may be under way. What is not there
 * any more is well. A message has what fits into it; pagers and the like know only what
 * they are told, so for them the rest comes with the next message.
 */
static const char bk_sql_write[] =
"WITH c AS (SELECT c.name, c.kind, c.level, c.hold, c.remind" BK_OWN_CHANNELS
" AND c.kind <> 'ping'),"
" w AS (SELECT c.*, s.subject, s.what, s.reason, s.since, s.before IS NULL AS is_new,"
" COALESCE(t.state, 'ok') AS was, t.told_at,"
" CASE WHEN s.state = 'warning' AND c.level = 'critical' THEN 'ok' ELSE s.state END AS state"
" FROM c CROSS JOIN %s.backup_alarm_state_data AS s"
" LEFT JOIN %s.backup_told_data AS t ON t.channel = c.name AND t.subject = s.subject AND t.what = s.what"
" UNION ALL"
" SELECT c.*, t.subject, t.what, 'It is not watched any more.', $1 - c.hold, true, t.state, t.told_at, 'ok'"
" FROM c JOIN %s.backup_told_data AS t ON t.channel = c.name"
" WHERE NOT EXISTS (SELECT FROM %s.backup_alarm_state_data AS s"
" WHERE s.subject = t.subject AND s.what = t.what)),"
" e AS (SELECT w.*, CASE"
" WHEN w.state <> w.was AND (w.since <= $1 - w.hold OR w.state = 'critical' AND NOT w.is_new)"
" THEN CASE w.state WHEN 'ok' THEN 'recovery' ELSE 'problem' END"
" WHEN w.state = w.was AND w.state <> 'ok' AND w.remind > '0'::interval"
" AND w.told_at <= $1 - w.remind THEN 'reminder' END AS event FROM w),"
" j AS (SELECT e.*, json_build_object('what', e.what, 'event', e.event, 'state', e.state,"
" 'was', e.was, 'reason', left(e.reason, 300),"
" 'since', to_char(e.since AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS\"Z\"')) AS change,"
" row_number() OVER o AS number"
" FROM e WHERE e.event IS NOT NULL"
" WINDOW o AS (PARTITION BY e.name ORDER BY e.state = 'critical' DESC, e.state = 'warning' DESC, e.subject, e.what)),"
" n AS (SELECT j.*, j.number = 1 OR sum(octet_length(to_json(j.change::text)::text))"
" OVER (PARTITION BY j.name ORDER BY j.number) < 4000 AS fits,"
" j.kind IN ('pagerduty', 'alertmanager') AS all_needed FROM j),"
" forget AS (DELETE FROM %s.backup_told_data AS t USING n"
" WHERE t.channel = n.name AND t.subject = n.subject AND t.what = n.what"
" AND n.state = 'ok' AND (n.fits OR NOT n.all_needed)),"
" remember AS (INSERT INTO %s.backup_told_data AS t (channel, subject, what, state, told_at)"
" SELECT n.name, n.subject, n.what, n.state, $1 FROM n"
" WHERE n.state <> 'ok' AND (n.fits OR NOT n.all_needed)"
" ON CONFLICT (channel, subject, what) DO UPDATE SET state = excluded.state, told_at = excluded.told_at)"
" INSERT INTO %s.backup_notice_data (channel, created_at, next_try_at, message)"
" SELECT n.name, $1, $1, json_build_object(" BK_NOTICE_SERVER ", 'event', 'alarm',"
" 'remind', EXTRACT(EPOCH FROM max(n.remind))::bigint,"
" 'changes', json_agg(n.change ORDER BY n.number) FILTER (WHERE n.fits),"
" 'more', count(*) FILTER (WHERE NOT n.fits AND NOT n.all_needed))"
" FROM n GROUP BY n.name";

/* Signs of life: at their time, and when what they say has changed. */
static const char bk_sql_write_pings[] =
"WITH c AS (SELECT c.name, c.every" BK_OWN_CHANNELS " AND c.kind = 'ping' AND c.schedule IS NULL),"
" v AS (SELECT CASE WHEN EXISTS (SELECT FROM %s.backup_alarm_state_data AS a"
" WHERE a.state = 'critical') THEN 'fail' ELSE 'success' END AS signal),"
" d AS (SELECT c.name, v.signal FROM c CROSS JOIN v"
" LEFT JOIN %s.backup_channel_state_data AS s ON s.channel = c.name"
" WHERE (s.pinged_at IS NULL OR s.pinged_at <= $1 - c.every OR s.pinged_at > $1 OR s.signal <> v.signal)"
" AND NOT EXISTS (SELECT FROM %s.backup_notice_data AS n WHERE n.channel = c.name)),"
" r AS (INSERT INTO %s.backup_channel_state_data AS s (channel, pinged_at, signal)"
" SELECT d.name, $1, d.signal FROM d"
" ON CONFLICT (channel) DO UPDATE SET pinged_at = excluded.pinged_at, signal = excluded.signal)"
" INSERT INTO %s.backup_notice_data (channel, created_at, next_try_at, message)"
" SELECT d.name, $1, $1, json_build_object(" BK_NOTICE_SERVER ", 'event', 'ping', 'signal', d.signal) FROM d";

/*
 * The start of the newest run of a schedule, and its end: that is a failure if
 * any run has failed since the last end that was told, since a schedule can
 * have one for each database.
 */
static const char bk_sql_write_run_pings[] =
"WITH c AS (SELECT c.name, c.schedule" BK_OWN_CHANNELS " AND c.kind = 'ping' AND c.schedule IS NOT NULL),"
" u AS (SELECT c.name, COALESCE(s.started_run, 0) AS started, r.* FROM c"
" LEFT JOIN %s.backup_channel_state_data AS s ON s.channel = c.name"
" CROSS JOIN LATERAL (SELECT max(n.run) AS run, bool_or(n.state IN ('queued', 'running')) AS open,"
" bool_or(n.state IN ('failed', 'canceled')) AS failed"
" FROM (SELECT r.run, r.state FROM %s.backup_run AS r WHERE r.schedule = c.schedule"
" AND r.state <> 'skipped' AND r.verb NOT IN ('schedule', 'unschedule')"
" AND r.run > COALESCE(s.ended_run, 0) ORDER BY r.run DESC"
" LIMIT CASE WHEN s.ended_run IS NULL THEN 1 ELSE 1000 END) AS n) AS r"
" WHERE r.run IS NOT NULL),"
" d AS (SELECT u.*, u.run > u.started AS starts, NOT u.open AS ends FROM u),"
" r AS (INSERT INTO %s.backup_channel_state_data AS s (channel, started_run, ended_run)"
" SELECT d.name, d.run, CASE WHEN d.ends THEN d.run END FROM d WHERE d.starts OR d.ends"
" ON CONFLICT (channel) DO UPDATE SET started_run = excluded.started_run,"
" ended_run = COALESCE(excluded.ended_run, s.ended_run))"
" INSERT INTO %s.backup_notice_data (channel, created_at, next_try_at, message)"
" SELECT d.name, $1 + p.place, $1, json_build_object(" BK_NOTICE_SERVER ", 'event', 'ping', 'signal', p.signal)"
" FROM d CROSS JOIN LATERAL (VALUES ('0'::interval, 'start', d.starts),"
" ('1 us'::interval, CASE WHEN d.failed THEN 'fail' ELSE 'success' END, d.ends))"
" AS p (place, signal, due) WHERE p.due";

/* The oldest message of a channel by which none is under way, and its channel. */
static const char bk_sql_next[] =
"SELECT " BK_NOTICE_COLUMNS ", n.message::text, n.id"
" FROM (SELECT DISTINCT ON (n.channel) n.* FROM %s.backup_notice_data AS n"
" ORDER BY n.channel, n.created_at, n.id) AS n"
" JOIN %s.backup_channel_data AS c ON c.name = n.channel AND c.enabled AND c.system_identifier = $2"
" WHERE n.run IS NULL AND n.next_try_at <= $1"
" AND NOT EXISTS (SELECT FROM %s.backup_notice_data AS o WHERE o.channel = n.channel AND o.run IS NOT NULL)"
" ORDER BY n.created_at LIMIT 1";

static const char bk_sql_mark_sending[] =
"UPDATE %s.backup_notice_data SET run = $2, next_try_at = clock_timestamp() WHERE id = $1";

static const char bk_sql_mark_sent[] =
"WITH n AS (DELETE FROM %s.backup_notice_data WHERE id = $1 RETURNING channel)"
" INSERT INTO %s.backup_channel_state_data (channel, sent_at)"
" SELECT channel, clock_timestamp() FROM n"
" ON CONFLICT (channel) DO UPDATE SET sent_at = excluded.sent_at, failing_since = NULL";

static const char bk_sql_postpone[] =
"WITH n AS (UPDATE %s.backup_notice_data SET attempts = attempts + 1,"
" next_try_at = $2 + '1 h'::interval WHERE id = $1 RETURNING channel)"
" INSERT INTO %s.backup_channel_state_data AS s (channel, failed_at, failing_since, failure)"
" SELECT n.channel, $2, $2, $3 FROM n"
" ON CONFLICT (channel) DO UPDATE SET failed_at = excluded.failed_at, failure = excluded.failure,"
" failing_since = COALESCE(s.failing_since, excluded.failing_since)";

/*
 * A server that was restored, or made as a clone, may not act on the outside
 * until it is adopted: its original sends the same.
 */
TimestampTz
bk_alarm_look(TimestampTz now)
{
	if (bk_setting_fence[0] != '\0' || !bk_alarm_has_channels(now))
		return 0;
	bk_alarm_settle(now);
	bk_alarm_write(now);
	bk_alarm_send(now);
	return TimestampTzPlusMilliseconds(now, BK_ALARM_PAUSE_MS);
}

static bool
bk_alarm_has_channels(TimestampTz now)
{
	MemoryContext caller = bk_statement_begin();
	bool		found;

	bk_alarm_execute(bk_sql_count_channels, now);
	found = SPI_processed > 0;
	bk_statement_commit(caller);
	return found;
}

static void
bk_alarm_settle(TimestampTz now)
{
	MemoryContext caller = bk_statement_begin();

	bk_alarm_execute(bk_sql_settle_sent, now);
	bk_alarm_execute(bk_sql_settle_failed, now);
	bk_alarm_execute(bk_sql_give_up, now);
	if (SPI_processed > 0)
		ereport(LOG,
				(errmsg("gave up " UINT64_FORMAT " messages of alarms", SPI_processed),
				 errdetail("They could not be sent within a day, or their channel is not used any more.")));
	bk_statement_commit(caller);
}

static void
bk_alarm_write(TimestampTz now)
{
	MemoryContext caller = bk_statement_begin();

	bk_alarm_execute(bk_sql_write, now);
	bk_alarm_execute(bk_sql_write_pings, now);
	bk_alarm_execute(bk_sql_write_run_pings, now);
	bk_statement_commit(caller);
}

/* A message that cannot even be handed over must not keep others from theirs. */
static void
bk_alarm_send(TimestampTz now)
{
	MemoryContext context = CurrentMemoryContext;
	bool		more = true;

	while (more)
	{
		volatile BkAlarmNext next = {0};
		BkOutcome	problem;

		PG_TRY();
		{
			bk_alarm_take(now, (BkAlarmNext *) &next);
		}
		PG_CATCH();
		{
			bk_catalogue_catch(&problem, context);
			if (!next.found)
				bk_outcome_report(&problem, ERROR);
			bk_alarm_postpone(now, (BkAlarmNext *) &next, &problem);
			next.run = NULL;
		}
		PG_END_TRY();
		/* where all places are taken it never gets a row, and so has failed */
		if (next.run != NULL)
			(void) bk_shared_queue(next.run);
		more = next.found;
	}
}

/* Finds the next message, if there is one, and what sends it. */
static void
bk_alarm_take(TimestampTz now, BkAlarmNext *next)
{
	MemoryContext context = CurrentMemoryContext;
	MemoryContext caller = bk_statement_begin();
	BkValues	values = {0};
	HeapTuple	row;
	TupleDesc	columns;
	bool		is_null;

	bk_alarm_execute(bk_sql_next, now);
	if (SPI_processed > 0)
	{
		row = SPI_tuptable->vals[0];
		columns = SPI_tuptable->tupdesc;
		next->id = *DatumGetUUIDP(SPI_getbinval(row, columns, BK_NOTICE_COLUMN_COUNT + 2, &is_null));
		next->found = true;
		next->run = bk_notice_send(row, columns,
								   SPI_getvalue(row, columns, BK_NOTICE_COLUMN_COUNT + 1), context);
		bk_values_add(&values, UUIDOID, UUIDPGetDatum(&next->id), false);
		if (next->run != NULL)
		{
			next->run->run = bk_call_next_number();
			bk_values_add(&values, INT8OID, Int64GetDatum(next->run->run), false);
		}
		bk_statement_execute(next->run != NULL ? bk_sql_mark_sending : bk_sql_mark_sent, &values);
	}
	bk_statement_commit(caller);
}

static void
bk_alarm_postpone(TimestampTz now, const BkAlarmNext *next, const BkOutcome *problem)
{
	MemoryContext caller = bk_statement_begin();
	BkValues	values = {0};

	bk_values_add(&values, UUIDOID, UUIDPGetDatum(&next->id), false);
	bk_values_add_time(&values, now);
	bk_values_add_text(&values, problem->message);
	bk_statement_execute(bk_sql_postpone, &values);
	bk_statement_commit(caller);
}

static void
bk_alarm_execute(const char *statement, TimestampTz now)
{
	BkValues	values = {0};

	bk_notice_add_server(&values, now);
	bk_statement_execute(statement, &values);
}
