-- alarms: whom to tell, and what was told

CREATE TABLE @extschema@.backup_channel_data (
    name text PRIMARY KEY,
    kind text NOT NULL CHECK (kind IN ('webhook', 'slack', 'pagerduty', 'alertmanager',
        'ping', 'mail', 'notify', 'program')),
    target text,
    secret_file text,
    level text NOT NULL CHECK (level IN ('warning', 'critical')),
    hold interval NOT NULL,
    remind interval NOT NULL,
    every interval NOT NULL,
    schedule text,
    sender text,
    recipients text[],
    login text,
    arguments text[],
    ca_file text,
    proxy text,
    plaintext boolean NOT NULL,
    enabled boolean NOT NULL,
    system_identifier text NOT NULL,
    changed_at timestamptz NOT NULL,
    changed_by text NOT NULL
);
SELECT pg_catalog.pg_extension_config_dump('@extschema@.backup_channel_data', '');
COMMENT ON TABLE @extschema@.backup_channel_data IS
'ways to tell people about changes in backup_status';
COMMENT ON COLUMN @extschema@.backup_channel_data.name IS 'name of the channel';
COMMENT ON COLUMN @extschema@.backup_channel_data.kind IS 'webhook, slack, pagerduty, alertmanager, ping, mail, notify or program';
COMMENT ON COLUMN @extschema@.backup_channel_data.target IS 'URL, path of a program, or channel of NOTIFY';
COMMENT ON COLUMN @extschema@.backup_channel_data.secret_file IS 'file with its token or password, or with its URL';
COMMENT ON COLUMN @extschema@.backup_channel_data.level IS 'from which state on it is used: warning or critical';
COMMENT ON COLUMN @extschema@.backup_channel_data.hold IS 'how long a warning, or a recovery, must last before it is told';
COMMENT ON COLUMN @extschema@.backup_channel_data.remind IS 'after which time it is told again; 0: never';
COMMENT ON COLUMN @extschema@.backup_channel_data.every IS 'how often a ping is sent';
COMMENT ON COLUMN @extschema@.backup_channel_data.schedule IS 'schedule whose runs a ping is about; NULL: all of backup_status';
COMMENT ON COLUMN @extschema@.backup_channel_data.sender IS 'sender of mail';
COMMENT ON COLUMN @extschema@.backup_channel_data.recipients IS 'recipients of mail';
COMMENT ON COLUMN @extschema@.backup_channel_data.login IS 'user at the mail server';
COMMENT ON COLUMN @extschema@.backup_channel_data.arguments IS 'arguments of a program';
COMMENT ON COLUMN @extschema@.backup_channel_data.ca_file IS 'certificates to trust in place of the system''s';
COMMENT ON COLUMN @extschema@.backup_channel_data.proxy IS 'proxy for HTTP';
COMMENT ON COLUMN @extschema@.backup_channel_data.plaintext IS 'may it go to other machines without TLS?';
COMMENT ON COLUMN @extschema@.backup_channel_data.enabled IS 'is it used?';
COMMENT ON COLUMN @extschema@.backup_channel_data.system_identifier IS 'cluster in which it was made; in another one it is not used';
COMMENT ON COLUMN @extschema@.backup_channel_data.changed_at IS 'when it was last changed';
COMMENT ON COLUMN @extschema@.backup_channel_data.changed_by IS 'role that did it';

CREATE TRIGGER wake_keeper AFTER INSERT OR UPDATE OR DELETE OR TRUNCATE
ON @extschema@.backup_channel_data
FOR EACH STATEMENT EXECUTE FUNCTION @extschema@.backup_wake_keeper();
COMMENT ON TRIGGER wake_keeper ON @extschema@.backup_channel_data IS
'has the channels read again';

-- what the keeper remembers of them; not dumped

