/*
 * The SQL objects of backup_ext 0.1.0.
 *
 * Tables end in _data and are readable by their owner only; everybody else
 * reads views. Nobody but a superuser may do anything until it is granted,
 * except that pg_monitor may read. Texts of errors and URLs of repositories
 * are NULL for roles without the privileges of pg_read_all_stats.
 */

-- complain if script is sourced in psql, rather than via CREATE EXTENSION
\echo Use "CREATE EXTENSION backup_ext" to load this file. \quit

-- tables: a cache of the repository, and the history of runs; never dumped

CREATE SEQUENCE @extschema@.backup_run_number AS bigint;
COMMENT ON SEQUENCE @extschema@.backup_run_number IS
'numbers of runs';

CREATE TABLE @extschema@.backup_repository_data (
    url text PRIMARY KEY,
    id text NOT NULL,
    created_at timestamptz,
    format integer
);
COMMENT ON TABLE @extschema@.backup_repository_data IS
'repositories that this server has seen';
COMMENT ON COLUMN @extschema@.backup_repository_data.url IS 'where it is, as backup_ext.repository had it';
COMMENT ON COLUMN @extschema@.backup_repository_data.id IS 'its id, which must be found there again';
COMMENT ON COLUMN @extschema@.backup_repository_data.created_at IS 'when it was created';
COMMENT ON COLUMN @extschema@.backup_repository_data.format IS 'version of its format';

CREATE TABLE @extschema@.backup_catalogue_data (
    repository text NOT NULL,
    seen_at timestamptz NOT NULL,
    id text NOT NULL CHECK (length(id) < 231),
    kind text,  -- nothing more is known of one whose manifest cannot be read
    database text,
    database_oid oid,
    content text,
    label text,
    state text NOT NULL CHECK (state IN ('good', 'bad', 'missing')),
    started_at timestamptz,
    finished_at timestamptz,
    system_identifier text,
    server_version integer,
    compression text,
    objects bigint,
    plain_size bigint,
    stored_size bigint,
    verified_at timestamptz,
    verified_level text,
    problem text,
    timeline bigint,  -- this and the next are of a base backup
    start_lsn pg_catalog.pg_lsn,
    stop_lsn pg_catalog.pg_lsn,
    corrupt_pages bigint,
    encrypted boolean,
    deleting boolean NOT NULL DEFAULT false,
    PRIMARY KEY (repository, id)
);
CREATE INDEX backup_catalogue_data_newest ON @extschema@.backup_catalogue_data
    (repository, database, started_at DESC NULLS LAST, id DESC);
COMMENT ON TABLE @extschema@.backup_catalogue_data IS
'backups as they were last seen in a repository';
COMMENT ON INDEX @extschema@.backup_catalogue_data_newest IS
'finds the newest backups of a database';
COMMENT ON COLUMN @extschema@.backup_catalogue_data.repository IS 'URL of the repository';
COMMENT ON COLUMN @extschema@.backup_catalogue_data.seen_at IS 'when this row was last compared with the repository';
COMMENT ON COLUMN @extschema@.backup_catalogue_data.id IS 'id of the backup';
COMMENT ON COLUMN @extschema@.backup_catalogue_data.kind IS 'kind of the backup';
COMMENT ON COLUMN @extschema@.backup_catalogue_data.database IS 'database that was backed up';
COMMENT ON COLUMN @extschema@.backup_catalogue_data.database_oid IS 'OID of that database';
COMMENT ON COLUMN @extschema@.backup_catalogue_data.content IS 'all, schema or data';
COMMENT ON COLUMN @extschema@.backup_catalogue_data.label IS 'text of the user';
COMMENT ON COLUMN @extschema@.backup_catalogue_data.state IS 'good, bad or missing';
COMMENT ON COLUMN @extschema@.backup_catalogue_data.started_at IS 'when the backup began';
COMMENT ON COLUMN @extschema@.backup_catalogue_data.finished_at IS 'when the backup was complete';
COMMENT ON COLUMN @extschema@.backup_catalogue_data.system_identifier IS 'cluster that was backed up';
COMMENT ON COLUMN @extschema@.backup_catalogue_data.server_version IS 'version of that cluster, as in server_version_num';
COMMENT ON COLUMN @extschema@.backup_catalogue_data.compression IS 'codec and level';
COMMENT ON COLUMN @extschema@.backup_catalogue_data.objects IS 'number of stored objects';
COMMENT ON COLUMN @extschema@.backup_catalogue_data.plain_size IS 'bytes before compression';
COMMENT ON COLUMN @extschema@.backup_catalogue_data.stored_size IS 'bytes in the repository';
COMMENT ON COLUMN @extschema@.backup_catalogue_data.verified_at IS 'when it was last verified';
COMMENT ON COLUMN @extschema@.backup_catalogue_data.verified_level IS 'level of that verification';
COMMENT ON COLUMN @extschema@.backup_catalogue_data.problem IS 'why it is not good';
COMMENT ON COLUMN @extschema@.backup_catalogue_data.timeline IS 'timeline of a base backup';
COMMENT ON COLUMN @extschema@.backup_catalogue_data.start_lsn IS 'where a recovery of a base backup begins';
COMMENT ON COLUMN @extschema@.backup_catalogue_data.stop_lsn IS 'how far it must come at least';
COMMENT ON COLUMN @extschema@.backup_catalogue_data.corrupt_pages IS 'pages of a base backup whose checksum is wrong';
COMMENT ON COLUMN @extschema@.backup_catalogue_data.encrypted IS 'does it take a private key to read it?';
COMMENT ON COLUMN @extschema@.backup_catalogue_data.deleting IS 'whether a deletion of it has begun since it was last seen';

CREATE TABLE @extschema@.backup_run_data (
    run bigint PRIMARY KEY,
    verb text NOT NULL,
    kind text,
    database text,
    backup_id text,
    state text NOT NULL
        CHECK (state IN ('queued', 'running', 'done', 'failed', 'canceled')),
    requested_by text,
    requested_at timestamptz NOT NULL,
    started_at timestamptz,
    finished_at timestamptz,
    plain_size bigint,
    stored_size bigint,
    sqlstate text,
    message text,
    detail text,
    hint text,
    result jsonb
);
CREATE INDEX backup_run_data_open ON @extschema@.backup_run_data (run)
    WHERE state IN ('queued', 'running');
