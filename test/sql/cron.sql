--
-- Schedules: what is read, what is refused, and when they are due
--
CREATE EXTENSION backup_ext;
\set SHOW_CONTEXT never
SET timezone = 'UTC';

-- the next three times after a moment
CREATE FUNCTION next3(schedule text, after timestamptz, timezone text DEFAULT 'UTC')
RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    t timestamptz := after;
    list text[];
BEGIN
    FOR i IN 1..3 LOOP
        t := backup_next_run(schedule, timezone, t);
        list := list || to_char(t, 'YYYY-MM-DD HH24:MI');
    END LOOP;
    RETURN array_to_string(list, ', ');
END
$$;

-- numbers, names, ranges, steps, lists; 2026-11-21 is a Saturday
SELECT s AS schedule, next3(s, '2026-11-21 10:10:30Z') FROM unnest(ARRAY[
    '* * * * *', '*/20 * * * *', '5-59/15 * * * *', '0 2 * * *', '30 2,14 * * *',
    '0 0 * * mon-fri', '0 0 * * Sat-Sun', '0 0 * * 7', '0 0 * * 0', '0 0 * * 5-7',
    '0 0 1 jan *', '0 0 1 JAN,jul *', '15 10 21 11 *', '0 3 1,15 * *', '0 3 $ * *', '0 3 L * *',
    '0 3 l feb *', '0 3 15,L * *', '0 0 13 * fri', '0 0 */10 * mon', '0 0 29 2 *', '0 0 31 * *',
    '  0   0	*  * * ', '0-59/59 0 * * *', '59 23 31 12 *', '30-32 0 * * *', '32 0 * * *',
    '@hourly', '@daily', '@midnight', '@weekly', '@monthly', '@yearly', '@ANNUALLY',
    'every minute', 'every 1 minute', 'every 15 minutes', 'every 7 minutes', 'every 90 seconds',
    'every hour', 'every 6 hours', 'every 1 hour 30 minutes', 'every 1hour 30min', 'every day',
    'every 2 days', 'every week', 'every 1 day 12 hours', 'EVERY 366 DAYS']) AS s;

-- bad ones, with the place and the reason
DO $$
DECLARE
    bad text;
    reason text;
BEGIN
    FOREACH bad IN ARRAY ARRAY['', ' ', '*', '* * * *', '* * * * * *', '60 * * * *', '* 24 * * *', '* * 0 * *', '* * 32 * *',
        '* * * 0 *', '* * * 13 *', '* * * * 8', '-1 * * * *', 'a b c d e', '0 0 * * funday', '0 0 * foo *', '? * * * *',
        '5-1 * * * *', '1- * * * *', '1,,2 * * * *', '1, * * * *', ', * * * *', '*/0 * * * *', '*/60 * * * *', '*/ * * * *',
        '5/15 * * * *', '*5 * * * *', '1-5-7 * * * *', '1.5 * * * *', '0x1 * * * *', '99999999999999999999 * * * *',
        '*/99999999999999999999 * * * *', '0 0 L-3 * *', '0 0 1-L * *', '0 0 L/2 * *', '0 0 5L * *', 'L * * * *', '0 0 * * mon-', '0 0 * * mond',
        '@every 0s', '@reboot', '@', '@dailyx', '@daily 5', 'every', 'every 0 minutes', 'every 59 seconds', 'every 3 months',
        'every 367 days', 'every 99999999999999 weeks', 'every -5 minutes', 'every 5', 'every 5 fortnights', 'every minutess',
        'every 5 minutes or so', 'everyday*', '0 0 30 2 *', '0 0 31 4,6,9,11 *', '0 0 30-31 feb *', E'0 0 * *\n*', '0 0 * * ä',
        E'0 0 * * *\u00a0', '"; DROP TABLE x', repeat('1,', 100) || '1 * * * *'] LOOP
        BEGIN
            PERFORM backup_next_run(bad);
            RAISE WARNING 'accepted: %', bad;
        EXCEPTION WHEN invalid_parameter_value THEN
            GET STACKED DIAGNOSTICS reason = PG_EXCEPTION_DETAIL;
            RAISE NOTICE '%: %', SQLERRM, reason;
        END;
    END LOOP;
END
$$;
SELECT backup_next_run(repeat('* ', 500000));
\echo :LAST_ERROR_SQLSTATE
SELECT backup_next_run('@every 0s');
SELECT backup_next_run('* * * *');
SELECT backup_next_run(NULL);
SELECT backup_next_run('@daily', after => NULL);
SELECT backup_next_run('@daily', after => 'infinity');
SELECT backup_next_run('@daily', after => '10000-01-01');
SELECT backup_next_run('@daily', after => '4713-01-01 BC');

