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

-- tables: a cache of the repository, and the history of runs; not dumped

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

CREATE TABLE @extschema@.backup_space_data (
    repository text NOT NULL,
    hour timestamptz NOT NULL,
    seen_at timestamptz NOT NULL,
    free bigint NOT NULL,
    total bigint NOT NULL,
    PRIMARY KEY (repository, hour)
);
COMMENT ON TABLE @extschema@.backup_space_data IS
'room in the stores of repositories, as it was seen in the last two weeks, once an hour';
COMMENT ON COLUMN @extschema@.backup_space_data.repository IS 'URL of the repository';
COMMENT ON COLUMN @extschema@.backup_space_data.hour IS 'hour in which it was seen';
COMMENT ON COLUMN @extschema@.backup_space_data.seen_at IS 'when it was last seen in that hour';
COMMENT ON COLUMN @extschema@.backup_space_data.free IS 'free bytes';
COMMENT ON COLUMN @extschema@.backup_space_data.total IS 'bytes that there are';

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
    schedule text,
    pinned_until timestamptz,
    emptied_tables bigint,
    shrunk_tables bigint,
    deleting boolean NOT NULL DEFAULT false,
    PRIMARY KEY (repository, id)
);
CREATE INDEX backup_catalogue_data_newest ON @extschema@.backup_catalogue_data
    (repository, database, started_at DESC NULLS LAST, id DESC);
CREATE INDEX backup_catalogue_data_schedule ON @extschema@.backup_catalogue_data
    (repository, schedule, started_at DESC NULLS LAST, id DESC) WHERE schedule IS NOT NULL;
CREATE INDEX backup_catalogue_data_base ON @extschema@.backup_catalogue_data
    (repository, started_at DESC NULLS LAST, id DESC) WHERE database IS NULL;
CREATE INDEX backup_catalogue_data_missing ON @extschema@.backup_catalogue_data
    (repository, id) WHERE state = 'missing';
COMMENT ON TABLE @extschema@.backup_catalogue_data IS
'backups as they were last seen in a repository';
COMMENT ON INDEX @extschema@.backup_catalogue_data_newest IS
'finds the newest backups of a database';
COMMENT ON INDEX @extschema@.backup_catalogue_data_base IS
'finds the newest base backups';
COMMENT ON INDEX @extschema@.backup_catalogue_data_missing IS
'finds what has vanished';
COMMENT ON INDEX @extschema@.backup_catalogue_data_schedule IS
'finds the newest backups of a schedule';
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
COMMENT ON COLUMN @extschema@.backup_catalogue_data.schedule IS 'schedule that it was made for';
COMMENT ON COLUMN @extschema@.backup_catalogue_data.pinned_until IS 'until when retention keeps it in any case';
COMMENT ON COLUMN @extschema@.backup_catalogue_data.emptied_tables IS 'tables that have no rows any more, since the backup before';
COMMENT ON COLUMN @extschema@.backup_catalogue_data.shrunk_tables IS 'other tables that lost more than half of their rows';
COMMENT ON COLUMN @extschema@.backup_catalogue_data.deleting IS 'whether a deletion of it has begun since it was last seen';

CREATE TABLE @extschema@.backup_run_data (
    run bigint PRIMARY KEY,
    verb text NOT NULL,
    kind text,
    database text,
    backup_id text,
    state text NOT NULL
        CHECK (state IN ('queued', 'running', 'done', 'failed', 'canceled', 'skipped')),
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
    result jsonb,
    reason text NOT NULL DEFAULT 'request',
    schedule text,
    slot_at timestamptz,
    attempt integer NOT NULL DEFAULT 1
);
CREATE INDEX backup_run_data_open ON @extschema@.backup_run_data (run)
    WHERE state IN ('queued', 'running');
CREATE INDEX backup_run_data_attempt ON @extschema@.backup_run_data
    (database, requested_at DESC) WHERE verb = 'backup';
CREATE INDEX backup_run_data_schedule ON @extschema@.backup_run_data
    (schedule, requested_at DESC) WHERE schedule IS NOT NULL;
CREATE INDEX backup_run_data_schedule_failure ON @extschema@.backup_run_data
    (schedule, requested_at DESC) WHERE schedule IS NOT NULL AND state IN ('failed', 'canceled');
CREATE INDEX backup_run_data_failure ON @extschema@.backup_run_data
    (database, requested_at DESC) WHERE verb = 'backup' AND state IN ('failed', 'canceled');
CREATE INDEX backup_run_data_base ON @extschema@.backup_run_data
    (requested_at DESC) WHERE verb = 'backup' AND database IS NULL;
CREATE INDEX backup_run_data_restore ON @extschema@.backup_run_data
    (requested_at DESC) WHERE verb IN ('restore', 'clone');
CREATE INDEX backup_run_data_expire ON @extschema@.backup_run_data
    (requested_at DESC) WHERE verb = 'expire' AND reason <> 'request';
COMMENT ON INDEX @extschema@.backup_run_data_expire IS
'finds the last runs that expired backups by themselves';
COMMENT ON TABLE @extschema@.backup_run_data IS
'every run that a worker has begun or that could not be begun';
COMMENT ON INDEX @extschema@.backup_run_data_open IS
'finds the runs to close after a restart';
COMMENT ON INDEX @extschema@.backup_run_data_attempt IS
'finds the last attempt to back up a database';
COMMENT ON INDEX @extschema@.backup_run_data_schedule IS
'finds the last attempts of a schedule';
COMMENT ON INDEX @extschema@.backup_run_data_schedule_failure IS
'finds the last of them that failed';
COMMENT ON INDEX @extschema@.backup_run_data_failure IS
'finds the last of them that failed';
COMMENT ON INDEX @extschema@.backup_run_data_base IS
'finds the last attempts to make a base backup';
COMMENT ON INDEX @extschema@.backup_run_data_restore IS
'finds the last restores';
COMMENT ON COLUMN @extschema@.backup_run_data.run IS 'number of the run';
COMMENT ON COLUMN @extschema@.backup_run_data.verb IS 'what was to be done';
COMMENT ON COLUMN @extschema@.backup_run_data.kind IS 'kind of backup, for a backup';
COMMENT ON COLUMN @extschema@.backup_run_data.database IS 'database to back up or to create';
COMMENT ON COLUMN @extschema@.backup_run_data.backup_id IS 'backup that was made or used';
COMMENT ON COLUMN @extschema@.backup_run_data.state IS 'queued, running, done, failed, canceled or skipped';
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
COMMENT ON COLUMN @extschema@.backup_run_data.reason IS 'request, schedule, catch-up, retry, retention or promotion';
COMMENT ON COLUMN @extschema@.backup_run_data.schedule IS 'schedule that it is for';
COMMENT ON COLUMN @extschema@.backup_run_data.slot_at IS 'when that schedule wanted it';
COMMENT ON COLUMN @extschema@.backup_run_data.attempt IS 'number of the attempt for that time, from 1';

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
