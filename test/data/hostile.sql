-- hostile.sql - databases with names that are hard on shells, file systems, option
-- parsers and connection strings. Each holds one table, who(name text), with the
-- name of its database as the only row: it proves which database was dumped or
-- restored.
--
--   psql -X -q -d postgres -f hostile.sql [-v drop=on]
--
-- Databases that exist are left alone; with drop=on all of these names are dropped.
-- PostgreSQL 19 (and any server that refuses it) has no names with a newline or
-- carriage return: they are skipped. Needs a superuser, and UTF8 in template1.
-- Ends with a line for each name that exists: the name as JSON, ordered by bytes.
\set ON_ERROR_STOP on
\set QUIET on
\encoding UTF8
\pset pager off
\pset format unaligned
\pset tuples_only on
\if :{?drop} \else \set drop off \endif
SET client_min_messages = warning;
\set home :DBNAME
\set made '{}'

-- What is done for the name in :name. The text of a variable may hold commands; it
-- is one line for psql, so that a \\ has to end each of them.
SELECT $text$
	SELECT count(*) > 0 AS found FROM pg_catalog.pg_database WHERE datname = :'name' \gset \\
	SELECT :'name' ~ '[\n\r]' AS has_line_end,
	       :'name' ~ '[\n\r]' AND current_setting('server_version_num')::int >= 190000 AS refused,
	       'postgresql:///' || regexp_replace(encode(convert_to(:'name', 'UTF8'), 'hex'), '(..)', '%\1', 'g') AS conninfo,
	       to_json(:'name'::text) AS shown, :'made'::text[] || :'name'::text AS made \gset \\
	\if :drop \\
		DROP DATABASE IF EXISTS :"name";
	\elif :refused \\
		\warn skipped, the server refuses such names: :shown \\
	\elif :found \\
		\warn left alone, there is such a database: :shown \\
	\else \\
		\if :has_line_end \\
			\set ON_ERROR_STOP off \\
		\endif \\
		CREATE DATABASE :"name" TEMPLATE template0;
		\set refused :ERROR \\
		\set ON_ERROR_STOP on \\
		\if :refused \\
			\warn skipped, the server refused the name: :shown \\
		\else \\
			\connect -reuse-previous=on :conninfo \\
			SET client_min_messages = warning;
			CREATE TABLE public.who (name text);
			INSERT INTO public.who VALUES (:'name');
			SELECT 1 / (current_database() = :'name')::int AS connected_to_the_right_one \gset \\
		\endif \\
	\endif \\
$text$ AS make \gset

-- Options and connection strings. The names that lead to "postgres" when they are
-- taken for a connection string do so without an error.
SELECT '-Fc' AS name \gset
:make
SELECT '--help' AS name \gset
:make
SELECT '-' AS name \gset
:make
SELECT 'host=/tmp/x dbname=y' AS name \gset
:make
SELECT 'dbname=postgres' AS name \gset
:make
SELECT 'postgresql://h/x' AS name \gset
:make
SELECT 'postgres:///postgres' AS name \gset
:make
SELECT 'service=none' AS name \gset
:make
-- Quotes, line ends, white space
SELECT E'new\nline' AS name \gset
:make
SELECT E'carriage\rreturn' AS name \gset
:make
SELECT E'tab\t\u0001\u007Fcontrol' AS name \gset
:make
SELECT 'it''s "quoted"' AS name \gset
:make
SELECT '''' AS name \gset
:make
SELECT '"' AS name \gset
:make
SELECT 'back\slash' AS name \gset
:make
SELECT '\''\\"\' AS name \gset
:make
SELECT ' ' AS name \gset
:make
SELECT ' leading and trailing ' AS name \gset
:make
-- Shell, file system, URL, printf, patterns
SELECT '$(touch /tmp/pwned)' AS name \gset
:make
SELECT '`touch /tmp/pwned`; touch /tmp/pwned & | > <' AS name \gset
:make
SELECT '../../x' AS name \gset
:make
SELECT '.' AS name \gset
:make
SELECT '..' AS name \gset
:make
SELECT '/absolute/path' AS name \gset
:make
SELECT '%2e%2e' AS name \gset
:make
SELECT '%2F..%00%s%n' AS name \gset
:make
SELECT 'a?b=c&d#e+f~g' AS name \gset
:make
SELECT '*' AS name \gset
:make
SELECT '{}[a-z]' AS name \gset
:make
-- Names that look like others; names of 63 bytes, also two with the same 62 at first
SELECT 'template' AS name \gset
:make
SELECT 'template1 ' AS name \gset
:make
SELECT 'Template0' AS name \gset
:make
SELECT 'Postgres' AS name \gset
:make
SELECT 'replication' AS name \gset
:make
SELECT 'all' AS name \gset
:make
SELECT 'select' AS name \gset
:make
SELECT E'caf\u00e9' AS name \gset
:make
SELECT E'cafe\u0301' AS name \gset
:make
SELECT repeat('ж', 31) || 'x' AS name \gset
:make
SELECT repeat('ж', 31) || 'y' AS name \gset
:make
SELECT repeat('😀', 15) || '.gz' AS name \gset
:make

SELECT 'postgresql:///' || regexp_replace(encode(convert_to(:'home', 'UTF8'), 'hex'), '(..)', '%\1', 'g') AS conninfo \gset
\connect -reuse-previous=on :conninfo
SELECT to_json(datname::text) FROM pg_catalog.pg_database
 WHERE datname = ANY (:'made'::text[]) ORDER BY datname::text COLLATE "C";
