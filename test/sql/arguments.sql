--
-- Bad input is refused with its reason before anything is done
--
CREATE EXTENSION backup_ext;
\set SHOW_CONTEXT never
\set VERBOSITY default

-- arguments must not be NULL, except where NULL means something
SELECT backup_now(NULL);
\echo :LAST_ERROR_SQLSTATE
SELECT backup_now(checkpoint => NULL);
SELECT backup_now('base', checkpoint => NULL);
SELECT backup_now(content => NULL);
SELECT backup_now(wait => NULL);
SELECT backup_restore(NULL, 'x');
SELECT backup_restore('20261121T101500Z-app-7x2m', NULL);
SELECT backup_restore('20261121T101500Z-app-7x2m', 'x', replace => NULL);
SELECT backup_restore('20261121T101500Z-app-7x2m', 'x', no_owner => NULL);
SELECT backup_restore('20261121T101500Z-app-7x2m', 'x', no_privileges => NULL);
SELECT backup_restore('20261121T101500Z-app-7x2m', 'x', subscriptions => NULL);
SELECT backup_restore('20261121T101500Z-app-7x2m', 'x', wait => NULL);
SELECT * FROM backup_verify(NULL);
SELECT * FROM backup_verify('20261121T101500Z-app-7x2m', NULL);
SELECT backup_delete(NULL);
SELECT backup_delete('20261121T101500Z-app-7x2m', NULL);
SELECT backup_sync(NULL);
SELECT backup_adopt(NULL);
SELECT backup_mark(NULL);
SELECT backup_cancel(NULL);
CALL backup_wait(NULL);

-- kinds and contents
SELECT backup_now('incremental');
\echo :LAST_ERROR_SQLSTATE
SELECT backup_now(kind => '');
SELECT backup_now('base', database => 'contrib_regression');
\echo :LAST_ERROR_SQLSTATE
SELECT backup_now('base', content => 'schema');
SELECT backup_now('base', checkpoint => 'slow');
SELECT backup_now(content => 'everything');
\echo :LAST_ERROR_SQLSTATE
SELECT * FROM backup_verify('20261121T101500Z-app-7x2m', 'restored');
\echo :LAST_ERROR_SQLSTATE

-- databases
SELECT backup_now(database => 'contrib_regresion');
\echo :LAST_ERROR_SQLSTATE
SELECT backup_now(database => 'no such "database" at all');
SELECT backup_now(database => '');
SELECT backup_now(database => repeat('x', 100000)) IS NULL;
SELECT backup_now(database => 'dbname=postgres host=/tmp');
SELECT backup_now(database => 'template0');
\echo :LAST_ERROR_SQLSTATE
SELECT backup_restore('20261121T101500Z-app-7x2m', '');
\echo :LAST_ERROR_SQLSTATE
SELECT backup_restore('20261121T101500Z-app-7x2m', repeat('x', 64));

-- labels
SELECT backup_now(label => repeat('x', 201));
\echo :LAST_ERROR_SQLSTATE
SELECT backup_now(label => E'two\nlines');

-- marks
SELECT backup_mark('');
\echo :LAST_ERROR_SQLSTATE
SELECT backup_mark(repeat('x', 64));
SELECT backup_mark(repeat('ä', 32));
SELECT backup_mark(E'two\nlines');

-- clones: nowhere but where it is allowed
SELECT backup_clone(NULL);
SELECT backup_clone('x', wait => NULL);
ALTER SYSTEM SET backup_ext.clone_directory = 'relative';
SELECT backup_clone('/etc');
\echo :LAST_ERROR_SQLSTATE
DO $$
DECLARE
    bad text;
BEGIN
    FOREACH bad IN ARRAY ARRAY['', '.', '..', '../x', 'a/b', '/nonexistent/clones', '/nonexistent/clones/',
        '/nonexistent/clones/../x', '/nonexistent/clones/a/b', '/nonexistent/clonesx', '/x', '-D', '.x',
        E'a\nb', 'a b', 'a''b', 'ä', repeat('x', 64)] LOOP
        BEGIN
            PERFORM backup_clone(bad);
            RAISE WARNING 'accepted: %', bad;
        EXCEPTION WHEN invalid_parameter_value THEN
            IF SQLERRM <> 'invalid value for argument "directory"' THEN
                RAISE WARNING '%: %', bad, SQLERRM;
            END IF;
        END;
    END LOOP;
