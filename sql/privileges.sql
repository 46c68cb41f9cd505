-- privileges

REVOKE ALL ON @extschema@.backup_repository_data, @extschema@.backup_space_data, @extschema@.backup_catalogue_data,
    @extschema@.backup_run_data, @extschema@.backup_run, @extschema@.backup_progress,
    @extschema@.backup_catalogue,
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
    @extschema@.backup_catalogue,
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
