-- Parts of backup_status, for nobody but it. A part is a view with the columns
-- of backup_status without "since" and "last_success_age", in its order, for
-- one kind of thing: its facts, and one CASE of verdicts, the worst one first.

CREATE FUNCTION @extschema@.backup_schedule_limits(
    schedule text,
    timezone text,
    after timestamptz,
    jitter interval,
    late_after interval,
    OUT next_at timestamptz,
    OUT late_at timestamptz,
    OUT too_late_at timestamptz
) RETURNS record
LANGUAGE C STABLE
AS 'MODULE_PATHNAME', 'bk_schedule_limits';
COMMENT ON FUNCTION @extschema@.backup_schedule_limits(text, text, timestamptz, interval, interval) IS
'when a schedule is due after a time, and from when on it is late and too late if nothing has succeeded since; NULL: never';

REVOKE ALL ON FUNCTION @extschema@.backup_schedule_limits(text, text, timestamptz, interval, interval) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION @extschema@.backup_schedule_limits(text, text, timestamptz, interval, interval) TO pg_monitor;

-- Schedules that are obeyed here. A pattern of databases is one for LIKE.
CREATE VIEW @extschema@.backup_plan AS
    SELECT s.name, s.kind, s.schedule, s.timezone, s.jitter, s.late_after, s.created_at,
        CASE WHEN s.kind OPERATOR(pg_catalog.<>) 'logical' THEN NULL
            WHEN s.database IS NULL THEN pg_catalog.current_database()::text
            ELSE pg_catalog.translate(pg_catalog.regexp_replace(s.database, '([%_\\])', '\\\1', 'g'), '*?', '%_') END AS databases
    FROM @extschema@.backup_schedule_data AS s
    WHERE s.enabled AND s.kind IN ('logical', 'base') AND COALESCE(s.content, 'all') OPERATOR(pg_catalog.=) 'all'
        AND s.system_identifier OPERATOR(pg_catalog.=) (SELECT i.system_identifier::text FROM pg_catalog.pg_control_system() AS i);
COMMENT ON VIEW @extschema@.backup_plan IS
'schedules that make whole backups; read by backup_status';
COMMENT ON COLUMN @extschema@.backup_plan.name IS 'name of the schedule';
COMMENT ON COLUMN @extschema@.backup_plan.kind IS 'logical or base';
COMMENT ON COLUMN @extschema@.backup_plan.schedule IS 'times, as cron or as an interval';
COMMENT ON COLUMN @extschema@.backup_plan.timezone IS 'time zone in which the times are meant';
COMMENT ON COLUMN @extschema@.backup_plan.jitter IS 'by how much a run may begin later, at random';
COMMENT ON COLUMN @extschema@.backup_plan.late_after IS 'age of the last success that is too old; NULL: one and a half periods';
COMMENT ON COLUMN @extschema@.backup_plan.created_at IS 'when it was made';
COMMENT ON COLUMN @extschema@.backup_plan.databases IS 'pattern of the databases, for LIKE';

-- Runs that are under way, in this server or, as its standbys see them, another.
CREATE VIEW @extschema@.backup_open AS
    SELECT r.verb, r.kind, r.database, r.schedule, r.requested_at
    FROM @extschema@.backup_run_data AS r
    WHERE r.state IN ('queued', 'running')
    UNION ALL
    SELECT s.verb, s.kind, s.database, s.schedule, s.requested_at
    FROM @extschema@.backup_run_slots() AS s
    WHERE s.state IN ('queued', 'running');
COMMENT ON VIEW @extschema@.backup_open IS
'runs that are under way, some of them twice; read by backup_status';
COMMENT ON COLUMN @extschema@.backup_open.verb IS 'what is being done';
COMMENT ON COLUMN @extschema@.backup_open.kind IS 'kind of backup, for a backup';
COMMENT ON COLUMN @extschema@.backup_open.database IS 'database to back up or to create';
COMMENT ON COLUMN @extschema@.backup_open.schedule IS 'schedule that it is for';
COMMENT ON COLUMN @extschema@.backup_open.requested_at IS 'when it was asked for';
