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
    OUT pid integer,
    OUT reason text,
    OUT schedule text,
    OUT slot_at timestamptz,
    OUT attempt integer
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
    OUT gaps bigint,
    OUT disk_free bigint,
    OUT disk_total bigint,
    OUT full_at timestamptz
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
