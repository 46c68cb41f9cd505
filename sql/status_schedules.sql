-- parts of backup_status: schedules, and who looks after them

CREATE FUNCTION @extschema@.backup_keeper_missing(patience interval) RETURNS timestamptz
LANGUAGE C VOLATILE STRICT
AS 'MODULE_PATHNAME', 'bk_keeper_missing';
COMMENT ON FUNCTION @extschema@.backup_keeper_missing(interval) IS
'when schedules and alarms were last looked after, if that has been due for longer than an interval; NULL: all is well';

REVOKE ALL ON FUNCTION @extschema@.backup_keeper_missing(interval) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION @extschema@.backup_keeper_missing(interval) TO pg_monitor;

-- There only while it is so: who cannot look cannot tell, so this is for those who ask.
CREATE VIEW @extschema@.backup_status_keeper AS
    SELECT 'keeper' AS what, 'keeper' AS subject, NULL::text AS database, 'critical' AS state,
        pg_catalog.concat('Schedules and alarms have not been looked after since ',
            pg_catalog.to_char(k.at, 'YYYY-MM-DD HH24:MI:SSOF'), '. The server log says why.') AS reason,
        k.at AS last_success_at, NULL::text AS last_success_id, NULL::interval AS target_age,
        NULL::timestamptz AS last_attempt_at, NULL::timestamptz AS last_failure_at, NULL::text AS last_failure,
        NULL::timestamptz AS next_run_at,
        NULL::bigint AS last_size, NULL::bigint AS usual_size,
        NULL::bigint AS plain_size, NULL::bigint AS stored_size, NULL::bigint AS backups,
        NULL::timestamptz AS recovery_from, NULL::timestamptz AS recovery_to, NULL::timestamptz AS verified_at,
        NULL::timestamptz AS restore_tested_at, NULL::interval AS restore_duration,
        NULL::bigint AS storage_free, NULL::bigint AS storage_total, NULL::timestamptz AS full_at,
        NULL::boolean AS running
    FROM @extschema@.backup_keeper_missing('10 min') AS k (at)
    WHERE k.at IS NOT NULL;
COMMENT ON VIEW @extschema@.backup_status_keeper IS
'part of backup_status: the keeper, while it does not do its work';

