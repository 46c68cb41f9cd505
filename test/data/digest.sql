-- digest.sql - one line for each table, partition, materialized view, sequence and
-- large object of the current database, with its number of rows and a digest of
-- them that does not depend on their order. Equal output means equal data (between
-- servers of one major version: 19 writes pg_lsn in another way than 18).
--
--   psql -X -q -d DATABASE -f digest.sql
--
-- Lines: kind, name, rows (bytes of a large object), digest; separated by tabs.
-- Names are written as JSON strings, so that every name stays on its line.
--   table, partition, matview   digest of the rows of this relation alone
--   partitioned                 digest of the rows of all its partitions
--   sequence                    last value and whether it was handed out
-- Rows that cannot or must not be read have a word in place of the digest:
-- "unpopulated" materialized views, partitioned tables with "foreign" partitions,
-- "unlogged" relations on a standby. Foreign tables and columns that were dropped
-- do not count. Works in a read-only transaction, creates nothing.
\set ON_ERROR_STOP on
\set QUIET on
\pset format unaligned
\pset tuples_only on
\pset fieldsep '\t'
\pset null ''
\pset pager off
\encoding UTF8
BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY;
-- Everything on which the text of a row depends, also when the database has settings
SET LOCAL search_path = pg_catalog;
SET LOCAL datestyle = 'ISO, YMD';
SET LOCAL intervalstyle = 'postgres';
SET LOCAL timezone = 'UTC';
SET LOCAL extra_float_digits = 1;
SET LOCAL bytea_output = 'hex';
SET LOCAL xmlbinary = 'base64';
SET LOCAL lc_monetary = 'C';
SET LOCAL quote_all_identifiers = off;
SET LOCAL row_security = off;
SET LOCAL statement_timeout = 0;
SET LOCAL client_min_messages = warning;

WITH relation AS (
	SELECT c.oid, c.relkind, c.relispartition, c.relispopulated,
	       format('%I.%I', n.nspname, c.relname) AS sql_name,
	       to_json(n.nspname) || '.' || to_json(c.relname) AS name,
	       CASE WHEN c.relpersistence = 'u' AND pg_is_in_recovery() THEN 'unlogged'
	            WHEN NOT c.relispopulated THEN 'unpopulated'
	            WHEN c.relkind = 'p' AND EXISTS (SELECT FROM pg_partition_tree(c.oid) p
	                 JOIN pg_class f ON f.oid = p.relid WHERE f.relkind = 'f') THEN 'foreign'
	       END AS unreadable
	  FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
	 WHERE c.relkind IN ('r', 'p', 'm', 'S') AND c.relpersistence <> 't'
	   AND n.nspname NOT IN ('pg_catalog', 'information_schema', 'pg_toast')
), line AS (
	SELECT CASE relkind WHEN 'p' THEN 'partitioned' WHEN 'm' THEN 'matview' WHEN 'S' THEN 'sequence'
	            ELSE CASE WHEN relispartition THEN 'partition' ELSE 'table' END END AS kind, *
	  FROM relation
)
SELECT CASE
	WHEN unreadable IS NOT NULL THEN
		format('SELECT %L, %L, NULL, %L', kind, name, unreadable)
	WHEN relkind = 'S' THEN
		format('SELECT %L, %L, 1, last_value || CASE WHEN is_called THEN '' called'' ELSE '' not called'' END FROM %s',
			kind, name, sql_name)
	ELSE
		format('SELECT %L, %L, count(*), encode(sha256(convert_to(coalesce(string_agg(h, '''' ORDER BY h), ''''), ''UTF8'')), ''hex'')
		          FROM (SELECT encode(sha256(convert_to((digest_row.*)::text, getdatabaseencoding())), ''hex'') COLLATE "C" AS h
		                  FROM %s %s AS digest_row) AS digest_rows',
			kind, name, CASE relkind WHEN 'r' THEN 'ONLY' ELSE '' END, sql_name)
	END
  FROM line ORDER BY name COLLATE "C", kind COLLATE "C" \gexec

-- Large objects by pieces of 1 MB: of any size, and holes read as zeros
SELECT format('SELECT ''large object'', %L, %s, encode(sha256(convert_to(coalesce(string_agg(
		encode(sha256(lo_get(%s, piece * 1048576, 1048576)), ''hex''), '''' ORDER BY piece), ''''), ''UTF8'')), ''hex'')
	  FROM generate_series(0, (%s::bigint - 1) / 1048576) piece WHERE %s > 0', m.oid, size, m.oid, size, size)
  FROM pg_largeobject_metadata m CROSS JOIN LATERAL (
	SELECT coalesce(max(pageno * (current_setting('block_size')::bigint / 4) + octet_length(data)), 0) AS size
	  FROM pg_largeobject l WHERE l.loid = m.oid) s
 ORDER BY m.oid \gexec
COMMIT;
