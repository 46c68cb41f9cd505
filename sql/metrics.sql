-- numbers for metric systems, and one row for a probe

CREATE TABLE @extschema@.backup_run_count_data (
    verb text NOT NULL,
    state text NOT NULL,
    runs bigint NOT NULL,
    PRIMARY KEY (verb, state)
);
COMMENT ON TABLE @extschema@.backup_run_count_data IS
'runs whose rows were taken out of the history: what is counted must not become less';
COMMENT ON COLUMN @extschema@.backup_run_count_data.verb IS 'what was to be done';
COMMENT ON COLUMN @extschema@.backup_run_count_data.state IS 'how it ended';
COMMENT ON COLUMN @extschema@.backup_run_count_data.runs IS 'number of them';

CREATE VIEW @extschema@.backup_metrics AS
    WITH status AS MATERIALIZED (
        SELECT s.*, pg_catalog.jsonb_build_object('what', s.what, 'subject', s.subject) AS labels
        FROM @extschema@.backup_status AS s
    ),
    wal AS MATERIALIZED (
        SELECT * FROM @extschema@.backup_wal
    ),
    open AS MATERIALIZED (
        SELECT s.state FROM @extschema@.backup_run_slots() AS s
    ),
    -- also of what has never run: the first failure of a verb shall count
    run AS (
        SELECT r.verb, r.state, pg_catalog.sum(r.runs) AS runs
        FROM (
                SELECT d.verb, d.state, pg_catalog.count(*) AS runs
                FROM @extschema@.backup_run_data AS d
                WHERE d.state NOT IN ('queued', 'running')
                GROUP BY d.verb, d.state
                UNION ALL
                SELECT g.verb, g.state, g.runs
                FROM @extschema@.backup_run_count_data AS g
                UNION ALL
                SELECT v.verb, s.state, 0
                FROM (VALUES ('backup'), ('clone'), ('expire'), ('notify'), ('replicate'), ('restore'), ('sync'), ('verify')) AS v (verb),
                    (VALUES ('done'), ('failed'), ('canceled'), ('skipped')) AS s (state)
            ) AS r
        GROUP BY r.verb, r.state
    ),
    sample (name, labels, value, help, type) AS (
        SELECT 'backup_ext_info',
            pg_catalog.jsonb_build_object(
                'version', e.extversion,
                'home', pg_catalog.current_database(),
                'server_version', pg_catalog.current_setting('server_version_num'),
                'system_identifier', c.system_identifier::text),
            1::float8, 'What is installed, in labels; always 1', 'gauge'
        FROM pg_catalog.pg_extension AS e, pg_catalog.pg_control_system() AS c
        WHERE e.extname OPERATOR(pg_catalog.=) 'backup_ext'
        UNION ALL
        SELECT 'backup_ext_in_recovery', '{}', pg_catalog.pg_is_in_recovery()::integer,
            'Is the server a standby, or in recovery?', 'gauge'
        UNION ALL
        -- an exporter may go on to show what it has read long ago
        SELECT 'backup_ext_read_timestamp_seconds', '{}', pg_catalog.date_part('epoch', pg_catalog.now()),
            'When these numbers were read', 'gauge'
        UNION ALL
        SELECT 'backup_ext_things', pg_catalog.jsonb_build_object('state', k.state),
            (SELECT pg_catalog.count(*) FROM status AS s WHERE s.state OPERATOR(pg_catalog.=) k.state),
            'Rows of backup_status in this state', 'gauge'
        FROM (VALUES ('ok'), ('warning'), ('critical')) AS k (state)
        UNION ALL
        -- one series for each row of backup_status
        SELECT m.name, s.labels, m.value, m.help, 'gauge'
        FROM status AS s
            CROSS JOIN LATERAL (VALUES
                ('backup_ext_state',
                 CASE s.state WHEN 'ok' THEN 0 WHEN 'warning' THEN 1 ELSE 2 END::float8,
                 'Verdict: 0 ok, 1 warning, 2 critical'),
                ('backup_ext_since_timestamp_seconds', pg_catalog.date_part('epoch', s.since),
                 'Since when it is in this state'),
                ('backup_ext_last_success_timestamp_seconds', pg_catalog.date_part('epoch', s.last_success_at),
                 'When it last succeeded; 0: never'),
                ('backup_ext_last_attempt_timestamp_seconds', pg_catalog.date_part('epoch', s.last_attempt_at),
                 'When it was last tried; 0: never'),
                ('backup_ext_last_failure_timestamp_seconds', pg_catalog.date_part('epoch', s.last_failure_at),
                 'When it last failed; 0: never'),
                ('backup_ext_target_age_seconds', pg_catalog.date_part('epoch', s.target_age),
                 'Age at which the last success is late; 0: none is'),
                ('backup_ext_next_run_timestamp_seconds', pg_catalog.date_part('epoch', s.next_run_at),
                 'When its schedule wants it next; 0: never'),
                ('backup_ext_last_size_bytes', s.last_size,
                 'Size of its newest good backup before compression'),
                ('backup_ext_usual_size_bytes', s.usual_size,
                 'The same of the backups before that, their median'),
                ('backup_ext_plain_size_bytes', s.plain_size,
                 'Size of all its backups before compression'),
                ('backup_ext_stored_size_bytes', s.stored_size,
                 'Size of all its backups in the repository'),
                ('backup_ext_backups', s.backups,
                 'Number of its backups'),
                ('backup_ext_recovery_from_timestamp_seconds', pg_catalog.date_part('epoch', s.recovery_from),
                 'Earliest time that can be brought back; 0: none can'),
                ('backup_ext_recovery_to_timestamp_seconds', pg_catalog.date_part('epoch', s.recovery_to),
                 'Latest time that can be brought back; 0: none can'),
                ('backup_ext_verified_timestamp_seconds', pg_catalog.date_part('epoch', s.verified_at),
                 'When one of its backups was last verified; 0: never'),
                ('backup_ext_restore_tested_timestamp_seconds', pg_catalog.date_part('epoch', s.restore_tested_at),
                 'When one of its backups was last restored; 0: never'),
                ('backup_ext_restore_duration_seconds', pg_catalog.date_part('epoch', s.restore_duration),
                 'How long that restore took'),
                ('backup_ext_storage_free_bytes', s.storage_free,
                 'Free where it is stored, as last seen; 0: not known'),
                ('backup_ext_storage_total_bytes', s.storage_total,
                 'Size of that place'),
                ('backup_ext_storage_full_timestamp_seconds', pg_catalog.date_part('epoch', s.full_at),
                 'When it will be full if it goes on as before; 0: not in sight'),
                ('backup_ext_running', s.running::integer,
                 'Is a run of it queued or at work?')) AS m (name, value, help)
        UNION ALL
        -- of one that is switched off, backup_status has no row
        SELECT m.name, pg_catalog.jsonb_build_object('schedule', j.name), m.value, m.help, 'gauge'
        FROM @extschema@.backup_job AS j
            CROSS JOIN LATERAL (VALUES
                ('backup_ext_schedule_obeyed', (j.enabled AND j.inert IS NULL)::integer::float8,
                 'Is it switched on, and obeyed here?'),
                ('backup_ext_schedule_next_run_timestamp_seconds',
                 CASE WHEN j.inert IS NULL THEN pg_catalog.date_part('epoch', j.next_run_at) END,
                 'When it is due; past: nobody has begun it. 0: never'),
                ('backup_ext_schedule_failures', j.failures,
                 'Runs of it that failed since the last one that did not')) AS m (name, value, help)
        UNION ALL
        -- an alarm that nobody can hear is told here
        SELECT m.name, pg_catalog.jsonb_build_object('channel', h.name), m.value, m.help, 'gauge'
        FROM @extschema@.backup_channel_list AS h
            CROSS JOIN LATERAL (VALUES
                ('backup_ext_channel_sent_timestamp_seconds', pg_catalog.date_part('epoch', h.sent_at),
                 'When its receiver last took a message; 0: never'),
                ('backup_ext_channel_failing_timestamp_seconds', pg_catalog.date_part('epoch', h.failing_since),
                 'Since when it takes none; 0: it does'),
                ('backup_ext_channel_waiting_messages', h.waiting,
                 'Messages that are to be sent')) AS m (name, value, help)
        UNION ALL
        SELECT m.name, '{}', m.value, m.help, m.type
        FROM wal AS w
            CROSS JOIN LATERAL (VALUES
                ('backup_ext_wal_archived_total', w.archived_count::float8,
                 'WAL files that were archived', 'counter'),
                ('backup_ext_wal_failed_total', w.failed_count,
                 'Failed attempts to archive a WAL file', 'counter'),
                ('backup_ext_wal_archived_plain_bytes_total', w.plain_size,
                 'WAL that was archived since the server started, before compression', 'counter'),
                ('backup_ext_wal_archived_stored_bytes_total', w.stored_size,
                 'The same in the repository', 'counter'),
                ('backup_ext_wal_last_archived_timestamp_seconds', pg_catalog.date_part('epoch', w.last_archived_at),
                 'When a WAL file was last archived; 0: never', 'gauge'),
                ('backup_ext_wal_last_failed_timestamp_seconds', pg_catalog.date_part('epoch', w.last_failed_at),
                 'When an attempt to archive last failed; 0: never', 'gauge'),
                ('backup_ext_wal_oldest_waiting_timestamp_seconds', pg_catalog.date_part('epoch', w.oldest_waiting_since),
                 'Since when the oldest WAL file waits to be archived; 0: none waits', 'gauge'),
                ('backup_ext_wal_waiting_files', w.waiting,
                 'WAL files that wait to be archived', 'gauge'),
                ('backup_ext_wal_directory_bytes', w.wal_directory_bytes,
                 'Size of pg_wal', 'gauge'),
                ('backup_ext_wal_disk_used_ratio', w.disk_used_percent OPERATOR(pg_catalog./) 100::float8,
                 'How full the file system of pg_wal is, 0 to 1', 'gauge'),
                ('backup_ext_wal_gaps', w.gaps,
                 'Gaps in the archived WAL since the newest good base backup', 'gauge')) AS m (name, value, help, type)
        UNION ALL
        SELECT 'backup_ext_runs_total', pg_catalog.jsonb_build_object('verb', r.verb, 'state', r.state),
            r.runs, 'Runs that have ended so', 'counter'
        FROM run AS r
        UNION ALL
        SELECT 'backup_ext_runs_open', pg_catalog.jsonb_build_object('state', k.state),
            (SELECT pg_catalog.count(*) FROM open AS o WHERE o.state OPERATOR(pg_catalog.=) k.state),
            'Runs that are queued or at work', 'gauge'
        FROM (VALUES ('queued'), ('running')) AS k (state)
    )
    SELECT s.name, s.labels, COALESCE(s.value, 0) AS value, s.help, s.type
    FROM sample AS s;
