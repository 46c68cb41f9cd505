-- views

CREATE VIEW @extschema@.backup_run AS
    -- read once, since a run may lose its slot between two looks
    WITH slot AS MATERIALIZED (
        SELECT * FROM @extschema@.backup_run_slots()
    )
    SELECT s.run, s.verb, s.kind, s.database, s.backup_id, s.state,
        s.requested_by, s.requested_at, s.started_at, s.finished_at,
        s.plain_size, s.stored_size, s.sqlstate, s.message, s.detail, s.hint,
        s.reason, s.schedule, s.slot_at, s.attempt
    FROM slot AS s
    UNION ALL
    -- a slot is newer than the row of its run, which is then left out
    SELECT d.run, d.verb, d.kind, d.database, d.backup_id, d.state,
        d.requested_by, d.requested_at, d.started_at, d.finished_at,
        d.plain_size, d.stored_size, d.sqlstate,
        CASE WHEN pg_catalog.pg_has_role('pg_read_all_stats', 'USAGE') THEN d.message END,
        CASE WHEN pg_catalog.pg_has_role('pg_read_all_stats', 'USAGE') THEN d.detail END,
        CASE WHEN pg_catalog.pg_has_role('pg_read_all_stats', 'USAGE') THEN d.hint END,
        d.reason, d.schedule, d.slot_at, d.attempt
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
COMMENT ON COLUMN @extschema@.backup_run.state IS 'queued, running, done, failed, canceled or skipped';
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
COMMENT ON COLUMN @extschema@.backup_run.reason IS 'why it was begun: request, schedule, catch-up, retry, retention or promotion';
COMMENT ON COLUMN @extschema@.backup_run.schedule IS 'schedule that it is for';
COMMENT ON COLUMN @extschema@.backup_run.slot_at IS 'when that schedule wanted it';
COMMENT ON COLUMN @extschema@.backup_run.attempt IS 'number of the attempt for that time, from 1';

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
        -- found once, so an index can be used
        d.repository OPERATOR(pg_catalog.=) COALESCE((
            SELECT r.url FROM @extschema@.backup_repository_data AS r
            WHERE @extschema@.backup_repository_number(r.url) OPERATOR(pg_catalog.=) 1), '') AS first,
        @extschema@.backup_repository_number(d.repository) IS NOT NULL AS current,
        @extschema@.backup_repository_number(d.repository) AS repository_number,
        d.id, d.kind, d.database, d.content, d.state,
        d.started_at, d.finished_at, d.plain_size, d.stored_size,
        d.server_version, d.compression, d.objects,
        d.verified_at, d.verified_level,
        CASE WHEN pg_catalog.pg_has_role('pg_read_all_stats', 'USAGE') THEN d.problem END AS problem,
        d.label, d.system_identifier, d.seen_at,
        d.timeline, d.start_lsn, d.stop_lsn, d.corrupt_pages, d.encrypted, d.schedule, d.emptied_tables, d.shrunk_tables,
        d.pinned_until
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
COMMENT ON COLUMN @extschema@.backup_catalogue.schedule IS 'schedule that it was made for';
COMMENT ON COLUMN @extschema@.backup_catalogue.emptied_tables IS 'tables with at least 100 rows in the backup before that have none any more; NULL: not compared';
COMMENT ON COLUMN @extschema@.backup_catalogue.shrunk_tables IS 'other such tables that lost more than half of their rows';
COMMENT ON COLUMN @extschema@.backup_catalogue.pinned_until IS 'until when retention keeps it in any case; infinity: until it is unpinned';

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
    copies bigint,
    schedule text,
    pinned_until timestamptz
)
LANGUAGE SQL STABLE SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
    SELECT c.id, c.kind, c.database, c.content, c.state,
        c.started_at, c.finished_at, c.plain_size, c.stored_size,
        round(c.plain_size::numeric / nullif(c.stored_size, 0), 2),
        (c.server_version / 10000)::text || '.' || (c.server_version % 10000)::text,
        c.compression, c.objects, c.verified_at, c.verified_level,
        c.problem, c.label, c.timeline, c.start_lsn, c.stop_lsn, c.corrupt_pages,
        c.encrypted, c.copies, c.schedule, c.pinned_until
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
COMMENT ON COLUMN @extschema@.backup_wal.disk_free IS 'bytes that are free there';
COMMENT ON COLUMN @extschema@.backup_wal.disk_total IS 'bytes that there are';
COMMENT ON COLUMN @extschema@.backup_wal.full_at IS 'when it will be full if nothing is archived any more and WAL comes as fast as what waits has come';
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
