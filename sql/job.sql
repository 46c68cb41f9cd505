-- schedules as people look at them

CREATE VIEW @extschema@.backup_job AS
    SELECT d.name, d.schedule, d.timezone, d.kind, d.database, d.content, d.level,
        d.enabled,
        CASE WHEN d.system_identifier OPERATOR(pg_catalog.<>) own.system_identifier
                THEN 'it was made in another cluster; backup_adopt() takes it over'
            WHEN pg_catalog.current_setting('backup_ext.database', true)
                    OPERATOR(pg_catalog.<>) pg_catalog.current_database()::text
                THEN 'this is not the home database'
            WHEN pg_catalog.current_setting('backup_ext.fence', true) OPERATOR(pg_catalog.<>) ''
                THEN 'this server is fenced; backup_adopt() lets it write'
            ELSE s.problem END AS inert,
        CASE WHEN d.enabled THEN s.next_run_at END AS next_run_at,
        CASE WHEN d.enabled THEN s.next_run_local END AS next_run_local,
        last.run AS last_run,
        last.state AS last_state,
        last.started_at AS last_started_at,
        success.finished_at AS last_success_at,
        (SELECT pg_catalog.count(*)
         FROM @extschema@.backup_run_data AS f
         WHERE f.schedule OPERATOR(pg_catalog.=) d.name
            AND f.state IN ('failed', 'canceled')
            AND (success.requested_at IS NULL
                OR f.requested_at OPERATOR(pg_catalog.>) success.requested_at)) AS failures,
        (SELECT pg_catalog.count(*)
         FROM @extschema@.backup_schedule_work_data AS w
         WHERE w.schedule OPERATOR(pg_catalog.=) d.name AND w.run IS NOT NULL) AS running,
        (SELECT pg_catalog.count(*)
         FROM @extschema@.backup_schedule_work_data AS w
         WHERE w.schedule OPERATOR(pg_catalog.=) d.name AND w.run IS NULL) AS waiting,
        s.queued_slot AS queued,
        d.keep_last, d.keep_within, d.keep_daily, d.keep_weekly, d.keep_monthly, d.keep_yearly,
        d.late_after, d.catch_up, d.jitter, d.max_duration, d.retries,
        d.changed_at, d.changed_by
    FROM @extschema@.backup_schedule_data AS d
    CROSS JOIN (SELECT i.system_identifier::text AS system_identifier
                FROM pg_catalog.pg_control_system() AS i) AS own
    LEFT JOIN @extschema@.backup_schedule_state_data AS s
        ON s.name OPERATOR(pg_catalog.=) d.name AND s.changed_at OPERATOR(pg_catalog.=) d.changed_at
    LEFT JOIN LATERAL (
        SELECT r.run, r.state, r.started_at
        FROM @extschema@.backup_run_data AS r
        WHERE r.schedule OPERATOR(pg_catalog.=) d.name
            AND r.verb NOT IN ('schedule', 'unschedule')
            AND r.state OPERATOR(pg_catalog.<>) 'skipped'
        ORDER BY r.requested_at DESC, r.run DESC
        LIMIT 1
    ) AS last ON true
    LEFT JOIN LATERAL (
        SELECT r.finished_at, r.requested_at
        FROM @extschema@.backup_run_data AS r
        WHERE r.schedule OPERATOR(pg_catalog.=) d.name
            AND r.verb NOT IN ('schedule', 'unschedule')
            AND r.state OPERATOR(pg_catalog.=) 'done'
        ORDER BY r.requested_at DESC, r.run DESC
        LIMIT 1
    ) AS success ON true;
COMMENT ON VIEW @extschema@.backup_job IS
'schedules: what is done when, when it was last done, and when it is due next';
COMMENT ON COLUMN @extschema@.backup_job.name IS 'name of the schedule';
COMMENT ON COLUMN @extschema@.backup_job.schedule IS 'times, as cron or as an interval';
COMMENT ON COLUMN @extschema@.backup_job.timezone IS 'time zone in which the times are meant';
COMMENT ON COLUMN @extschema@.backup_job.kind IS 'what is done: logical, base, verify, expire or replicate';
COMMENT ON COLUMN @extschema@.backup_job.database IS 'name or pattern of databases; NULL: the home database, for verify all';
COMMENT ON COLUMN @extschema@.backup_job.content IS 'all, schema or data, for logical backups';
COMMENT ON COLUMN @extschema@.backup_job.level IS 'level of a verification';
COMMENT ON COLUMN @extschema@.backup_job.enabled IS 'is it obeyed?';
COMMENT ON COLUMN @extschema@.backup_job.inert IS 'why it is not obeyed here although it is enabled; NULL: it is';
COMMENT ON COLUMN @extschema@.backup_job.next_run_at IS 'when it is due next, with its jitter';
COMMENT ON COLUMN @extschema@.backup_job.next_run_local IS 'the same by the clocks of its time zone';
COMMENT ON COLUMN @extschema@.backup_job.last_run IS 'number of its last run';
COMMENT ON COLUMN @extschema@.backup_job.last_state IS 'how that stands: running, done, failed or canceled';
COMMENT ON COLUMN @extschema@.backup_job.last_started_at IS 'when that began';
COMMENT ON COLUMN @extschema@.backup_job.last_success_at IS 'when a run of it last ended well';
COMMENT ON COLUMN @extschema@.backup_job.failures IS 'runs since then that failed or were canceled';
COMMENT ON COLUMN @extschema@.backup_job.running IS 'runs that are under way now: one or none';
COMMENT ON COLUMN @extschema@.backup_job.waiting IS 'databases that wait for their turn, or to be tried again';
COMMENT ON COLUMN @extschema@.backup_job.queued IS 'next time whose work waits for the end of that';
COMMENT ON COLUMN @extschema@.backup_job.keep_last IS 'number of the newest backups that are kept';
COMMENT ON COLUMN @extschema@.backup_job.keep_within IS 'age up to which backups are kept';
COMMENT ON COLUMN @extschema@.backup_job.keep_daily IS 'number of days of which the newest backup is kept';
COMMENT ON COLUMN @extschema@.backup_job.keep_weekly IS 'number of weeks of which the newest backup is kept';
COMMENT ON COLUMN @extschema@.backup_job.keep_monthly IS 'number of months of which the newest backup is kept';
COMMENT ON COLUMN @extschema@.backup_job.keep_yearly IS 'number of years of which the newest backup is kept';
COMMENT ON COLUMN @extschema@.backup_job.late_after IS 'age of the last success that is too old; NULL: one and a half periods';
COMMENT ON COLUMN @extschema@.backup_job.catch_up IS 'once or skip: what becomes of times that were missed';
COMMENT ON COLUMN @extschema@.backup_job.jitter IS 'by how much a run may begin later, at random';
COMMENT ON COLUMN @extschema@.backup_job.max_duration IS 'after which time a run is stopped';
COMMENT ON COLUMN @extschema@.backup_job.retries IS 'how many times a failed run is tried again';
COMMENT ON COLUMN @extschema@.backup_job.changed_at IS 'when it was last changed';
COMMENT ON COLUMN @extschema@.backup_job.changed_by IS 'role that did it';

REVOKE ALL ON @extschema@.backup_job FROM PUBLIC;
GRANT SELECT ON @extschema@.backup_job TO pg_monitor;
