-- parts of backup_status: WAL, repositories and what is checked

CREATE VIEW @extschema@.backup_status_wal AS
    SELECT 'WAL archiving' AS what, 'WAL archiving' AS subject, NULL::text AS database,
        COALESCE(w.state, 'ok') AS state,
        COALESCE(w.reason, 'Nothing is archived, and nothing needs it.') AS reason,
        w.last_archived_at AS last_success_at, w.last_archived_wal AS last_success_id, NULL::interval AS target_age,
        GREATEST(w.last_archived_at, w.last_failed_at) AS last_attempt_at,
        w.last_failed_at AS last_failure_at, w.failure AS last_failure, NULL::timestamptz AS next_run_at,
        NULL::bigint AS last_size, NULL::bigint AS usual_size,
        NULL::bigint AS plain_size, NULL::bigint AS stored_size, NULL::bigint AS backups,
        NULL::timestamptz AS recovery_from, w.last_archived_at AS recovery_to, NULL::timestamptz AS verified_at,
        NULL::timestamptz AS restore_tested_at, NULL::interval AS restore_duration,
        w.disk_free AS storage_free, w.disk_total AS storage_total, w.full_at,
        w.waiting OPERATOR(pg_catalog.>) 0 AS running
    FROM @extschema@.backup_wal AS w;
COMMENT ON VIEW @extschema@.backup_status_wal IS
'part of backup_status: WAL archiving';