CREATE INDEX backup_run_data_attempt ON @extschema@.backup_run_data
    (database, requested_at DESC) WHERE verb = 'backup';
CREATE INDEX backup_run_data_failure ON @extschema@.backup_run_data
    (database, requested_at DESC) WHERE verb = 'backup' AND state IN ('failed', 'canceled');
COMMENT ON TABLE @extschema@.backup_run_data IS
'every run that a worker has begun or that could not be begun';
COMMENT ON INDEX @extschema@.backup_run_data_open IS
'finds the runs to close after a restart';
COMMENT ON INDEX @extschema@.backup_run_data_attempt IS
'finds the last attempt to back up a database';
COMMENT ON INDEX @extschema@.backup_run_data_failure IS
'finds the last of them that failed';
COMMENT ON COLUMN @extschema@.backup_run_data.run IS 'number of the run';
COMMENT ON COLUMN @extschema@.backup_run_data.verb IS 'what was to be done';
COMMENT ON COLUMN @extschema@.backup_run_data.kind IS 'kind of backup, for a backup';
COMMENT ON COLUMN @extschema@.backup_run_data.database IS 'database to back up or to create';
COMMENT ON COLUMN @extschema@.backup_run_data.backup_id IS 'backup that was made or used';
COMMENT ON COLUMN @extschema@.backup_run_data.state IS 'queued, running, done, failed or canceled';
COMMENT ON COLUMN @extschema@.backup_run_data.requested_by IS 'role that asked for it';
COMMENT ON COLUMN @extschema@.backup_run_data.requested_at IS 'when it was asked for';
COMMENT ON COLUMN @extschema@.backup_run_data.started_at IS 'when its worker began';
COMMENT ON COLUMN @extschema@.backup_run_data.finished_at IS 'when it ended';
COMMENT ON COLUMN @extschema@.backup_run_data.plain_size IS 'bytes before compression';
COMMENT ON COLUMN @extschema@.backup_run_data.stored_size IS 'bytes in the repository';
COMMENT ON COLUMN @extschema@.backup_run_data.sqlstate IS 'SQLSTATE of its error';
COMMENT ON COLUMN @extschema@.backup_run_data.message IS 'message of its error';
COMMENT ON COLUMN @extschema@.backup_run_data.detail IS 'detail of its error';
COMMENT ON COLUMN @extschema@.backup_run_data.hint IS 'hint of its error';
COMMENT ON COLUMN @extschema@.backup_run_data.result IS 'what it found: the lines of a check';

CREATE TABLE @extschema@.backup_mark_data (
    repository text NOT NULL,
    system_identifier text NOT NULL,
    name text NOT NULL,
    lsn pg_catalog.pg_lsn NOT NULL,
    timeline bigint NOT NULL,
    at timestamptz NOT NULL,
    seen_at timestamptz NOT NULL,
    PRIMARY KEY (repository, system_identifier, name)
);
COMMENT ON TABLE @extschema@.backup_mark_data IS
'named restore points as they were last seen in a repository';
COMMENT ON COLUMN @extschema@.backup_mark_data.repository IS 'URL of the repository';
COMMENT ON COLUMN @extschema@.backup_mark_data.system_identifier IS 'cluster in whose WAL it is';
COMMENT ON COLUMN @extschema@.backup_mark_data.name IS 'name of the restore point';
COMMENT ON COLUMN @extschema@.backup_mark_data.lsn IS 'position in the WAL, just behind it';
COMMENT ON COLUMN @extschema@.backup_mark_data.timeline IS 'timeline of that position';
COMMENT ON COLUMN @extschema@.backup_mark_data.at IS 'when it was set';
COMMENT ON COLUMN @extschema@.backup_mark_data.seen_at IS 'when this row was last compared with the repository';

CREATE TABLE @extschema@.backup_wal_range_data (
    repository text NOT NULL,
    seen_at timestamptz NOT NULL,
    system_identifier text NOT NULL,
    timeline bigint NOT NULL,
    parent bigint,
    switch_lsn pg_catalog.pg_lsn,
    first_wal text,
    last_wal text,
    segments bigint,
    gaps bigint,
    first_gap text,
    gaps_end pg_catalog.pg_lsn,
    conflicts bigint,
    last_archived_at timestamptz,
    loss text,
    PRIMARY KEY (repository, system_identifier, timeline)
);
COMMENT ON TABLE @extschema@.backup_wal_range_data IS
'archived WAL as it was last seen in a repository: one row for each timeline';
COMMENT ON COLUMN @extschema@.backup_wal_range_data.repository IS 'URL of the repository';
COMMENT ON COLUMN @extschema@.backup_wal_range_data.seen_at IS 'when this row was last compared with the repository';
COMMENT ON COLUMN @extschema@.backup_wal_range_data.system_identifier IS 'cluster whose WAL it is';
COMMENT ON COLUMN @extschema@.backup_wal_range_data.timeline IS 'number of the timeline';
COMMENT ON COLUMN @extschema@.backup_wal_range_data.parent IS 'timeline that it branched off from';
COMMENT ON COLUMN @extschema@.backup_wal_range_data.switch_lsn IS 'where it branched off';
COMMENT ON COLUMN @extschema@.backup_wal_range_data.first_wal IS 'first archived segment';
COMMENT ON COLUMN @extschema@.backup_wal_range_data.last_wal IS 'last archived segment';
COMMENT ON COLUMN @extschema@.backup_wal_range_data.segments IS 'number of archived segments';
COMMENT ON COLUMN @extschema@.backup_wal_range_data.gaps IS 'number of places where segments are missing, between others or before a later timeline';
COMMENT ON COLUMN @extschema@.backup_wal_range_data.first_gap IS 'first missing segment';
COMMENT ON COLUMN @extschema@.backup_wal_range_data.gaps_end IS 'where the last of these places ends: recovery cannot come from before it';
COMMENT ON COLUMN @extschema@.backup_wal_range_data.conflicts IS 'number of files with two different contents';
COMMENT ON COLUMN @extschema@.backup_wal_range_data.last_archived_at IS 'when its newest segment was archived';
COMMENT ON COLUMN @extschema@.backup_wal_range_data.loss IS 'what there was of it before it became less, until that is accepted';

