-- parts of backup_status: databases and base backups

CREATE VIEW @extschema@.backup_status_databases AS
    -- all backups count here, whatever they hold
    WITH total AS MATERIALIZED (
        SELECT c.database, pg_catalog.count(*) AS backups,
            pg_catalog.sum(c.plain_size)::bigint AS plain_size,
            pg_catalog.sum(c.stored_size)::bigint AS stored_size,
            pg_catalog.max(c.verified_at) AS verified_at,
            pg_catalog.min(c.started_at) FILTER (WHERE c.state OPERATOR(pg_catalog.=) 'good' AND c.content OPERATOR(pg_catalog.=) 'all') AS oldest_at
        FROM @extschema@.backup_catalogue AS c
        WHERE c.first AND c.database IS NOT NULL
            AND c.state OPERATOR(pg_catalog.<>) 'missing'
            -- of one that cannot be read only its name is known
            AND (c.kind IS NOT NULL OR c.database OPERATOR(pg_catalog.<>) 'base'
                OR EXISTS (SELECT FROM pg_catalog.pg_database AS d
                           WHERE d.datname OPERATOR(pg_catalog.=) 'base'))
        GROUP BY c.database
    ),
    -- a database that was dropped matters as long as it has a backup; a name
    -- has another collation, and the indexes would not serve it
    name AS (
        SELECT t.database FROM total AS t
        UNION
        SELECT d.datname::text COLLATE pg_catalog."default"
        FROM pg_catalog.pg_database AS d
    ),
    restored AS MATERIALIZED (
        SELECT DISTINCT ON (c.database) c.database, r.finished_at AS restore_tested_at,
            r.finished_at OPERATOR(pg_catalog.-) r.started_at AS restore_duration
        FROM @extschema@.backup_run_data AS r
            JOIN @extschema@.backup_catalogue AS c ON c.id OPERATOR(pg_catalog.=) r.backup_id
        WHERE r.verb IN ('restore', 'clone') AND r.verb OPERATOR(pg_catalog.=) 'restore' AND r.state OPERATOR(pg_catalog.=) 'done'
            AND c.first AND c.content OPERATOR(pg_catalog.=) 'all'
        ORDER BY c.database, r.requested_at DESC
    ),
    plan AS MATERIALIZED (
        SELECT p.*, x.next_at
        FROM @extschema@.backup_plan AS p
            CROSS JOIN LATERAL @extschema@.backup_schedule_limits(p.schedule, p.timezone, pg_catalog.now(), NULL, NULL) AS x
        WHERE p.kind OPERATOR(pg_catalog.=) 'logical'
    ),
    open AS MATERIALIZED (
        SELECT r.database, pg_catalog.max(r.requested_at) AS requested_at
        FROM @extschema@.backup_open AS r
        WHERE r.verb OPERATOR(pg_catalog.=) 'backup'
        GROUP BY r.database
    )
    SELECT n.database AS what, 'database' AS subject, n.database, v.verdict[1] AS state, v.verdict[2] AS reason,
        g.finished_at AS last_success_at, g.id AS last_success_id, p.target_age,
        GREATEST(e.requested_at, o.requested_at) AS last_attempt_at, f.finished_at AS last_failure_at, f.message AS last_failure,
        p.next_at AS next_run_at,
        g.plain_size AS last_size, u.usual_size,
        t.plain_size, t.stored_size, COALESCE(t.backups, 0) AS backups,
        t.oldest_at AS recovery_from, g.started_at AS recovery_to,
        t.verified_at, q.restore_tested_at, q.restore_duration,
        NULL::bigint AS storage_free, NULL::bigint AS storage_total, NULL::timestamptz AS full_at,
        o.database IS NOT NULL AS running
    FROM name AS n
        LEFT JOIN total AS t ON t.database OPERATOR(pg_catalog.=) n.database
        LEFT JOIN restored AS q ON q.database OPERATOR(pg_catalog.=) n.database
        LEFT JOIN open AS o ON o.database OPERATOR(pg_catalog.=) n.database
        -- each of these reads the first entries of an index;
        -- the newest good backup: the schema or the data alone is none
        LEFT JOIN LATERAL (
            SELECT c.id, c.started_at, c.finished_at, c.kind, c.schedule, c.plain_size, c.emptied_tables, c.shrunk_tables
            FROM @extschema@.backup_catalogue AS c
            WHERE c.first AND c.database OPERATOR(pg_catalog.=) n.database
                AND c.content OPERATOR(pg_catalog.=) 'all'
                AND c.state OPERATOR(pg_catalog.=) 'good'
            ORDER BY c.started_at DESC NULLS LAST, c.id DESC
            LIMIT 1
        ) AS g ON true
        -- the newest backup, which may be one that cannot be read
        LEFT JOIN LATERAL (
            SELECT c.id, c.state
            FROM @extschema@.backup_catalogue AS c
            WHERE c.first AND c.database OPERATOR(pg_catalog.=) n.database
                AND c.state OPERATOR(pg_catalog.<>) 'missing'
                AND (c.content IS NULL OR c.content OPERATOR(pg_catalog.=) 'all')
            ORDER BY c.started_at DESC NULLS LAST, c.id DESC
            LIMIT 1
        ) AS b ON true
        -- the last attempt that has ended
        LEFT JOIN LATERAL (
            SELECT r.run, r.state, r.requested_at
            FROM @extschema@.backup_run_data AS r
            WHERE r.verb OPERATOR(pg_catalog.=) 'backup' AND r.database OPERATOR(pg_catalog.=) n.database
                AND r.state IN ('done', 'failed', 'canceled')
            ORDER BY r.requested_at DESC
            LIMIT 1
        ) AS e ON true
        -- the last one that has failed
        LEFT JOIN LATERAL (
            SELECT r.finished_at, r.message
            FROM @extschema@.backup_run_data AS r
            WHERE r.verb OPERATOR(pg_catalog.=) 'backup' AND r.database OPERATOR(pg_catalog.=) n.database
                AND r.state IN ('failed', 'canceled')
            ORDER BY r.requested_at DESC
            LIMIT 1
        ) AS f ON true
        -- when the schedules that are for it want the next one, and miss the last one
        LEFT JOIN LATERAL (
            SELECT pg_catalog.min(l.late_at OPERATOR(pg_catalog.-) GREATEST(g.finished_at, p.created_at)) AS target_age,
                pg_catalog.min(l.late_at) AS late_at, pg_catalog.min(l.too_late_at) AS too_late_at, pg_catalog.min(p.next_at) AS next_at
            FROM plan AS p
                CROSS JOIN LATERAL @extschema@.backup_schedule_limits(p.schedule, p.timezone,
                    GREATEST(g.finished_at, p.created_at), p.jitter, p.late_after) AS l
            WHERE n.database OPERATOR(pg_catalog.~~) p.databases
        ) AS p ON true
        -- the usual size of such a backup, on this day of the week if it is known
        LEFT JOIN LATERAL (
            SELECT CASE WHEN pg_catalog.count(*) FILTER (WHERE p.same_day) OPERATOR(pg_catalog.>=) 4
                    THEN pg_catalog.percentile_cont(0.5) WITHIN GROUP (ORDER BY p.plain_size) FILTER (WHERE p.same_day)
                    WHEN pg_catalog.count(*) OPERATOR(pg_catalog.>=) 3
                    THEN pg_catalog.percentile_cont(0.5) WITHIN GROUP (ORDER BY p.plain_size) END::bigint AS usual_size
            FROM (
                    SELECT c.plain_size, pg_catalog.date_part('isodow', pg_catalog.timezone('UTC', c.started_at))
                            OPERATOR(pg_catalog.=) pg_catalog.date_part('isodow', pg_catalog.timezone('UTC', g.started_at)) AS same_day
                    FROM @extschema@.backup_catalogue AS c
                    WHERE c.first AND c.database OPERATOR(pg_catalog.=) n.database AND c.kind OPERATOR(pg_catalog.=) g.kind
                        AND c.content OPERATOR(pg_catalog.=) 'all' AND c.state OPERATOR(pg_catalog.=) 'good'
                        AND NOT c.schedule IS DISTINCT FROM g.schedule
                        AND c.started_at OPERATOR(pg_catalog.<) g.started_at
                    ORDER BY c.started_at DESC NULLS LAST, c.id DESC
                    LIMIT 35
                ) AS p
        ) AS u ON true
        CROSS JOIN LATERAL (
            SELECT CASE
                WHEN b.state OPERATOR(pg_catalog.=) 'bad'
                    THEN ARRAY['critical', pg_catalog.concat('The newest backup ', b.id, ' is bad.')]
                WHEN g.id IS NULL AND e.run IS NULL AND o.database IS NULL AND p.next_at IS NOT NULL
                    THEN ARRAY['ok', 'It has no backup yet, and a schedule will come to it.']
                WHEN g.id IS NULL AND b.id IS NULL AND e.state IS NULL
                    THEN ARRAY['ok', 'Its first backup is being made.']
                WHEN g.id IS NULL
                    THEN ARRAY['critical', 'There is no good backup.']
                WHEN p.late_at OPERATOR(pg_catalog.<) pg_catalog.now() AND g.id IS NOT NULL
                    THEN ARRAY[CASE WHEN p.too_late_at OPERATOR(pg_catalog.<) pg_catalog.now() THEN 'critical' ELSE 'warning' END,
                        pg_catalog.concat('The newest good backup is of ', pg_catalog.to_char(g.finished_at, 'YYYY-MM-DD HH24:MI:SSOF'),
                            ', and there should be another since ', pg_catalog.to_char(p.late_at, 'YYYY-MM-DD HH24:MI:SSOF'), '.')]
                WHEN e.state OPERATOR(pg_catalog.=) 'failed'
                    THEN ARRAY['warning', pg_catalog.concat('The last attempt, run ', e.run, ', has failed.')]
                WHEN e.state OPERATOR(pg_catalog.=) 'canceled'
                    THEN ARRAY['warning', pg_catalog.concat('The last attempt, run ', e.run, ', has been canceled.')]
                WHEN pg_catalog.abs(g.plain_size OPERATOR(pg_catalog.-) u.usual_size) OPERATOR(pg_catalog.>) 1048576
                    AND (g.plain_size OPERATOR(pg_catalog.>) (u.usual_size OPERATOR(pg_catalog.*) NULLIF(pg_catalog.current_setting('backup_ext.status_size_factor', true)::float8, 0)) OR (g.plain_size OPERATOR(pg_catalog.*) NULLIF(pg_catalog.current_setting('backup_ext.status_size_factor', true)::float8, 0)) OPERATOR(pg_catalog.<) u.usual_size)
                    THEN ARRAY['warning', pg_catalog.concat('The newest backup ', g.id, ' has ',
                        pg_catalog.pg_size_pretty(g.plain_size), ', where ', pg_catalog.pg_size_pretty(u.usual_size), ' are usual.')]
                WHEN (g.emptied_tables OPERATOR(pg_catalog.+) g.shrunk_tables) OPERATOR(pg_catalog.>) 0
                    THEN ARRAY['warning', pg_catalog.concat('Since the backup before ', g.id, ', tables that became empty: ', g.emptied_tables,
                        ', others that lost more than half of their rows: ', g.shrunk_tables, '.')]
                WHEN COALESCE(t.verified_at, t.oldest_at) OPERATOR(pg_catalog.<) (pg_catalog.now() OPERATOR(pg_catalog.-) NULLIF(pg_catalog.current_setting('backup_ext.status_verify_after', true)::interval, '0'))
                    THEN ARRAY['warning', 'No backup of it was verified for too long.']
                ELSE ARRAY['ok', 'The last attempt made a good backup.']
            END AS verdict
        ) AS v
    WHERE t.database IS NOT NULL OR e.run IS NOT NULL OR o.database IS NOT NULL
        -- a new one that a schedule will come to
        OR p.next_at IS NOT NULL
            AND EXISTS (SELECT FROM pg_catalog.pg_database AS d
                        WHERE d.datname OPERATOR(pg_catalog.=) n.database AND d.datallowconn AND NOT d.datistemplate);