-- What is not there any more, and was not deleted here, is an alarm.
CREATE VIEW @extschema@.backup_status_repositories AS
    WITH missing AS MATERIALIZED (
        SELECT c.repository_number AS number, pg_catalog.count(*) AS backups, pg_catalog.max(c.id) AS id
        FROM @extschema@.backup_catalogue AS c
        WHERE c.state OPERATOR(pg_catalog.=) 'missing'
        GROUP BY c.repository_number
    ),
    lost AS MATERIALIZED (
        SELECT r.repository_number AS number,
            pg_catalog.string_agg(pg_catalog.concat('Its WAL of timeline ', r.timeline,
                ' has become less: ', r.loss, '.'), ' ' ORDER BY r.timeline) AS losses
        FROM @extschema@.backup_wal_range AS r
        WHERE r.loss IS NOT NULL
        GROUP BY r.repository_number
    )
    SELECT pg_catalog.concat('repository ', n.number) AS what, 'repository' AS subject, NULL::text AS database,
        j.verdict[1] AS state, j.verdict[2] AS reason,
        NULL::timestamptz AS last_success_at, NULL::text AS last_success_id, NULL::interval AS target_age,
        NULL::timestamptz AS last_attempt_at, NULL::timestamptz AS last_failure_at, NULL::text AS last_failure,
        NULL::timestamptz AS next_run_at,
        NULL::bigint AS last_size, NULL::bigint AS usual_size,
        h.plain_size, h.stored_size, COALESCE(h.backups, 0) AS backups,
        NULL::timestamptz AS recovery_from, NULL::timestamptz AS recovery_to,
        NULL::timestamptz AS verified_at, NULL::timestamptz AS restore_tested_at, NULL::interval AS restore_duration,
        m.free AS storage_free, m.total AS storage_total, g.full_at,
        false AS running
    FROM pg_catalog.generate_series(1, GREATEST(@extschema@.backup_repository_count(), 1)) AS n (number)
        LEFT JOIN missing AS v ON v.number OPERATOR(pg_catalog.=) n.number
        LEFT JOIN lost AS l ON l.number OPERATOR(pg_catalog.=) n.number
        LEFT JOIN LATERAL (
            SELECT r.url
            FROM @extschema@.backup_repository_data AS r
            WHERE @extschema@.backup_repository_number(r.url) OPERATOR(pg_catalog.=) n.number
        ) AS k ON true
        LEFT JOIN LATERAL (
            SELECT s.free, s.total
            FROM @extschema@.backup_space_data AS s
            WHERE s.repository OPERATOR(pg_catalog.=) k.url
            ORDER BY s.hour DESC
            LIMIT 1
        ) AS m ON true
        LEFT JOIN LATERAL (
            SELECT pg_catalog.count(*) AS backups, pg_catalog.sum(c.plain_size)::bigint AS plain_size,
                pg_catalog.sum(c.stored_size)::bigint AS stored_size,
                pg_catalog.max(c.stored_size) FILTER (WHERE c.finished_at OPERATOR(pg_catalog.>) (pg_catalog.now() OPERATOR(pg_catalog.-) '7 days'::interval)) AS largest
            FROM @extschema@.backup_catalogue_data AS c
            WHERE c.repository OPERATOR(pg_catalog.=) k.url AND c.state OPERATOR(pg_catalog.<>) 'missing'
        ) AS h ON true
        -- a straight line through what was seen, if that is enough for one
        LEFT JOIN LATERAL (
            SELECT CASE WHEN w.slope OPERATOR(pg_catalog.<) 0 AND (m.free OPERATOR(pg_catalog./) (0.0 OPERATOR(pg_catalog.-) w.slope)) OPERATOR(pg_catalog.<) 315576000
                THEN pg_catalog.now() OPERATOR(pg_catalog.+) pg_catalog.make_interval(secs => m.free OPERATOR(pg_catalog./) (0.0 OPERATOR(pg_catalog.-) w.slope)) END AS full_at
            FROM (
                    SELECT CASE WHEN pg_catalog.count(*) OPERATOR(pg_catalog.>=) 3 AND (pg_catalog.max(s.seen_at) OPERATOR(pg_catalog.-) pg_catalog.min(s.seen_at)) OPERATOR(pg_catalog.>=) '6 hours'::interval
                        THEN pg_catalog.regr_slope(s.free, pg_catalog.date_part('epoch', s.seen_at)) END AS slope
                    FROM @extschema@.backup_space_data AS s
                    WHERE s.repository OPERATOR(pg_catalog.=) k.url
                        AND s.hour OPERATOR(pg_catalog.>) (pg_catalog.now() OPERATOR(pg_catalog.-) '14 days'::interval)
                ) AS w
        ) AS g ON true
        CROSS JOIN LATERAL (
            SELECT CASE
                WHEN @extschema@.backup_repository_count() OPERATOR(pg_catalog.=) 0
                    THEN ARRAY['warning', 'No repository is set: backup_ext.repository is empty.']
                WHEN v.backups OPERATOR(pg_catalog.>) 0 OR l.losses IS NOT NULL
                    THEN ARRAY['critical', pg_catalog.concat_ws(' ',
                        CASE WHEN v.backups OPERATOR(pg_catalog.=) 1
                                THEN pg_catalog.concat('Backup ', v.id, ' has vanished from it without being deleted here.')
                            WHEN v.backups OPERATOR(pg_catalog.>) 1
                                THEN pg_catalog.concat(v.backups, ' backups have vanished from it without being deleted here, the newest is ', v.id, '.') END,
                        l.losses)]
                WHEN k.url IS NULL
                    THEN ARRAY['critical', 'It was never reached.']
                WHEN m.free OPERATOR(pg_catalog.<) h.largest
                    THEN ARRAY['critical', pg_catalog.concat('It has room for ', pg_catalog.pg_size_pretty(m.free),
                        ', and its largest backup of the last week took ', pg_catalog.pg_size_pretty(h.largest), '.')]
                WHEN g.full_at OPERATOR(pg_catalog.<) (pg_catalog.now() OPERATOR(pg_catalog.+) pg_catalog.current_setting('backup_ext.status_full_critical', true)::interval)
                    THEN ARRAY['critical', pg_catalog.concat('It will be full at about ', pg_catalog.to_char(g.full_at, 'YYYY-MM-DD HH24:MI'), ' if it goes on filling up as it did.')]
                WHEN g.full_at OPERATOR(pg_catalog.<) (pg_catalog.now() OPERATOR(pg_catalog.+) pg_catalog.current_setting('backup_ext.status_full_warning', true)::interval)
                    THEN ARRAY['warning', pg_catalog.concat('It will be full at about ', pg_catalog.to_char(g.full_at, 'YYYY-MM-DD HH24:MI'), ' if it goes on filling up as it did.')]
                ELSE ARRAY['ok', 'Nothing has vanished from it.']
            END AS verdict
        ) AS j;
COMMENT ON VIEW @extschema@.backup_status_repositories IS
'part of backup_status: each repository';