CREATE TABLE @extschema@.backup_channel_state_data (
    channel text PRIMARY KEY,
    sent_at timestamptz,
    failed_at timestamptz,
    failing_since timestamptz,
    failure text,
    pinged_at timestamptz,
    signal text,
    started_run bigint,
    ended_run bigint
);
COMMENT ON TABLE @extschema@.backup_channel_state_data IS
'how sending by each channel went';
COMMENT ON COLUMN @extschema@.backup_channel_state_data.channel IS 'name of the channel';
COMMENT ON COLUMN @extschema@.backup_channel_state_data.sent_at IS 'when its receiver last took a message';
COMMENT ON COLUMN @extschema@.backup_channel_state_data.failed_at IS 'when it last did not';
COMMENT ON COLUMN @extschema@.backup_channel_state_data.failing_since IS 'since when it has not; NULL: it has';
COMMENT ON COLUMN @extschema@.backup_channel_state_data.failure IS 'why';
COMMENT ON COLUMN @extschema@.backup_channel_state_data.pinged_at IS 'when a ping was last queued';
COMMENT ON COLUMN @extschema@.backup_channel_state_data.signal IS 'what it said: success or fail';
COMMENT ON COLUMN @extschema@.backup_channel_state_data.started_run IS 'last run of its schedule whose start was told';
COMMENT ON COLUMN @extschema@.backup_channel_state_data.ended_run IS 'last run of its schedule whose end was told';

CREATE TABLE @extschema@.backup_told_data (
    channel text NOT NULL,
    subject text NOT NULL,
    what text NOT NULL,
    state text NOT NULL CHECK (state IN ('warning', 'critical')),
    told_at timestamptz NOT NULL,
    PRIMARY KEY (channel, subject, what)
);
COMMENT ON TABLE @extschema@.backup_told_data IS
'troubles that a channel has told of, and whose end it has not';
COMMENT ON COLUMN @extschema@.backup_told_data.channel IS 'name of the channel';
COMMENT ON COLUMN @extschema@.backup_told_data.subject IS 'kind of thing, as in backup_status';
COMMENT ON COLUMN @extschema@.backup_told_data.what IS 'the thing, as in backup_status';
COMMENT ON COLUMN @extschema@.backup_told_data.state IS 'state that was told';
COMMENT ON COLUMN @extschema@.backup_told_data.told_at IS 'when it was last told';

CREATE TABLE @extschema@.backup_notice_data (
    id uuid PRIMARY KEY DEFAULT pg_catalog.gen_random_uuid(),
    channel text NOT NULL,
    message json NOT NULL,
    created_at timestamptz NOT NULL,
    attempts integer NOT NULL DEFAULT 0,
    next_try_at timestamptz NOT NULL,
    run bigint
);
COMMENT ON TABLE @extschema@.backup_notice_data IS
'messages that are to be sent';
COMMENT ON COLUMN @extschema@.backup_notice_data.id IS 'tells it from others';
COMMENT ON COLUMN @extschema@.backup_notice_data.channel IS 'name of the channel';
COMMENT ON COLUMN @extschema@.backup_notice_data.message IS 'the message';
COMMENT ON COLUMN @extschema@.backup_notice_data.created_at IS 'when it was written';
COMMENT ON COLUMN @extschema@.backup_notice_data.attempts IS 'how often it could not be sent';
COMMENT ON COLUMN @extschema@.backup_notice_data.next_try_at IS 'when it is tried next; with a run: when that was queued';
COMMENT ON COLUMN @extschema@.backup_notice_data.run IS 'run that sends it now';