END
$$;
SELECT backup_clone('x', target_time => now(), target_name => 'y');
SELECT backup_clone('x', target_time => 'infinity');
SELECT backup_clone('x', id => 'y');
SELECT backup_clone('x', target_name => '');
SELECT backup_clone('x', port => 0);
SELECT backup_clone_drop('../x');
SELECT backup_clone_is_running('/etc/x'), backup_clone_is_running('/nonexistent/clones/x');

-- ids: anything that is not one is refused by every function
CREATE TABLE bad_id (n int, id text);
INSERT INTO bad_id VALUES
    (1, ''), (2, '../../etc/passwd'), (3, '/etc/passwd'),
    (4, '20261121T101500Z-../x-7x2m'), (5, '20261121T101500Z-%2e%2e-7x2m'),
    (6, '20261121T101500Z-app-7X2m'), (7, '20261121T101500Z-app-7x2m '),
    (8, E'20261121T101500Z-app-7x2m\n'), (9, '20261121T101500Z-app-7x2'),
    (10, '20261121t101500z-app-7x2m'), (11, '20261121T101500Z--7x2m'),
    (12, '20261121T101500Z-a''b-7x2m'), (13, '20261121T101500Z-a%2-7x2m'),
    (14, '20261121T101500Z-' || repeat('a', 209) || '-7x2m'),
    (15, repeat('x', 1000000)), (16, '20261121T101500Z-ä-7x2m'),
    (17, '20261121T101500Z-a/b-7x2m'), (18, '20261121T101500Z-a%-7x2m'),
    (19, '٢٠261121T101500Z-app-7x2m');
DO $$
DECLARE
    bad record;
    call text;
BEGIN
    FOR bad IN SELECT * FROM bad_id ORDER BY n LOOP
        FOREACH call IN ARRAY ARRAY['SELECT backup_verify($1)', 'SELECT backup_delete($1)',
                                    'SELECT backup_restore($1, ''x'')'] LOOP
            BEGIN
                EXECUTE call USING bad.id;
                RAISE WARNING 'accepted: % %', bad.n, call;
            EXCEPTION WHEN invalid_parameter_value THEN
                IF SQLERRM <> 'this is not the id of a backup' THEN
                    RAISE WARNING '% %: %', bad.n, call, SQLERRM;
                END IF;
            END;
        END LOOP;
    END LOOP;
END
$$;
DROP TABLE bad_id;
SELECT backup_delete('x');
\echo :LAST_ERROR_SQLSTATE

-- runs
SELECT backup_cancel(0);
CALL backup_wait(-1);
\echo :LAST_ERROR_SQLSTATE
BEGIN;
CALL backup_wait(-1);
\echo :LAST_ERROR_SQLSTATE
ROLLBACK;

-- a run would wait for this transaction, and this transaction for the run
BEGIN;
CREATE TABLE locked (a int);
SELECT backup_now();
\echo :LAST_ERROR_SQLSTATE
ROLLBACK;
BEGIN;
DROP EXTENSION backup_ext;
CREATE EXTENSION backup_ext;
\set VERBOSITY terse
SELECT backup_now();
\set VERBOSITY default
ROLLBACK;
BEGIN READ ONLY;
SELECT backup_now();
ROLLBACK;

-- nothing was asked for
SELECT count(*) FROM backup_run;

-- settings are checked when they are set
ALTER SYSTEM SET backup_ext.repository = 'relative/path';
ALTER SYSTEM SET backup_ext.repository = 'file://relative/path';
ALTER SYSTEM SET backup_ext.repository = 'gopher://169.254.169.254/';
ALTER SYSTEM SET backup_ext.repository = 'file:///a, gopher://169.254.169.254/';
ALTER SYSTEM SET backup_ext.repository = 'file:///a s3://key:canary@bucket/x';
ALTER SYSTEM SET backup_ext.repository = 's3://bucket/x?region=r&secret_access_key=canary, file:///a';
ALTER SYSTEM SET backup_ext.repository = 'azure://c/x?sas=canary';
ALTER SYSTEM SET backup_ext.compression = 'zstd:20';
ALTER SYSTEM SET backup_ext.compression = 'lz4:0';
ALTER SYSTEM SET backup_ext.compression = 'gzip:06';
ALTER SYSTEM SET backup_ext.compression = 'none:1';
ALTER SYSTEM SET backup_ext.conninfo = 'host=db password=canary';
ALTER SYSTEM SET backup_ext.conninfo = 'postgresql://u:canary@db';
ALTER SYSTEM SET backup_ext.jobs = 0;

DROP EXTENSION backup_ext;