-- What the others lack of the first repository, as they were last seen.
CREATE VIEW @extschema@.backup_status_copies AS
    WITH own AS MATERIALIZED (
        SELECT i.system_identifier::text AS system_identifier
        FROM pg_catalog.pg_control_system() AS i
    )
    SELECT pg_catalog.concat('copies in repository ', n.number) AS what, 'copies' AS subject, NULL::text AS database,
        v.verdict[1] AS state, v.verdict[2] AS reason,
        t.finished_at AS last_success_at, t.id AS last_success_id, NULL::interval AS target_age,
        NULL::timestamptz AS last_attempt_at, NULL::timestamptz AS last_failure_at, NULL::text AS last_failure,
        NULL::timestamptz AS next_run_at,
        NULL::bigint AS last_size, NULL::bigint AS usual_size,
        t.plain_size, t.stored_size, t.backups,
        NULL::timestamptz AS recovery_from, NULL::timestamptz AS recovery_to,
        t.verified_at, NULL::timestamptz AS restore_tested_at, NULL::interval AS restore_duration,
        NULL::bigint AS storage_free, NULL::bigint AS storage_total, NULL::timestamptz AS full_at,
        NULL::boolean AS running
    FROM pg_catalog.generate_series(2, @extschema@.backup_repository_count()) AS n (number)
        LEFT JOIN LATERAL (
            SELECT true AS known
            FROM @extschema@.backup_repository_data AS r
            WHERE @extschema@.backup_repository_number(r.url) OPERATOR(pg_catalog.=) n.number
        ) AS k ON true
        LEFT JOIN LATERAL (
            SELECT pg_catalog.count(*) AS backups, pg_catalog.min(c.finished_at) AS since
            FROM @extschema@.backup_catalogue AS c, own
            WHERE c.first AND c.state OPERATOR(pg_catalog.=) 'good'
                AND c.system_identifier OPERATOR(pg_catalog.=) own.system_identifier
                AND NOT EXISTS (SELECT FROM @extschema@.backup_catalogue AS o
                                WHERE o.repository_number OPERATOR(pg_catalog.=) n.number
                                    AND o.id OPERATOR(pg_catalog.=) c.id
                                    AND o.state OPERATOR(pg_catalog.<>) 'missing')
        ) AS m ON true
        LEFT JOIN LATERAL (
            SELECT pg_catalog.sum(CASE r.repository_number WHEN 1 THEN r.segments ELSE 0 OPERATOR(pg_catalog.-) r.segments END) AS segments
            FROM @extschema@.backup_wal_range AS r, own
            WHERE r.system_identifier OPERATOR(pg_catalog.=) own.system_identifier
                AND r.repository_number IN (1, n.number)
        ) AS g ON true
        LEFT JOIN LATERAL (
            SELECT pg_catalog.count(*) AS backups, pg_catalog.max(c.finished_at) AS finished_at,
                pg_catalog.max(c.id) AS id,
                pg_catalog.sum(c.plain_size)::bigint AS plain_size,
                pg_catalog.sum(c.stored_size)::bigint AS stored_size,
                pg_catalog.max(c.verified_at) AS verified_at
            FROM @extschema@.backup_catalogue AS c
            WHERE c.repository_number OPERATOR(pg_catalog.=) n.number
        ) AS t ON true
        CROSS JOIN LATERAL (
            SELECT CASE
                WHEN k.known IS NULL
                    THEN ARRAY['critical', 'It was never reached.']
                WHEN m.backups OPERATOR(pg_catalog.>) 0
                    THEN ARRAY[
                        CASE WHEN pg_catalog.now() OPERATOR(pg_catalog.-) m.since OPERATOR(pg_catalog.>) '15 min'::interval THEN 'critical'
                            WHEN pg_catalog.now() OPERATOR(pg_catalog.-) m.since OPERATOR(pg_catalog.>) '5 min'::interval OR g.segments OPERATOR(pg_catalog.>) 0 THEN 'warning'
                            ELSE 'ok' END,
                        pg_catalog.concat('It lacks ', m.backups, ' good backups that the first repository has.')]
                WHEN g.segments OPERATOR(pg_catalog.>) 0
                    THEN ARRAY['warning', pg_catalog.concat('It lacks ', g.segments, ' WAL segments that the first repository had when they were last compared.')]
                ELSE ARRAY['ok', 'It has what the first repository has.']
            END AS verdict
        ) AS v;