COMMENT ON VIEW @extschema@.backup_status_databases IS
'part of backup_status: each database that has a backup, or that exists and for which one was tried or is wanted by a schedule';

-- A repository can have base backups of other clusters.
CREATE VIEW @extschema@.backup_status_base AS
    WITH own AS MATERIALIZED (
        SELECT i.system_identifier::text AS system_identifier
        FROM pg_catalog.pg_control_system() AS i
    ),
    base AS NOT MATERIALIZED (
        SELECT c.id, c.state, c.started_at, c.finished_at, c.plain_size, c.stored_size,
            c.verified_at, c.schedule, c.corrupt_pages, c.start_lsn
        FROM @extschema@.backup_catalogue AS c
        WHERE c.first AND c.database IS NULL
            AND c.kind OPERATOR(pg_catalog.=) 'base'
            AND c.system_identifier OPERATOR(pg_catalog.=) (SELECT own.system_identifier FROM own)
            AND c.state OPERATOR(pg_catalog.<>) 'missing'
    ),
    -- recovery begins with the oldest one that reaches the end without a gap
    log AS MATERIALIZED (
        SELECT pg_catalog.max(r.gaps_end) AS gaps_end, pg_catalog.max(r.last_archived_at) AS last_archived_at
        FROM @extschema@.backup_wal_range AS r, own
        WHERE r.repository_number OPERATOR(pg_catalog.=) 1 AND r.system_identifier OPERATOR(pg_catalog.=) own.system_identifier
    )
    SELECT 'base backups' AS what, 'base backups' AS subject, NULL::text AS database, v.verdict[1] AS state, v.verdict[2] AS reason,
        g.finished_at AS last_success_at, g.id AS last_success_id, p.target_age,
        GREATEST(e.requested_at, o.requested_at) AS last_attempt_at, f.finished_at AS last_failure_at, f.message AS last_failure,
        p.next_at AS next_run_at,
        g.plain_size AS last_size, u.usual_size,
        t.plain_size, t.stored_size, t.backups,
        t.recovery_from, CASE WHEN l.last_archived_at IS NOT NULL
            THEN GREATEST(l.last_archived_at, (SELECT r.last_archived_time FROM pg_catalog.pg_stat_get_archiver() AS r)) END AS recovery_to,
        t.verified_at, q.finished_at AS restore_tested_at, q.finished_at OPERATOR(pg_catalog.-) q.started_at AS restore_duration,
        NULL::bigint AS storage_free, NULL::bigint AS storage_total, NULL::timestamptz AS full_at,
        o.requested_at IS NOT NULL AS running
    FROM (
            SELECT pg_catalog.count(*) AS backups,
                pg_catalog.sum(c.plain_size)::bigint AS plain_size,
                pg_catalog.sum(c.stored_size)::bigint AS stored_size,
                pg_catalog.max(c.verified_at) AS verified_at,
                pg_catalog.min(c.started_at) FILTER (WHERE c.state OPERATOR(pg_catalog.=) 'good') AS oldest_at,
                pg_catalog.min(c.finished_at) FILTER (WHERE c.state OPERATOR(pg_catalog.=) 'good'
                    AND (l.gaps_end IS NULL OR c.start_lsn OPERATOR(pg_catalog.>=) l.gaps_end)) AS recovery_from
            FROM base AS c, log AS l
        ) AS t
        CROSS JOIN log AS l
        LEFT JOIN LATERAL (
            SELECT c.id, c.started_at, c.finished_at, c.schedule, c.plain_size, c.corrupt_pages
            FROM base AS c
            WHERE c.state OPERATOR(pg_catalog.=) 'good'
            ORDER BY c.started_at DESC NULLS LAST, c.id DESC
            LIMIT 1
        ) AS g ON true
        -- the newest one; of one that cannot be read only its name is known
        LEFT JOIN LATERAL (
            SELECT c.id, c.state
            FROM (
                    SELECT c.id, c.state, c.started_at FROM base AS c
                    UNION ALL
                    SELECT c.id, c.state, c.started_at
                    FROM @extschema@.backup_catalogue AS c
                    WHERE c.first AND c.database OPERATOR(pg_catalog.=) 'base'
                        AND c.kind IS NULL AND c.state OPERATOR(pg_catalog.<>) 'missing'
                        AND NOT EXISTS (SELECT FROM pg_catalog.pg_database AS d
                                        WHERE d.datname OPERATOR(pg_catalog.=) 'base')
                ) AS c
            ORDER BY c.started_at DESC NULLS LAST, c.id DESC
            LIMIT 1
        ) AS b ON true
        CROSS JOIN (
            SELECT pg_catalog.max(r.requested_at) AS requested_at
            FROM @extschema@.backup_open AS r
            WHERE r.verb OPERATOR(pg_catalog.=) 'backup' AND r.kind OPERATOR(pg_catalog.=) 'base'
        ) AS o
        LEFT JOIN LATERAL (
            SELECT r.run, r.state, r.requested_at
            FROM @extschema@.backup_run_data AS r
            WHERE r.verb OPERATOR(pg_catalog.=) 'backup' AND r.database IS NULL AND r.kind OPERATOR(pg_catalog.=) 'base'
                AND r.state IN ('done', 'failed', 'canceled')
            ORDER BY r.requested_at DESC
            LIMIT 1
        ) AS e ON true
        LEFT JOIN LATERAL (
            SELECT r.finished_at, r.message
            FROM @extschema@.backup_run_data AS r
            WHERE r.verb OPERATOR(pg_catalog.=) 'backup' AND r.database IS NULL AND r.kind OPERATOR(pg_catalog.=) 'base'
                AND r.state IN ('failed', 'canceled')
            ORDER BY r.requested_at DESC
            LIMIT 1
        ) AS f ON true
        -- when the schedules that are for it want the next one, and miss the last one
        LEFT JOIN LATERAL (
            SELECT pg_catalog.min(l.late_at OPERATOR(pg_catalog.-) GREATEST(g.finished_at, p.created_at)) AS target_age,
                pg_catalog.min(l.late_at) AS late_at, pg_catalog.min(l.too_late_at) AS too_late_at, pg_catalog.min(x.next_at) AS next_at
            FROM @extschema@.backup_plan AS p
                CROSS JOIN LATERAL @extschema@.backup_schedule_limits(p.schedule, p.timezone,
                    GREATEST(g.finished_at, p.created_at), p.jitter, p.late_after) AS l
                CROSS JOIN LATERAL @extschema@.backup_schedule_limits(p.schedule, p.timezone, pg_catalog.now(), NULL, NULL) AS x
            WHERE p.kind OPERATOR(pg_catalog.=) 'base'
        ) AS p ON true
        LEFT JOIN LATERAL (
            SELECT r.started_at, r.finished_at
            FROM @extschema@.backup_run_data AS r
            WHERE r.verb IN ('restore', 'clone') AND r.verb OPERATOR(pg_catalog.=) 'clone' AND r.state OPERATOR(pg_catalog.=) 'done'
            ORDER BY r.requested_at DESC
            LIMIT 1
        ) AS q ON true
        LEFT JOIN LATERAL (
            SELECT CASE WHEN pg_catalog.count(*) FILTER (WHERE p.same_day) OPERATOR(pg_catalog.>=) 4
                    THEN pg_catalog.percentile_cont(0.5) WITHIN GROUP (ORDER BY p.plain_size) FILTER (WHERE p.same_day)
                    WHEN pg_catalog.count(*) OPERATOR(pg_catalog.>=) 3
                    THEN pg_catalog.percentile_cont(0.5) WITHIN GROUP (ORDER BY p.plain_size) END::bigint AS usual_size
            FROM (
                    SELECT c.plain_size, pg_catalog.date_part('isodow', pg_catalog.timezone('UTC', c.started_at))
                            OPERATOR(pg_catalog.=) pg_catalog.date_part('isodow', pg_catalog.timezone('UTC', g.started_at)) AS same_day
                    FROM base AS c
                    WHERE c.state OPERATOR(pg_catalog.=) 'good' AND NOT c.schedule IS DISTINCT FROM g.schedule
                        AND c.started_at OPERATOR(pg_catalog.<) g.started_at
                    ORDER BY c.started_at DESC NULLS LAST, c.id DESC
                    LIMIT 35
                ) AS p
        ) AS u ON true
        CROSS JOIN LATERAL (
            SELECT CASE
                WHEN b.state OPERATOR(pg_catalog.=) 'bad'
                    THEN ARRAY['critical', pg_catalog.concat('The newest base backup ', b.id, ' is bad.')]
                WHEN g.id IS NULL AND b.id IS NULL AND e.state IS NULL
                    THEN ARRAY['ok', 'The first base backup is being made.']
                WHEN g.id IS NULL
                    THEN ARRAY['critical', 'There is no good base backup of this cluster.']
                WHEN g.corrupt_pages OPERATOR(pg_catalog.>) 0
                    THEN ARRAY['critical', pg_catalog.concat('The newest base backup ', g.id, ' has ', g.corrupt_pages,
                        ' pages whose checksum is wrong.')]
                WHEN p.late_at OPERATOR(pg_catalog.<) pg_catalog.now() AND g.id IS NOT NULL
                    THEN ARRAY[CASE WHEN p.too_late_at OPERATOR(pg_catalog.<) pg_catalog.now() THEN 'critical' ELSE 'warning' END,
                        pg_catalog.concat('The newest good base backup is of ', pg_catalog.to_char(g.finished_at, 'YYYY-MM-DD HH24:MI:SSOF'),
                            ', and there should be another since ', pg_catalog.to_char(p.late_at, 'YYYY-MM-DD HH24:MI:SSOF'), '.')]
                WHEN e.state OPERATOR(pg_catalog.=) 'failed'
                    THEN ARRAY['warning', pg_catalog.concat('The last attempt, run ', e.run, ', has failed.')]
                WHEN e.state OPERATOR(pg_catalog.=) 'canceled'
                    THEN ARRAY['warning', pg_catalog.concat('The last attempt, run ', e.run, ', has been canceled.')]
                WHEN pg_catalog.abs(g.plain_size OPERATOR(pg_catalog.-) u.usual_size) OPERATOR(pg_catalog.>) 1048576
                    AND (g.plain_size OPERATOR(pg_catalog.>) (u.usual_size OPERATOR(pg_catalog.*) NULLIF(pg_catalog.current_setting('backup_ext.status_size_factor', true)::float8, 0)) OR (g.plain_size OPERATOR(pg_catalog.*) NULLIF(pg_catalog.current_setting('backup_ext.status_size_factor', true)::float8, 0)) OPERATOR(pg_catalog.<) u.usual_size)
                    THEN ARRAY['warning', pg_catalog.concat('The newest base backup ', g.id, ' has ',
                        pg_catalog.pg_size_pretty(g.plain_size), ', where ', pg_catalog.pg_size_pretty(u.usual_size), ' are usual.')]
                WHEN COALESCE(t.verified_at, t.oldest_at) OPERATOR(pg_catalog.<) (pg_catalog.now() OPERATOR(pg_catalog.-) NULLIF(pg_catalog.current_setting('backup_ext.status_verify_after', true)::interval, '0'))
                    THEN ARRAY['warning', 'No base backup was verified for too long.']
                ELSE ARRAY['ok', 'The last attempt made a good base backup.']
            END AS verdict
        ) AS v
    WHERE t.backups OPERATOR(pg_catalog.>) 0 OR e.run IS NOT NULL OR o.requested_at IS NOT NULL
        OR b.id IS NOT NULL;
COMMENT ON VIEW @extschema@.backup_status_base IS
'part of backup_status: the base backups of this cluster, if there is one or one was tried';