CREATE VIEW @extschema@.backup_channel_list AS
    SELECT c.name, c.kind,
        CASE WHEN pg_catalog.pg_has_role('pg_read_all_stats', 'USAGE') THEN c.target END AS target,
        c.level, c.hold, c.remind, c.every, c.schedule, c.enabled,
        CASE WHEN c.system_identifier OPERATOR(pg_catalog.<>) i.system_identifier::text
            THEN 'It was made in another cluster; backup_adopt() takes it over.' END AS inert,
        s.sent_at, s.failed_at, s.failing_since,
        CASE WHEN pg_catalog.pg_has_role('pg_read_all_stats', 'USAGE') THEN s.failure END AS failure,
        (SELECT pg_catalog.count(*) FROM @extschema@.backup_notice_data AS n
         WHERE n.channel OPERATOR(pg_catalog.=) c.name) AS waiting,
        c.changed_at, c.changed_by
    FROM @extschema@.backup_channel_data AS c
        CROSS JOIN pg_catalog.pg_control_system() AS i
        LEFT JOIN @extschema@.backup_channel_state_data AS s ON s.channel OPERATOR(pg_catalog.=) c.name;
COMMENT ON VIEW @extschema@.backup_channel_list IS
'channels, and how sending by them goes';
COMMENT ON COLUMN @extschema@.backup_channel_list.name IS 'name of the channel';
COMMENT ON COLUMN @extschema@.backup_channel_list.kind IS 'webhook, slack, pagerduty, alertmanager, ping, mail, notify or program';
COMMENT ON COLUMN @extschema@.backup_channel_list.target IS 'where to, for pg_read_all_stats';
COMMENT ON COLUMN @extschema@.backup_channel_list.level IS 'from which state on it is used';
COMMENT ON COLUMN @extschema@.backup_channel_list.hold IS 'how long a warning, or a recovery, must last before it is told';
COMMENT ON COLUMN @extschema@.backup_channel_list.remind IS 'after which time it is told again; 0: never';
COMMENT ON COLUMN @extschema@.backup_channel_list.every IS 'how often a ping is sent';
COMMENT ON COLUMN @extschema@.backup_channel_list.schedule IS 'schedule whose runs a ping is about';
COMMENT ON COLUMN @extschema@.backup_channel_list.enabled IS 'is it used?';
COMMENT ON COLUMN @extschema@.backup_channel_list.inert IS 'why it is not used in this cluster; NULL: it is';
COMMENT ON COLUMN @extschema@.backup_channel_list.sent_at IS 'when its receiver last took a message';
COMMENT ON COLUMN @extschema@.backup_channel_list.failed_at IS 'when it last did not';
COMMENT ON COLUMN @extschema@.backup_channel_list.failing_since IS 'since when it has not; NULL: it has';
COMMENT ON COLUMN @extschema@.backup_channel_list.failure IS 'why, for pg_read_all_stats';
COMMENT ON COLUMN @extschema@.backup_channel_list.waiting IS 'number of messages that are to be sent';
COMMENT ON COLUMN @extschema@.backup_channel_list.changed_at IS 'when it was last changed';
COMMENT ON COLUMN @extschema@.backup_channel_list.changed_by IS 'role that did it';

