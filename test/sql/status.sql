--
-- What backup_status makes of what is in the tables. Nothing is committed, so
-- nobody obeys the schedules, and now() stands still.
--
\set VERBOSITY default
SET TimeZone = 'UTC';
CREATE EXTENSION backup_ext;

-- what monitors read, by name
SELECT a.attname, pg_catalog.format_type(a.atttypid, a.atttypmod)
FROM pg_catalog.pg_attribute AS a
WHERE a.attrelid = 'backup_status'::regclass AND a.attnum > 0
ORDER BY a.attnum;

-- before anything was done; whether there are data checksums depends on initdb
SELECT what, subject, state, CASE WHEN subject <> 'data checksums' THEN reason END AS reason
FROM backup_status ORDER BY what COLLATE "C";

BEGIN;
-- the keeper may have looked at what there was before, and must not look now
LOCK TABLE backup_alarm_state_data;
DELETE FROM backup_alarm_state_data;
CREATE VIEW pg_temp.verdict AS
    SELECT s.what, s.state,
        regexp_replace(s.reason, '\d{4}-\d\d-\d\d \d\d:\d\d(:\d\d\+00)?', 'TIME', 'g') AS reason
    FROM backup_status AS s;
CREATE FUNCTION pg_temp.schedule(name text, schedule text, created interval, late_after interval DEFAULT NULL,
    kind text DEFAULT 'logical', database text DEFAULT NULL, enabled boolean DEFAULT true,
    timezone text DEFAULT 'UTC', system_identifier text DEFAULT (pg_control_system()).system_identifier)
RETURNS text LANGUAGE sql AS $$
    INSERT INTO backup_schedule_data (name, schedule, timezone, kind, database, catch_up, jitter, retries,
        late_after, enabled, system_identifier, created_at, changed_at, changed_by)
    VALUES ($1, $2, $8, $5, $6, 'once', '0', 2, $4, $7, $9, now() - $3, now() - $3, 'regress') RETURNING name $$;
CREATE FUNCTION pg_temp.backup(id text, age interval, database text DEFAULT NULL, size bigint DEFAULT 1000,
    schedule text DEFAULT NULL, state text DEFAULT 'good', corrupt_pages bigint DEFAULT NULL)
RETURNS text LANGUAGE sql AS $$
    INSERT INTO backup_catalogue_data (repository, seen_at, id, kind, database, content, state, started_at,
        finished_at, system_identifier, plain_size, stored_size, schedule, corrupt_pages, start_lsn)
    SELECT current_setting('backup_ext.repository'), now(), $1, CASE WHEN $3 IS NULL THEN 'base' ELSE 'logical' END,
        $3, CASE WHEN $3 IS NOT NULL THEN 'all' END, $6, now() - $2, now() - $2, c.system_identifier, $4, $4, $5, $7, '0/1'
    FROM pg_control_system() AS c
    RETURNING id $$;
CREATE FUNCTION pg_temp.run(run bigint, age interval, state text, verb text DEFAULT 'backup', database text DEFAULT NULL,
    schedule text DEFAULT NULL, backup_id text DEFAULT NULL)
RETURNS text LANGUAGE sql AS $$
    INSERT INTO backup_run_data (run, verb, kind, database, backup_id, state, requested_at, started_at, finished_at, schedule)
    VALUES ($1, $4, CASE WHEN $4 = 'backup' THEN CASE WHEN $5 IS NULL THEN 'base' ELSE 'logical' END END, $5, $7, $3,
        now() - $2, now() - $2, now() - $2 + '7 s', $6)
    RETURNING run::text $$;
INSERT INTO backup_repository_data (url, id) VALUES (current_setting('backup_ext.repository'), 'regress');

-- schedules
SELECT pg_temp.schedule('never', '@daily', '10 days', kind => 'verify'),
    pg_temp.schedule('new', '@yearly', '1 min', kind => 'verify'),
    pg_temp.schedule('disabled', '@daily', '10 days', enabled => false),
    pg_temp.schedule('elsewhere', '@daily', '10 days', system_identifier => '1'),
    pg_temp.schedule('nowhere', '@daily', '10 days', timezone => 'Middle/Earth'),
    pg_temp.schedule('in time', '@hourly', '10 days', database => 'a'),
    pg_temp.schedule('late', '@hourly', '10 days', '90 min', database => 'b*'),
    pg_temp.schedule('too late', '@hourly', '10 days', '90 min', database => 'c'),
    pg_temp.schedule('by periods', '@hourly', '10 days', database => 'd'),
    pg_temp.schedule('made again', '@hourly', '1 min', '90 min', database => 'e'),
    pg_temp.schedule('patient', '@hourly', '10 days', '170000 years', kind => 'replicate'),
    pg_temp.schedule('failing', '@hourly', '10 days', '90 min', kind => 'expire');
SELECT pg_temp.backup('a1', '20 min', 'a', schedule => 'in time'),
    pg_temp.backup('b1', '100 min', 'b1', schedule => 'late'),
    pg_temp.backup('c1', '160 min', 'c', schedule => 'too late'),
    pg_temp.backup('d1', '4 hours', 'd', schedule => 'by periods'),
    pg_temp.backup('e1', '4 hours', 'e', schedule => 'made again'),
    pg_temp.run(-1, '20 min', 'done', 'expire', schedule => 'failing'),
    pg_temp.run(-2, '10 min', 'failed', 'expire', schedule => 'failing'),
    pg_temp.run(-3, '5 min', 'skipped', 'expire', schedule => 'failing');
