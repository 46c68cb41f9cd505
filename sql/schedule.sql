-- schedules: what is wanted, by people; part of a dump of this database

CREATE TABLE @extschema@.backup_schedule_data (
    name text PRIMARY KEY,
    schedule text NOT NULL,
    timezone text NOT NULL,
    kind text NOT NULL CHECK (kind IN ('logical', 'base', 'verify', 'expire', 'replicate')),
    database text,
    content text,
    level text,
    catch_up text NOT NULL CHECK (catch_up IN ('once', 'skip')),
    jitter interval NOT NULL,
    max_duration interval,
    retries integer NOT NULL,
    late_after interval,
    keep_last integer CHECK (keep_last > 0),
    keep_within interval CHECK (keep_within > '0'::interval),
    keep_daily integer CHECK (keep_daily > 0),
    keep_weekly integer CHECK (keep_weekly > 0),
    keep_monthly integer CHECK (keep_monthly > 0),
    keep_yearly integer CHECK (keep_yearly > 0),
    enabled boolean NOT NULL,
    system_identifier text NOT NULL,
    created_at timestamptz NOT NULL,
    changed_at timestamptz NOT NULL,
    changed_by text NOT NULL
);
SELECT pg_catalog.pg_extension_config_dump('@extschema@.backup_schedule_data', '');
COMMENT ON TABLE @extschema@.backup_schedule_data IS
'what is to be done at which times, and how long it is kept';
COMMENT ON COLUMN @extschema@.backup_schedule_data.name IS 'name of the schedule';
COMMENT ON COLUMN @extschema@.backup_schedule_data.schedule IS 'times, as cron or as an interval';
COMMENT ON COLUMN @extschema@.backup_schedule_data.timezone IS 'time zone in which the times are meant';
COMMENT ON COLUMN @extschema@.backup_schedule_data.kind IS 'what is done: logical, base, verify, expire or replicate';
COMMENT ON COLUMN @extschema@.backup_schedule_data.database IS 'name or pattern of databases, for logical backups';
COMMENT ON COLUMN @extschema@.backup_schedule_data.content IS 'all, schema or data, for logical backups';
COMMENT ON COLUMN @extschema@.backup_schedule_data.level IS 'level of a verification';
COMMENT ON COLUMN @extschema@.backup_schedule_data.catch_up IS 'once or skip: what becomes of times that were missed';
COMMENT ON COLUMN @extschema@.backup_schedule_data.jitter IS 'by how much a run may begin later, at random';
COMMENT ON COLUMN @extschema@.backup_schedule_data.max_duration IS 'after which time a run is stopped';
COMMENT ON COLUMN @extschema@.backup_schedule_data.retries IS 'how many times a failed run is tried again';
COMMENT ON COLUMN @extschema@.backup_schedule_data.late_after IS 'age of the last success that is too old; NULL: one and a half periods';
COMMENT ON COLUMN @extschema@.backup_schedule_data.keep_last IS 'number of the newest backups that are kept';
COMMENT ON COLUMN @extschema@.backup_schedule_data.keep_within IS 'age up to which backups are kept';
COMMENT ON COLUMN @extschema@.backup_schedule_data.keep_daily IS 'number of days of which the newest backup is kept';
COMMENT ON COLUMN @extschema@.backup_schedule_data.keep_weekly IS 'number of weeks of which the newest backup is kept';
COMMENT ON COLUMN @extschema@.backup_schedule_data.keep_monthly IS 'number of months of which the newest backup is kept';
COMMENT ON COLUMN @extschema@.backup_schedule_data.keep_yearly IS 'number of years of which the newest backup is kept';
COMMENT ON COLUMN @extschema@.backup_schedule_data.enabled IS 'is it obeyed?';
COMMENT ON COLUMN @extschema@.backup_schedule_data.system_identifier IS 'cluster in which it was made; in another one it is not obeyed';
COMMENT ON COLUMN @extschema@.backup_schedule_data.created_at IS 'when it was made';
COMMENT ON COLUMN @extschema@.backup_schedule_data.changed_at IS 'when it was last changed';
COMMENT ON COLUMN @extschema@.backup_schedule_data.changed_by IS 'role that did it';

-- how far each schedule has come; a standby has it, a dump does not

CREATE TABLE @extschema@.backup_schedule_state_data (
    name text PRIMARY KEY,
    changed_at timestamptz NOT NULL,
    problem text,
    last_slot timestamptz,
    next_slot timestamptz,
    next_run_at timestamptz,
    next_run_local text,
    slot_at timestamptz,
    reason text,
    queued_slot timestamptz,
    queued_reason text
);
COMMENT ON TABLE @extschema@.backup_schedule_state_data IS
'how far each schedule has come';
COMMENT ON COLUMN @extschema@.backup_schedule_state_data.name IS 'name of the schedule';
COMMENT ON COLUMN @extschema@.backup_schedule_state_data.changed_at IS 'when the schedule was changed that this belongs to';
COMMENT ON COLUMN @extschema@.backup_schedule_state_data.problem IS 'why it cannot be obeyed';
COMMENT ON COLUMN @extschema@.backup_schedule_state_data.last_slot IS 'last time that was taken care of';
COMMENT ON COLUMN @extschema@.backup_schedule_state_data.next_slot IS 'next time by the schedule';
COMMENT ON COLUMN @extschema@.backup_schedule_state_data.next_run_at IS 'the same with its jitter';
COMMENT ON COLUMN @extschema@.backup_schedule_state_data.next_run_local IS 'the same by the clocks of its time zone';
COMMENT ON COLUMN @extschema@.backup_schedule_state_data.slot_at IS 'time whose work is under way';
COMMENT ON COLUMN @extschema@.backup_schedule_state_data.reason IS 'schedule or catch-up: why it was begun';
COMMENT ON COLUMN @extschema@.backup_schedule_state_data.queued_slot IS 'time whose work begins when that is done';
COMMENT ON COLUMN @extschema@.backup_schedule_state_data.queued_reason IS 'the same for that';

