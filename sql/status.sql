-- what a monitor reads

CREATE TABLE @extschema@.backup_alarm_state_data (
    what text NOT NULL,
    subject text NOT NULL,
    state text NOT NULL CHECK (state IN ('ok', 'warning', 'critical')),
    reason text NOT NULL,
    since timestamptz NOT NULL,
    before text,
    PRIMARY KEY (subject, what)
);
COMMENT ON TABLE @extschema@.backup_alarm_state_data IS
'states of backup_status as they were last seen; one thing that is no longer there has no row';
COMMENT ON COLUMN @extschema@.backup_alarm_state_data.what IS 'what the row is about';
COMMENT ON COLUMN @extschema@.backup_alarm_state_data.subject IS 'kind of thing';
COMMENT ON COLUMN @extschema@.backup_alarm_state_data.state IS 'ok, warning or critical';
COMMENT ON COLUMN @extschema@.backup_alarm_state_data.reason IS 'why, in a sentence';
COMMENT ON COLUMN @extschema@.backup_alarm_state_data.since IS 'since when it is in this state';
COMMENT ON COLUMN @extschema@.backup_alarm_state_data.before IS 'state before that; NULL: it was not there';

CREATE VIEW @extschema@.backup_status AS
    SELECT p.what, p.subject, p.database, p.state, p.reason,
        -- until the state was noted, the event that may have brought it
        COALESCE((SELECT d.since
                  FROM @extschema@.backup_alarm_state_data AS d
                  WHERE d.subject OPERATOR(pg_catalog.=) p.subject AND d.what OPERATOR(pg_catalog.=) p.what
                    AND d.state OPERATOR(pg_catalog.=) p.state),
            CASE WHEN p.state OPERATOR(pg_catalog.<>) 'ok' THEN p.last_attempt_at END,
            p.last_success_at) AS since,
        p.last_success_at, pg_catalog.now() OPERATOR(pg_catalog.-) p.last_success_at AS last_success_age, p.last_success_id, p.target_age,
        p.last_attempt_at, p.last_failure_at,
        CASE WHEN pg_catalog.pg_has_role('pg_read_all_stats', 'USAGE') THEN p.last_failure END AS last_failure,
        p.next_run_at, p.last_size, p.usual_size, p.plain_size, p.stored_size, p.backups,
        p.recovery_from, p.recovery_to, p.verified_at, p.restore_tested_at, p.restore_duration,
        p.storage_free, p.storage_total, p.full_at, p.running
    FROM (
            SELECT * FROM @extschema@.backup_status_schedules
            UNION ALL
            SELECT * FROM @extschema@.backup_status_databases
            UNION ALL
            SELECT * FROM @extschema@.backup_status_base
            UNION ALL
            SELECT * FROM @extschema@.backup_status_wal
            UNION ALL
            SELECT * FROM @extschema@.backup_status_repositories
            UNION ALL
            SELECT * FROM @extschema@.backup_status_copies
            UNION ALL
            SELECT * FROM @extschema@.backup_status_restores
            UNION ALL
            SELECT * FROM @extschema@.backup_status_retention
            UNION ALL
            SELECT * FROM @extschema@.backup_status_checksums
            UNION ALL
            SELECT * FROM @extschema@.backup_status_alarms
            UNION ALL
            SELECT * FROM @extschema@.backup_status_keeper
        ) AS p;
COMMENT ON VIEW @extschema@.backup_status IS
'one row, with a verdict, for each thing that is protected, also when nothing ever succeeded';
COMMENT ON COLUMN @extschema@.backup_status.what IS 'what the row is about: a database, "schedule" with its name, "base backups", "WAL archiving", "repository" or "copies in repository" with its place in the setting, "restore tests", "retention", "data checksums", "alarms" or "keeper"';
COMMENT ON COLUMN @extschema@.backup_status.subject IS 'kind of thing: schedule, database, base backups, WAL archiving, repository, copies, restore tests, retention, data checksums, alarms or keeper';
COMMENT ON COLUMN @extschema@.backup_status.database IS 'the database, if it is about one';
COMMENT ON COLUMN @extschema@.backup_status.state IS 'ok, warning or critical';
COMMENT ON COLUMN @extschema@.backup_status.reason IS 'why, in a sentence';
COMMENT ON COLUMN @extschema@.backup_status.since IS 'since when it is in this state, as far as it is known';
COMMENT ON COLUMN @extschema@.backup_status.last_success_at IS 'when the newest good backup, of schema and data, was complete, or the last run of another kind';
COMMENT ON COLUMN @extschema@.backup_status.last_success_age IS 'time since then: the number to watch';
COMMENT ON COLUMN @extschema@.backup_status.last_success_id IS 'id of the newest good backup, or the newest archived segment';
COMMENT ON COLUMN @extschema@.backup_status.target_age IS 'age at which the last success is late, as its schedule has it';
COMMENT ON COLUMN @extschema@.backup_status.last_attempt_at IS 'when it was last tried';
COMMENT ON COLUMN @extschema@.backup_status.last_failure_at IS 'when an attempt last failed';
COMMENT ON COLUMN @extschema@.backup_status.last_failure IS 'why, for pg_read_all_stats';
COMMENT ON COLUMN @extschema@.backup_status.next_run_at IS 'when its schedule wants it next';
COMMENT ON COLUMN @extschema@.backup_status.last_size IS 'bytes of the newest good backup before compression';
COMMENT ON COLUMN @extschema@.backup_status.usual_size IS 'the same of the ones before it: their median, of the same day of the week if there are enough';
COMMENT ON COLUMN @extschema@.backup_status.plain_size IS 'bytes of all its backups before compression';
COMMENT ON COLUMN @extschema@.backup_status.stored_size IS 'bytes of all its backups in the repository';
COMMENT ON COLUMN @extschema@.backup_status.backups IS 'number of its backups';
COMMENT ON COLUMN @extschema@.backup_status.recovery_from IS 'earliest time that can be brought back';
COMMENT ON COLUMN @extschema@.backup_status.recovery_to IS 'latest time that can be brought back; between the two every moment with archived WAL, else those of the backups';
COMMENT ON COLUMN @extschema@.backup_status.verified_at IS 'when one of its backups was last verified';
COMMENT ON COLUMN @extschema@.backup_status.restore_tested_at IS 'when one of its backups was last restored';
COMMENT ON COLUMN @extschema@.backup_status.restore_duration IS 'how long that took';
COMMENT ON COLUMN @extschema@.backup_status.storage_free IS 'bytes that are free where it is stored, as last seen';
COMMENT ON COLUMN @extschema@.backup_status.storage_total IS 'bytes that there are';
COMMENT ON COLUMN @extschema@.backup_status.full_at IS 'when that will be full if it goes on as before';
COMMENT ON COLUMN @extschema@.backup_status.running IS 'is it queued or running now?';

REVOKE ALL ON @extschema@.backup_open, @extschema@.backup_plan, @extschema@.backup_status_schedules, @extschema@.backup_status_databases,
    @extschema@.backup_status_base, @extschema@.backup_status_wal, @extschema@.backup_status_repositories, @extschema@.backup_status_copies,
    @extschema@.backup_status_restores, @extschema@.backup_status_retention, @extschema@.backup_status_checksums, @extschema@.backup_status_keeper, @extschema@.backup_alarm_state_data, @extschema@.backup_status FROM PUBLIC;
GRANT SELECT ON @extschema@.backup_status TO pg_monitor;