COMMENT ON VIEW @extschema@.backup_status_copies IS
'part of backup_status: the copies in each repository behind the first';

-- Restores are attempts by people: one that fails is no alarm.
CREATE VIEW @extschema@.backup_status_restores AS
    SELECT 'restore tests' AS what, 'restore tests' AS subject, NULL::text AS database,
        'ok' AS state,
        CASE WHEN g.run IS NULL THEN 'Nothing was restored yet, and no test of it is scheduled.'
            ELSE pg_catalog.concat('The last restore that succeeded was run ', g.run, '.') END AS reason,
        g.finished_at AS last_success_at, g.backup_id AS last_success_id, NULL::interval AS target_age,
        GREATEST(g.requested_at, f.requested_at, o.requested_at) AS last_attempt_at, f.finished_at AS last_failure_at, f.message AS last_failure,
        NULL::timestamptz AS next_run_at,
        NULL::bigint AS last_size, NULL::bigint AS usual_size,
        NULL::bigint AS plain_size, NULL::bigint AS stored_size, NULL::bigint AS backups,
        NULL::timestamptz AS recovery_from, NULL::timestamptz AS recovery_to, NULL::timestamptz AS verified_at,
        g.finished_at AS restore_tested_at, g.finished_at OPERATOR(pg_catalog.-) g.started_at AS restore_duration,
        NULL::bigint AS storage_free, NULL::bigint AS storage_total, NULL::timestamptz AS full_at,
        o.requested_at IS NOT NULL AS running
    FROM (
            SELECT pg_catalog.max(r.requested_at) AS requested_at
            FROM @extschema@.backup_open AS r
            WHERE r.verb IN ('restore', 'clone')
        ) AS o
        LEFT JOIN LATERAL (
            SELECT r.run, r.backup_id, r.requested_at, r.started_at, r.finished_at
            FROM @extschema@.backup_run_data AS r
            WHERE r.verb IN ('restore', 'clone') AND r.state OPERATOR(pg_catalog.=) 'done'
            ORDER BY r.requested_at DESC
            LIMIT 1
        ) AS g ON true
        LEFT JOIN LATERAL (
            SELECT r.requested_at, r.finished_at, r.message
            FROM @extschema@.backup_run_data AS r
            WHERE r.verb IN ('restore', 'clone') AND r.state IN ('failed', 'canceled')
            ORDER BY r.requested_at DESC
            LIMIT 1
        ) AS f ON true;
COMMENT ON VIEW @extschema@.backup_status_restores IS
'part of backup_status: restores, which are the proof of backups';