CREATE TABLE @extschema@.backup_clone_data (
    directory text PRIMARY KEY,
    backup text,
    target text,
    timeline bigint,
    port integer,
    socket_directory text,
    created_at timestamptz NOT NULL,
    created_by text
);
COMMENT ON TABLE @extschema@.backup_clone_data IS
'clones that were made and not dropped';
COMMENT ON COLUMN @extschema@.backup_clone_data.directory IS 'data directory';
COMMENT ON COLUMN @extschema@.backup_clone_data.backup IS 'id of the base backup that it began with';
COMMENT ON COLUMN @extschema@.backup_clone_data.target IS 'how far it was recovered, in words';
COMMENT ON COLUMN @extschema@.backup_clone_data.timeline IS 'timeline on which it was recovered';
COMMENT ON COLUMN @extschema@.backup_clone_data.port IS 'port';
COMMENT ON COLUMN @extschema@.backup_clone_data.socket_directory IS 'directory of its socket; none: it listens on localhost';
COMMENT ON COLUMN @extschema@.backup_clone_data.created_at IS 'when it was made';
COMMENT ON COLUMN @extschema@.backup_clone_data.created_by IS 'role that made it';

-- functions that act

CREATE FUNCTION @extschema@.backup_repository_create() RETURNS text
LANGUAGE C VOLATILE SET search_path = pg_catalog, pg_temp
AS 'MODULE_PATHNAME', 'bk_repository_create';
COMMENT ON FUNCTION @extschema@.backup_repository_create() IS
'creates the repository at backup_ext.repository, an empty place, and returns its id';

CREATE FUNCTION @extschema@.backup_adopt(force boolean DEFAULT false) RETURNS text
LANGUAGE C VOLATILE SET search_path = pg_catalog, pg_temp
AS 'MODULE_PATHNAME', 'bk_adopt';
COMMENT ON FUNCTION @extschema@.backup_adopt(boolean) IS
'lets this server write to the repository at backup_ext.repository, lifts its fence, and returns the id of the repository; a clone only with force';

CREATE FUNCTION @extschema@.backup_now(
    kind text DEFAULT 'logical',
    database text DEFAULT NULL,
    content text DEFAULT 'all',
    label text DEFAULT NULL,
    wait boolean DEFAULT true,
    checkpoint text DEFAULT 'fast'
) RETURNS text
LANGUAGE C VOLATILE SET search_path = pg_catalog, pg_temp
AS 'MODULE_PATHNAME', 'bk_now';
COMMENT ON FUNCTION @extschema@.backup_now(text, text, text, text, boolean, text) IS
'takes a backup, logical of a database (without a name: of this one) or base of the whole cluster, and returns its id; without waiting, returns the number of the run';

CREATE FUNCTION @extschema@.backup_mark(name text) RETURNS pg_catalog.pg_lsn
LANGUAGE C VOLATILE SET search_path = pg_catalog, pg_temp
AS 'MODULE_PATHNAME', 'bk_mark';
COMMENT ON FUNCTION @extschema@.backup_mark(text) IS
'sets a named restore point, to which the cluster can be recovered later, and returns its position';

CREATE FUNCTION @extschema@.backup_clone(
    directory text,
    target_time timestamptz DEFAULT NULL,
    target_name text DEFAULT NULL,
    target_lsn pg_catalog.pg_lsn DEFAULT NULL,
    id text DEFAULT NULL,
    target_timeline text DEFAULT NULL,
    port integer DEFAULT NULL,
    wait boolean DEFAULT true
) RETURNS text
LANGUAGE C VOLATILE SET search_path = pg_catalog, pg_temp
AS 'MODULE_PATHNAME', 'bk_clone';
COMMENT ON FUNCTION @extschema@.backup_clone(text, timestamptz, text, pg_catalog.pg_lsn, text, text, integer, boolean) IS
'recovers the cluster as it was into a directory in backup_ext.clone_directory, starts it there, cut off from everything else, and returns how to connect';

CREATE FUNCTION @extschema@.backup_clone_drop(directory text) RETURNS boolean
LANGUAGE C VOLATILE SET search_path = pg_catalog, pg_temp
AS 'MODULE_PATHNAME', 'bk_clone_drop';
COMMENT ON FUNCTION @extschema@.backup_clone_drop(text) IS
'stops a clone and removes its directory';

CREATE FUNCTION @extschema@.backup_restore(
    id text,
    target_database text,
    replace boolean DEFAULT false,
    no_owner boolean DEFAULT false,
    no_privileges boolean DEFAULT false,
    subscriptions boolean DEFAULT false,
    wait boolean DEFAULT true
) RETURNS text
LANGUAGE C VOLATILE SET search_path = pg_catalog, pg_temp
AS 'MODULE_PATHNAME', 'bk_restore';
COMMENT ON FUNCTION @extschema@.backup_restore(text, text, boolean, boolean, boolean, boolean, boolean) IS
'restores a backup into a database that it creates, and returns the name of that; with replace, a database of that name is kept under another name';

CREATE FUNCTION @extschema@.backup_verify(
    id text,
    level text DEFAULT 'readable',
    OUT check_name text,
    OUT ok boolean,
    OUT detail text
) RETURNS SETOF record
LANGUAGE C VOLATILE SET search_path = pg_catalog, pg_temp
AS 'MODULE_PATHNAME', 'bk_verify';
COMMENT ON FUNCTION @extschema@.backup_verify(text, text) IS
'checks a backup, remembers the verdict and returns every check; level is stored or readable';

CREATE FUNCTION @extschema@.backup_delete(id text, force boolean DEFAULT false)
RETURNS boolean
LANGUAGE C VOLATILE SET search_path = pg_catalog, pg_temp
AS 'MODULE_PATHNAME', 'bk_delete';
COMMENT ON FUNCTION @extschema@.backup_delete(text, boolean) IS
'deletes a backup, or takes a missing one off the list; the last good one of a database only with force';

CREATE FUNCTION @extschema@.backup_sync(accept boolean DEFAULT false)
RETURNS bigint
LANGUAGE C VOLATILE SET search_path = pg_catalog, pg_temp
AS 'MODULE_PATHNAME', 'bk_sync';
COMMENT ON FUNCTION @extschema@.backup_sync(boolean) IS
'reads anew which backups the repository has, and returns their number; with accept, whichever repository is found, and whatever has vanished from it';