CREATE TABLE @extschema@.backup_schedule_work_data (
    schedule text NOT NULL,
    position integer NOT NULL,
    database text,
    backup_id text,
    attempt integer NOT NULL,
    run bigint,
    not_before timestamptz,
    PRIMARY KEY (schedule, position)
);
COMMENT ON TABLE @extschema@.backup_schedule_work_data IS
'what is still to be done of the time whose work is under way: one row for each database';
COMMENT ON COLUMN @extschema@.backup_schedule_work_data.schedule IS 'name of the schedule';
COMMENT ON COLUMN @extschema@.backup_schedule_work_data.position IS 'place in the order of work';
COMMENT ON COLUMN @extschema@.backup_schedule_work_data.database IS 'database that it is for';
COMMENT ON COLUMN @extschema@.backup_schedule_work_data.backup_id IS 'backup that it is for';
COMMENT ON COLUMN @extschema@.backup_schedule_work_data.attempt IS 'number of the attempt that is next or under way, from 1';
COMMENT ON COLUMN @extschema@.backup_schedule_work_data.run IS 'run that is under way';
COMMENT ON COLUMN @extschema@.backup_schedule_work_data.not_before IS 'when it is to be tried again';

CREATE FUNCTION @extschema@.backup_wake_keeper() RETURNS trigger
LANGUAGE C SET search_path = pg_catalog, pg_temp
AS 'MODULE_PATHNAME', 'bk_wake_keeper';
COMMENT ON FUNCTION @extschema@.backup_wake_keeper() IS
'called when a table that the keeper reads has been changed, also by a restore of it';

CREATE TRIGGER wake_keeper AFTER INSERT OR UPDATE OR DELETE OR TRUNCATE
ON @extschema@.backup_schedule_data
FOR EACH STATEMENT EXECUTE FUNCTION @extschema@.backup_wake_keeper();
COMMENT ON TRIGGER wake_keeper ON @extschema@.backup_schedule_data IS
'has the schedules read again';

CREATE FUNCTION @extschema@.backup_next_run(
    schedule text,
    timezone text DEFAULT NULL,
    after timestamptz DEFAULT pg_catalog.now()
) RETURNS timestamptz
LANGUAGE C STABLE SET search_path = pg_catalog, pg_temp
AS 'MODULE_PATHNAME', 'bk_next_run';
COMMENT ON FUNCTION @extschema@.backup_next_run(text, text, timestamptz) IS
'first time after a given one at which a schedule is due, in a time zone or in that of the session; NULL: none within 50 years';

CREATE FUNCTION @extschema@.backup_schedule(
    name text,
    schedule text,
    kind text DEFAULT 'logical',
    database text DEFAULT NULL,
    content text DEFAULT NULL,
    level text DEFAULT NULL,
    timezone text DEFAULT NULL,
    catch_up text DEFAULT 'once',
    jitter interval DEFAULT '0',
    max_duration interval DEFAULT NULL,
    retries integer DEFAULT 3,
    late_after interval DEFAULT NULL,
    keep_last integer DEFAULT NULL,
    keep_within interval DEFAULT NULL,
    keep_daily integer DEFAULT NULL,
    keep_weekly integer DEFAULT NULL,
    keep_monthly integer DEFAULT NULL,
    keep_yearly integer DEFAULT NULL,
    enabled boolean DEFAULT true
) RETURNS timestamptz
LANGUAGE C VOLATILE SET search_path = pg_catalog, pg_temp
AS 'MODULE_PATHNAME', 'bk_schedule';
COMMENT ON FUNCTION @extschema@.backup_schedule(text, text, text, text, text, text, text, text, interval, interval, integer, interval, integer, interval, integer, integer, integer, integer, boolean) IS
'has something done at the times of a schedule: a logical or base backup, verify, expire or replicate; a schedule of the same name is replaced; returns when it is due next';

CREATE FUNCTION @extschema@.backup_unschedule(name text) RETURNS boolean
LANGUAGE C VOLATILE SET search_path = pg_catalog, pg_temp
AS 'MODULE_PATHNAME', 'bk_unschedule';
COMMENT ON FUNCTION @extschema@.backup_unschedule(text) IS
'takes a schedule away, but no backup; what is under way goes on; false if there is none of that name';

REVOKE ALL ON @extschema@.backup_schedule_data, @extschema@.backup_schedule_state_data,
    @extschema@.backup_schedule_work_data FROM PUBLIC;
REVOKE ALL ON FUNCTION @extschema@.backup_wake_keeper(),
    @extschema@.backup_next_run(text, text, timestamptz),
    @extschema@.backup_schedule(text, text, text, text, text, text, text, text, interval, interval, integer, interval, integer, interval, integer, integer, integer, integer, boolean),
    @extschema@.backup_unschedule(text) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION @extschema@.backup_next_run(text, text, timestamptz) TO pg_monitor;
