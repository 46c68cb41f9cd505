-- what is kept, and what has expired

CREATE TABLE @extschema@.backup_expired_data (
    repository text NOT NULL,
    seen_at timestamptz NOT NULL,
    id text NOT NULL,
    kind text,
    database text,
    content text,
    schedule text,
    system_identifier text,
    finished_at timestamptz,
    stored_size bigint,
    expired_at timestamptz,
    reason text,
    PRIMARY KEY (repository, id)
);
COMMENT ON TABLE @extschema@.backup_expired_data IS
'backups that retention has taken off the list, as long as they can be brought back';
COMMENT ON COLUMN @extschema@.backup_expired_data.repository IS 'URL of the repository';
COMMENT ON COLUMN @extschema@.backup_expired_data.seen_at IS 'when this row was last compared with the repository';
COMMENT ON COLUMN @extschema@.backup_expired_data.id IS 'id of the backup';
COMMENT ON COLUMN @extschema@.backup_expired_data.kind IS 'kind of the backup';
COMMENT ON COLUMN @extschema@.backup_expired_data.database IS 'database that was backed up';
COMMENT ON COLUMN @extschema@.backup_expired_data.content IS 'all, schema or data';
COMMENT ON COLUMN @extschema@.backup_expired_data.schedule IS 'schedule that it was made for';
COMMENT ON COLUMN @extschema@.backup_expired_data.system_identifier IS 'cluster that was backed up';
COMMENT ON COLUMN @extschema@.backup_expired_data.finished_at IS 'when the backup was complete';
COMMENT ON COLUMN @extschema@.backup_expired_data.stored_size IS 'bytes in the repository';
COMMENT ON COLUMN @extschema@.backup_expired_data.expired_at IS 'when it was taken off the list';
COMMENT ON COLUMN @extschema@.backup_expired_data.reason IS 'why it was';

CREATE VIEW @extschema@.backup_expired AS
    SELECT @extschema@.backup_repository_number(d.repository) AS repository_number,
        d.id, d.kind, d.database, d.content, d.schedule, d.finished_at, d.stored_size,
        d.expired_at,
        d.expired_at OPERATOR(pg_catalog.+)
            pg_catalog.current_setting('backup_ext.expire_grace')::interval AS delete_after,
        d.reason
    FROM @extschema@.backup_expired_data AS d
    WHERE @extschema@.backup_repository_number(d.repository) IS NOT NULL;
COMMENT ON VIEW @extschema@.backup_expired IS
'backups that have expired and can still be brought back, as they were last seen';
COMMENT ON COLUMN @extschema@.backup_expired.repository_number IS 'place of the repository in backup_ext.repository, from 1';
COMMENT ON COLUMN @extschema@.backup_expired.id IS 'id of the backup';
COMMENT ON COLUMN @extschema@.backup_expired.kind IS 'kind of the backup';
COMMENT ON COLUMN @extschema@.backup_expired.database IS 'database that was backed up';
COMMENT ON COLUMN @extschema@.backup_expired.content IS 'all, schema or data';
COMMENT ON COLUMN @extschema@.backup_expired.schedule IS 'schedule that it was made for';
COMMENT ON COLUMN @extschema@.backup_expired.finished_at IS 'when the backup was complete';
COMMENT ON COLUMN @extschema@.backup_expired.stored_size IS 'bytes in the repository';
COMMENT ON COLUMN @extschema@.backup_expired.expired_at IS 'when it was taken off the list';
COMMENT ON COLUMN @extschema@.backup_expired.delete_after IS 'from when on it is deleted, by the first run that expires backups';
COMMENT ON COLUMN @extschema@.backup_expired.reason IS 'why it has expired';

CREATE FUNCTION @extschema@.backup_expire(
    dry_run boolean DEFAULT false,
    OUT repository integer,
    OUT id text,
    OUT kind text,
    OUT database text,
    OUT schedule text,
    OUT action text,
    OUT reason text,
    OUT finished_at timestamptz,
    OUT stored_size bigint,
    OUT delete_after timestamptz
) RETURNS SETOF record
LANGUAGE C VOLATILE SET search_path = pg_catalog, pg_temp
AS 'MODULE_PATHNAME', 'bk_expire';
COMMENT ON FUNCTION @extschema@.backup_expire(boolean) IS
'takes backups off the list that no retention keeps, deletes those whose grace is over, and WAL that nothing needs, and returns what was done; with dry_run, what would be done, with the reason for each backup';

CREATE FUNCTION @extschema@.backup_unexpire(id text) RETURNS boolean
LANGUAGE C VOLATILE SET search_path = pg_catalog, pg_temp
AS 'MODULE_PATHNAME', 'bk_unexpire';
COMMENT ON FUNCTION @extschema@.backup_unexpire(text) IS
'brings back a backup that has expired and is not deleted yet, and pins it';

CREATE FUNCTION @extschema@.backup_pin(id text, until timestamptz DEFAULT NULL) RETURNS boolean
LANGUAGE C VOLATILE SET search_path = pg_catalog, pg_temp
AS 'MODULE_PATHNAME', 'bk_pin';
COMMENT ON FUNCTION @extschema@.backup_pin(text, timestamptz) IS
'keeps a backup, with the WAL that it needs itself, from retention until a time, or without one until it is unpinned';

CREATE FUNCTION @extschema@.backup_unpin(id text) RETURNS boolean
LANGUAGE C VOLATILE SET search_path = pg_catalog, pg_temp
AS 'MODULE_PATHNAME', 'bk_unpin';
COMMENT ON FUNCTION @extschema@.backup_unpin(text) IS
'lets retention decide on a backup again';

REVOKE ALL ON @extschema@.backup_expired_data, @extschema@.backup_expired FROM PUBLIC;
GRANT SELECT ON @extschema@.backup_expired TO pg_monitor;
REVOKE ALL ON FUNCTION @extschema@.backup_pin(text, timestamptz),
    @extschema@.backup_unpin(text), @extschema@.backup_expire(boolean),
    @extschema@.backup_unexpire(text) FROM PUBLIC;