CREATE FUNCTION @extschema@.backup_replicate(id text DEFAULT NULL, wait boolean DEFAULT true)
RETURNS bigint
LANGUAGE C VOLATILE SET search_path = pg_catalog, pg_temp
AS 'MODULE_PATHNAME', 'bk_replicate';
COMMENT ON FUNCTION @extschema@.backup_replicate(text, boolean) IS
'copies what the first repository has and the others lack, or one backup, and returns the number of copies; without waiting, returns the number of the run';

CREATE FUNCTION @extschema@.backup_s3_lifecycle(
    transition_days integer DEFAULT NULL,
    transition_class text DEFAULT NULL,
    expiration_days integer DEFAULT NULL,
    noncurrent_days integer DEFAULT NULL,
    abort_days integer DEFAULT NULL,
    remove boolean DEFAULT false,
    OUT rule text,
    OUT ok boolean,
    OUT detail text,
    OUT hint text
) RETURNS SETOF record
LANGUAGE C VOLATILE SET search_path = pg_catalog, pg_temp
AS 'MODULE_PATHNAME', 'bk_s3_lifecycle';
COMMENT ON FUNCTION @extschema@.backup_s3_lifecycle(integer, text, integer, integer, integer, boolean) IS
'shows the lifecycle rules of the S3 bucket that are about the repository; with days, sets the rule of the repository, other rules stay as they are; with remove, takes it away';

CREATE FUNCTION @extschema@.backup_check(
    OUT check_name text,
    OUT ok boolean,
    OUT detail text,
    OUT hint text
) RETURNS SETOF record
LANGUAGE C VOLATILE SET search_path = pg_catalog, pg_temp
AS 'MODULE_PATHNAME', 'bk_check';
COMMENT ON FUNCTION @extschema@.backup_check() IS
'tests the installation: each line is well, or says what to do';

CREATE FUNCTION @extschema@.backup_cancel(run bigint) RETURNS boolean
LANGUAGE C VOLATILE SET search_path = pg_catalog, pg_temp
AS 'MODULE_PATHNAME', 'bk_cancel';
COMMENT ON FUNCTION @extschema@.backup_cancel(bigint) IS
'tells a queued or running run to stop; false if there is none of that number';

-- a procedure that ends its transaction cannot have settings of its own
CREATE PROCEDURE @extschema@.backup_wait(run bigint, timeout interval DEFAULT NULL)
LANGUAGE C
AS 'MODULE_PATHNAME', 'bk_wait';
COMMENT ON PROCEDURE @extschema@.backup_wait(bigint, interval) IS
'waits for the end of a run without holding a snapshot, and raises its error if it failed; called from a DO block or a procedure, it commits the transaction of its caller';

-- functions that serve the views; settings cost more than a comparison does

CREATE FUNCTION @extschema@.backup_run_slots(
    OUT run bigint,
    OUT verb text,
    OUT kind text,
    OUT database text,
    OUT backup_id text,
    OUT state text,
    OUT requested_by text,
    OUT requested_at timestamptz,
    OUT started_at timestamptz,
    OUT finished_at timestamptz,
    OUT plain_size bigint,
    OUT stored_size bigint,
    OUT sqlstate text,
    OUT message text,
    OUT detail text,
    OUT hint text,
    OUT phase text,
    OUT object text,
    OUT bytes_done bigint,
    OUT bytes_total bigint,
    OUT updated_at timestamptz,
    OUT pid integer
) RETURNS SETOF record
LANGUAGE C VOLATILE ROWS 10 SET search_path = pg_catalog, pg_temp
AS 'MODULE_PATHNAME', 'bk_run_slots';
COMMENT ON FUNCTION @extschema@.backup_run_slots() IS
'runs that are in shared memory: queued, running, or not yet written to the history';

CREATE FUNCTION @extschema@.backup_repository_number(url text) RETURNS integer
LANGUAGE C STABLE STRICT
AS 'MODULE_PATHNAME', 'bk_repository_number';
COMMENT ON FUNCTION @extschema@.backup_repository_number(text) IS
'place of this URL in the present value of backup_ext.repository, from 1; NULL: it is not there';

CREATE FUNCTION @extschema@.backup_repository_count() RETURNS integer
LANGUAGE C STABLE
AS 'MODULE_PATHNAME', 'bk_repository_count';
COMMENT ON FUNCTION @extschema@.backup_repository_count() IS
'number of repositories in backup_ext.repository';

CREATE FUNCTION @extschema@.backup_wal_state(
    has_base_backups boolean,
    known_gaps bigint,
    conflicts bigint,
    OUT archive_mode text,
    OUT archive_library text,
    OUT archive_command text,
    OUT state text,
    OUT reason text,
    OUT timeline bigint,
    OUT last_archived_wal text,
    OUT last_archived_lsn pg_catalog.pg_lsn,
    OUT last_archived_at timestamptz,
    OUT waiting bigint,
    OUT oldest_waiting_wal text,
    OUT oldest_waiting_since timestamptz,
    OUT wal_directory_bytes bigint,
    OUT disk_used_percent integer,
    OUT archived_count bigint,
    OUT failed_count bigint,
    OUT last_failed_wal text,
    OUT last_failed_at timestamptz,
    OUT failure text,
    OUT failure_hint text,
    OUT bytes_per_second bigint,
    OUT segments_per_minute float8,
    OUT plain_size bigint,
    OUT stored_size bigint,
    OUT counted_since timestamptz,
    OUT program_pid integer,
    OUT gaps bigint
) RETURNS record
LANGUAGE C VOLATILE SET search_path = pg_catalog, pg_temp
AS 'MODULE_PATHNAME', 'bk_wal_state';
COMMENT ON FUNCTION @extschema@.backup_wal_state(boolean, bigint, bigint) IS
'how WAL archiving stands, from what the server sees and what the catalogue knows';

CREATE FUNCTION @extschema@.backup_clone_is_running(directory text) RETURNS boolean
LANGUAGE C VOLATILE STRICT
AS 'MODULE_PATHNAME', 'bk_clone_is_running';
COMMENT ON FUNCTION @extschema@.backup_clone_is_running(text) IS
'is a server at work in this directory of backup_ext.clone_directory?';