-- From the first time on that retention was at work by itself. Where nothing can
-- be deleted the repository fills up, which is days away.
CREATE VIEW @extschema@.backup_status_retention AS
    SELECT 'retention' AS what, 'retention' AS subject, NULL::text AS database,
        CASE WHEN e.state OPERATOR(pg_catalog.=) 'done' THEN 'ok'
            WHEN COALESCE(g.finished_at, e.requested_at) OPERATOR(pg_catalog.<) (pg_catalog.now() OPERATOR(pg_catalog.-) '3 days'::interval) THEN 'critical'
            ELSE 'warning' END AS state,
        CASE WHEN e.state OPERATOR(pg_catalog.=) 'done' THEN 'What nothing keeps has been deleted.'
            ELSE pg_catalog.concat('What nothing keeps is not deleted: run ', e.run, ' has ',
                CASE WHEN e.state OPERATOR(pg_catalog.=) 'failed' THEN 'failed.' ELSE 'been canceled.' END) END AS reason,
        g.finished_at AS last_success_at, NULL::text AS last_success_id, NULL::interval AS target_age,
        e.requested_at AS last_attempt_at, f.finished_at AS last_failure_at, f.message AS last_failure,
        NULL::timestamptz AS next_run_at,
        NULL::bigint AS last_size, NULL::bigint AS usual_size,
        NULL::bigint AS plain_size, NULL::bigint AS stored_size, NULL::bigint AS backups,
        NULL::timestamptz AS recovery_from, NULL::timestamptz AS recovery_to, NULL::timestamptz AS verified_at,
        NULL::timestamptz AS restore_tested_at, NULL::interval AS restore_duration,
        NULL::bigint AS storage_free, NULL::bigint AS storage_total, NULL::timestamptz AS full_at,
        EXISTS (SELECT FROM @extschema@.backup_open AS r
                WHERE r.verb OPERATOR(pg_catalog.=) 'expire') AS running
    FROM (
            SELECT r.run, r.state, r.requested_at
            FROM @extschema@.backup_run_data AS r
            WHERE r.verb OPERATOR(pg_catalog.=) 'expire' AND r.reason OPERATOR(pg_catalog.<>) 'request'
                AND r.state IN ('done', 'failed', 'canceled')
            ORDER BY r.requested_at DESC
            LIMIT 1
        ) AS e
        LEFT JOIN LATERAL (
            SELECT r.finished_at
            FROM @extschema@.backup_run_data AS r
            WHERE r.verb OPERATOR(pg_catalog.=) 'expire' AND r.reason OPERATOR(pg_catalog.<>) 'request'
                AND r.state OPERATOR(pg_catalog.=) 'done'
            ORDER BY r.requested_at DESC
            LIMIT 1
        ) AS g ON true
        LEFT JOIN LATERAL (
            SELECT r.finished_at, r.message
            FROM @extschema@.backup_run_data AS r
            WHERE r.verb OPERATOR(pg_catalog.=) 'expire' AND r.reason OPERATOR(pg_catalog.<>) 'request'
                AND r.state IN ('failed', 'canceled')
            ORDER BY r.requested_at DESC
            LIMIT 1
        ) AS f ON true;
COMMENT ON VIEW @extschema@.backup_status_retention IS
'part of backup_status: whether retention can delete what it wants to';

CREATE VIEW @extschema@.backup_status_checksums AS
    SELECT 'data checksums' AS what, 'data checksums' AS subject, NULL::text AS database,
        CASE WHEN c.last_at OPERATOR(pg_catalog.>) (pg_catalog.now() OPERATOR(pg_catalog.-) '7 days'::interval) THEN 'critical'
            WHEN c.failures OPERATOR(pg_catalog.>) 0 THEN 'warning'
            ELSE 'ok' END AS state,
        CASE WHEN c.failures OPERATOR(pg_catalog.>) 0
                THEN pg_catalog.concat('Pages with a wrong checksum that were read: ', c.failures, ', the last one at ',
                    pg_catalog.to_char(c.last_at, 'YYYY-MM-DD HH24:MI:SSOF'), ', in ', c.databases, '.')
            WHEN pg_catalog.current_setting('data_checksums') OPERATOR(pg_catalog.=) 'on'
                THEN 'No page with a wrong checksum was read.'
            ELSE 'Data checksums are off.' END AS reason,
        NULL::timestamptz AS last_success_at, NULL::text AS last_success_id, NULL::interval AS target_age,
        NULL::timestamptz AS last_attempt_at, c.last_at AS last_failure_at, NULL::text AS last_failure,
        NULL::timestamptz AS next_run_at,
        NULL::bigint AS last_size, NULL::bigint AS usual_size,
        NULL::bigint AS plain_size, NULL::bigint AS stored_size, NULL::bigint AS backups,
        NULL::timestamptz AS recovery_from, NULL::timestamptz AS recovery_to, NULL::timestamptz AS verified_at,
        NULL::timestamptz AS restore_tested_at, NULL::interval AS restore_duration,
        NULL::bigint AS storage_free, NULL::bigint AS storage_total, NULL::timestamptz AS full_at,
        NULL::boolean AS running
    FROM (
            SELECT pg_catalog.sum(s.checksum_failures) AS failures, pg_catalog.max(s.checksum_last_failure) AS last_at,
                pg_catalog.string_agg(COALESCE(s.datname::text, 'shared tables'), ', ' ORDER BY s.datname)
                    FILTER (WHERE s.checksum_failures OPERATOR(pg_catalog.>) 0) AS databases
            FROM pg_catalog.pg_stat_database AS s
        ) AS c;
COMMENT ON VIEW @extschema@.backup_status_checksums IS
'part of backup_status: pages that were found damaged, as PostgreSQL counts them since its statistics were reset';
