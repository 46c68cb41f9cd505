--
-- What CREATE EXTENSION makes, and who may do what with it
--
\set VERBOSITY default
CREATE SCHEMA "Odd Name";
CREATE EXTENSION backup_ext SCHEMA "Odd Name";

-- every member
SELECT pg_catalog.pg_describe_object(classid, objid, objsubid) AS member
FROM pg_catalog.pg_depend
WHERE refclassid = 'pg_catalog.pg_extension'::regclass
    AND refobjid = (SELECT oid FROM pg_catalog.pg_extension WHERE extname = 'backup_ext')
    AND deptype = 'e' AND classid <> 'pg_catalog.pg_type'::regclass
ORDER BY pg_catalog.pg_describe_object(classid, objid, objsubid) COLLATE "C";

-- every member has a comment, and every column of a table or view too; those of
-- the parts of backup_status are its own, in its order
SELECT pg_catalog.pg_describe_object(d.classid, d.objid, 0) AS without_comment
FROM pg_catalog.pg_depend AS d
WHERE d.refclassid = 'pg_catalog.pg_extension'::regclass
    AND d.refobjid = (SELECT oid FROM pg_catalog.pg_extension WHERE extname = 'backup_ext')
    AND d.deptype = 'e'
    AND d.classid <> 'pg_catalog.pg_type'::regclass
    AND pg_catalog.obj_description(d.objid, d.classid::regclass::text) IS NULL
UNION ALL
SELECT a.attrelid::regclass::text || '.' || a.attname
FROM pg_catalog.pg_attribute AS a
    JOIN pg_catalog.pg_class AS c ON c.oid = a.attrelid
WHERE c.relnamespace = '"Odd Name"'::regnamespace
    AND c.relkind IN ('r', 'v') AND c.relname !~ '^backup_status_' AND a.attnum > 0
    AND pg_catalog.col_description(a.attrelid, a.attnum) IS NULL;

SELECT c.relname AS other_columns
FROM pg_catalog.pg_class AS c
    JOIN pg_catalog.pg_attribute AS a ON a.attrelid = c.oid AND a.attnum > 0
WHERE c.relnamespace = '"Odd Name"'::regnamespace AND c.relkind = 'v' AND c.relname ~ '^backup_status_'
GROUP BY c.relname
HAVING pg_catalog.array_agg((a.attname, a.atttypid)::text ORDER BY a.attnum) IS DISTINCT FROM
    (SELECT pg_catalog.array_agg((b.attname, b.atttypid)::text ORDER BY b.attnum)
     FROM pg_catalog.pg_attribute AS b
     WHERE b.attrelid = '"Odd Name".backup_status'::regclass AND b.attnum > 0
        AND b.attname NOT IN ('since', 'last_success_age'));

-- what monitors read, by name
SELECT a.attname, pg_catalog.format_type(a.atttypid, a.atttypmod)
FROM pg_catalog.pg_attribute AS a
WHERE a.attrelid = '"Odd Name".backup_wal'::regclass AND a.attnum > 0
ORDER BY a.attnum;

-- it cannot be moved, and of its tables only what people set is part of a dump
SELECT extrelocatable, extversion,
    (SELECT pg_catalog.array_agg(relname ORDER BY relname) FROM pg_catalog.pg_class WHERE oid = ANY (extconfig)) AS dumped
FROM pg_catalog.pg_extension WHERE extname = 'backup_ext';
ALTER EXTENSION backup_ext SET SCHEMA public;

-- nobody is let in by default, and pg_monitor may read
CREATE ROLE regress_backup_plain;
CREATE ROLE regress_backup_monitor IN ROLE pg_monitor;
CREATE ROLE regress_backup_operator;
GRANT USAGE ON SCHEMA "Odd Name" TO regress_backup_plain, regress_backup_monitor,
    regress_backup_operator;
GRANT EXECUTE ON FUNCTION "Odd Name".backup_now(text, text, text, text, boolean, text)
    TO regress_backup_operator;
SELECT p.proname,
    has_function_privilege('regress_backup_plain', p.oid, 'EXECUTE') AS plain,
    has_function_privilege('regress_backup_monitor', p.oid, 'EXECUTE') AS monitor,
    has_function_privilege('regress_backup_operator', p.oid, 'EXECUTE') AS operator
