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

REVOKE ALL ON @extschema@.backup_schedule_data FROM PUBLIC;

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

REVOKE ALL ON FUNCTION @extschema@.backup_wake_keeper(),
    @extschema@.backup_next_run(text, text, timestamptz) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION @extschema@.backup_next_run(text, text, timestamptz) TO pg_monitor;