COMMENT ON VIEW @extschema@.backup_metrics IS
'numbers for Prometheus and its kin: one row for each series. A series is there also when there is nothing to count: a time that never was is 0';
COMMENT ON COLUMN @extschema@.backup_metrics.name IS 'name of the metric, in base units: seconds (times since 1970), bytes';
COMMENT ON COLUMN @extschema@.backup_metrics.labels IS 'labels of the series: an object of strings';
COMMENT ON COLUMN @extschema@.backup_metrics.value IS 'its value now';
COMMENT ON COLUMN @extschema@.backup_metrics.help IS 'what the metric tells';
COMMENT ON COLUMN @extschema@.backup_metrics.type IS 'gauge or counter';

CREATE FUNCTION @extschema@.backup_health(
    OUT ok boolean,
    OUT state text,
    OUT critical bigint,
    OUT warning bigint,
    OUT reason text
)
LANGUAGE SQL STABLE SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
    SELECT h.protected > 0 AND h.critical = 0 AND h.warning = 0,
        CASE WHEN h.critical > 0 THEN 'critical'
            WHEN h.warning > 0 OR h.protected = 0 THEN 'warning'
            ELSE 'ok' END,
        h.critical, h.warning,
        CASE WHEN h.critical + h.warning > 0 THEN h.worst
            WHEN h.protected = 0 THEN 'Nothing is protected: there is no schedule and no backup.'
            ELSE concat('All is well (', h.things, ' looked at).') END
    FROM (
            SELECT count(*) AS things,
                count(*) FILTER (WHERE s.subject IN ('schedule', 'database', 'base backups')) AS protected,
                count(*) FILTER (WHERE s.state = 'critical') AS critical,
                count(*) FILTER (WHERE s.state = 'warning') AS warning,
                -- in one line, whatever names and errors hold
                (array_agg(regexp_replace(concat(s.what, ': ', s.reason), '[[:cntrl:]]+', ' ', 'g')
                    ORDER BY s.state = 'critical' DESC, s.state = 'warning' DESC, s.what))[1] AS worst
            FROM @extschema@.backup_status AS s
        ) AS h;
END;
COMMENT ON FUNCTION @extschema@.backup_health() IS
'one row for a probe: ok if all of backup_status is, the worst state, how many rows are critical or warning, and the reason of the first of the worst in one line';

REVOKE ALL ON @extschema@.backup_run_count_data, @extschema@.backup_metrics FROM PUBLIC;
REVOKE ALL ON FUNCTION @extschema@.backup_health() FROM PUBLIC;
GRANT SELECT ON @extschema@.backup_metrics TO pg_monitor;
GRANT EXECUTE ON FUNCTION @extschema@.backup_health() TO pg_monitor;
