-- what a monitor reads

CREATE VIEW @extschema@.backup_status AS
    -- read once; an attempt that has just ended may not have its row yet
    WITH slot AS MATERIALIZED (
        SELECT s.run, s.kind, s.database, s.state, s.requested_at, s.finished_at, s.message
        FROM @extschema@.backup_run_slots() AS s
        WHERE s.verb OPERATOR(pg_catalog.=) 'backup'
    ),
    -- a standby has only rows of them
    open AS MATERIALIZED (
        SELECT r.kind, r.database
        FROM @extschema@.backup_run AS r
        WHERE r.verb OPERATOR(pg_catalog.=) 'backup' AND r.state IN ('queued', 'running')
    ),
    -- all backups count here, whatever they hold
    total AS MATERIALIZED (
        SELECT c.database, pg_catalog.count(*) AS backups,
            pg_catalog.sum(c.plain_size)::bigint AS plain_size,
            pg_catalog.sum(c.stored_size)::bigint AS stored_size,
            pg_catalog.max(c.verified_at) AS verified_at
        FROM @extschema@.backup_catalogue AS c
        WHERE c.first AND c.database IS NOT NULL
            AND c.state OPERATOR(pg_catalog.<>) 'missing'
            -- of one that cannot be read only its name is known
            AND (c.kind IS NOT NULL OR c.database OPERATOR(pg_catalog.<>) 'base'
                OR EXISTS (SELECT FROM pg_catalog.pg_database AS d
                           WHERE d.datname OPERATOR(pg_catalog.=) 'base'))
        GROUP BY c.database
    ),
    own AS MATERIALIZED (
        SELECT i.system_identifier::text AS system_identifier
        FROM pg_catalog.pg_control_system() AS i
    ),
    -- a database that was dropped matters as long as it has a backup; a name
    -- has another collation, and the indexes would not serve it
    name AS (
        SELECT t.database FROM total AS t
        UNION
        SELECT d.datname::text COLLATE pg_catalog."default"
        FROM pg_catalog.pg_database AS d
    )
    SELECT n.database AS what, n.database,
        CASE
            WHEN b.state OPERATOR(pg_catalog.=) 'bad' THEN 'critical'
            WHEN g.id IS NULL THEN 'critical'
            WHEN e.state IN ('failed', 'canceled') THEN 'warning'
            ELSE 'ok'
        END AS state,
        CASE
            WHEN b.state OPERATOR(pg_catalog.=) 'bad'
                THEN pg_catalog.concat('The newest backup ', b.id, ' is bad.')
            WHEN g.id IS NULL THEN 'There is no good backup.'
            WHEN e.state IN ('failed', 'canceled')
                THEN pg_catalog.concat('The last attempt, run ', e.run, ', has ',
                    CASE WHEN e.state OPERATOR(pg_catalog.=) 'failed' THEN 'failed.' ELSE 'been canceled.' END)
            ELSE 'The last attempt made a good backup.'
        END AS reason,
        g.finished_at AS last_success_at,
        pg_catalog.now() OPERATOR(pg_catalog.-) g.finished_at AS last_success_age,
        g.id AS last_success_id,
        a.requested_at AS last_attempt_at,
        f.finished_at AS last_failure_at,
        f.message AS last_failure,
        t.plain_size, t.stored_size,
        COALESCE(t.backups, 0) AS backups,
        t.verified_at,
        EXISTS (SELECT FROM open AS o
                WHERE o.database OPERATOR(pg_catalog.=) n.database) AS running
    FROM name AS n
        LEFT JOIN total AS t ON t.database OPERATOR(pg_catalog.=) n.database
        -- each of these reads the first entries of an index;
        -- the newest good backup: the schema or the data alone is none
        LEFT JOIN LATERAL (
            SELECT c.id, c.finished_at
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
        -- the last attempt
        LEFT JOIN LATERAL (
            (SELECT r.requested_at
             FROM @extschema@.backup_run_data AS r
             WHERE r.verb OPERATOR(pg_catalog.=) 'backup'
                AND r.database OPERATOR(pg_catalog.=) n.database
             ORDER BY r.requested_at DESC
             LIMIT 1)
            UNION ALL
            SELECT s.requested_at
            FROM slot AS s
            WHERE s.database OPERATOR(pg_catalog.=) n.database
            ORDER BY requested_at DESC
            LIMIT 1
        ) AS a ON true
        -- the last attempt that has ended
        LEFT JOIN LATERAL (
            (SELECT r.run, r.state, r.requested_at
             FROM @extschema@.backup_run_data AS r
             WHERE r.verb OPERATOR(pg_catalog.=) 'backup'
                AND r.database OPERATOR(pg_catalog.=) n.database
                AND r.state NOT IN ('queued', 'running')
             ORDER BY r.requested_at DESC
             LIMIT 1)
            UNION ALL
            SELECT s.run, s.state, s.requested_at
            FROM slot AS s
            WHERE s.database OPERATOR(pg_catalog.=) n.database
                AND s.state NOT IN ('queued', 'running')
            ORDER BY requested_at DESC
            LIMIT 1
        ) AS e ON true
        -- the last attempt that has failed
        LEFT JOIN LATERAL (
            (SELECT r.requested_at, r.finished_at,
                CASE WHEN pg_catalog.pg_has_role('pg_read_all_stats', 'USAGE') THEN r.message END AS message
             FROM @extschema@.backup_run_data AS r
             WHERE r.verb OPERATOR(pg_catalog.=) 'backup'
                AND r.database OPERATOR(pg_catalog.=) n.database
                AND r.state IN ('failed', 'canceled')
             ORDER BY r.requested_at DESC
             LIMIT 1)
            UNION ALL
            SELECT s.requested_at, s.finished_at, s.message
            FROM slot AS s
            WHERE s.database OPERATOR(pg_catalog.=) n.database
                AND s.state IN ('failed', 'canceled')
            ORDER BY requested_at DESC
            LIMIT 1
        ) AS f ON true
    WHERE t.database IS NOT NULL OR a.requested_at IS NOT NULL
    UNION ALL
    -- the base backups of this cluster; a repository can have those of others
    SELECT 'base backups', NULL,
        CASE
            WHEN b.state OPERATOR(pg_catalog.=) 'bad' THEN 'critical'
            WHEN g.id IS NULL THEN 'critical'
            WHEN e.state IN ('failed', 'canceled') THEN 'warning'
            ELSE 'ok'
        END,
        CASE
            WHEN b.state OPERATOR(pg_catalog.=) 'bad'
                THEN pg_catalog.concat('The newest base backup ', b.id, ' is bad.')
            WHEN g.id IS NULL THEN 'There is no good base backup of this cluster.'
            WHEN e.state IN ('failed', 'canceled')
                THEN pg_catalog.concat('The last attempt, run ', e.run, ', has ',
                    CASE WHEN e.state OPERATOR(pg_catalog.=) 'failed' THEN 'failed.' ELSE 'been canceled.' END)
            ELSE 'The last attempt made a good base backup.'
        END,
        g.finished_at, pg_catalog.now() OPERATOR(pg_catalog.-) g.finished_at, g.id,
        a.requested_at, f.finished_at, f.message,
        t.plain_size, t.stored_size, t.backups, t.verified_at,
        EXISTS (SELECT FROM open AS o WHERE o.kind OPERATOR(pg_catalog.=) 'base')
    FROM (
            SELECT pg_catalog.count(*) AS backups,
                pg_catalog.sum(c.plain_size)::bigint AS plain_size,
                pg_catalog.sum(c.stored_size)::bigint AS stored_size,
                pg_catalog.max(c.verified_at) AS verified_at
            FROM @extschema@.backup_catalogue AS c, own
            WHERE c.first AND c.database IS NULL
                AND c.kind OPERATOR(pg_catalog.=) 'base'
                AND c.system_identifier OPERATOR(pg_catalog.=) own.system_identifier
                AND c.state OPERATOR(pg_catalog.<>) 'missing'
        ) AS t
        LEFT JOIN LATERAL (
            SELECT c.id, c.finished_at
            FROM @extschema@.backup_catalogue AS c, own
            WHERE c.first AND c.database IS NULL
                AND c.kind OPERATOR(pg_catalog.=) 'base'
                AND c.system_identifier OPERATOR(pg_catalog.=) own.system_identifier
                AND c.state OPERATOR(pg_catalog.=) 'good'
            ORDER BY c.started_at DESC NULLS LAST, c.id DESC
            LIMIT 1
        ) AS g ON true
        LEFT JOIN LATERAL (
            (SELECT c.id, c.state, c.started_at
             FROM @extschema@.backup_catalogue AS c, own
             WHERE c.first AND c.database IS NULL
                AND c.kind OPERATOR(pg_catalog.=) 'base'
                AND c.system_identifier OPERATOR(pg_catalog.=) own.system_identifier
                AND c.state OPERATOR(pg_catalog.<>) 'missing'
             ORDER BY c.started_at DESC NULLS LAST, c.id DESC
             LIMIT 1)
            UNION ALL
            (SELECT c.id, c.state, c.started_at
             FROM @extschema@.backup_catalogue AS c
             WHERE c.first AND c.database OPERATOR(pg_catalog.=) 'base'
                AND c.kind IS NULL AND c.state OPERATOR(pg_catalog.<>) 'missing'
                AND NOT EXISTS (SELECT FROM pg_catalog.pg_database AS d
                                WHERE d.datname OPERATOR(pg_catalog.=) 'base')
             ORDER BY c.started_at DESC NULLS LAST, c.id DESC
             LIMIT 1)
            ORDER BY started_at DESC NULLS LAST
            LIMIT 1
        ) AS b ON true
        LEFT JOIN LATERAL (
            (SELECT r.requested_at
             FROM @extschema@.backup_run_data AS r
             WHERE r.verb OPERATOR(pg_catalog.=) 'backup' AND r.database IS NULL
                AND r.kind OPERATOR(pg_catalog.=) 'base'
             ORDER BY r.requested_at DESC
             LIMIT 1)
            UNION ALL
            SELECT s.requested_at
            FROM slot AS s
            WHERE s.kind OPERATOR(pg_catalog.=) 'base'
            ORDER BY requested_at DESC
            LIMIT 1
        ) AS a ON true
        LEFT JOIN LATERAL (
            (SELECT r.run, r.state, r.requested_at
             FROM @extschema@.backup_run_data AS r
             WHERE r.verb OPERATOR(pg_catalog.=) 'backup' AND r.database IS NULL
                AND r.kind OPERATOR(pg_catalog.=) 'base'
                AND r.state NOT IN ('queued', 'running')
             ORDER BY r.requested_at DESC
             LIMIT 1)
            UNION ALL
            SELECT s.run, s.state, s.requested_at
            FROM slot AS s
            WHERE s.kind OPERATOR(pg_catalog.=) 'base'
                AND s.state NOT IN ('queued', 'running')
            ORDER BY requested_at DESC
            LIMIT 1
        ) AS e ON true
        LEFT JOIN LATERAL (
            (SELECT r.requested_at, r.finished_at,
                CASE WHEN pg_catalog.pg_has_role('pg_read_all_stats', 'USAGE') THEN r.message END AS message
             FROM @extschema@.backup_run_data AS r
             WHERE r.verb OPERATOR(pg_catalog.=) 'backup' AND r.database IS NULL
                AND r.kind OPERATOR(pg_catalog.=) 'base'
                AND r.state IN ('failed', 'canceled')
             ORDER BY r.requested_at DESC
             LIMIT 1)
            UNION ALL
            SELECT s.requested_at, s.finished_at, s.message
            FROM slot AS s
            WHERE s.kind OPERATOR(pg_catalog.=) 'base'
                AND s.state IN ('failed', 'canceled')
            ORDER BY requested_at DESC
            LIMIT 1
        ) AS f ON true
    WHERE t.backups OPERATOR(pg_catalog.>) 0 OR a.requested_at IS NOT NULL
        OR b.id IS NOT NULL
    UNION ALL
    SELECT 'WAL archiving', NULL, w.state, w.reason,
        w.last_archived_at, pg_catalog.now() OPERATOR(pg_catalog.-) w.last_archived_at,
        w.last_archived_wal, NULL, w.last_failed_at, w.failure,
        NULL, NULL, NULL, NULL, w.waiting OPERATOR(pg_catalog.>) 0
    FROM @extschema@.backup_wal AS w
    WHERE w.state IS NOT NULL
    UNION ALL
    -- what is not there any more, and was not deleted here
    SELECT pg_catalog.concat('repository ', v.number), NULL, 'critical',
        pg_catalog.concat_ws(' ',
            CASE WHEN v.backups OPERATOR(pg_catalog.=) 1
                    THEN pg_catalog.concat('Backup ', v.id, ' has vanished from it without being deleted here.')
                WHEN v.backups OPERATOR(pg_catalog.>) 1
                    THEN pg_catalog.concat(v.backups, ' backups have vanished from it without being deleted here, the newest is ', v.id, '.') END,
            v.losses),
        NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, v.backups, NULL, false
    FROM (
            SELECT COALESCE(m.number, l.number) AS number, COALESCE(m.backups, 0) AS backups,
                m.id, l.losses
            FROM (
                    SELECT c.repository_number AS number, pg_catalog.count(*) AS backups,
                        pg_catalog.max(c.id) AS id
                    FROM @extschema@.backup_catalogue AS c
                    WHERE c.current AND c.state OPERATOR(pg_catalog.=) 'missing'
                    GROUP BY c.repository_number
                ) AS m
                FULL JOIN (
                    SELECT r.repository_number AS number,
                        pg_catalog.string_agg(pg_catalog.concat('Its WAL of timeline ', r.timeline,
                            ' has become less: ', r.loss, '.'), ' ' ORDER BY r.timeline) AS losses
                    FROM @extschema@.backup_wal_range AS r
                    WHERE r.loss IS NOT NULL
                    GROUP BY r.repository_number
                ) AS l ON m.number OPERATOR(pg_catalog.=) l.number
        ) AS v
    UNION ALL
    -- what the others lack of the first repository, as they were last seen
    SELECT pg_catalog.concat('copies in repository ', n.number), NULL,
        CASE
            WHEN k.known IS NULL THEN 'critical'
            WHEN pg_catalog.now() OPERATOR(pg_catalog.-) m.since OPERATOR(pg_catalog.>) '15 min'::interval THEN 'critical'
            WHEN pg_catalog.now() OPERATOR(pg_catalog.-) m.since OPERATOR(pg_catalog.>) '5 min'::interval THEN 'warning'
            WHEN g.segments OPERATOR(pg_catalog.>) 0 THEN 'warning'
            ELSE 'ok'
        END,
        CASE
            WHEN k.known IS NULL THEN 'It was never reached.'
            WHEN m.backups OPERATOR(pg_catalog.>) 0
                THEN pg_catalog.concat('It lacks ', m.backups, ' good backups that the first repository has.')
            WHEN g.segments OPERATOR(pg_catalog.>) 0
                THEN pg_catalog.concat('It lacks ', g.segments, ' WAL segments that the first repository had when they were last compared.')
            ELSE 'It has what the first repository has.'
        END,
        t.finished_at, pg_catalog.now() OPERATOR(pg_catalog.-) t.finished_at, t.id,
        NULL, NULL, NULL, t.plain_size, t.stored_size, t.backups, t.verified_at, NULL
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
            SELECT pg_catalog.sum(CASE r.repository_number WHEN 1 THEN r.segments
                                      ELSE 0 OPERATOR(pg_catalog.-) r.segments END) AS segments
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
        ) AS t ON true;