-- A backup that is there tells more than a run that said it was well.
CREATE VIEW @extschema@.backup_status_schedules AS
    WITH own AS MATERIALIZED (
        SELECT i.system_identifier::text AS system_identifier
        FROM pg_catalog.pg_control_system() AS i
    ),
    open AS MATERIALIZED (
        SELECT r.schedule, pg_catalog.max(r.requested_at) AS requested_at
        FROM @extschema@.backup_open AS r
        GROUP BY r.schedule
    ),
    wanted AS (
        SELECT s.*, s.system_identifier OPERATOR(pg_catalog.=) own.system_identifier AS ours,
            s.kind IN ('logical', 'base') AS makes_backups,
            CASE WHEN s.kind IN ('logical', 'base') THEN 'backup' ELSE s.kind END AS verb
        FROM @extschema@.backup_schedule_data AS s, own
        WHERE s.enabled
    )
    SELECT pg_catalog.concat('schedule ', s.name) AS what, 'schedule' AS subject,
        NULL::text AS database, v.verdict[1] AS state, v.verdict[2] AS reason,
        g.at AS last_success_at, g.id AS last_success_id, CASE WHEN s.ours THEN p.late_at OPERATOR(pg_catalog.-) GREATEST(g.at, s.created_at) END AS target_age,
        GREATEST(e.requested_at, o.requested_at) AS last_attempt_at, f.finished_at AS last_failure_at, f.message AS last_failure,
        CASE WHEN s.ours THEN COALESCE(k.next_run_at, n.next_at) END AS next_run_at,
        g.plain_size AS last_size, NULL::bigint AS usual_size,
        NULL::bigint AS plain_size, NULL::bigint AS stored_size, NULL::bigint AS backups,
        NULL::timestamptz AS recovery_from, NULL::timestamptz AS recovery_to,
        NULL::timestamptz AS verified_at, NULL::timestamptz AS restore_tested_at, NULL::interval AS restore_duration,
        NULL::bigint AS storage_free, NULL::bigint AS storage_total, NULL::timestamptz AS full_at,
        o.schedule IS NOT NULL AS running
    FROM wanted AS s
        LEFT JOIN open AS o ON o.schedule OPERATOR(pg_catalog.=) s.name
        -- what the keeper has found, if it has seen the schedule as it is now
        LEFT JOIN @extschema@.backup_schedule_state_data AS k ON k.name OPERATOR(pg_catalog.=) s.name AND k.changed_at OPERATOR(pg_catalog.=) s.changed_at
        LEFT JOIN LATERAL (
            (SELECT c.finished_at AS at, c.id, c.plain_size
             FROM @extschema@.backup_catalogue AS c
             WHERE s.makes_backups AND c.first AND c.schedule OPERATOR(pg_catalog.=) s.name
                AND c.kind OPERATOR(pg_catalog.=) s.kind AND c.state OPERATOR(pg_catalog.=) 'good'
             ORDER BY c.started_at DESC NULLS LAST, c.id DESC
             LIMIT 1)
            UNION ALL
            (SELECT r.finished_at, NULL, NULL
             FROM @extschema@.backup_run_data AS r
             WHERE NOT s.makes_backups AND r.schedule OPERATOR(pg_catalog.=) s.name
                AND r.verb OPERATOR(pg_catalog.=) s.verb AND r.state OPERATOR(pg_catalog.=) 'done'
             ORDER BY r.requested_at DESC
             LIMIT 1)
        ) AS g ON true
        LEFT JOIN LATERAL (
            SELECT r.run, r.state, r.requested_at, r.slot_at
            FROM @extschema@.backup_run_data AS r
            WHERE r.schedule OPERATOR(pg_catalog.=) s.name AND r.verb OPERATOR(pg_catalog.=) s.verb AND r.state IN ('done', 'failed', 'canceled')
            ORDER BY r.requested_at DESC
            LIMIT 1
        ) AS l ON true
        -- where a time has several runs, one that failed, and was not made up for
        LEFT JOIN LATERAL (
            SELECT r.run, r.state, r.requested_at
            FROM @extschema@.backup_run_data AS r
            WHERE r.schedule OPERATOR(pg_catalog.=) s.name AND r.verb OPERATOR(pg_catalog.=) s.verb AND r.state IN ('failed', 'canceled')
                AND r.slot_at OPERATOR(pg_catalog.=) l.slot_at AND r.requested_at OPERATOR(pg_catalog.>=) l.slot_at
                AND NOT EXISTS (
                    SELECT FROM @extschema@.backup_run_data AS d
                    WHERE d.schedule OPERATOR(pg_catalog.=) s.name AND d.verb OPERATOR(pg_catalog.=) s.verb AND d.state OPERATOR(pg_catalog.=) 'done'
                        AND d.slot_at OPERATOR(pg_catalog.=) l.slot_at
                        AND d.requested_at OPERATOR(pg_catalog.>=) l.slot_at
                        AND CASE WHEN s.makes_backups THEN NOT d.database IS DISTINCT FROM r.database
                            ELSE NOT d.backup_id IS DISTINCT FROM r.backup_id END)
            ORDER BY r.requested_at DESC
            LIMIT 1
        ) AS b ON true
        CROSS JOIN LATERAL (
            SELECT COALESCE(b.run, l.run) AS run, COALESCE(b.state, l.state) AS state, l.requested_at
        ) AS e
        LEFT JOIN LATERAL (
            SELECT r.finished_at, r.message
            FROM @extschema@.backup_run_data AS r
            WHERE r.schedule OPERATOR(pg_catalog.=) s.name AND r.verb OPERATOR(pg_catalog.=) s.verb AND r.state IN ('failed', 'canceled')
            ORDER BY r.requested_at DESC
            LIMIT 1
        ) AS f ON true
        -- from when on it is late, and too late
        CROSS JOIN LATERAL @extschema@.backup_schedule_limits(s.schedule, s.timezone,
            GREATEST(g.at, s.created_at), s.jitter, s.late_after) AS p
        CROSS JOIN LATERAL @extschema@.backup_schedule_limits(s.schedule, s.timezone, pg_catalog.now(), NULL, NULL) AS n
        CROSS JOIN LATERAL (
            SELECT CASE
                WHEN NOT s.ours
                    THEN ARRAY['warning', 'It is of another cluster; backup_adopt() takes it over.']
                WHEN k.problem IS NOT NULL
                    THEN ARRAY['critical', pg_catalog.concat('It cannot be obeyed: ', k.problem, '.')]
                WHEN n.next_at IS NULL
                    THEN ARRAY['critical', 'It never comes.']
                WHEN p.late_at OPERATOR(pg_catalog.<) pg_catalog.now()
                    THEN ARRAY[CASE WHEN p.too_late_at OPERATOR(pg_catalog.<) pg_catalog.now() THEN 'critical' ELSE 'warning' END,
                        pg_catalog.concat(CASE WHEN g.at IS NULL THEN 'It has never succeeded'
                                ELSE pg_catalog.concat('It has not succeeded since ', pg_catalog.to_char(g.at, 'YYYY-MM-DD HH24:MI:SSOF')) END,
                            ', and should have by ', pg_catalog.to_char(p.late_at, 'YYYY-MM-DD HH24:MI:SSOF'), '.')]
                WHEN e.state IN ('failed', 'canceled')
                    THEN ARRAY['warning', pg_catalog.concat('The last attempt, run ', e.run, ', has ',
                        CASE e.state WHEN 'failed' THEN 'failed.' ELSE 'been canceled.' END)]
                WHEN g.at IS NULL
                    THEN ARRAY['ok', 'It was not due yet.']
                ELSE ARRAY['ok', 'It has succeeded in time.']
            END AS verdict
        ) AS v;
COMMENT ON VIEW @extschema@.backup_status_schedules IS
'part of backup_status: each schedule that is enabled';