CREATE FUNCTION @extschema@.backup_installed() RETURNS void
LANGUAGE C VOLATILE SET search_path = pg_catalog, pg_temp
AS 'MODULE_PATHNAME', 'bk_installed';
COMMENT ON FUNCTION @extschema@.backup_installed() IS
'called by CREATE EXTENSION: says what is left to be done';

-- views

CREATE VIEW @extschema@.backup_run AS
    -- read once, since a run may lose its slot between two looks
    WITH slot AS MATERIALIZED (
        SELECT * FROM @extschema@.backup_run_slots()
    )
    SELECT s.run, s.verb, s.kind, s.database, s.backup_id, s.state,
        s.requested_by, s.requested_at, s.started_at, s.finished_at,
        s.plain_size, s.stored_size, s.sqlstate, s.message, s.detail, s.hint
    FROM slot AS s
    UNION ALL
    -- a slot is newer than the row of its run, which is then left out
    SELECT d.run, d.verb, d.kind, d.database, d.backup_id, d.state,
        d.requested_by, d.requested_at, d.started_at, d.finished_at,
        d.plain_size, d.stored_size, d.sqlstate,
        CASE WHEN pg_catalog.pg_has_role('pg_read_all_stats', 'USAGE') THEN d.message END,
        CASE WHEN pg_catalog.pg_has_role('pg_read_all_stats', 'USAGE') THEN d.detail END,
        CASE WHEN pg_catalog.pg_has_role('pg_read_all_stats', 'USAGE') THEN d.hint END
    FROM @extschema@.backup_run_data AS d
    WHERE NOT EXISTS (SELECT FROM slot AS s
                      WHERE s.run OPERATOR(pg_catalog.=) d.run);
COMMENT ON VIEW @extschema@.backup_run IS
'every attempt to do something, with its end';
COMMENT ON COLUMN @extschema@.backup_run.run IS 'number of the run';
COMMENT ON COLUMN @extschema@.backup_run.verb IS 'what was to be done: init, adopt, backup, mark, sync, replicate, verify, restore, clone, clone_drop, delete, s3_lifecycle or check';
COMMENT ON COLUMN @extschema@.backup_run.kind IS 'kind of backup, for a backup';
COMMENT ON COLUMN @extschema@.backup_run.database IS 'database to back up or to create';
COMMENT ON COLUMN @extschema@.backup_run.backup_id IS 'backup that was made or used';
COMMENT ON COLUMN @extschema@.backup_run.state IS 'queued, running, done, failed or canceled';
COMMENT ON COLUMN @extschema@.backup_run.requested_by IS 'role that asked for it';
COMMENT ON COLUMN @extschema@.backup_run.requested_at IS 'when it was asked for';
COMMENT ON COLUMN @extschema@.backup_run.started_at IS 'when its worker began';
COMMENT ON COLUMN @extschema@.backup_run.finished_at IS 'when it ended';
COMMENT ON COLUMN @extschema@.backup_run.plain_size IS 'bytes before compression';
COMMENT ON COLUMN @extschema@.backup_run.stored_size IS 'bytes in the repository';
COMMENT ON COLUMN @extschema@.backup_run.sqlstate IS 'SQLSTATE of its error';
COMMENT ON COLUMN @extschema@.backup_run.message IS 'message of its error, for pg_read_all_stats';
COMMENT ON COLUMN @extschema@.backup_run.detail IS 'detail of its error, for pg_read_all_stats';
COMMENT ON COLUMN @extschema@.backup_run.hint IS 'hint of its error, for pg_read_all_stats';

CREATE VIEW @extschema@.backup_progress AS
    SELECT s.run, s.verb, s.kind, s.database, s.state, s.phase, s.object,
        s.bytes_done, s.bytes_total,
        CASE WHEN s.bytes_done OPERATOR(pg_catalog.<=) s.bytes_total
            THEN pg_catalog.round(100.0 OPERATOR(pg_catalog.*) s.bytes_done
                OPERATOR(pg_catalog./) s.bytes_total, 1)
        END AS percent,
        s.started_at, s.updated_at, s.pid
    FROM @extschema@.backup_run_slots() AS s
    WHERE s.state IN ('queued', 'running');
COMMENT ON VIEW @extschema@.backup_progress IS
'runs that are queued or running, as they are at this moment';
COMMENT ON COLUMN @extschema@.backup_progress.run IS 'number of the run';
COMMENT ON COLUMN @extschema@.backup_progress.verb IS 'what is being done';
COMMENT ON COLUMN @extschema@.backup_progress.kind IS 'kind of backup, for a backup';
COMMENT ON COLUMN @extschema@.backup_progress.database IS 'database to back up or to create';
COMMENT ON COLUMN @extschema@.backup_progress.state IS 'queued or running';
COMMENT ON COLUMN @extschema@.backup_progress.phase IS 'step of the work';
COMMENT ON COLUMN @extschema@.backup_progress.object IS 'object of the step';
COMMENT ON COLUMN @extschema@.backup_progress.bytes_done IS 'bytes done in this step';
COMMENT ON COLUMN @extschema@.backup_progress.bytes_total IS 'bytes to do in this step, if known';
COMMENT ON COLUMN @extschema@.backup_progress.percent IS 'part done of this step, if known; the total can be an estimate';
COMMENT ON COLUMN @extschema@.backup_progress.started_at IS 'when its worker began';
COMMENT ON COLUMN @extschema@.backup_progress.updated_at IS 'when the program last reported';
COMMENT ON COLUMN @extschema@.backup_progress.pid IS 'process id of its worker';