-- Part of backup_status, as status_shared.sql has it: alarms that do not get
-- out. Without a channel there is nothing to say.
CREATE VIEW @extschema@.backup_status_alarms AS
    SELECT 'alarms' AS what, 'alarms' AS subject, NULL::text AS database,
        CASE WHEN f.name IS NULL THEN 'ok' ELSE 'warning' END AS state,
        CASE WHEN f.name IS NULL THEN 'Channels reach their receivers, as far as they were used.'
            ELSE pg_catalog.concat('Channel ', f.name, ' has not reached its receiver for more than 15 minutes.') END AS reason,
        t.sent_at AS last_success_at, NULL::text AS last_success_id, NULL::interval AS target_age,
        GREATEST(t.sent_at, t.failed_at) AS last_attempt_at,
        t.failed_at AS last_failure_at, f.failure AS last_failure, NULL::timestamptz AS next_run_at,
        NULL::bigint AS last_size, NULL::bigint AS usual_size,
        NULL::bigint AS plain_size, NULL::bigint AS stored_size, NULL::bigint AS backups,
        NULL::timestamptz AS recovery_from, NULL::timestamptz AS recovery_to, NULL::timestamptz AS verified_at,
        NULL::timestamptz AS restore_tested_at, NULL::interval AS restore_duration,
        NULL::bigint AS storage_free, NULL::bigint AS storage_total, NULL::timestamptz AS full_at,
        EXISTS (SELECT FROM @extschema@.backup_notice_data AS n) AS running
    FROM (
            SELECT pg_catalog.max(s.sent_at) AS sent_at, pg_catalog.max(s.failed_at) AS failed_at
            FROM @extschema@.backup_channel_list AS c
                LEFT JOIN @extschema@.backup_channel_state_data AS s ON s.channel OPERATOR(pg_catalog.=) c.name
            WHERE c.enabled AND c.inert IS NULL
            HAVING pg_catalog.count(*) OPERATOR(pg_catalog.>) 0
        ) AS t
        LEFT JOIN LATERAL (
            SELECT c.name, s.failure
            FROM @extschema@.backup_channel_list AS c
                JOIN @extschema@.backup_channel_state_data AS s ON s.channel OPERATOR(pg_catalog.=) c.name
            WHERE c.enabled AND c.inert IS NULL
                AND s.failing_since OPERATOR(pg_catalog.<) (pg_catalog.now() OPERATOR(pg_catalog.-) '15 min'::interval)
            ORDER BY s.failing_since, c.name
            LIMIT 1
        ) AS f ON true;
COMMENT ON VIEW @extschema@.backup_status_alarms IS
'part of backup_status: alarms';

CREATE FUNCTION @extschema@.backup_channel(
    name text,
    kind text,
    target text DEFAULT NULL,
    secret_file text DEFAULT NULL,
    level text DEFAULT 'warning',
    hold interval DEFAULT '1 min',
    remind interval DEFAULT '4 hours',
    every interval DEFAULT '5 min',
    schedule text DEFAULT NULL,
    sender text DEFAULT NULL,
    recipients text[] DEFAULT NULL,
    login text DEFAULT NULL,
    arguments text[] DEFAULT NULL,
    ca_file text DEFAULT NULL,
    proxy text DEFAULT NULL,
    plaintext boolean DEFAULT false,
    enabled boolean DEFAULT true
) RETURNS boolean
LANGUAGE C SET search_path = pg_catalog, pg_temp
AS 'MODULE_PATHNAME', 'bk_channel';
COMMENT ON FUNCTION @extschema@.backup_channel(text, text, text, text, text, interval, interval, interval, text, text, text[], text, text[], text, text, boolean, boolean) IS
'makes a channel, or puts it in the place of the one of this name; true if there was none';

CREATE FUNCTION @extschema@.backup_channel_drop(name text) RETURNS boolean
LANGUAGE C SET search_path = pg_catalog, pg_temp
AS 'MODULE_PATHNAME', 'bk_channel_drop';
COMMENT ON FUNCTION @extschema@.backup_channel_drop(text) IS
'removes a channel and what was to be sent by it; false if there is none';

CREATE FUNCTION @extschema@.backup_notify_test(channel text) RETURNS text
LANGUAGE C SET search_path = pg_catalog, pg_temp
AS 'MODULE_PATHNAME', 'bk_notify_test';
COMMENT ON FUNCTION @extschema@.backup_notify_test(text) IS
'sends a message by a channel that says that this is a test, and waits until it is taken';

REVOKE ALL ON @extschema@.backup_channel_data, @extschema@.backup_channel_state_data,
    @extschema@.backup_told_data, @extschema@.backup_notice_data,
    @extschema@.backup_channel_list, @extschema@.backup_status_alarms FROM PUBLIC;
REVOKE ALL ON FUNCTION
    @extschema@.backup_channel(text, text, text, text, text, interval, interval, interval, text, text, text[], text, text[], text, text, boolean, boolean),
    @extschema@.backup_channel_drop(text),
    @extschema@.backup_notify_test(text)
FROM PUBLIC;
GRANT SELECT ON @extschema@.backup_channel_list TO pg_monitor;