-- time zones
SELECT backup_next_run('@daily', 'Atlantis/Capital');
\echo :LAST_ERROR_SQLSTATE
SELECT backup_next_run('@daily', '');
SELECT backup_next_run('@daily', '../../etc/passwd');
SELECT backup_next_run('@daily', repeat('x', 1000000));
SELECT backup_next_run('@daily', 'Asia/Kathmandu', '2026-11-21 10:00Z');
SET timezone = 'America/New_York';
SELECT backup_next_run('0 2 * * *', after => '2026-11-21 10:00Z');
SET timezone = 'UTC';

-- clocks go forward: 2026-03-29 01:00 UTC, 2026-03-08 07:00 UTC, 2026-10-03 15:30 UTC by half an hour
SELECT zone, s AS schedule, next3(s, moment::timestamptz, zone) FROM (VALUES
    ('Europe/Berlin', '30 2 * * *', '2026-03-28 00:00Z'), ('Europe/Berlin', '0,30 2 * * *', '2026-03-28 12:00Z'),
    ('Europe/Berlin', '*/30 * * * *', '2026-03-29 00:15Z'), ('Europe/Berlin', '30 */2 * * *', '2026-03-28 23:00Z'),
    ('Europe/Berlin', '@hourly', '2026-03-28 23:30Z'), ('Europe/Berlin', '0 3 * * *', '2026-03-28 12:00Z'),
    ('Europe/Berlin', 'every 30 minutes', '2026-03-29 00:15Z'), ('Europe/Berlin', 'every day', '2026-03-28 00:00Z'),
    ('America/New_York', '30 2 * * *', '2026-03-07 12:00Z'), ('America/New_York', '*/30 2 * * *', '2026-03-07 12:00Z'),
    ('Australia/Lord_Howe', '15 2 * * *', '2026-10-03 00:00Z'), ('Australia/Lord_Howe', '*/15 * * * *', '2026-10-03 15:10Z'),
    ('Australia/Lord_Howe', '@hourly', '2026-10-03 14:00Z'),
    ('Pacific/Apia', '0 12 * * *', '2011-12-29 12:00Z'), ('Pacific/Apia', 'every day', '2011-12-29 00:00Z'))
    AS v (zone, s, moment);

-- and back: 2026-10-25 01:00 UTC, 2026-11-01 06:00 UTC, 2026-04-04 15:00 UTC by half an hour
SELECT zone, s AS schedule, next3(s, moment::timestamptz, zone) FROM (VALUES
    ('Europe/Berlin', '30 2 * * *', '2026-10-24 12:00Z'), ('Europe/Berlin', '0,30 2 * * *', '2026-10-24 12:00Z'),
    ('Europe/Berlin', '*/30 * * * *', '2026-10-25 00:15Z'), ('Europe/Berlin', '30 2-3 * * *', '2026-10-25 00:15Z'),
    ('Europe/Berlin', '@hourly', '2026-10-24 23:30Z'), ('Europe/Berlin', '30 2 * * *', '2026-10-25 00:45Z'),
    ('Europe/Berlin', 'every 30 minutes', '2026-10-25 00:15Z'),
    ('America/New_York', '30 1 * * *', '2026-10-31 12:00Z'), ('America/New_York', '*/30 1 * * *', '2026-10-31 12:00Z'),
    ('America/New_York', '@daily', '2026-10-31 12:00Z'),
    ('Australia/Lord_Howe', '45 1 * * *', '2026-04-04 00:00Z'), ('Australia/Lord_Howe', '*/15 * * * *', '2026-04-04 14:40Z'))
    AS v (zone, s, moment);

-- leap days, and the end of 32 bits
SELECT next3('0 0 29 2 *', '2026-01-01 00:00Z'), next3('0 0 29 2 *', '2096-03-01 00:00Z'), next3('0 0 L 2 *', '2027-01-01 00:00Z');
SELECT next3('0 0 */28 2 6', '2026-01-01 00:00Z');
SELECT next3('*/2 * * * *', '2038-01-19 03:13:00Z'), next3('14 3 19 1 *', '2038-01-19 03:13:59Z', 'Europe/Berlin'),
    next3('30 2 * * *', '2038-03-27 12:00Z', 'Europe/Berlin');
SELECT next3('every 7 hours', '1999-12-31 12:00Z'), next3('every 3 days', '1999-12-25 12:00Z'), next3('@yearly', '1960-01-01 00:00Z');
SELECT backup_next_run('* * * * *', 'UTC', '2026-11-21 10:10:00Z'), backup_next_run('* * * * *', 'UTC', '2026-11-21 10:09:59.999999Z'),
    backup_next_run('* * * * *', 'UTC', '1969-11-21 10:09:59.999999Z');

-- a zone whose clock has an odd number of seconds
SELECT backup_next_run('0 * * * *', 'Europe/Berlin', '1880-01-01 00:00:00Z'), backup_next_run('0 5 * * *', 'Europe/Berlin', '1880-01-01 00:00:00Z');

DROP FUNCTION next3;
DROP EXTENSION backup_ext;