CREATE VIEW @extschema@.backup_catalogue AS
    SELECT
        CASE WHEN pg_catalog.pg_has_role('pg_read_all_stats', 'USAGE') THEN d.repository END AS repository,
        -- found once, by steps from each URL to the next; so an index can be used
        d.repository OPERATOR(pg_catalog.=) COALESCE((
            WITH RECURSIVE seen AS (
                SELECT pg_catalog.min(f.repository) AS url
                FROM @extschema@.backup_catalogue_data AS f
                UNION ALL
                SELECT (SELECT pg_catalog.min(f.repository)
                        FROM @extschema@.backup_catalogue_data AS f
                        WHERE f.repository OPERATOR(pg_catalog.>) p.url)
                FROM seen AS p
                WHERE p.url IS NOT NULL
            )
            SELECT p.url FROM seen AS p
            WHERE @extschema@.backup_repository_number(p.url) OPERATOR(pg_catalog.=) 1), '') AS first,
        @extschema@.backup_repository_number(d.repository) IS NOT NULL AS current,
        @extschema@.backup_repository_number(d.repository) AS repository_number,
        d.id, d.kind, d.database, d.content, d.state,
        d.started_at, d.finished_at, d.plain_size, d.stored_size,
        d.server_version, d.compression, d.objects,
        d.verified_at, d.verified_level,
        CASE WHEN pg_catalog.pg_has_role('pg_read_all_stats', 'USAGE') THEN d.problem END AS problem,
        d.label, d.system_identifier, d.seen_at,
        d.timeline, d.start_lsn, d.stop_lsn, d.corrupt_pages, d.encrypted
    FROM @extschema@.backup_catalogue_data AS d;
COMMENT ON VIEW @extschema@.backup_catalogue IS
'backups as they were last seen, also those of repositories that were set before';
COMMENT ON COLUMN @extschema@.backup_catalogue.repository IS 'URL of the repository, for pg_read_all_stats';
COMMENT ON COLUMN @extschema@.backup_catalogue.first IS 'is this the first repository that is set now?';
COMMENT ON COLUMN @extschema@.backup_catalogue.current IS 'is this a repository that is set now?';
COMMENT ON COLUMN @extschema@.backup_catalogue.repository_number IS 'its place among those that are set now, from 1';
COMMENT ON COLUMN @extschema@.backup_catalogue.id IS 'id of the backup';
COMMENT ON COLUMN @extschema@.backup_catalogue.kind IS 'kind of the backup';
COMMENT ON COLUMN @extschema@.backup_catalogue.database IS 'database that was backed up';
COMMENT ON COLUMN @extschema@.backup_catalogue.content IS 'all, schema or data';
COMMENT ON COLUMN @extschema@.backup_catalogue.state IS 'good or bad; missing: it has vanished from the repository, and was not deleted here';
COMMENT ON COLUMN @extschema@.backup_catalogue.started_at IS 'when the backup began';
COMMENT ON COLUMN @extschema@.backup_catalogue.finished_at IS 'when the backup was complete';
COMMENT ON COLUMN @extschema@.backup_catalogue.plain_size IS 'bytes before compression';
COMMENT ON COLUMN @extschema@.backup_catalogue.stored_size IS 'bytes in the repository';
COMMENT ON COLUMN @extschema@.backup_catalogue.server_version IS 'version of the cluster, as in server_version_num';
COMMENT ON COLUMN @extschema@.backup_catalogue.compression IS 'codec and level';
COMMENT ON COLUMN @extschema@.backup_catalogue.objects IS 'number of stored objects';
COMMENT ON COLUMN @extschema@.backup_catalogue.verified_at IS 'when it was last verified';
COMMENT ON COLUMN @extschema@.backup_catalogue.verified_level IS 'level of that verification';
COMMENT ON COLUMN @extschema@.backup_catalogue.problem IS 'why it is not good, for pg_read_all_stats';
COMMENT ON COLUMN @extschema@.backup_catalogue.label IS 'text of the user';
COMMENT ON COLUMN @extschema@.backup_catalogue.system_identifier IS 'cluster that was backed up';
COMMENT ON COLUMN @extschema@.backup_catalogue.seen_at IS 'when this row was last compared with the repository';
COMMENT ON COLUMN @extschema@.backup_catalogue.timeline IS 'timeline of a base backup';
COMMENT ON COLUMN @extschema@.backup_catalogue.start_lsn IS 'where a recovery of a base backup begins';
COMMENT ON COLUMN @extschema@.backup_catalogue.stop_lsn IS 'how far it must come at least';
COMMENT ON COLUMN @extschema@.backup_catalogue.corrupt_pages IS 'pages of a base backup whose checksum is wrong';
COMMENT ON COLUMN @extschema@.backup_catalogue.encrypted IS 'does it take a private key to read it?';

CREATE FUNCTION @extschema@.backup_list(
    database text DEFAULT NULL,
    kind text DEFAULT NULL
) RETURNS TABLE (
    id text,
    kind text,
    database text,
    content text,
    state text,
    started_at timestamptz,
    finished_at timestamptz,
    plain_size bigint,
    stored_size bigint,
    ratio numeric,
    server_version text,
    compression text,
    objects bigint,
    verified_at timestamptz,
    verified_level text,
    problem text,
    label text,
    timeline bigint,
    start_lsn pg_catalog.pg_lsn,
    stop_lsn pg_catalog.pg_lsn,
    corrupt_pages bigint,
    encrypted boolean,
    copies bigint
)
LANGUAGE SQL STABLE SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
    SELECT c.id, c.kind, c.database, c.content, c.state,
        c.started_at, c.finished_at, c.plain_size, c.stored_size,
        round(c.plain_size::numeric / nullif(c.stored_size, 0), 2),
        (c.server_version / 10000)::text || '.' || (c.server_version % 10000)::text,
        c.compression, c.objects, c.verified_at, c.verified_level,
        c.problem, c.label, c.timeline, c.start_lsn, c.stop_lsn, c.corrupt_pages,
        c.encrypted, c.copies
    -- each once, as the first repository that has it tells it
    FROM (
            SELECT b.*, row_number() OVER (PARTITION BY b.id ORDER BY b.state = 'missing', b.repository_number) AS place,
                count(*) FILTER (WHERE b.state = 'good') OVER (PARTITION BY b.id) AS copies
            FROM @extschema@.backup_catalogue AS b
            WHERE b.current
                AND ($1 IS NULL OR b.database = $1)
                AND ($2 IS NULL OR b.kind = $2)
        ) AS c
    WHERE c.place = 1
    ORDER BY c.started_at DESC NULLS LAST, c.id DESC;
END;
COMMENT ON FUNCTION @extschema@.backup_list(text, text) IS
'backups in the repositories that are set now, as they were last seen, newest first; copies: how many of them have a good one';