COMMENT ON VIEW @extschema@.backup_status IS
'one row, with a verdict, for each database that has a backup, or that exists and for which one was tried; one for the base backups, likewise, one for WAL archiving, one for each repository from which something has vanished, and one for the copies in each repository behind the first';
COMMENT ON COLUMN @extschema@.backup_status.what IS 'what the row is about: a database, "base backups", "WAL archiving" or "repository" or "copies in repository" with its place in the setting';
COMMENT ON COLUMN @extschema@.backup_status.database IS 'the database, if it is about one';
COMMENT ON COLUMN @extschema@.backup_status.state IS 'critical: the newest backup is bad, there is no good one, or something has vanished; warning: the last attempt failed; ok. Backups of the schema or the data alone do not count';
COMMENT ON COLUMN @extschema@.backup_status.reason IS 'why, in a sentence';
COMMENT ON COLUMN @extschema@.backup_status.last_success_at IS 'when the newest good backup, of schema and data, was complete';
COMMENT ON COLUMN @extschema@.backup_status.last_success_age IS 'time since then: the number to watch';
COMMENT ON COLUMN @extschema@.backup_status.last_success_id IS 'id of the newest good backup';
COMMENT ON COLUMN @extschema@.backup_status.last_attempt_at IS 'when a backup was last asked for';
COMMENT ON COLUMN @extschema@.backup_status.last_failure_at IS 'when an attempt last failed';
COMMENT ON COLUMN @extschema@.backup_status.last_failure IS 'why, for pg_read_all_stats';
COMMENT ON COLUMN @extschema@.backup_status.plain_size IS 'bytes of all its backups before compression';
COMMENT ON COLUMN @extschema@.backup_status.stored_size IS 'bytes of all its backups in the repository';
COMMENT ON COLUMN @extschema@.backup_status.backups IS 'number of its backups';
COMMENT ON COLUMN @extschema@.backup_status.verified_at IS 'when one of them was last verified';
COMMENT ON COLUMN @extschema@.backup_status.running IS 'is a backup of it queued or running now?';
