-- what is kept

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

REVOKE ALL ON FUNCTION @extschema@.backup_pin(text, timestamptz),
    @extschema@.backup_unpin(text) FROM PUBLIC;