CREATE VIEW @extschema@.backup_mark_list AS
    SELECT m.name, m.lsn, m.timeline, m.at
    FROM @extschema@.backup_mark_data AS m
    WHERE @extschema@.backup_repository_number(m.repository) OPERATOR(pg_catalog.=) 1
        AND m.system_identifier OPERATOR(pg_catalog.=)
            (SELECT c.system_identifier::text FROM pg_catalog.pg_control_system() AS c);
COMMENT ON VIEW @extschema@.backup_mark_list IS
'named restore points of this cluster in the first repository that is set now, as they were last seen';
COMMENT ON COLUMN @extschema@.backup_mark_list.name IS 'name of the restore point';
COMMENT ON COLUMN @extschema@.backup_mark_list.lsn IS 'position in the WAL, just behind it';
COMMENT ON COLUMN @extschema@.backup_mark_list.timeline IS 'timeline of that position';
COMMENT ON COLUMN @extschema@.backup_mark_list.at IS 'when it was set';

CREATE VIEW @extschema@.backup_wal_range AS
    SELECT d.system_identifier, d.timeline, d.parent, d.switch_lsn,
        d.first_wal, d.last_wal, d.segments, d.gaps, d.first_gap, d.gaps_end, d.conflicts,
        d.last_archived_at, d.seen_at,
        @extschema@.backup_repository_number(d.repository) AS repository_number,
        d.loss
    FROM @extschema@.backup_wal_range_data AS d
    WHERE @extschema@.backup_repository_number(d.repository) IS NOT NULL;
COMMENT ON VIEW @extschema@.backup_wal_range IS
'archived WAL in the repositories that are set now, as it was last seen: one row for each timeline';
COMMENT ON COLUMN @extschema@.backup_wal_range.system_identifier IS 'cluster whose WAL it is';
COMMENT ON COLUMN @extschema@.backup_wal_range.timeline IS 'number of the timeline';
COMMENT ON COLUMN @extschema@.backup_wal_range.parent IS 'timeline that it branched off from';
COMMENT ON COLUMN @extschema@.backup_wal_range.switch_lsn IS 'where it branched off';
COMMENT ON COLUMN @extschema@.backup_wal_range.first_wal IS 'first archived segment';
COMMENT ON COLUMN @extschema@.backup_wal_range.last_wal IS 'last archived segment';
COMMENT ON COLUMN @extschema@.backup_wal_range.segments IS 'number of archived segments';
COMMENT ON COLUMN @extschema@.backup_wal_range.gaps IS 'number of places where segments are missing, between others or before a later timeline';
COMMENT ON COLUMN @extschema@.backup_wal_range.first_gap IS 'first missing segment';
COMMENT ON COLUMN @extschema@.backup_wal_range.gaps_end IS 'where the last of these places ends: recovery cannot come from before it';
COMMENT ON COLUMN @extschema@.backup_wal_range.conflicts IS 'number of files with two different contents';
COMMENT ON COLUMN @extschema@.backup_wal_range.last_archived_at IS 'when its newest segment was archived';
COMMENT ON COLUMN @extschema@.backup_wal_range.seen_at IS 'when this row was last compared with the repository';
COMMENT ON COLUMN @extschema@.backup_wal_range.loss IS 'what there was of it before it became less, until that is accepted';
COMMENT ON COLUMN @extschema@.backup_wal_range.repository_number IS 'place of the repository in backup_ext.repository, from 1';

CREATE VIEW @extschema@.backup_wal AS
    WITH cluster AS MATERIALIZED (
        SELECT c.system_identifier::text AS id
        FROM pg_catalog.pg_control_system() AS c
    ),
    newest AS MATERIALIZED (
        SELECT b.start_lsn
        FROM @extschema@.backup_catalogue AS b, cluster AS c
        WHERE b.first AND b.database IS NULL
            AND b.kind OPERATOR(pg_catalog.=) 'base'
            AND b.state OPERATOR(pg_catalog.=) 'good'
            AND b.system_identifier OPERATOR(pg_catalog.=) c.id
        ORDER BY b.started_at DESC
        LIMIT 1
    ),
    range AS MATERIALIZED (
        -- what lies before the newest good base backup keeps it from nothing
        SELECT pg_catalog.sum(CASE WHEN r.gaps_end OPERATOR(pg_catalog.<=) n.start_lsn
                                  THEN 0 ELSE r.gaps END)::bigint AS gaps,
            pg_catalog.sum(r.conflicts)::bigint AS conflicts
        FROM @extschema@.backup_wal_range AS r
            JOIN cluster AS c ON r.system_identifier OPERATOR(pg_catalog.=) c.id
            LEFT JOIN newest AS n ON true
        WHERE r.repository_number OPERATOR(pg_catalog.=) 1
    )
    SELECT s.*
    FROM range AS r,
        @extschema@.backup_wal_state(
            -- one of these has no database
            EXISTS (SELECT FROM @extschema@.backup_catalogue AS b, cluster AS c
                    WHERE b.first AND b.database IS NULL
                        AND b.kind OPERATOR(pg_catalog.=) 'base'
                        AND b.system_identifier OPERATOR(pg_catalog.=) c.id),
            r.gaps, r.conflicts) AS s;