FROM pg_catalog.pg_proc AS p
WHERE p.pronamespace = '"Odd Name"'::regnamespace
ORDER BY p.proname COLLATE "C";
SELECT c.relname, r.rolname,
    has_table_privilege(r.oid, c.oid, 'SELECT') AS reads,
    has_table_privilege(r.oid, c.oid, 'INSERT, UPDATE, DELETE, TRUNCATE, REFERENCES, TRIGGER') AS writes
FROM pg_catalog.pg_class AS c, pg_catalog.pg_roles AS r
WHERE c.relnamespace = '"Odd Name"'::regnamespace AND c.relkind IN ('r', 'v')
    AND r.rolname IN ('regress_backup_plain', 'regress_backup_monitor')
ORDER BY c.relname COLLATE "C", r.rolname COLLATE "C";

SET ROLE regress_backup_plain;
SELECT "Odd Name".backup_now();
SELECT * FROM "Odd Name".backup_status;
RESET ROLE;
SET ROLE regress_backup_operator;
SELECT "Odd Name".backup_now(label => repeat('x', 201));
SELECT "Odd Name".backup_delete('20261121T101500Z-app-7x2m');
RESET ROLE;
SET ROLE regress_backup_monitor;
SELECT count(*) FROM "Odd Name".backup_status;
SELECT count(*) FROM "Odd Name".backup_progress;
SELECT archive_mode, state, waiting, last_archived_wal, archived_count, failure, gaps
FROM "Odd Name".backup_wal;
SELECT count(*) FROM "Odd Name".backup_wal_range;
SELECT count(*) FROM "Odd Name".backup_list();
UPDATE "Odd Name".backup_run_data SET state = 'done';
RESET ROLE;

-- texts of errors are for pg_read_all_stats
INSERT INTO "Odd Name".backup_run_data
    (run, verb, kind, database, state, requested_by, requested_at, finished_at,
     sqlstate, message, detail, hint)
VALUES (-1, 'backup', 'logical', 'template1', 'failed', 'regress',
    '2026-11-21 10:15:00+00', '2026-11-21 10:16:00+00', '58030', 'm', 'd', 'h');
GRANT SELECT ON "Odd Name".backup_run, "Odd Name".backup_status TO regress_backup_plain;
GRANT EXECUTE ON FUNCTION "Odd Name".backup_run_slots(),
    "Odd Name".backup_repository_number(text),
    "Odd Name".backup_repository_count(),
    "Odd Name".backup_schedule_limits(text, text, timestamptz, interval, interval),
    "Odd Name".backup_keeper_missing(interval),
    "Odd Name".backup_wal_state(boolean, bigint, bigint) TO regress_backup_plain;
SET ROLE regress_backup_plain;
SELECT run, sqlstate, message, detail, hint FROM "Odd Name".backup_run WHERE run = -1;
SELECT database, state, reason, last_failure FROM "Odd Name".backup_status
WHERE database = 'template1';
RESET ROLE;
SET ROLE regress_backup_monitor;
SELECT run, sqlstate, message, detail, hint FROM "Odd Name".backup_run WHERE run = -1;
SELECT database, state, reason, last_failure FROM "Odd Name".backup_status
WHERE database = 'template1';
RESET ROLE;

-- settings: no unknown ones, and a URL is for superusers
SET backup_ext.nonsense = 1;
SET ROLE regress_backup_plain;
\set VERBOSITY sqlstate
SHOW backup_ext.repository;
SHOW backup_ext.conninfo;
SHOW backup_ext.compression;
RESET ROLE;

DROP EXTENSION backup_ext;
DROP SCHEMA "Odd Name";
DROP ROLE regress_backup_plain, regress_backup_monitor, regress_backup_operator;

-- objects of others are not taken over
CREATE SCHEMA regress_backup;
CREATE TABLE regress_backup.backup_run_data (run bigint);
CREATE EXTENSION backup_ext SCHEMA regress_backup;
DROP SCHEMA regress_backup CASCADE;