SELECT * FROM pg_temp.verdict WHERE what LIKE 'schedule %' ORDER BY what COLLATE "C";
SELECT what, target_age, last_success_id, last_success_age, last_attempt_at IS NULL AS untried, next_run_at > now() AS next
FROM backup_status WHERE what IN ('schedule late', 'b1', 'schedule elsewhere', 'schedule failing') ORDER BY what COLLATE "C";

-- databases: late by their schedules, of an unusual size, with less in them
SELECT count(pg_temp.backup('f' || i, i * interval '1 day', 'f', 100000000 + i)) FROM generate_series(1, 5) AS i;
SELECT pg_temp.backup('f0', '0', 'f', 10000000);
-- five weeks with a larger backup on this day of the week
SELECT count(pg_temp.backup('g' || i, i * interval '1 day', 'g', CASE i % 7 WHEN 0 THEN 500000000 ELSE 100000000 END))
FROM generate_series(0, 35) AS i;
SELECT count(pg_temp.backup('h' || i, i * interval '1 day', 'h', CASE i % 7 WHEN 1 THEN 500000000 ELSE 100000000 END))
FROM generate_series(1, 35) AS i;
SELECT pg_temp.backup('h0', '0', 'h', 500000000);
SELECT pg_temp.backup('i1', '1 day', 'i'), pg_temp.backup('j1', '1 day', 'j', state => 'bad');
UPDATE backup_catalogue_data SET emptied_tables = 1, shrunk_tables = 2 WHERE id = 'i1';
SELECT pg_temp.run(-11, '1 hour', 'done', 'restore', 'copy', backup_id => 'f3');
SELECT v.*, s.usual_size, s.restore_duration, s.recovery_to - s.recovery_from AS recovery
FROM pg_temp.verdict AS v JOIN backup_status AS s USING (what)
WHERE s.subject = 'database' ORDER BY what COLLATE "C";

-- base backups
SELECT * FROM pg_temp.verdict WHERE what = 'base backups';
SELECT pg_temp.run(-21, '3 hours', 'failed');
SELECT * FROM pg_temp.verdict WHERE what = 'base backups';
SELECT pg_temp.backup('base1', '3 hours'), pg_temp.run(-22, '2 hours', 'done'), pg_temp.schedule('base', '@hourly', '10 days', '4 hours', kind => 'base');
SELECT v.*, s.backups, s.target_age FROM pg_temp.verdict AS v JOIN backup_status AS s USING (what) WHERE what = 'base backups';
SELECT pg_temp.backup('base2', '2 hours', corrupt_pages => 3);
SELECT * FROM pg_temp.verdict WHERE what = 'base backups';

-- the repository: room, and what has vanished
CREATE FUNCTION pg_temp.space(free bigint[]) RETURNS TABLE (state text, reason text, free bigint, full_in interval) LANGUAGE sql AS $$
    DELETE FROM backup_space_data;
    INSERT INTO backup_space_data (repository, hour, seen_at, free, total)
    SELECT current_setting('backup_ext.repository'), now() - i * interval '1 day', now() - i * interval '1 day',
        $1[array_length($1, 1) - i] * 1000000000, 1000000000000
    FROM generate_series(0, array_length($1, 1) - 1) AS i;
    SELECT v.state, v.reason, s.storage_free, date_trunc('hour', s.full_at - now() + interval '1 min')
    FROM pg_temp.verdict AS v JOIN backup_status AS s USING (what) WHERE what = 'repository 1' $$;
SELECT * FROM pg_temp.space('{}');
SELECT * FROM pg_temp.space('{1}');
SELECT * FROM pg_temp.space('{300, 200}');
SELECT * FROM pg_temp.space('{1000, 900, 800}');
SELECT * FROM pg_temp.space('{600, 500, 400}');
SELECT * FROM pg_temp.space('{250, 150, 50}');
SELECT * FROM pg_temp.space('{400, 100, 400, 100, 400}');
SELECT * FROM pg_temp.space('{0}');
SELECT pg_temp.backup('20260101T000000Z-gone-aaaa', '1 day', 'gone', state => 'missing');
SELECT * FROM pg_temp.space('{1}');

-- since when
SELECT subject, what, since FROM backup_status WHERE what IN ('data checksums', 'repository 1') ORDER BY what;
INSERT INTO backup_alarm_state_data (what, subject, state, reason, since)
SELECT what, subject, state, 'x', timestamptz '2026-01-01' FROM backup_status WHERE what = 'data checksums'
UNION ALL
SELECT what, subject, 'warning', 'x', '2026-01-01' FROM backup_status WHERE what = 'repository 1';
SELECT subject, what, since FROM backup_status WHERE what IN ('data checksums', 'repository 1') ORDER BY what;

-- the proof of backups
SELECT * FROM pg_temp.verdict WHERE what = 'restore tests';
ROLLBACK;

DROP EXTENSION backup_ext;