COMMENT ON VIEW @extschema@.backup_wal IS
'one row: how WAL archiving stands at this moment';
COMMENT ON COLUMN @extschema@.backup_wal.archive_mode IS 'off, on or always';
COMMENT ON COLUMN @extschema@.backup_wal.archive_library IS 'archive module in use';
COMMENT ON COLUMN @extschema@.backup_wal.archive_command IS 'archive command in use, for pg_read_all_stats';
COMMENT ON COLUMN @extschema@.backup_wal.state IS 'critical, warning or ok, as in backup_status; NULL: nothing is archived, and nothing needs it';
COMMENT ON COLUMN @extschema@.backup_wal.reason IS 'why, in a sentence';
COMMENT ON COLUMN @extschema@.backup_wal.timeline IS 'timeline that the server is on';
COMMENT ON COLUMN @extschema@.backup_wal.last_archived_wal IS 'newest archived segment';
COMMENT ON COLUMN @extschema@.backup_wal.last_archived_lsn IS 'end of that segment';
COMMENT ON COLUMN @extschema@.backup_wal.last_archived_at IS 'when a file was last archived: the time to watch';
COMMENT ON COLUMN @extschema@.backup_wal.waiting IS 'number of files that wait to be archived';
COMMENT ON COLUMN @extschema@.backup_wal.oldest_waiting_wal IS 'file that waits for the longest time';
COMMENT ON COLUMN @extschema@.backup_wal.oldest_waiting_since IS 'since when it waits';
COMMENT ON COLUMN @extschema@.backup_wal.wal_directory_bytes IS 'bytes in pg_wal';
COMMENT ON COLUMN @extschema@.backup_wal.disk_used_percent IS 'how full the file system of pg_wal is';
COMMENT ON COLUMN @extschema@.backup_wal.archived_count IS 'number of files that were archived, as PostgreSQL counts them';
COMMENT ON COLUMN @extschema@.backup_wal.failed_count IS 'number of failed attempts, as PostgreSQL counts them';
COMMENT ON COLUMN @extschema@.backup_wal.last_failed_wal IS 'file whose archiving last failed';
COMMENT ON COLUMN @extschema@.backup_wal.last_failed_at IS 'when it failed';
COMMENT ON COLUMN @extschema@.backup_wal.failure IS 'why it fails at present: SQLSTATE and message, for pg_read_all_stats';
COMMENT ON COLUMN @extschema@.backup_wal.failure_hint IS 'what to do, for pg_read_all_stats';
COMMENT ON COLUMN @extschema@.backup_wal.bytes_per_second IS 'bytes that were archived per second of the last five minutes, before compression';
COMMENT ON COLUMN @extschema@.backup_wal.segments_per_minute IS 'segments that were archived per minute of the last five minutes';
COMMENT ON COLUMN @extschema@.backup_wal.plain_size IS 'bytes that were archived since the server was started';
COMMENT ON COLUMN @extschema@.backup_wal.stored_size IS 'bytes that they take in the repository';
COMMENT ON COLUMN @extschema@.backup_wal.counted_since IS 'since when the last four numbers are counted';
COMMENT ON COLUMN @extschema@.backup_wal.program_pid IS 'process id of the archiving program';
COMMENT ON COLUMN @extschema@.backup_wal.gaps IS 'gaps in the archived WAL of this cluster since its newest good base backup, as last seen; NULL: not known';

CREATE VIEW @extschema@.backup_clone_list AS
    SELECT c.directory, @extschema@.backup_clone_is_running(c.directory) AS running,
        c.target, c.timeline, c.backup, c.port, c.socket_directory,
        c.created_at, c.created_by
    FROM @extschema@.backup_clone_data AS c;
COMMENT ON VIEW @extschema@.backup_clone_list IS
'clones that were made and not dropped';
COMMENT ON COLUMN @extschema@.backup_clone_list.directory IS 'data directory';
COMMENT ON COLUMN @extschema@.backup_clone_list.running IS 'is a server at work there?';
COMMENT ON COLUMN @extschema@.backup_clone_list.target IS 'how far it was recovered, in words';
COMMENT ON COLUMN @extschema@.backup_clone_list.timeline IS 'timeline on which it was recovered';
COMMENT ON COLUMN @extschema@.backup_clone_list.backup IS 'id of the base backup that it began with';
COMMENT ON COLUMN @extschema@.backup_clone_list.port IS 'port';
COMMENT ON COLUMN @extschema@.backup_clone_list.socket_directory IS 'directory of its socket; none: it listens on localhost';
COMMENT ON COLUMN @extschema@.backup_clone_list.created_at IS 'when it was made';
COMMENT ON COLUMN @extschema@.backup_clone_list.created_by IS 'role that made it';

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

-- privileges

REVOKE ALL ON @extschema@.backup_repository_data, @extschema@.backup_catalogue_data,
    @extschema@.backup_run_data, @extschema@.backup_run, @extschema@.backup_progress,
    @extschema@.backup_catalogue, @extschema@.backup_status,
    @extschema@.backup_mark_data, @extschema@.backup_mark_list,
    @extschema@.backup_wal_range_data, @extschema@.backup_wal_range,
    @extschema@.backup_wal,
    @extschema@.backup_clone_data, @extschema@.backup_clone_list FROM PUBLIC;
REVOKE ALL ON SEQUENCE @extschema@.backup_run_number FROM PUBLIC;

REVOKE ALL ON FUNCTION
    @extschema@.backup_repository_create(),
    @extschema@.backup_adopt(boolean),
    @extschema@.backup_now(text, text, text, text, boolean, text),
    @extschema@.backup_mark(text),
    @extschema@.backup_clone(text, timestamptz, text, pg_catalog.pg_lsn, text, text, integer, boolean),
    @extschema@.backup_clone_drop(text),
    @extschema@.backup_clone_is_running(text),
    @extschema@.backup_list(text, text),
    @extschema@.backup_verify(text, text),
    @extschema@.backup_restore(text, text, boolean, boolean, boolean, boolean, boolean),
    @extschema@.backup_delete(text, boolean),
    @extschema@.backup_sync(boolean),
    @extschema@.backup_replicate(text, boolean),
    @extschema@.backup_s3_lifecycle(integer, text, integer, integer, integer, boolean),
    @extschema@.backup_check(),
    @extschema@.backup_cancel(bigint),
    @extschema@.backup_run_slots(),
    @extschema@.backup_repository_number(text),
    @extschema@.backup_repository_count(),
    @extschema@.backup_wal_state(boolean, bigint, bigint),
    @extschema@.backup_installed()
FROM PUBLIC;
REVOKE ALL ON PROCEDURE @extschema@.backup_wait(bigint, interval) FROM PUBLIC;

GRANT SELECT ON @extschema@.backup_run, @extschema@.backup_progress,
    @extschema@.backup_catalogue, @extschema@.backup_status,
    @extschema@.backup_mark_list, @extschema@.backup_wal_range,
    @extschema@.backup_wal, @extschema@.backup_clone_list TO pg_monitor;
GRANT EXECUTE ON FUNCTION
    @extschema@.backup_list(text, text),
    @extschema@.backup_clone_is_running(text),
    @extschema@.backup_run_slots(),
    @extschema@.backup_repository_number(text),
    @extschema@.backup_repository_count(),
    @extschema@.backup_wal_state(boolean, bigint, bigint)
TO pg_monitor;

SELECT @extschema@.backup_installed();
