-- everything.sql - one application schema with every kind of object and every
-- kind of value that pg_dump handles, for round-trip tests of backup and restore.
--
--   psql -X -d DATABASE -f everything.sql [-v rows=N] [-v subscription=off]
--        [-v tablespace=NAME] [-v traps=on]
--
-- Needs an empty UTF8 database, a superuser, PostgreSQL 15 to 19 and the contrib
-- modules. Two loads give equal dumps and equal rows: no clock, no random numbers.
-- It may be loaded into many databases of a cluster; roles are made once and
-- start with bkt_. A database with a subscription cannot be dropped before
-- DROP SUBSCRIPTION: -v subscription=off leaves it out. With -v traps=on there is a
-- schema "traps" too: pg_restore gets it right, but pg_restore --jobs may fail or,
-- worse, change rows without an error. All the rest is safe with --jobs.
--
-- Left out because a dump and restore does not keep them as they are:
--   columns added to an inheritance parent after the child (order of columns),
--   hash partitions on enums (rows change partition), varchar IN lists in
--   constraints (text of the expression changes once).
-- Not here either: security labels, which need a provider in the server.
\set ON_ERROR_STOP on
\set QUIET on
\pset pager off
\pset footer off
\encoding UTF8
\if :{?rows} \else \set rows 50000 \endif
\if :{?traps} \else \set traps off \endif
\if :{?subscription} \else \set subscription on \endif
SET client_min_messages = error;
SET standard_conforming_strings = on;
SET timezone = 'UTC';
SET datestyle = 'ISO, YMD';
SET intervalstyle = 'postgres';
SET lc_monetary = 'C';
SET xmloption = 'content';
SET check_function_bodies = on;
SET default_table_access_method = 'heap';
SET search_path = app, "Ext-Schäma", public;
\o /dev/null

SELECT getdatabaseencoding() <> 'UTF8' AS wrong_encoding,
       count(*) FILTER (WHERE collprovider = 'i') > 0 AS has_icu,
       current_setting('server_version_num')::int >= 160000 AS pg16,
       current_setting('server_version_num')::int >= 170000 AS pg17,
       current_setting('server_version_num')::int >= 180000 AS pg18,
       current_setting('server_version_num')::int >= 190000 AS pg19
  FROM pg_catalog.pg_collation \gset
SELECT 'lz4' = ANY (enumvals) AS has_lz4
  FROM pg_catalog.pg_settings WHERE name = 'default_toast_compression' \gset
\if :wrong_encoding
	DO $$ BEGIN RAISE EXCEPTION 'everything.sql needs a database with encoding UTF8'; END $$;
\endif
DO $$
BEGIN
	PERFORM pg_catalog.xmlcomment('x');
	PERFORM pg_catalog.set_config('bkt.has_xml', 'true', false);
EXCEPTION WHEN feature_not_supported THEN
	PERFORM pg_catalog.set_config('bkt.has_xml', 'false', false);
END $$;
SELECT current_setting('bkt.has_xml') AS has_xml \gset

-------------------------------------------------------------------------------
-- Roles (of the cluster: made only when missing) and their settings
-------------------------------------------------------------------------------
SELECT format('CREATE ROLE %I %s', name, options)
  FROM (VALUES ('bkt_owner', 'LOGIN CREATEDB'), ('bkt_writer', 'LOGIN'),
               ('bkt_reader', 'NOLOGIN'), ('bkt_group', 'NOLOGIN NOINHERIT CONNECTION LIMIT 3'),
               ('bkt_Hard "role"''s $(x) \ % ü', 'NOLOGIN')) AS r (name, options)
 WHERE NOT EXISTS (SELECT FROM pg_catalog.pg_roles WHERE rolname = name) \gexec
GRANT bkt_group TO bkt_writer WITH ADMIN OPTION;
GRANT bkt_reader TO bkt_owner, bkt_writer;
GRANT SET ON PARAMETER log_min_duration_statement TO bkt_owner;
COMMENT ON ROLE bkt_owner IS 'owns most of the test objects';
ALTER ROLE bkt_reader SET statement_timeout = '10min';

-------------------------------------------------------------------------------
-- The database itself: owner, limit, ACL, comment, settings
-------------------------------------------------------------------------------
SELECT format(command, current_database())
  FROM (VALUES
	(1, 'ALTER DATABASE %I OWNER TO bkt_owner'),
	(2, 'ALTER DATABASE %I CONNECTION LIMIT 77'),
	(3, 'ALTER DATABASE %I SET work_mem = ''9MB'''),
	(4, 'ALTER DATABASE %I SET search_path = "$user", public, app, "UPPER Case", "bkt ""quoted"" ''name''"'),
	(5, 'ALTER DATABASE %I SET datestyle = ''German, DMY'''),
	(6, 'ALTER DATABASE %I SET intervalstyle = ''sql_standard'''),
	(7, 'ALTER DATABASE %I SET extra_float_digits = -5'),
	(8, 'ALTER DATABASE %I SET bkt.note = E''it''''s "hard" \\ \t $(x) %% \U0001F600'''),
	(9, 'ALTER ROLE bkt_writer IN DATABASE %I SET work_mem = ''3MB'''),
	(10, 'ALTER ROLE bkt_writer IN DATABASE %I SET timezone = ''Asia/Kathmandu'''),
	(11, 'ALTER ROLE "bkt_Hard ""role""''s $(x) \ %% ü" IN DATABASE %I SET bkt.note = ''a''''b\c'''),
	(12, 'REVOKE TEMPORARY ON DATABASE %I FROM PUBLIC'),
	(13, 'GRANT CREATE, CONNECT ON DATABASE %I TO bkt_writer WITH GRANT OPTION'),
	(14, 'GRANT TEMPORARY ON DATABASE %I TO bkt_group'),
	(15, 'COMMENT ON DATABASE %I IS E''comment of the database: ''''"\\ \n second line $(x) %%''')
  ) AS c (n, command) ORDER BY n \gexec

-------------------------------------------------------------------------------
-- Default privileges, schemas, extensions
-------------------------------------------------------------------------------
CREATE SCHEMA app AUTHORIZATION bkt_owner;
CREATE SCHEMA secret AUTHORIZATION "bkt_Hard ""role""'s $(x) \ % ü";
CREATE SCHEMA "Ext-Schäma";
COMMENT ON SCHEMA app IS 'the application';
COMMENT ON SCHEMA public IS 'changed comment of public';
GRANT USAGE ON SCHEMA app TO PUBLIC;
GRANT CREATE ON SCHEMA app TO bkt_writer WITH GRANT OPTION;
GRANT CREATE ON SCHEMA public TO bkt_writer;
REVOKE USAGE ON SCHEMA public FROM PUBLIC;
ALTER DEFAULT PRIVILEGES FOR ROLE bkt_owner REVOKE EXECUTE ON FUNCTIONS FROM PUBLIC;
ALTER DEFAULT PRIVILEGES FOR ROLE bkt_owner REVOKE USAGE ON TYPES FROM PUBLIC;
ALTER DEFAULT PRIVILEGES FOR ROLE bkt_owner GRANT USAGE ON SCHEMAS TO bkt_reader;
ALTER DEFAULT PRIVILEGES FOR ROLE bkt_owner IN SCHEMA app GRANT SELECT ON TABLES TO bkt_reader;
ALTER DEFAULT PRIVILEGES FOR ROLE bkt_writer IN SCHEMA app
	GRANT ALL ON SEQUENCES TO bkt_owner WITH GRANT OPTION;
\if :pg18
	ALTER DEFAULT PRIVILEGES FOR ROLE bkt_owner GRANT SELECT ON LARGE OBJECTS TO bkt_reader;
\endif

CREATE EXTENSION pgcrypto WITH SCHEMA "Ext-Schäma";
CREATE EXTENSION citext WITH SCHEMA "Ext-Schäma";
CREATE EXTENSION hstore WITH SCHEMA public;
CREATE EXTENSION pg_trgm WITH SCHEMA "Ext-Schäma";
CREATE EXTENSION btree_gist WITH SCHEMA "Ext-Schäma";
CREATE EXTENSION postgres_fdw WITH SCHEMA "Ext-Schäma";
CREATE EXTENSION file_fdw WITH SCHEMA "Ext-Schäma";
COMMENT ON EXTENSION citext IS 'changed comment of an extension';
-- Changed rights of members of an extension and of a system function
REVOKE EXECUTE ON FUNCTION "Ext-Schäma".digest(text, text) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION "Ext-Schäma".digest(text, text) TO bkt_writer;
GRANT EXECUTE ON FUNCTION pg_catalog.pg_ls_archive_statusdir() TO bkt_reader;
GRANT USAGE ON FOREIGN DATA WRAPPER postgres_fdw TO bkt_writer;

-------------------------------------------------------------------------------
-- Languages, access methods, conversions, collations, text search
-------------------------------------------------------------------------------
CREATE FUNCTION app.bkt_call_handler() RETURNS language_handler
	LANGUAGE c AS '$libdir/plpgsql', 'plpgsql_call_handler';
CREATE FUNCTION app.bkt_inline_handler(internal) RETURNS void STRICT
	LANGUAGE c AS '$libdir/plpgsql', 'plpgsql_inline_handler';
CREATE FUNCTION app.bkt_validator(oid) RETURNS void STRICT
	LANGUAGE c AS '$libdir/plpgsql', 'plpgsql_validator';
CREATE TRUSTED LANGUAGE bkt_lang
	HANDLER app.bkt_call_handler INLINE app.bkt_inline_handler VALIDATOR app.bkt_validator;
ALTER LANGUAGE bkt_lang OWNER TO bkt_owner;
COMMENT ON LANGUAGE bkt_lang IS 'plpgsql by another name';
REVOKE USAGE ON LANGUAGE bkt_lang FROM PUBLIC;
GRANT USAGE ON LANGUAGE bkt_lang TO bkt_writer;
CREATE ACCESS METHOD heap2 TYPE TABLE HANDLER heap_tableam_handler;
CREATE ACCESS METHOD gist2 TYPE INDEX HANDLER gisthandler;
COMMENT ON ACCESS METHOD heap2 IS 'heap by another name';
CREATE CONVERSION app.bkt_latin1 FOR 'LATIN1' TO 'UTF8' FROM iso8859_1_to_utf8;
CREATE DEFAULT CONVERSION app.bkt_latin1_default FOR 'LATIN1' TO 'UTF8' FROM iso8859_1_to_utf8;
COMMENT ON CONVERSION app.bkt_latin1 IS 'comment of a conversion';
ALTER CONVERSION app.bkt_latin1 OWNER TO bkt_owner;
CREATE TRANSFORM FOR int LANGUAGE sql
	(FROM SQL WITH FUNCTION prsd_lextype(internal), TO SQL WITH FUNCTION int4recv(internal));
COMMENT ON TRANSFORM FOR int LANGUAGE sql IS 'comment of a transform';
CREATE COLLATION app.plain FROM "C";
CREATE COLLATION app.posix (LC_COLLATE = 'POSIX', LC_CTYPE = 'C');
\if :has_icu
	CREATE COLLATION app.nocase (PROVIDER = icu, LOCALE = 'und-u-ks-level2', DETERMINISTIC = false);
	CREATE COLLATION app.phonebook (PROVIDER = icu, LOCALE = 'de-u-co-phonebk');
\else
	CREATE COLLATION app.nocase FROM "C";
	CREATE COLLATION app.phonebook FROM "C";
\endif
SELECT :'pg16'::bool AND :'has_icu'::bool AS has_rules \gset
\if :has_rules
	CREATE COLLATION app.with_rules (PROVIDER = icu, LOCALE = 'und', RULES = '& V << w <<< W');
\endif
\if :pg17
	CREATE COLLATION app.built_in (PROVIDER = builtin, LOCALE = 'C.UTF-8');
\endif
COMMENT ON COLLATION app.nocase IS 'comment of a collation';
ALTER COLLATION app.nocase OWNER TO bkt_owner;

CREATE TEXT SEARCH PARSER app.bkt_parser (START = prsd_start, GETTOKEN = prsd_nexttoken,
	END = prsd_end, LEXTYPES = prsd_lextype, HEADLINE = prsd_headline);
CREATE TEXT SEARCH TEMPLATE app.bkt_template (INIT = dsimple_init, LEXIZE = dsimple_lexize);
CREATE TEXT SEARCH DICTIONARY app.bkt_stop (TEMPLATE = app.bkt_template, STOPWORDS = english, ACCEPT = false);
CREATE TEXT SEARCH DICTIONARY app.bkt_stem (TEMPLATE = snowball, LANGUAGE = german, STOPWORDS = german);
CREATE TEXT SEARCH CONFIGURATION app.bkt_search (PARSER = app.bkt_parser);
ALTER TEXT SEARCH CONFIGURATION app.bkt_search
	ADD MAPPING FOR asciiword, word WITH app.bkt_stop, app.bkt_stem, simple;
ALTER TEXT SEARCH CONFIGURATION app.bkt_search ADD MAPPING FOR numword, email, url, int WITH simple;
CREATE TEXT SEARCH CONFIGURATION app.bkt_copy (COPY = pg_catalog.french);
COMMENT ON TEXT SEARCH PARSER app.bkt_parser IS 'comment of a parser';
COMMENT ON TEXT SEARCH TEMPLATE app.bkt_template IS 'comment of a template';
COMMENT ON TEXT SEARCH DICTIONARY app.bkt_stop IS 'comment of a dictionary';
COMMENT ON TEXT SEARCH CONFIGURATION app.bkt_search IS 'comment of a configuration';
ALTER TEXT SEARCH DICTIONARY app.bkt_stem OWNER TO bkt_owner;
ALTER TEXT SEARCH CONFIGURATION app.bkt_search OWNER TO bkt_owner;

-------------------------------------------------------------------------------
-- Types: enum, domain, composite, range, base, shell; casts and operators
-------------------------------------------------------------------------------
CREATE TYPE app.mood AS ENUM ('sad', 'happy');
ALTER TYPE app.mood ADD VALUE 'ok' AFTER 'sad';
ALTER TYPE app.mood ADD VALUE 'furious' BEFORE 'sad';
ALTER TYPE app.mood ADD VALUE 'so-so' BEFORE 'ok';
ALTER TYPE app.mood ADD VALUE E'it''s "hard"\\\n$(x) 😀';
ALTER TYPE app.mood RENAME VALUE 'happy' TO 'glad';
ALTER TYPE app.mood OWNER TO bkt_owner;
COMMENT ON TYPE app.mood IS 'values were added in the middle';
GRANT USAGE ON TYPE app.mood TO bkt_writer WITH GRANT OPTION;
CREATE TYPE app.empty_enum AS ENUM ();

CREATE DOMAIN app.positive AS integer DEFAULT 7 NOT NULL CONSTRAINT is_positive CHECK (VALUE > 0);
CREATE DOMAIN app.small_positive AS app.positive DEFAULT 3 CHECK (VALUE < 1000) CHECK (VALUE <> 13);
CREATE DOMAIN app.postcode AS text COLLATE "C" DEFAULT '00000'
	CONSTRAINT "it's a ""postcode""" CHECK (VALUE ~ '^\d{5}$');
CREATE DOMAIN app.tags AS text[] CHECK (array_length(VALUE, 1) < 5 OR VALUE = '{}');
CREATE DOMAIN app.late AS integer;
COMMENT ON DOMAIN app.positive IS 'comment of a domain';
COMMENT ON CONSTRAINT is_positive ON DOMAIN app.positive IS 'comment of a domain constraint';
ALTER DOMAIN app.positive OWNER TO bkt_owner;
GRANT USAGE ON DOMAIN app.postcode TO bkt_reader;

CREATE TYPE app.money_amount AS (currency text COLLATE "C", gone integer, amount numeric(12,2));
ALTER TYPE app.money_amount DROP ATTRIBUTE gone;
ALTER TYPE app.money_amount ADD ATTRIBUTE "Höhe ""x""" app.mood;
CREATE TYPE app.pair AS (a app.money_amount, b app.money_amount[], c app.postcode);
CREATE TYPE app.no_columns AS ();
CREATE DOMAIN app.valid_amount AS app.money_amount CHECK ((VALUE).amount IS NULL OR (VALUE).amount >= 0);
COMMENT ON TYPE app.money_amount IS 'comment of a composite type';
COMMENT ON COLUMN app.money_amount.currency IS 'comment of an attribute';
ALTER TYPE app.pair OWNER TO bkt_owner;

CREATE FUNCTION app.float_gap(float8, float8) RETURNS float8
	LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE AS 'SELECT $1 - $2';
CREATE TYPE app.temperature AS RANGE (SUBTYPE = float8, SUBTYPE_DIFF = app.float_gap,
	MULTIRANGE_TYPE_NAME = app.temperatures);
CREATE TYPE app.word_range AS RANGE (SUBTYPE = text, SUBTYPE_OPCLASS = text_pattern_ops, COLLATION = "C");
CREATE TYPE app.day_range;
CREATE FUNCTION app.day_range_canonical(app.day_range) RETURNS app.day_range
	LANGUAGE internal IMMUTABLE STRICT PARALLEL SAFE AS 'daterange_canonical';
CREATE TYPE app.day_range AS RANGE (SUBTYPE = date, CANONICAL = app.day_range_canonical,
	SUBTYPE_DIFF = daterange_subdiff);
COMMENT ON TYPE app.temperature IS 'comment of a range type';

-- A base type that is an integer, with operators, and one that is a varchar(n)
CREATE TYPE app.int42;
CREATE FUNCTION app.int42_in(cstring) RETURNS app.int42 LANGUAGE internal IMMUTABLE STRICT AS 'int4in';
CREATE FUNCTION app.int42_out(app.int42) RETURNS cstring LANGUAGE internal IMMUTABLE STRICT AS 'int4out';
CREATE TYPE app.int42 (INPUT = app.int42_in, OUTPUT = app.int42_out, INTERNALLENGTH = 4,
	PASSEDBYVALUE, ALIGNMENT = int4, DEFAULT = 42, CATEGORY = 'X', PREFERRED = true);
CREATE TYPE app.code;
CREATE FUNCTION app.code_in(cstring, oid, integer) RETURNS app.code
	LANGUAGE internal IMMUTABLE STRICT AS 'varcharin';
CREATE FUNCTION app.code_out(app.code) RETURNS cstring LANGUAGE internal IMMUTABLE STRICT AS 'varcharout';
CREATE FUNCTION app.code_recv(internal, oid, integer) RETURNS app.code
	LANGUAGE internal IMMUTABLE STRICT AS 'varcharrecv';
CREATE FUNCTION app.code_send(app.code) RETURNS bytea LANGUAGE internal STABLE STRICT AS 'varcharsend';
CREATE TYPE app.code (INPUT = app.code_in, OUTPUT = app.code_out, RECEIVE = app.code_recv,
	SEND = app.code_send, TYPMOD_IN = varchartypmodin, TYPMOD_OUT = varchartypmodout,
	INTERNALLENGTH = VARIABLE, STORAGE = external, DELIMITER = ';', COLLATABLE = true);
CREATE TYPE app.never_defined;
COMMENT ON TYPE app.int42 IS 'comment of a base type';
ALTER TYPE app.int42 OWNER TO bkt_owner;

SELECT format('CREATE FUNCTION app.int42_%s(app.int42, app.int42) RETURNS %s
               LANGUAGE internal IMMUTABLE STRICT LEAKPROOF PARALLEL SAFE AS %L', name, type, internal)
  FROM (VALUES ('lt', 'bool', 'int4lt'), ('le', 'bool', 'int4le'), ('eq', 'bool', 'int4eq'),
               ('ne', 'bool', 'int4ne'), ('ge', 'bool', 'int4ge'), ('gt', 'bool', 'int4gt'),
               ('cmp', 'int', 'btint4cmp'), ('pl', 'app.int42', 'int4pl'))
       AS f (name, type, internal) \gexec
CREATE FUNCTION app.int42_hash(app.int42) RETURNS int LANGUAGE internal IMMUTABLE STRICT AS 'hashint4';
CREATE FUNCTION app.int42_hash64(app.int42, bigint) RETURNS bigint
	LANGUAGE internal IMMUTABLE STRICT AS 'hashint4extended';
CREATE FUNCTION app.int42_minus(app.int42) RETURNS app.int42 LANGUAGE internal IMMUTABLE STRICT AS 'int4um';
CREATE FUNCTION app.int42_eq_int(app.int42, int) RETURNS bool LANGUAGE internal IMMUTABLE STRICT AS 'int4eq';
CREATE FUNCTION app.int42_cmp_int(app.int42, int) RETURNS int LANGUAGE internal IMMUTABLE STRICT AS 'btint4cmp';
CREATE OPERATOR app.= (FUNCTION = app.int42_eq, LEFTARG = app.int42, RIGHTARG = app.int42,
	COMMUTATOR = OPERATOR(app.=), NEGATOR = OPERATOR(app.<>),
	RESTRICT = eqsel, JOIN = eqjoinsel, HASHES, MERGES);
CREATE OPERATOR app.<> (FUNCTION = app.int42_ne, LEFTARG = app.int42, RIGHTARG = app.int42,
	COMMUTATOR = OPERATOR(app.<>), NEGATOR = OPERATOR(app.=), RESTRICT = neqsel, JOIN = neqjoinsel);
CREATE OPERATOR app.< (FUNCTION = app.int42_lt, LEFTARG = app.int42, RIGHTARG = app.int42,
	COMMUTATOR = OPERATOR(app.>), NEGATOR = OPERATOR(app.>=), RESTRICT = scalarltsel, JOIN = scalarltjoinsel);
CREATE OPERATOR app.<= (FUNCTION = app.int42_le, LEFTARG = app.int42, RIGHTARG = app.int42,
	COMMUTATOR = OPERATOR(app.>=), NEGATOR = OPERATOR(app.>), RESTRICT = scalarlesel, JOIN = scalarlejoinsel);
CREATE OPERATOR app.>= (FUNCTION = app.int42_ge, LEFTARG = app.int42, RIGHTARG = app.int42,
	COMMUTATOR = OPERATOR(app.<=), NEGATOR = OPERATOR(app.<), RESTRICT = scalargesel, JOIN = scalargejoinsel);
CREATE OPERATOR app.> (FUNCTION = app.int42_gt, LEFTARG = app.int42, RIGHTARG = app.int42,
	COMMUTATOR = OPERATOR(app.<), NEGATOR = OPERATOR(app.<=), RESTRICT = scalargtsel, JOIN = scalargtjoinsel);
CREATE OPERATOR app.|#+#| (FUNCTION = app.int42_pl, LEFTARG = app.int42, RIGHTARG = app.int42,
	COMMUTATOR = OPERATOR(app.|#+#|));
CREATE OPERATOR app.!! (FUNCTION = app.int42_minus, RIGHTARG = app.int42);
CREATE OPERATOR app.= (FUNCTION = app.int42_eq_int, LEFTARG = app.int42, RIGHTARG = int);
COMMENT ON OPERATOR app.|#+#| (app.int42, app.int42) IS 'comment of an operator';
COMMENT ON OPERATOR app.!! (NONE, app.int42) IS 'comment of a prefix operator';
ALTER OPERATOR app.!! (NONE, app.int42) OWNER TO bkt_owner;
CREATE OPERATOR FAMILY app.int42_family USING btree;
CREATE OPERATOR CLASS app.int42_ops DEFAULT FOR TYPE app.int42 USING btree FAMILY app.int42_family AS
	OPERATOR 1 app.<, OPERATOR 2 app.<=, OPERATOR 3 app.=, OPERATOR 4 app.>=, OPERATOR 5 app.>,
	FUNCTION 1 app.int42_cmp(app.int42, app.int42);
ALTER OPERATOR FAMILY app.int42_family USING btree ADD
	OPERATOR 3 app.= (app.int42, int), FUNCTION 1 (app.int42, int) app.int42_cmp_int(app.int42, int);
CREATE OPERATOR CLASS app.int42_hash_ops DEFAULT FOR TYPE app.int42 USING hash AS
	OPERATOR 1 app.=, FUNCTION 1 app.int42_hash(app.int42), FUNCTION 2 app.int42_hash64(app.int42, bigint);
CREATE OPERATOR FAMILY app.lonely_family USING gin;
CREATE OPERATOR CLASS app.point_ops2 FOR TYPE point USING gist AS
	OPERATOR 15 <->(point, point) FOR ORDER BY float_ops, OPERATOR 28 <@(point, box),
	FUNCTION 1 gist_point_consistent(internal, point, smallint, oid, internal),
	FUNCTION 2 gist_box_union(internal, internal), FUNCTION 3 gist_point_compress(internal),
	FUNCTION 5 gist_box_penalty(internal, internal, internal), FUNCTION 6 gist_box_picksplit(internal, internal),
	FUNCTION 7 gist_box_same(box, box, internal),
	FUNCTION 8 (point, point) gist_point_distance(internal, point, smallint, oid, internal),
	FUNCTION 9 (point, point) gist_point_fetch(internal), STORAGE box;
COMMENT ON OPERATOR FAMILY app.int42_family USING btree IS 'comment of an operator family';
COMMENT ON OPERATOR CLASS app.int42_ops USING btree IS 'comment of an operator class';
ALTER OPERATOR FAMILY app.int42_family USING btree OWNER TO bkt_owner;
ALTER OPERATOR CLASS app.int42_ops USING btree OWNER TO bkt_owner;

CREATE FUNCTION app.mood_number(app.mood) RETURNS integer LANGUAGE sql IMMUTABLE STRICT
	AS $$ SELECT pg_catalog.array_position(pg_catalog.enum_range(NULL::app.mood), $1) $$;
CREATE CAST (app.mood AS integer) WITH FUNCTION app.mood_number(app.mood) AS ASSIGNMENT;
CREATE CAST (app.code AS text) WITHOUT FUNCTION AS IMPLICIT;
CREATE CAST (app.money_amount AS text) WITH INOUT;
CREATE CAST (app.int42 AS bigint) WITH INOUT AS ASSIGNMENT;
COMMENT ON CAST (app.mood AS integer) IS 'comment of a cast';

-------------------------------------------------------------------------------
-- Plain tables of an application, keys of all kinds
-------------------------------------------------------------------------------
CREATE SEQUENCE app.shared_seq AS bigint START 1000 INCREMENT 10 CACHE 20;
CREATE SEQUENCE app.down_seq AS smallint INCREMENT -3 MINVALUE -300 MAXVALUE 30 START 30 CYCLE;
CREATE SEQUENCE app.untouched_seq;
CREATE UNLOGGED SEQUENCE app.unlogged_seq MAXVALUE 99;
COMMENT ON SEQUENCE app.shared_seq IS 'used by two tables';
ALTER SEQUENCE app.down_seq OWNER TO bkt_owner;
GRANT USAGE, SELECT ON SEQUENCE app.shared_seq TO bkt_writer WITH GRANT OPTION;
GRANT UPDATE ON SEQUENCE app.down_seq TO PUBLIC;
SELECT nextval('app.shared_seq'), nextval('app.shared_seq'), nextval('app.down_seq'),
       nextval('app.down_seq'), setval('app.unlogged_seq', 42, false);

CREATE TABLE app.department (
	id smallserial PRIMARY KEY,
	name text COLLATE app.nocase NOT NULL UNIQUE,
	head_id integer
);
CREATE TABLE app.employee (
	id integer GENERATED BY DEFAULT AS IDENTITY
		(SEQUENCE NAME app."Employee ""id"" seq" START WITH 100 INCREMENT BY 5 MINVALUE 50 MAXVALUE 9999 CACHE 2 CYCLE)
		PRIMARY KEY,
	department_id smallint NOT NULL REFERENCES app.department ON DELETE RESTRICT,
	boss_id integer CONSTRAINT boss REFERENCES app.employee ON DELETE SET NULL DEFERRABLE,
	email "Ext-Schäma".citext UNIQUE,
	mood app.mood DEFAULT 'so-so',
	salary app.money_amount,
	postcode app.postcode,
	attributes public.hstore DEFAULT 'a=>1'::public.hstore,
	CHECK (email <> 'root@example.org'::"Ext-Schäma".citext)
);
ALTER TABLE app.department ADD CONSTRAINT head FOREIGN KEY (head_id) REFERENCES app.employee
	ON UPDATE CASCADE DEFERRABLE INITIALLY DEFERRED;
BEGIN;
INSERT INTO app.department (name, head_id) VALUES ('Sales', 100), ('Ärzte', 105), ('empty', NULL);
INSERT INTO app.employee (department_id, boss_id, email, mood, salary, postcode) VALUES
	(1, NULL, 'Anna@Example.org', 'glad', ROW('EUR', 5000.50, 'ok'), '01234'),
	(2, 100, 'b@example.org', E'it''s "hard"\\\n$(x) 😀', ROW(NULL, NULL, NULL), DEFAULT),
	(1, 105, NULL, NULL, NULL, NULL);
INSERT INTO app.employee (id, department_id, attributes) VALUES (77, 2, '"k \"1\" =>"=>NULL, "\\"=>"x, y=>z"');
COMMIT;
UPDATE app.employee SET boss_id = 77 WHERE id = 100;
SELECT setval('app.department_id_seq', 300);

CREATE TABLE app.customer (
	id bigint GENERATED ALWAYS AS IDENTITY (INCREMENT BY -1 MINVALUE -1000000 START WITH -1),
	region text NOT NULL,
	name varchar(40) DEFAULT 'it''s "new" \ $(x) %',
	tags app.tags DEFAULT '{}',
	reference bigint DEFAULT nextval('app.shared_seq') UNIQUE DEFERRABLE INITIALLY DEFERRED,
	gone text,
	name_length integer GENERATED ALWAYS AS (length(name)) STORED,
	search tsvector GENERATED ALWAYS AS (to_tsvector('app.bkt_search'::regconfig, coalesce(name, '')::text)) STORED,
	PRIMARY KEY (region, id) INCLUDE (name) WITH (fillfactor = 80),
	CONSTRAINT "hard ""check"" %" CHECK (name <> 'a''b\c' AND length(name) >= 0),
	CONSTRAINT twins UNIQUE NULLS NOT DISTINCT (name, tags)
);
ALTER TABLE app.customer DROP COLUMN gone;
ALTER TABLE app.customer ADD COLUMN since date DEFAULT '2020-02-29';
INSERT INTO app.customer (region, name, tags) VALUES
	('eu', 'Zoë running dogs', '{a,b}'), ('eu', NULL, NULL), ('us', '', '{}'), ('us', DEFAULT, '{NULL,"NULL",""}');
ALTER TABLE app.customer ADD COLUMN added_later text NOT NULL DEFAULT 'fast default'; -- kept in the catalog
COMMENT ON TABLE app.customer IS E'comment with ''quotes'' "double" \\ backslash\nnewline, $$ and $(x), \\.\n\\.\n%s 😀';
COMMENT ON COLUMN app.customer.name IS 'comment of a column';
COMMENT ON CONSTRAINT twins ON app.customer IS 'comment of a constraint';
COMMENT ON INDEX app.customer_pkey IS 'comment of an index';

CREATE TABLE app.order_line (
	region text, customer_id bigint, line integer, partner_id bigint,
	reference bigint DEFAULT nextval('app.shared_seq'),
	quantity app.small_positive, price numeric(10, 2) NOT NULL DEFAULT 9.99,
	valid tstzrange DEFAULT '[2020-01-01 00:00+00,)', slot integer, shop integer,
	CONSTRAINT line_key PRIMARY KEY (customer_id, line) DEFERRABLE,
	CONSTRAINT composite FOREIGN KEY (region, customer_id) REFERENCES app.customer (region, id)
		MATCH FULL ON UPDATE CASCADE ON DELETE CASCADE,
	CONSTRAINT some_columns FOREIGN KEY (region, partner_id) REFERENCES app.customer (region, id)
		ON DELETE SET NULL (partner_id) ON UPDATE SET DEFAULT,
	CONSTRAINT no_overlap EXCLUDE USING gist (shop WITH =, valid WITH &&) WHERE (slot IS NOT NULL) DEFERRABLE,
	CONSTRAINT no_twin EXCLUDE USING btree (slot WITH =) INCLUDE (price)
);
INSERT INTO app.order_line (region, customer_id, line, partner_id, price, slot, shop, valid) VALUES
	('eu', -1, 1, -2, 1.10, 1, 1, '[2020-01-01,2020-02-01)'), ('eu', -1, 2, NULL, DEFAULT, 2, 1, '[2020-02-01,)'),
	('us', -3, 1, -4, 0, NULL, 1, '(,)'), ('us', -4, 1, -3, 12345678.99, NULL, 1, 'empty');
ALTER SEQUENCE app.untouched_seq OWNED BY app.order_line.line;
COMMENT ON CONSTRAINT composite ON app.order_line IS 'comment of a foreign key';

-- Constraints that the rows of the table do not meet: NOT VALID must stay NOT VALID
CREATE TABLE app.not_valid (a integer, b app.late, c text);
INSERT INTO app.not_valid VALUES (-5, 1, 'bad'), (1, NULL, NULL);
ALTER TABLE app.not_valid ADD CONSTRAINT a_positive CHECK (a > 0) NOT VALID;
ALTER TABLE app.not_valid ADD CONSTRAINT a_refers FOREIGN KEY (a) REFERENCES app.employee NOT VALID;
ALTER DOMAIN app.late ADD CONSTRAINT late_positive CHECK (VALUE > 0) NOT VALID;
COMMENT ON CONSTRAINT late_positive ON DOMAIN app.late IS 'comment of an invalid domain constraint';
\if :pg18
	ALTER TABLE app.not_valid ADD CONSTRAINT c_filled NOT NULL c NOT VALID;
	ALTER TABLE app.not_valid ADD CONSTRAINT not_enforced CHECK (a > 100) NOT ENFORCED;
	ALTER TABLE app.not_valid ADD CONSTRAINT not_enforced_key FOREIGN KEY (a)
		REFERENCES app.employee NOT ENFORCED;
	COMMENT ON CONSTRAINT c_filled ON app.not_valid IS 'comment of a not-null constraint';
	CREATE TABLE app.virtual_column (a integer CONSTRAINT a_named NOT NULL NO INHERIT,
		b integer GENERATED ALWAYS AS (a * 2) VIRTUAL, c text GENERATED ALWAYS AS ('x' || 'y') STORED);
	INSERT INTO app.virtual_column VALUES (1), (21);
	CREATE TABLE app.booking (room integer, during daterange, PRIMARY KEY (room, during WITHOUT OVERLAPS));
	CREATE TABLE app.guest (id integer, during daterange, room integer,
		UNIQUE (id, during WITHOUT OVERLAPS),
		FOREIGN KEY (room, PERIOD during) REFERENCES app.booking (room, PERIOD during));
	INSERT INTO app.booking VALUES (1, '[2024-01-01,2024-02-01)'), (1, '[2024-02-01,2024-03-01)');
	INSERT INTO app.guest VALUES (5, '[2024-01-15,2024-02-15)', 1);
\endif

-- Tables that are odd in their shape
CREATE TABLE app.zero_columns ();
INSERT INTO app.zero_columns SELECT FROM generate_series(1, 5);
CREATE TABLE app.only_generated (a integer GENERATED ALWAYS AS (6 * 7) STORED);
INSERT INTO app.only_generated DEFAULT VALUES;
INSERT INTO app.only_generated DEFAULT VALUES;
CREATE TABLE app.all_dropped (a integer, b text);
INSERT INTO app.all_dropped VALUES (1, 'x'), (2, 'y');
ALTER TABLE app.all_dropped DROP COLUMN a, DROP COLUMN b;
CREATE TABLE app.dropped (a integer, gone1 text, b text, gone2 app.mood, c integer DEFAULT 5);
INSERT INTO app.dropped VALUES (1, 'x', E'one\ttwo', 'ok', 1), (2, NULL, '', NULL, DEFAULT);
ALTER TABLE app.dropped DROP COLUMN gone1, DROP COLUMN gone2;
ALTER TABLE app.dropped ADD COLUMN d integer DEFAULT 11, ADD COLUMN e text;
INSERT INTO app.dropped VALUES (3, 'after', 3, 3, 'e');
CREATE TABLE app.empty (a integer PRIMARY KEY, b text);
CREATE TABLE app.typed OF app.money_amount (currency WITH OPTIONS DEFAULT 'EUR' NOT NULL, UNIQUE (currency));
INSERT INTO app.typed VALUES ('EUR', 1.5, 'ok'), ('USD', NULL, NULL);
CREATE UNLOGGED TABLE app.unlogged (id serial PRIMARY KEY, b text);
INSERT INTO app.unlogged (b) VALUES ('not in the WAL'), (NULL);
CREATE TABLE app.other_access_method (a integer PRIMARY KEY, b text) USING heap2 WITH (fillfactor = 55);
INSERT INTO app.other_access_method SELECT i, repeat('b', i) FROM generate_series(1, 100) i;
CREATE TABLE app.serials (a serial, b bigserial, c integer DEFAULT nextval('app.down_seq'), d serial);
ALTER TABLE app.serials ALTER COLUMN d DROP DEFAULT, ALTER COLUMN d DROP NOT NULL;
ALTER SEQUENCE app.serials_b_seq RESTART WITH 9223372036854775800;
INSERT INTO app.serials SELECT FROM generate_series(1, 7);

-- Tables that need functions which need the row type of the table
CREATE TABLE app.row_type_loop (a integer, b text);
CREATE FUNCTION app.row_is_good(app.row_type_loop) RETURNS boolean LANGUAGE sql IMMUTABLE AS 'SELECT $1.a > 0';
CREATE FUNCTION app.row_default(app.row_type_loop) RETURNS text LANGUAGE sql IMMUTABLE
	AS $$ SELECT coalesce($1.b, 'default of the row') $$;
ALTER TABLE app.row_type_loop ADD CONSTRAINT good CHECK (app.row_is_good(row_type_loop));
ALTER TABLE app.row_type_loop ALTER COLUMN b SET DEFAULT app.row_default(NULL::app.row_type_loop);
INSERT INTO app.row_type_loop VALUES (1), (2);

-- Inheritance, also from two parents, with merged, local, dropped columns
CREATE TABLE app.animal (id integer NOT NULL, gone text, name text DEFAULT 'nameless', lost integer,
	CHECK (id > 0), CONSTRAINT top_only CHECK (name <> 'child') NO INHERIT);
CREATE TABLE app.machine (id integer, watts numeric CHECK (watts > 0), name text);
CREATE TABLE app.cat (lives integer DEFAULT 9) INHERITS (app.animal);
CREATE TABLE app.robot_cat (name text DEFAULT 'R', fuel text, PRIMARY KEY (id)) INHERITS (app.cat, app.machine);
ALTER TABLE app.animal DROP COLUMN gone;
ALTER TABLE ONLY app.animal DROP COLUMN lost;
CREATE TABLE app.dog (id integer NOT NULL CHECK (id > 0), name text DEFAULT 'Rex', gone integer, bark text);
ALTER TABLE app.dog RENAME CONSTRAINT dog_id_check TO animal_id_check;
ALTER TABLE app.dog DROP COLUMN gone;
ALTER TABLE app.dog INHERIT app.animal;
CREATE TABLE app.stray (tag text) INHERITS (app.animal);
ALTER TABLE app.stray NO INHERIT app.animal;
INSERT INTO app.animal VALUES (1, 'plain');
INSERT INTO app.cat VALUES (2, DEFAULT, 22, 8);
INSERT INTO app.robot_cat VALUES (3, 'cyber', 33, 7, 400.5, 'diesel');
INSERT INTO app.dog VALUES (4, DEFAULT, 'woof');
INSERT INTO app.stray VALUES (5, 's', 't');
COMMENT ON COLUMN app.robot_cat.name IS 'comment of an inherited column';

-------------------------------------------------------------------------------
-- Partitions: range, list, hash, three levels, default, other order of columns
-------------------------------------------------------------------------------
CREATE TABLE app.measure (id bigint NOT NULL, at date NOT NULL, region text, value numeric(10, 2) DEFAULT 0,
	note text DEFAULT 'parent', UNIQUE (at, region, id)) PARTITION BY RANGE (at);
CREATE TABLE app.measure_old PARTITION OF app.measure FOR VALUES FROM (MINVALUE) TO ('2023-01-01');
CREATE TABLE app.measure_2023 PARTITION OF app.measure FOR VALUES FROM ('2023-01-01') TO ('2024-01-01')
	PARTITION BY LIST (region);
CREATE TABLE app.measure_2023_eu PARTITION OF app.measure_2023 FOR VALUES IN ('de', 'it''s "x" \') PARTITION BY HASH (id);
CREATE TABLE app.measure_2023_eu_0 PARTITION OF app.measure_2023_eu FOR VALUES WITH (MODULUS 2, REMAINDER 0);
CREATE TABLE app.measure_2023_eu_1 PARTITION OF app.measure_2023_eu FOR VALUES WITH (MODULUS 4, REMAINDER 1);
CREATE TABLE app.measure_2023_eu_3 PARTITION OF app.measure_2023_eu
	(note DEFAULT 'own default', CONSTRAINT own CHECK (value < 100000)) FOR VALUES WITH (MODULUS 4, REMAINDER 3);
CREATE TABLE app.measure_2023_none PARTITION OF app.measure_2023 FOR VALUES IN (NULL);
CREATE TABLE app.measure_2023_rest PARTITION OF app.measure_2023 DEFAULT;
CREATE TABLE app.measure_2024 (note text, junk integer, value numeric(10, 2) DEFAULT 24, region text,
	more integer, at date NOT NULL, id bigint NOT NULL);
ALTER TABLE app.measure_2024 DROP COLUMN junk, DROP COLUMN more;
ALTER TABLE app.measure ATTACH PARTITION app.measure_2024 FOR VALUES FROM ('2024-01-01') TO ('2025-01-01');
CREATE TABLE app."Measure ""rest"" %" PARTITION OF app.measure DEFAULT;
CREATE TABLE app.measure_detached (LIKE app.measure INCLUDING ALL);
ALTER TABLE app.measure ATTACH PARTITION app.measure_detached FOR VALUES FROM ('2030-01-01') TO ('2031-01-01');
ALTER TABLE app.measure DETACH PARTITION app.measure_detached;
INSERT INTO app.measure SELECT i, date '2022-06-01' + i, (ARRAY['de', 'it''s "x" \', 'us', NULL])[1 + i % 4],
	i * 1.25, CASE WHEN i % 7 = 0 THEN NULL ELSE 'note ' || i END FROM generate_series(1, 1500) i;
INSERT INTO app.measure (id, at, region) VALUES (5000, '2024-05-05', 'de'), (5001, '2050-01-01', NULL);
CREATE INDEX measure_value ON app.measure (value) INCLUDE (note) WHERE value > 10;
CREATE INDEX ON app.measure_2024 (lower(note));
CREATE INDEX measure_partly ON ONLY app.measure (region);
CREATE INDEX measure_old_region ON app.measure_old (region);
ALTER INDEX app.measure_partly ATTACH PARTITION app.measure_old_region;
COMMENT ON TABLE app.measure_2024 IS 'attached, with its columns in another order';

CREATE TABLE app.keyed (k app.int42, t text COLLATE "C", n integer DEFAULT 3, PRIMARY KEY (k))
	PARTITION BY HASH (k app.int42_hash_ops);
CREATE TABLE app.keyed_0 PARTITION OF app.keyed FOR VALUES WITH (MODULUS 2, REMAINDER 0) WITH (fillfactor = 70);
CREATE TABLE app.keyed_1 PARTITION OF app.keyed FOR VALUES WITH (MODULUS 2, REMAINDER 1);
INSERT INTO app.keyed SELECT i::text::app.int42, 'row ' || i FROM generate_series(-50, 50) i;
CREATE TABLE app.refers_to_partitioned (k app.int42 DEFAULT '7', n integer, FOREIGN KEY (k) REFERENCES app.keyed);
INSERT INTO app.refers_to_partitioned VALUES (DEFAULT, 1), ('-50', 2), (NULL, 3);
CREATE TABLE app.by_expression (a integer, b text) PARTITION BY RANGE ((a % 100), lower(b) COLLATE "C" text_pattern_ops);
CREATE TABLE app.by_expression_1 PARTITION OF app.by_expression FOR VALUES FROM (0, MINVALUE) TO (50, 'm');
CREATE TABLE app.by_expression_2 PARTITION OF app.by_expression FOR VALUES FROM (50, 'm') TO (MAXVALUE, MAXVALUE);
INSERT INTO app.by_expression SELECT i, chr(97 + i % 26) || i FROM generate_series(0, 199) i;
CREATE TABLE app.no_partition_yet (a integer) PARTITION BY LIST (a);
\if :pg17
	CREATE TABLE app.partitioned17 (id bigint GENERATED BY DEFAULT AS IDENTITY, a integer, during int4range,
		EXCLUDE USING gist (a WITH =, during WITH &&)) PARTITION BY LIST (a) USING heap2;
	CREATE TABLE app.partitioned17_1 PARTITION OF app.partitioned17 FOR VALUES IN (1, 2);
	INSERT INTO app.partitioned17 (a, during) VALUES (1, '[1,5)'), (1, '[5,6)'), (2, '[1,9)');
\endif

-------------------------------------------------------------------------------
-- Values: every type at its limits, every text that is hard to quote
-------------------------------------------------------------------------------
CREATE TABLE app.hard_text (id integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY, what text NOT NULL,
	t text, v varchar(2000000), c char(5), n name);
INSERT INTO app.hard_text (what, t) VALUES
	('null', NULL), ('empty', ''), ('word NULL', 'NULL'), ('copy null', '\N'), ('copy end', '\.'),
	('copy end on its own line', E'before\n\\.\nafter'), ('copy end with CR', E'a\r\n\\.\r\nb'),
	('tab', E'\t'), ('tabs', E'a\tb\t\tc\t'), ('newline', E'\n'), ('CR', E'\r'), ('CR LF', E'a\r\nb\r\n'),
	('backspace, feed, tab', E'\b\f\v'), ('backslash', '\'), ('backslashes', '\\\'), ('backslash at end', 'a\'),
	('looks like NUL', '\0 \000 \x00 \u0000'), ('looks like escapes', '\b\f\n\r\t\v\101\x41\'),
	('quotes', '''"`''''""'), ('dollar quotes', '$$ $_$ $1 $x$'), ('shell', '$(touch pwned) `id` ${HOME} ; & | > <'),
	('psql', E'\\! touch pwned\n\\connect x\n:name :''name'' \\q'), ('comment', E'-- x\n/* y */ ; DROP TABLE z;'),
	('printf', '%s %n %d %% %'), ('comma and brace', '{a,"b"},(c)'), ('spaces', '  both ends  '),
	('control characters', (SELECT string_agg(chr(i), '' ORDER BY i) FROM generate_series(1, 31) i) || chr(127)),
	('C1 controls', U&'\0080\0085\009F'), ('separators', U&'\00A0\2028\2029\200B'), ('byte order mark', U&'\FEFFx'),
	('combined and not', U&'\00E9 e\0301'), ('right to left', U&'\202E\05D0\05D1'), ('last of BMP', U&'\FFFD\FFFE\FFFF'),
	('four bytes', '😀👩‍👩‍👧𝄞𠜎'), ('highest', U&'\+10FFFF'), ('all Latin-1', (SELECT string_agg(chr(i), '' ORDER BY i) FROM generate_series(160, 255) i));
INSERT INTO app.hard_text (what, v) VALUES
	('1 MB of one letter', repeat('x', 1048576)), ('1 MB of backslashes', repeat('\', 1048576)),
	('1 MB of newlines', repeat(E'\n', 1048576)), ('1 MB of four-byte letters', repeat('😀', 262144)),
	('1 MB that does not compress', (SELECT string_agg(md5(i::text), '' ORDER BY i) FROM generate_series(1, 32768) i));
INSERT INTO app.hard_text (what, c, n) VALUES ('padded', 'a', 'a'), ('padded empty', '', ''), ('long', 'äöü€😀', repeat('ж', 31) || 'x');

CREATE TABLE app.storage (id integer PRIMARY KEY, plain text, external text, main text, extended text, lz text, pgl bytea)
	WITH (fillfactor = 60, parallel_workers = 3, toast_tuple_target = 256, autovacuum_vacuum_threshold = 1234,
		autovacuum_enabled = off, toast.autovacuum_enabled = off, toast.autovacuum_vacuum_scale_factor = 0.7);
ALTER TABLE app.storage ALTER plain SET STORAGE plain, ALTER external SET STORAGE external,
	ALTER main SET STORAGE main, ALTER pgl SET COMPRESSION pglz,
	ALTER extended SET STATISTICS 1000, ALTER plain SET STATISTICS 0, ALTER main SET (n_distinct = -0.5, n_distinct_inherited = 7);
\if :has_lz4
	ALTER TABLE app.storage ALTER lz SET COMPRESSION lz4;
\endif
INSERT INTO app.storage SELECT i, repeat('p', i), repeat('external ', i * 1000), repeat('main', i * 500),
	repeat('e', i * 10000), repeat('lz4 ', i * 10000), decode(repeat(md5(i::text), 400), 'hex') FROM generate_series(1, 8) i;

CREATE TABLE app.binary_data (id serial PRIMARY KEY, what text, b bytea);
INSERT INTO app.binary_data (what, b) VALUES
	('null', NULL), ('empty', ''), ('zero bytes', '\x000000'), ('backslash and x', '\x5c785c2e0a5c2e0a'),
	('all values', (SELECT string_agg(set_byte('\x00', 0, i), '' ORDER BY i) FROM generate_series(0, 255) i)),
	('1 MB', (SELECT string_agg(decode(md5(i::text), 'hex'), '' ORDER BY i) FROM generate_series(1, 65536) i)),
	('gzip start', '\x1f8b0800'), ('archive start', 'PGDMP');

CREATE TABLE app.numbers (id serial PRIMARY KEY, s smallint, i integer, l bigint, r real, d double precision,
	n numeric, n2 numeric(1000, 500), n3 numeric(3, -5), m money, o oid, b boolean);
INSERT INTO app.numbers (s, i, l, r, d, n, n2, n3, m, o, b) VALUES
	(-32768, -2147483648, -9223372036854775808, '-Infinity', '-Infinity', '-Infinity', -1e499, -99900000, '-92233720368547758.08', 0, false),
	(32767, 2147483647, 9223372036854775807, 'Infinity', 'Infinity', 'Infinity', 1e-500, 99900000, '92233720368547758.07', 4294967295, true),
	(0, 0, 0, 'NaN', 'NaN', 'NaN', 'NaN', 'NaN', '0', 1, NULL), (NULL, NULL, NULL, '-0', '-0', '-0', '-0.0', 0, '-0.01', NULL, NULL),
	(NULL, NULL, NULL, '3.4028235e38', '1.7976931348623157e308', 1e131071, NULL, 123456, NULL, NULL, NULL),
	(NULL, NULL, NULL, '1e-45', '4.9e-324', 1e-16383, NULL, NULL, NULL, NULL, NULL),
	(NULL, NULL, NULL, '0.1', '0.1', 0.10000, 0.1, NULL, NULL, NULL, NULL),
	(NULL, NULL, NULL, '16777217', '9007199254740993', 12345678901234567890123456789.000000000000000000000001, NULL, NULL, NULL, NULL, NULL);

CREATE TABLE app.times (id serial PRIMARY KEY, d date, t time, tz time with time zone, ts timestamp, tsz timestamptz,
	ts0 timestamptz(0), i interval, im interval year to month, i3 interval(3));
INSERT INTO app.times (d, t, tz, ts, tsz, ts0, i, im, i3) VALUES
	('infinity', '00:00', '00:00+15:59:59', 'infinity', 'infinity', 'infinity', '178000000 years', '10 years 3 months', '1.23456'),
	('-infinity', '24:00', '24:00-15:59:59', '-infinity', '-infinity', '-infinity', '-178000000 years', '-1 mon', '-0.0005'),
	('4713-01-01 BC', '23:59:59.999999', '12:34:56.789+05:45', '4713-01-01 00:00:00 BC', '4713-01-02 00:00:00+00 BC',
		'0001-12-31 23:59:59.6+00 BC', '-1 mon +2 days -03:04:05.678901', '0', '0'),
	('5874897-12-31', NULL, '01:02:03 UTC', '294276-12-31 23:59:59.999999', '294276-12-31 23:59:59.999999+00',
		'1999-12-31 23:59:60+00', '2562047788:00:54.775807', NULL, NULL),
	('0001-01-01 BC', NULL, NULL, '2000-01-01', '1900-01-01 12:00+00:17:30', NULL, '-2147483648 days', NULL, NULL),
	('2024-02-29', NULL, NULL, '1582-10-10 00:00:00.000001', '2024-03-31 02:30 Europe/Berlin', NULL, '1 mon -1 day', NULL, NULL);
\if :pg17
	INSERT INTO app.times (i) VALUES ('infinity'), ('-infinity');
\endif

CREATE TABLE app.other_types (id serial PRIMARY KEY, u uuid, j json, jb jsonb, jp jsonpath, ip inet, net cidr, mac macaddr, mac8 macaddr8,
	b bit(9), vb bit varying, tv tsvector, tq tsquery, pt point, ln line, sg lseg, bx box, ph path, pg polygon, ci circle,
	lsn pg_lsn, x8 xid8, x xid, snap pg_snapshot, ti tid, ch "char", rc regclass, rt regtype, rr regrole, ro regproc, cf regconfig,
	ir int4range, nr numrange, tr tstzrange, mr datemultirange, te app.temperature, tes app.temperatures, wr app.word_range,
	dr app.day_range, h public.hstore, ct "Ext-Schäma".citext, i42 app.int42, co app.code(10), pr app.pair, va app.valid_amount, nc app.no_columns);
INSERT INTO app.other_types (u, j, jb, jp, ip, net, mac, mac8, b, vb, tv, tq, pt, ln, sg, bx, ph, pg, ci, lsn, x8, x, snap, ti, ch, rc, rt, rr,
	ro, cf, ir, nr, tr, mr, te, tes, wr, dr, h, ct, i42, co, pr, va, nc) VALUES
	('ffffffff-ffff-ffff-ffff-ffffffffffff', E'{ "a" : 1,\n"a":2, "z":"\\u0000 \\ud83d\\ude00 \\\\." }', '{"b": [1, -0.0, 1e400, null, "\\.\n\"😀"], "": {}}',
	'$."a b"[*] ? (@.x > 1 && exists (@ ? (@ like_regex "^\\d+$" flag "i")))', '::ffff:1.2.3.4/128', '10.0.0.0/8', '08:00:2b:01:02:03',
	'08:00:2b:01:02:03:04:05', B'101010101', B'', '''it''''s'':1A,3B ''\\.'':2 x', '!a & (b:*A | ''c d'') <3> e', '(-0,Infinity)', '{1,-1,0}',
	'[(1,2),(3,4)]', '(2,2),(1,1)', '[(0,0),(1,1),(2,0)]', '((0,0),(1,1),(2,0))', '<(1.5,-2.5),3>', 'FFFFFFFF/FFFFFFFF',
	'18446744073709551615', '4294967295', '10:20:10,14,15', '(4294967295,65535)', '\', 'app.hard_text', 'app.mood[]', 'bkt_owner',
	'app.mood_number', 'app.bkt_search', '[-2147483648,2147483646)', '(,1.5]', '["2020-01-01 00:00:00+00",infinity]',
	'{[2020-01-01,2020-02-01),[2021-01-01,)}', '[-0,NaN]', '{[1,2),(3,4]}', '["a,b","c""\\d")', '[2020-01-01,2020-01-31]', 'a=>NULL, ""=>""',
	'MiXed', '-7', E'tab\t"é\\', '("(EUR,1.00,ok)","{""(USD,2.50,)"",NULL}",12345)', ROW('x', 0, NULL), ROW()),
	('00000000-0000-0000-0000-000000000000', 'null', 'null', 'strict $', '0.0.0.0/0', '::/0', NULL, NULL, B'000000000', B'1', '', '', '(NaN,1e-300)', NULL,
	NULL, NULL, '((0,0),(1,1))', NULL, '<(0,0),0>', '0/0', '0', '0', '1:1:', '(0,0)', '', NULL, NULL, NULL, NULL, NULL, 'empty', 'empty', '(,)', '{}',
	'empty', '{}', '(,)', 'empty', '', '', DEFAULT, '', NULL, NULL, NULL), (DEFAULT, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL,
	NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL,
	NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL);
\if :has_xml
	CREATE TABLE app.xml_data (id serial, x xml);
	INSERT INTO app.xml_data (x) VALUES ('<a b="c">&lt;text&gt;<![CDATA[ ]] > ]]></a>'), ('just text <b/> twice <b/>'), (''),
		(NULL), (XMLPARSE(DOCUMENT '<!DOCTYPE html><html>ü😀</html>')), ('<?xml version="1.0"?><r/>');
\endif

CREATE TABLE app.arrays (id serial PRIMARY KEY, i integer[], t text[], two text[][], e app.mood[], c app.money_amount[],
	r int4range[], d app.postcode[], f float8[], b bytea[], j jsonb[], p point[], bx box[], x app.code(5)[], vec int2vector, ov oidvector);
INSERT INTO app.arrays (i, t, two, e, c, r, d, f, b, j, p, bx, x, vec, ov) VALUES
	('{}', '{}', '{}', '{}', '{}', '{}', '{}', '{}', '{}', '{}', '{}', '{}', '{}', '', ''),
	('{1,NULL,3}', '{NULL,"NULL",null,"null","",a b," x ","a\"b\\c","{}",","}', '{{a,b},{NULL,"d\\.\ne"}}', ARRAY['ok', NULL, E'it''s "hard"\\\n$(x) 😀']::app.mood[],
		ARRAY[ROW('EUR', 1, 'ok'), NULL, ROW(NULL, NULL, NULL)]::app.money_amount[], '{"[1,5)",empty,NULL}', '{12345}',
		'{NaN,Infinity,-0,4.9e-324}', '{"\\x00ff",NULL}', '{"{\"a\": \"\\\\\"}",null,"null"}', '{"(1,2)"}', '{(1,1),(0,0);(3,3),(2,2)}', '{a;"b;c"}', '1 2 3', '1 4294967295'),
	('[-2:0]={7,8,9}', '[0:1]={a,b}', '[2:3][-1:0]={{a,b},{c,d}}', '[5:5]={sad}', NULL, NULL, '[0:0]={00000}', '{{{1,2},{3,4}},{{5,6},{7,8}}}', NULL, NULL, NULL, NULL, NULL, NULL, NULL),
	(NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL);

CREATE TABLE app.big (id integer PRIMARY KEY, grp integer NOT NULL, sub integer, word text, at timestamptz, amount numeric(12, 4),
	flags boolean[], doc jsonb, pos point) WITH (fillfactor = 90);
INSERT INTO app.big SELECT i, i % 100, i % 100 / 10, md5(i::text), '2020-01-01 00:00+00'::timestamptz + i * interval '17 min 3.25 s',
	i * 0.0625, ARRAY[i % 2 = 0, NULL, i % 3 = 0], jsonb_build_object('n', i, 'w', ARRAY[i, -i], 't', E'tab\t' || i), point(i % 360, i % 180)
	FROM generate_series(1, :rows) i;

-------------------------------------------------------------------------------
-- Indexes, clustering, replica identity, statistics
-------------------------------------------------------------------------------
CREATE INDEX big_order ON app.big (grp DESC NULLS LAST, word COLLATE "C" text_pattern_ops, amount) WITH (fillfactor = 75, deduplicate_items = off);
CREATE INDEX big_expression ON app.big (lower(word), (id % 10), (doc ->> 'n'));
CREATE INDEX big_partial ON app.big (at) INCLUDE (id, word) WHERE grp > 90 AND word IS NOT NULL;
CREATE UNIQUE INDEX big_unique ON app.big (word, id);
CREATE UNIQUE INDEX big_nulls ON app.big (sub, id) NULLS NOT DISTINCT;
CREATE INDEX big_gin ON app.big USING gin (doc jsonb_path_ops) WITH (fastupdate = off);
CREATE INDEX big_trgm ON app.big USING gist (word "Ext-Schäma".gist_trgm_ops (siglen = 32)) WHERE id < 1000;
CREATE INDEX big_point ON app.big USING gist (pos app.point_ops2) WITH (buffering = on) WHERE id < 1000;
CREATE INDEX big_spgist ON app.big USING spgist (pos) WHERE id < 1000;
CREATE INDEX big_brin ON app.big USING brin (at timestamptz_minmax_multi_ops (values_per_range = 16), id) WITH (pages_per_range = 8, autosummarize = on);
CREATE INDEX big_hash ON app.big USING hash (grp) WHERE id < 1000;
CREATE INDEX "Index ""x"" %s $(y)" ON app.hard_text (what, id);
ALTER INDEX app.big_expression ALTER COLUMN 1 SET STATISTICS 400, ALTER COLUMN 3 SET STATISTICS 0;
ALTER TABLE app.big CLUSTER ON big_order;
ALTER TABLE app.big REPLICA IDENTITY USING INDEX big_pkey;
ALTER TABLE app.dropped REPLICA IDENTITY FULL;
ALTER TABLE app.empty REPLICA IDENTITY NOTHING;
CREATE UNIQUE INDEX storage_key ON app.storage (id);
ALTER TABLE app.storage ADD CONSTRAINT used_index UNIQUE USING INDEX storage_key DEFERRABLE;
ALTER INDEX app.big_trgm DEPENDS ON EXTENSION pg_trgm;
CREATE STATISTICS app.big_kinds (ndistinct, dependencies, mcv) ON grp, sub FROM app.big;
CREATE STATISTICS app.big_expressions ON (id % 7), lower(word), grp FROM app.big;
CREATE STATISTICS app.big_one_expression ON (grp + sub) FROM app.big;
CREATE STATISTICS app."Stats ""x""" (mcv) ON at, region FROM app.measure;
ALTER STATISTICS app.big_kinds SET STATISTICS 0;
ALTER STATISTICS app.big_expressions SET STATISTICS 500;
ALTER STATISTICS app.big_expressions OWNER TO bkt_owner;
COMMENT ON STATISTICS app.big_kinds IS 'comment of statistics';

-------------------------------------------------------------------------------
-- Functions, procedures, aggregates
-------------------------------------------------------------------------------
CREATE FUNCTION app.line_total(p_customer bigint, p_region text DEFAULT 'eu') RETURNS numeric
	LANGUAGE sql STABLE PARALLEL SAFE COST 50
BEGIN ATOMIC
	SELECT coalesce(sum(l.quantity * l.price), 0::numeric) FROM app.order_line l
	 WHERE l.customer_id = p_customer AND l.region = p_region;
END;
CREATE FUNCTION app.grouped(p text) RETURNS TABLE (region text, id bigint, name varchar, lines bigint) LANGUAGE sql STABLE ROWS 3
BEGIN ATOMIC
	SELECT c.region, c.id, c.name, count(l.line) FROM app.customer c
	  LEFT JOIN app.order_line l ON l.region = c.region AND l.customer_id = c.id
	 WHERE c.region = p GROUP BY c.region, c.id;
END;
CREATE FUNCTION app.add_one(integer) RETURNS integer LANGUAGE sql IMMUTABLE STRICT LEAKPROOF RETURN $1 + 1;
CREATE FUNCTION app.hard_body("Arg ""x""" text DEFAULT E'it''s \\ \n$(x) %', OUT "Öut" text, INOUT n integer DEFAULT 5) LANGUAGE plpgsql
	SECURITY DEFINER SET search_path = app, "UPPER Case", 'bkt "quoted" ''name''', pg_temp SET work_mem = '7MB'
	SET bkt.note = 'it''s "x" \ $(y)' AS $body$
DECLARE
	a text := '$$ $_$ ''quoted'' \ %';
BEGIN
	-- a comment with a tab	and an odd end \
	"Öut" := a || "Arg ""x""" || '
\.
' || 'x';
END $body$;
CREATE FUNCTION app.first_of(VARIADIC items anyarray) RETURNS anyelement LANGUAGE sql IMMUTABLE AS 'SELECT $1[1]';
CREATE FUNCTION app.common(a anycompatible, b anycompatible, r anyrange DEFAULT NULL::int4range) RETURNS anycompatible
	LANGUAGE plpgsql AS $$ BEGIN RETURN coalesce(a, b); END $$;
CREATE FUNCTION app.many_rows(n integer) RETURNS SETOF app.customer LANGUAGE sql STABLE ROWS 77
	AS $$ SELECT * FROM app.customer ORDER BY region, id LIMIT n $$;
CREATE FUNCTION app.some_record() RETURNS SETOF record LANGUAGE sql AS $$ VALUES (1, 'x'), (2, NULL) $$;
CREATE FUNCTION app.my_row_number() RETURNS bigint LANGUAGE internal WINDOW IMMUTABLE AS 'window_row_number';
CREATE FUNCTION app.with_support(integer, integer) RETURNS SETOF integer LANGUAGE internal IMMUTABLE STRICT
	ROWS 10 SUPPORT pg_catalog.generate_series_int4_support AS 'generate_series_int4';
CREATE FUNCTION app.with_transform(a integer) RETURNS integer TRANSFORM FOR TYPE integer LANGUAGE sql AS 'SELECT 1';
CREATE FUNCTION app.other_language() RETURNS integer LANGUAGE bkt_lang AS $$ BEGIN RETURN 1; END $$;
CREATE FUNCTION app."UPPER.Name ""x"" %"(app.mood, "UPPER Arg" app.int42) RETURNS void LANGUAGE sql AS '';
CREATE FUNCTION app.overloaded(integer) RETURNS text LANGUAGE sql RETURN 'integer';
CREATE FUNCTION app.overloaded(text) RETURNS text LANGUAGE sql RETURN 'text';
CREATE FUNCTION app.uses_extension(text) RETURNS text LANGUAGE sql IMMUTABLE
	AS $$ SELECT pg_catalog.encode("Ext-Schäma".digest($1, 'sha256'), 'hex') $$;
ALTER FUNCTION app.uses_extension(text) DEPENDS ON EXTENSION pgcrypto;
CREATE PROCEDURE app.close_day(IN day date, INOUT counted bigint DEFAULT NULL, VARIADIC rest text[] DEFAULT '{}') LANGUAGE plpgsql AS $$
BEGIN
	SELECT count(*) INTO counted FROM app.big WHERE at::date = day;
	COMMIT;
END $$;
CREATE PROCEDURE app.atomic_procedure(n integer) LANGUAGE sql
BEGIN ATOMIC
	INSERT INTO app.empty (a, b) VALUES (n, 'x') ON CONFLICT (a) DO UPDATE SET b = excluded.b || empty.b;
	UPDATE app.empty SET b = NULL WHERE a = n;
	DELETE FROM app.empty WHERE a = n;
END;
CREATE AGGREGATE app.average(integer) (SFUNC = int4_avg_accum, STYPE = bigint[], FINALFUNC = int8_avg,
	FINALFUNC_MODIFY = shareable, INITCOND = '{0,0}', COMBINEFUNC = int4_avg_combine, PARALLEL = safe,
	MSFUNC = int4_avg_accum, MINVFUNC = int4_avg_accum_inv, MSTYPE = bigint[], MFINALFUNC = int8_avg, MINITCOND = '{0,0}');
CREATE AGGREGATE app.smallest(app.int42) (SFUNC = app.int42_pl, STYPE = app.int42, SORTOP = OPERATOR(app.<), INITCOND = '0');
CREATE AGGREGATE app.percentile(float8 ORDER BY anyelement) (SFUNC = ordered_set_transition, STYPE = internal,
	SSPACE = 1024, FINALFUNC = percentile_disc_final, FINALFUNC_EXTRA, FINALFUNC_MODIFY = read_only);
CREATE AGGREGATE app.ranking(VARIADIC "any" ORDER BY VARIADIC "any") (SFUNC = ordered_set_transition_multi,
	STYPE = internal, FINALFUNC = rank_final, FINALFUNC_EXTRA, HYPOTHETICAL);
CREATE FUNCTION app.list_step(text, VARIADIC items text[]) RETURNS text LANGUAGE sql IMMUTABLE
	AS $$ SELECT concat_ws(',', $1, array_to_string($2, ',')) $$;
CREATE AGGREGATE app.list(VARIADIC items text[]) (SFUNC = app.list_step, STYPE = text);
COMMENT ON FUNCTION app.line_total(bigint, text) IS 'comment of a function';
COMMENT ON PROCEDURE app.close_day IS 'comment of a procedure';
COMMENT ON AGGREGATE app.average(integer) IS 'comment of an aggregate';
COMMENT ON AGGREGATE app.percentile(float8 ORDER BY anyelement) IS 'comment of an ordered-set aggregate';
ALTER FUNCTION app.hard_body(text, integer) OWNER TO bkt_owner;
ALTER PROCEDURE app.close_day OWNER TO bkt_owner;
ALTER AGGREGATE app.average(integer) OWNER TO bkt_owner;
REVOKE EXECUTE ON FUNCTION app.line_total(bigint, text) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION app.line_total(bigint, text) TO bkt_writer WITH GRANT OPTION;
GRANT EXECUTE ON PROCEDURE app.close_day TO bkt_reader;
REVOKE ALL ON FUNCTION app.average(integer) FROM PUBLIC;

-------------------------------------------------------------------------------
-- Views and materialized views
-------------------------------------------------------------------------------
CREATE VIEW app.staff ("Name ""x"" %", mood, dept, id) WITH (security_barrier) AS
	SELECT e.email, e.mood, e.department_id, e.id FROM app.employee e WHERE e.mood IS DISTINCT FROM 'sad' OR e.id > 5;
CREATE VIEW app.happy_staff WITH (security_invoker = true, security_barrier = false) AS
	SELECT * FROM app.staff WHERE mood = 'glad' WITH LOCAL CHECK OPTION;
CREATE VIEW app.checked AS SELECT * FROM app.happy_staff WHERE id > 0 WITH CASCADED CHECK OPTION;
ALTER VIEW app.checked ALTER COLUMN mood SET DEFAULT 'glad';
CREATE RECURSIVE VIEW app.chain (id, boss_id, depth, path) AS
	SELECT id, boss_id, 0, ARRAY[id] FROM app.employee WHERE boss_id IS NULL
	UNION ALL SELECT e.id, e.boss_id, c.depth + 1, c.path || e.id FROM app.employee e JOIN chain c ON e.boss_id = c.id
	WHERE c.depth < 10;
CREATE VIEW app.searched AS
	WITH RECURSIVE c AS (SELECT id, boss_id FROM app.employee UNION ALL SELECT e.id, e.boss_id FROM app.employee e JOIN c ON e.boss_id = c.id)
	SEARCH DEPTH FIRST BY id SET ordering CYCLE id SET is_cycle USING path
	SELECT id, boss_id, is_cycle FROM c ORDER BY ordering;
CREATE VIEW app.grouped_by_key AS -- depends on the primary key: made in two steps by a restore
	SELECT c.region, c.id, c.name, c.tags, count(l.line) AS lines FROM app.customer c
	  LEFT JOIN app.order_line l ON l.region = c.region AND l.customer_id = c.id GROUP BY c.region, c.id;
CREATE VIEW app.view_loop AS SELECT 1 AS a, 'x'::text AS b;
CREATE FUNCTION app.view_loop_rows() RETURNS SETOF app.view_loop LANGUAGE plpgsql
	AS $$ BEGIN RETURN QUERY SELECT 2, 'y'::text; END $$;
CREATE OR REPLACE VIEW app.view_loop AS SELECT a, b FROM app.view_loop_rows();
CREATE VIEW app.constructs AS
	SELECT b.grp, count(*) FILTER (WHERE b.flags[1]) AS filtered, sum(b.amount) OVER w AS running,
		rank() OVER (PARTITION BY b.sub ORDER BY b.grp ROWS BETWEEN 1 PRECEDING AND CURRENT ROW EXCLUDE TIES) AS ranked,
		grouping(b.grp, b.sub) AS g, percentile_cont(0.5) WITHIN GROUP (ORDER BY b.id) AS median,
		CASE WHEN b.grp IS NULL THEN 'it''s \ $(x)' ELSE lower(b.grp::text) COLLATE "C" END AS text
	  FROM app.big b WHERE b.id = ANY (ARRAY[1, 2, 3]) AND (b.id, b.grp) <> (7, 7) AND EXISTS (SELECT FROM app.zero_columns)
	 GROUP BY GROUPING SETS ((b.grp, b.sub, b.amount), CUBE (b.grp, b.sub)), b.amount HAVING count(*) > 0
	WINDOW w AS (PARTITION BY b.grp ORDER BY b.amount DESC NULLS LAST) ORDER BY 1, 2 OFFSET 0 FETCH FIRST 5 ROWS WITH TIES;
CREATE VIEW app.from_items AS
	SELECT j.id, u.item, u.position, f.a, f.b, x.l, e.mood FROM app.employee e JOIN app.department d USING (id) AS j
	 CROSS JOIN unnest(ARRAY['x', 'y']) WITH ORDINALITY u (item, position)
	 CROSS JOIN ROWS FROM (app.some_record() AS (a integer, b text), generate_series(1, 2)) f
	  LEFT JOIN LATERAL (SELECT e.id + u.position AS l) x ON true
	UNION SELECT 1, 'a', 2, 3, 'b', 4, NULL EXCEPT ALL SELECT 1, 'z', 2::bigint, 3, 'b', 4::bigint, 'ok'::app.mood;
CREATE VIEW app.no_columns_view AS SELECT FROM app.zero_columns;
CREATE VIEW app.sampled AS SELECT b.*, b AS whole_row, (e.salary).currency, e.salary IS NOT NULL AS paid
	FROM app.big b TABLESAMPLE system (100) REPEATABLE (3), app.employee e;
\if :pg17
	CREATE VIEW app.json_items AS SELECT t.* FROM app.big, JSON_TABLE(doc, '$' COLUMNS (n int PATH '$.n', NESTED PATH '$.w[*]'
		COLUMNS (w int PATH '$'), x text PATH '$.x' DEFAULT 'none' ON EMPTY)) t WHERE big.id < 5;
\endif
COMMENT ON VIEW app.staff IS 'comment of a view';
COMMENT ON COLUMN app.staff.mood IS 'comment of a column of a view';
ALTER VIEW app.happy_staff OWNER TO bkt_owner;
GRANT SELECT (mood), UPDATE (mood, id) ON app.staff TO bkt_reader;

ALTER TABLE app.customer OWNER TO bkt_owner;
ALTER TABLE app.order_line OWNER TO bkt_owner;
ALTER TABLE app.big OWNER TO bkt_writer;
ALTER TABLE app.zero_columns OWNER TO "bkt_Hard ""role""'s $(x) \ % ü";
CREATE MATERIALIZED VIEW app.totals WITH (fillfactor = 66, autovacuum_enabled = off) AS
	SELECT g.region, g.id, g.lines, app.line_total(g.id, g.region) AS total FROM app.grouped_by_key g;
CREATE UNIQUE INDEX totals_key ON app.totals (region, id);
CREATE MATERIALIZED VIEW app.grouped_key_totals AS SELECT c.region, c.id, c.name FROM app.customer c GROUP BY c.region, c.id;
CREATE MATERIALIZED VIEW app.a_total_of_totals ("Sum ""x""", many) USING heap2 AS SELECT sum(total), count(*) FROM app.totals;
CREATE MATERIALIZED VIEW app.unpopulated AS SELECT id, word FROM app.big WITH NO DATA;
CREATE INDEX unpopulated_index ON app.unpopulated (lower(word));
CREATE MATERIALIZED VIEW app.depends AS SELECT "Ext-Schäma".similarity('abc', 'abd') AS s;
CREATE INDEX depends_index ON app.depends (s);
ALTER MATERIALIZED VIEW app.depends DEPENDS ON EXTENSION pg_trgm;
ALTER TABLE app.totals CLUSTER ON totals_key;
ALTER MATERIALIZED VIEW app.totals ALTER COLUMN total SET STATISTICS 55;
ALTER MATERIALIZED VIEW app.grouped_key_totals OWNER TO bkt_owner;
REFRESH MATERIALIZED VIEW app.totals;
REFRESH MATERIALIZED VIEW app.a_total_of_totals;
COMMENT ON MATERIALIZED VIEW app.totals IS 'comment of a materialized view';
GRANT SELECT ON app.totals TO PUBLIC;

-------------------------------------------------------------------------------
-- Triggers, rules, row-level security, event triggers
-------------------------------------------------------------------------------
CREATE TABLE app.audit (id bigint GENERATED ALWAYS AS IDENTITY, what text, old_rows bigint, new_rows bigint);
CREATE TABLE app.watched (id integer PRIMARY KEY, a text, b text, stamp text);
CREATE FUNCTION app.stamp() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
	NEW.note := coalesce(NEW.note, 'stamped');
	RETURN NEW;
END $$;
CREATE FUNCTION app.note_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
	INSERT INTO app.audit (what) VALUES (concat_ws(' ', TG_NAME, TG_WHEN, TG_OP, TG_LEVEL, array_to_string(TG_ARGV, '|')));
	RETURN CASE WHEN TG_OP = 'DELETE' THEN OLD ELSE NEW END;
END $$;
CREATE FUNCTION app.count_rows() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
	INSERT INTO app.audit (what, old_rows, new_rows)
		VALUES (TG_NAME, (SELECT count(*) FROM gone), (SELECT count(*) FROM come));
	RETURN NULL;
END $$;
CREATE FUNCTION app.never() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'fired'; END $$;
CREATE TRIGGER "Before ""x"" %" BEFORE INSERT OR DELETE OR UPDATE OF a, b ON app.watched FOR EACH ROW
	WHEN (pg_trigger_depth() < 5) EXECUTE FUNCTION app.note_change('plain', 'it''s "x"', E'\\ back\n$(x) %', '', '\000');
CREATE TRIGGER after_row AFTER UPDATE ON app.watched FOR EACH ROW
	WHEN (OLD.a IS DISTINCT FROM NEW.a AND OLD.* IS DISTINCT FROM NEW.*) EXECUTE FUNCTION app.note_change();
CREATE TRIGGER after_update AFTER UPDATE ON app.watched REFERENCING OLD TABLE AS gone NEW TABLE AS come
	FOR EACH STATEMENT EXECUTE FUNCTION app.count_rows();
CREATE TRIGGER after_truncate AFTER TRUNCATE ON app.watched EXECUTE FUNCTION app.never();
CREATE CONSTRAINT TRIGGER deferred_check AFTER INSERT OR UPDATE ON app.watched FROM app.department DEFERRABLE INITIALLY DEFERRED
	FOR EACH ROW WHEN (NEW.a <> 'x') EXECUTE FUNCTION app.note_change('deferred');
CREATE CONSTRAINT TRIGGER immediate_check AFTER DELETE ON app.watched NOT DEFERRABLE FOR EACH ROW EXECUTE FUNCTION app.note_change();
CREATE TRIGGER is_disabled BEFORE INSERT ON app.watched FOR EACH ROW EXECUTE FUNCTION app.never();
CREATE TRIGGER is_replica BEFORE INSERT ON app.watched FOR EACH ROW EXECUTE FUNCTION app.never();
CREATE TRIGGER is_always AFTER INSERT ON app.watched FOR EACH ROW EXECUTE FUNCTION app.note_change('always');
ALTER TABLE app.watched DISABLE TRIGGER is_disabled, ENABLE REPLICA TRIGGER is_replica, ENABLE ALWAYS TRIGGER is_always;
ALTER TRIGGER after_row ON app.watched DEPENDS ON EXTENSION hstore;
CREATE TRIGGER instead INSTEAD OF INSERT OR UPDATE OR DELETE ON app.staff FOR EACH ROW EXECUTE FUNCTION app.note_change('view');
CREATE TABLE app.stream (id integer, note text) PARTITION BY RANGE (id);
CREATE TABLE app.stream_low PARTITION OF app.stream FOR VALUES FROM (0) TO (100);
CREATE TABLE app.stream_high (note text, id integer);
ALTER TABLE app.stream ATTACH PARTITION app.stream_high FOR VALUES FROM (100) TO (200);
CREATE TRIGGER stream_stamp BEFORE INSERT OR UPDATE ON app.stream FOR EACH ROW EXECUTE FUNCTION app.stamp();
CREATE TRIGGER stream_log AFTER DELETE ON app.stream FOR EACH ROW EXECUTE FUNCTION app.note_change();
CREATE TRIGGER partition_only BEFORE INSERT ON app.stream_high FOR EACH ROW EXECUTE FUNCTION app.stamp();
ALTER TABLE app.stream_low DISABLE TRIGGER stream_stamp;
ALTER TABLE app.stream_high ENABLE ALWAYS TRIGGER stream_log;
COMMENT ON TRIGGER after_row ON app.watched IS 'comment of a trigger';
BEGIN;
INSERT INTO app.watched VALUES (1, 'a', 'b'), (2, 'x', 'y');
UPDATE app.watched SET a = a || '!' WHERE id < 10;
DELETE FROM app.watched WHERE id = 2;
COMMIT;
INSERT INTO app.staff (id) VALUES (1);
INSERT INTO app.stream VALUES (1, 'not changed by its trigger'), (101, NULL);

CREATE TABLE app.ruled (id integer PRIMARY KEY, a text);
CREATE VIEW app.ruled_view AS SELECT id, a FROM app.ruled;
CREATE RULE ruled_insert AS ON INSERT TO app.ruled_view DO INSTEAD INSERT INTO app.ruled VALUES (NEW.id, NEW.a) RETURNING id, a;
CREATE RULE "ruled ""update"" %" AS ON UPDATE TO app.ruled_view WHERE OLD.id <> NEW.id DO INSTEAD NOTHING;
CREATE RULE ruled_update AS ON UPDATE TO app.ruled_view DO INSTEAD
	(UPDATE app.ruled SET a = NEW.a WHERE id = OLD.id; INSERT INTO app.audit (what) VALUES ('it''s \'); NOTIFY bkt_channel, 'payload');
CREATE RULE ruled_also AS ON DELETE TO app.ruled DO ALSO INSERT INTO app.audit (what) VALUES (OLD.a);
CREATE RULE is_disabled AS ON INSERT TO app.ruled DO INSTEAD NOTHING;
ALTER TABLE app.ruled DISABLE RULE is_disabled;
CREATE RULE is_replica AS ON INSERT TO app.ruled DO INSTEAD NOTHING;
ALTER TABLE app.ruled ENABLE REPLICA RULE is_replica;
COMMENT ON RULE ruled_also ON app.ruled IS 'comment of a rule';
INSERT INTO app.ruled_view VALUES (1, 'one'), (2, 'two');

CREATE TABLE secret.document (id serial PRIMARY KEY, author name DEFAULT CURRENT_USER, level integer, body text);
INSERT INTO secret.document (author, level, body) VALUES ('bkt_owner', 1, 'open'), ('bkt_writer', 9, 'closed'), ('nobody', 5, NULL);
ALTER TABLE secret.document ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
CREATE POLICY read_own ON secret.document FOR SELECT TO bkt_writer, bkt_reader USING (author = CURRENT_USER OR level < 5);
CREATE POLICY "it's ""x"" %" ON secret.document AS RESTRICTIVE FOR UPDATE TO PUBLIC
	USING (level < 9) WITH CHECK (body <> 'it''s \ $(x)' AND EXISTS (SELECT FROM app.customer c WHERE c.id < 0));
CREATE POLICY add_any ON secret.document FOR INSERT WITH CHECK (true);
CREATE POLICY drop_none ON secret.document FOR DELETE USING (false);
CREATE POLICY all_own ON secret.document TO CURRENT_USER USING (true);
COMMENT ON POLICY read_own ON secret.document IS 'comment of a policy';
ALTER TABLE secret.document OWNER TO bkt_writer;
CREATE TABLE secret.enabled_without_policy (a integer);
INSERT INTO secret.enabled_without_policy VALUES (1);
ALTER TABLE secret.enabled_without_policy ENABLE ROW LEVEL SECURITY;
CREATE TABLE secret.policy_not_enabled (a integer);
CREATE POLICY asleep ON secret.policy_not_enabled USING (a > 0);

-- Event triggers: none does anything that a restore could feel. The only one that
-- would stop a command is for a command that no restore uses, and it is disabled.
CREATE FUNCTION app.watch_commands() RETURNS event_trigger LANGUAGE plpgsql AS $$ BEGIN RAISE DEBUG 'event % %', tg_event, tg_tag; END $$;
CREATE FUNCTION app.stop_command() RETURNS event_trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'stopped %', tg_tag; END $$;
CREATE EVENT TRIGGER bkt_end ON ddl_command_end EXECUTE FUNCTION app.watch_commands();
CREATE EVENT TRIGGER "bkt ""start"" %" ON ddl_command_start WHEN TAG IN ('CREATE TABLE', 'DROP VIEW') EXECUTE FUNCTION app.watch_commands();
CREATE EVENT TRIGGER bkt_drop ON sql_drop EXECUTE FUNCTION app.watch_commands();
CREATE EVENT TRIGGER bkt_rewrite ON table_rewrite EXECUTE FUNCTION app.watch_commands();
CREATE EVENT TRIGGER bkt_disabled ON ddl_command_start WHEN TAG IN ('DROP CONVERSION') EXECUTE FUNCTION app.stop_command();
ALTER EVENT TRIGGER bkt_disabled DISABLE;
ALTER EVENT TRIGGER bkt_drop ENABLE ALWAYS;
ALTER EVENT TRIGGER bkt_rewrite ENABLE REPLICA;
\if :pg17
	CREATE EVENT TRIGGER bkt_login ON login EXECUTE FUNCTION app.watch_commands();
\endif
COMMENT ON EVENT TRIGGER bkt_end IS 'comment of an event trigger';

-------------------------------------------------------------------------------
-- Foreign data, publications, subscription, large objects
-------------------------------------------------------------------------------
CREATE FOREIGN DATA WRAPPER bkt_wrapper NO HANDLER NO VALIDATOR OPTIONS (debug 'true', "Opt ""x""" 'it''s \ $(x)');
ALTER FOREIGN DATA WRAPPER bkt_wrapper OWNER TO CURRENT_USER;
CREATE SERVER "Server ""x"" %" TYPE 'it''s a type' VERSION '1.0 \' FOREIGN DATA WRAPPER bkt_wrapper OPTIONS (host 'none');
CREATE SERVER bkt_server FOREIGN DATA WRAPPER postgres_fdw OPTIONS (host 'nowhere.invalid', dbname 'it''s "x" \', port '1');
CREATE SERVER bkt_files FOREIGN DATA WRAPPER file_fdw;
CREATE USER MAPPING FOR PUBLIC SERVER bkt_server OPTIONS (user 'nobody', password 'it''s \ "secret" $(x)');
CREATE USER MAPPING FOR bkt_writer SERVER bkt_server OPTIONS (user 'writer', password_required 'false');
CREATE USER MAPPING FOR "bkt_Hard ""role""'s $(x) \ % ü" SERVER "Server ""x"" %";
CREATE FOREIGN TABLE app.remote (id integer OPTIONS (column_name 'ID "x"') NOT NULL, note text COLLATE "C" DEFAULT 'it''s',
	g integer GENERATED ALWAYS AS (id * 2) STORED, CHECK (id > 0)) SERVER bkt_server OPTIONS (schema_name 's', table_name 'it''s "t"');
CREATE FOREIGN TABLE app.remote_file (a text OPTIONS (force_not_null 'true'), b integer)
	SERVER bkt_files OPTIONS (filename 'there is no such file.csv', format 'csv', delimiter ';', "null" '\N');
CREATE FOREIGN TABLE app.remote_odd () SERVER "Server ""x"" %";
CREATE TABLE app.partly_remote (a integer, b text) PARTITION BY LIST (a);
CREATE TABLE app.partly_remote_1 PARTITION OF app.partly_remote FOR VALUES IN (1);
CREATE FOREIGN TABLE app.partly_remote_2 PARTITION OF app.partly_remote FOR VALUES IN (2) SERVER bkt_server;
INSERT INTO app.partly_remote VALUES (1, 'local');
CREATE TRIGGER remote_trigger BEFORE INSERT ON app.remote FOR EACH ROW EXECUTE FUNCTION app.note_change();
ALTER FOREIGN TABLE app.remote ALTER COLUMN note SET STATISTICS 33;
COMMENT ON FOREIGN DATA WRAPPER bkt_wrapper IS 'comment of a wrapper';
COMMENT ON SERVER bkt_server IS 'comment of a server';
COMMENT ON FOREIGN TABLE app.remote IS 'comment of a foreign table';
ALTER SERVER bkt_server OWNER TO bkt_owner;
ALTER FOREIGN TABLE app.remote OWNER TO bkt_owner;
GRANT USAGE ON FOREIGN DATA WRAPPER bkt_wrapper TO bkt_owner WITH GRANT OPTION;
GRANT USAGE ON FOREIGN SERVER bkt_server TO bkt_writer;
GRANT SELECT ON app.remote TO bkt_reader;

SELECT lo_from_bytea(900001, 'plain text'), lo_from_bytea(900002, ''), lo_create(900004), lo_create(900005),
	lo_from_bytea(900003, (SELECT string_agg(set_byte('\x00', 0, i % 256), '' ORDER BY i) FROM generate_series(0, 70000) i)),
	lo_from_bytea(4294967294, (SELECT string_agg(decode(md5(i::text), 'hex'), '' ORDER BY i) FROM generate_series(1, 90000) i));
SELECT lo_put(900004, 100000, 'after a hole'), lo_put(900004, 3000000, '\x00ff5c2e0a'); -- sparse
ALTER LARGE OBJECT 900001 OWNER TO bkt_owner;
ALTER LARGE OBJECT 900003 OWNER TO "bkt_Hard ""role""'s $(x) \ % ü";
COMMENT ON LARGE OBJECT 900001 IS 'comment of a large object: ''"\ $(x)';
GRANT SELECT ON LARGE OBJECT 900001 TO bkt_writer WITH GRANT OPTION;
GRANT UPDATE ON LARGE OBJECT 900003, 900004 TO PUBLIC;
REVOKE ALL ON LARGE OBJECT 900003 FROM "bkt_Hard ""role""'s $(x) \ % ü";
CREATE TABLE app.refers_to_large_object (o oid, name text);
INSERT INTO app.refers_to_large_object VALUES (900001, 'text'), (4294967294, 'binary'), (900009, 'missing');

-------------------------------------------------------------------------------
-- Hard names: every kind of object in schemas of such names
-------------------------------------------------------------------------------
DO $do$
DECLARE
	names text[] := ARRAY['bkt "quoted" ''name''', E'new\nline', E'\n\\.\n', E'CR\rand\ttab', 'back\slash', '\.', 'схема 日本 😀', 'UPPER Case',
		'-leading-dash', '--', '$(touch pwned)', '`id` & ; |', '100%s %n %', 'a.b.c', '"', '''', ' ', ' spaced ', 'select', '*', '$$', '{a,b}',
		E'x; DROP TABLE y; -- \n\\! touch pwned\n', E'\u0001\u007F', E'e\u0301 \u202E', repeat('ж', 31) || 'x'];
	n text;	-- name of the schema
	h text[];	-- all names, starting with n
	hard_role text := 'bkt_Hard "role"''s $(x) \ % ü';
BEGIN
	FOR i IN 1 .. cardinality(names) LOOP
		n := names[i];
		h := names[i:] || names[:i - 1];
		EXECUTE format('CREATE SCHEMA %I AUTHORIZATION %I', n, CASE i % 3 WHEN 0 THEN 'bkt_owner' WHEN 1 THEN hard_role ELSE current_user END);
		EXECUTE format('COMMENT ON SCHEMA %I IS %L', n, 'schema ' || n);
		EXECUTE format('GRANT USAGE ON SCHEMA %I TO %I, PUBLIC', n, hard_role);
		EXECUTE format('CREATE TYPE %I.%I AS ENUM (%s)', n, h[6], (SELECT string_agg(quote_literal(x), ', ' ORDER BY p) FROM unnest(h) WITH ORDINALITY u (x, p)));
		EXECUTE format('CREATE DOMAIN %I.%I AS text DEFAULT %L CONSTRAINT %I CHECK (VALUE <> %L)', n, h[7], h[2], h[3], h[4] || h[5]);
		EXECUTE format('CREATE TYPE %I.%I AS (%I text, %I %I.%I)', n, h[8], h[1], h[2], n, h[6]);
		EXECUTE format('CREATE SEQUENCE %I.%I START %s', n, h[5], i);
		EXECUTE format('CREATE FUNCTION %I.%I(%I text DEFAULT %L) RETURNS text LANGUAGE sql IMMUTABLE RETURN %L', n, h[1], h[2], h[3], h[4]);
		EXECUTE format('CREATE FUNCTION %I.%I() RETURNS trigger LANGUAGE plpgsql AS %L', n, h[2], '/* ' || n || ' */ BEGIN RETURN NEW; END');
		EXECUTE format('CREATE TABLE %I.%I (%s, k %I.%I, w %I.%I, CONSTRAINT %I UNIQUE (%I), CONSTRAINT %I CHECK (%I <> %L))', n, h[1],
			(SELECT string_agg(format('%I text COLLATE "C" DEFAULT %L', x, x), ', ' ORDER BY p) FROM unnest(h) WITH ORDINALITY u (x, p)),
			n, h[6], n, h[7], h[9], h[2], h[10], h[3], h[4] || '!');
		EXECUTE format('INSERT INTO %I.%I DEFAULT VALUES', n, h[1]);
		EXECUTE format('INSERT INTO %I.%I (%I, %I, %I, k) VALUES (%L, NULL, '''', %L)', n, h[1], h[2], h[3], h[4], h[1], h[11]);
		EXECUTE format('ALTER TABLE %I.%I ADD CONSTRAINT %I FOREIGN KEY (%I) REFERENCES %I.%I (%I) DEFERRABLE NOT VALID', n, h[1], h[12], h[5], n, h[1], h[2]);
		EXECUTE format('CREATE INDEX %I ON %I.%I (%I, lower(%I)) WHERE %I IS NOT NULL', h[3], n, h[1], h[5], h[6], h[7]);
		EXECUTE format('CREATE STATISTICS %I.%I ON %I, %I FROM %I.%I', n, h[1], h[2], h[3], n, h[1]);
		EXECUTE format('CREATE VIEW %I.%I AS SELECT t.*, %L AS v FROM %I.%I t WHERE %I = %L', n, h[4], h[1], n, h[1], h[2], h[3]);
		EXECUTE format('CREATE MATERIALIZED VIEW %I.%I AS SELECT %I, %I FROM %I.%I', n, h[11], h[2], h[3], n, h[1]);
		EXECUTE format('CREATE TRIGGER %I BEFORE INSERT ON %I.%I FOR EACH ROW EXECUTE FUNCTION %I.%I(%L, %L)', h[3], n, h[1], n, h[2], h[1], h[2]);
		EXECUTE format('CREATE RULE %I AS ON UPDATE TO %I.%I WHERE OLD.%I = %L DO INSTEAD NOTHING', h[4], n, h[4], h[2], h[3]);
		EXECUTE format('CREATE POLICY %I ON %I.%I TO %I USING (%I = %L)', h[5], n, h[1], hard_role, h[2], h[3]);
		EXECUTE format('COMMENT ON TABLE %I.%I IS %L', n, h[1], 'table ' || h[1]);
		EXECUTE format('COMMENT ON COLUMN %I.%I.%I IS %L', n, h[1], h[2], 'column ' || h[2]);
		EXECUTE format('COMMENT ON CONSTRAINT %I ON %I.%I IS %L', h[10], n, h[1], h[10]);
		EXECUTE format('COMMENT ON TRIGGER %I ON %I.%I IS %L', h[3], n, h[1], h[3]);
		EXECUTE format('GRANT SELECT (%I), UPDATE (%I) ON %I.%I TO %I', h[1], h[2], n, h[1], hard_role);
		EXECUTE format('GRANT SELECT ON %I.%I TO PUBLIC', n, h[4]);
		EXECUTE format('ALTER TABLE %I.%I OWNER TO %I', n, h[1], CASE WHEN i % 2 = 0 THEN hard_role ELSE 'bkt_owner' END);
		EXECUTE format('ALTER DEFAULT PRIVILEGES FOR ROLE %I IN SCHEMA %I GRANT SELECT ON TABLES TO bkt_reader', hard_role, n);
		EXECUTE format('CREATE PUBLICATION %I FOR TABLE %I.%I (%I, %I) WHERE (%I <> %L) WITH (publish = ''insert'')', n, n, h[1], h[2], h[3], h[2], h[4]);
	END LOOP;
END $do$;
CREATE SCHEMA "schema only";

-------------------------------------------------------------------------------
-- Rights: grant option, grants by others than the owner, columns, PUBLIC, none
-------------------------------------------------------------------------------
GRANT SELECT, INSERT ON app.customer TO bkt_writer WITH GRANT OPTION;
GRANT UPDATE (name, tags), REFERENCES (id), INSERT (region) ON app.customer TO bkt_group WITH GRANT OPTION;
GRANT SELECT (name) ON app.customer TO PUBLIC;
-- Rights handed on by roles that get at the schema as members of its owner
CREATE SCHEMA handed_on AUTHORIZATION bkt_reader;
CREATE TABLE handed_on.letter (a integer, b text);
ALTER TABLE handed_on.letter OWNER TO bkt_owner;
GRANT SELECT, INSERT ON handed_on.letter TO bkt_writer WITH GRANT OPTION;
GRANT UPDATE (b) ON handed_on.letter TO bkt_writer WITH GRANT OPTION;
SET ROLE bkt_writer;
GRANT SELECT ON handed_on.letter TO bkt_reader WITH GRANT OPTION;
GRANT UPDATE (b) ON handed_on.letter TO bkt_group;
SET ROLE bkt_reader;
GRANT SELECT ON handed_on.letter TO bkt_group;
RESET ROLE;
GRANT ALL ON app.department TO bkt_writer;
GRANT TRIGGER, TRUNCATE, REFERENCES ON app.department TO PUBLIC;
REVOKE ALL ON app.order_line FROM bkt_owner;
GRANT SELECT ON app.order_line TO bkt_owner;
REVOKE UPDATE ON app.measure_2024 FROM CURRENT_USER;
GRANT DELETE ON app.measure TO bkt_reader;
\if :pg17
	GRANT MAINTAIN ON app.department TO bkt_reader;
\endif

-------------------------------------------------------------------------------
-- Publications and the subscription (never connects)
-------------------------------------------------------------------------------
CREATE PUBLICATION bkt_all FOR ALL TABLES WITH (publish = 'insert, truncate');
CREATE PUBLICATION bkt_some FOR TABLE app.customer (region, id, name) WHERE (id < 0 AND region <> 'it''s \'),
	TABLE ONLY app.animal, TABLE app.big WHERE (grp > 5), TABLE app.measure WITH (publish = 'insert', publish_via_partition_root = true);
CREATE PUBLICATION bkt_schemas FOR TABLES IN SCHEMA secret, "UPPER Case", TABLE app.keyed WITH (publish = 'truncate');
CREATE PUBLICATION bkt_nothing WITH (publish = '');
ALTER PUBLICATION bkt_nothing OWNER TO bkt_writer;
COMMENT ON PUBLICATION bkt_all IS 'comment of a publication';
\if :pg18
	CREATE PUBLICATION bkt_generated FOR TABLE app.only_generated WITH (publish_generated_columns = stored, publish = 'insert');
\endif
\if :pg19
	CREATE PUBLICATION bkt_sequences FOR ALL SEQUENCES;
	CREATE PUBLICATION bkt_except FOR ALL TABLES EXCEPT (TABLE app.big, TABLE ONLY app.animal) WITH (publish = 'insert');
\endif
\if :subscription
	CREATE SUBSCRIPTION bkt_subscription CONNECTION 'host=nowhere.invalid dbname=''it\''s \\ "x"'' application_name=$(x)%'
		PUBLICATION one, "it's ""two"" %" WITH (connect = false, enabled = false, create_slot = false, slot_name = NONE,
		binary = true, streaming = on, two_phase = true, disable_on_error = true, synchronous_commit = 'local');
	COMMENT ON SUBSCRIPTION bkt_subscription IS 'comment of a subscription';
	\if :pg16
		ALTER SUBSCRIPTION bkt_subscription SET (origin = none, run_as_owner = true);
	\endif
\endif
\if :{?tablespace}
	CREATE TABLE app.in_tablespace (a integer PRIMARY KEY USING INDEX TABLESPACE :"tablespace", b text) TABLESPACE :"tablespace";
	INSERT INTO app.in_tablespace SELECT i, 'in a tablespace' FROM generate_series(1, 100) i;
\endif

-------------------------------------------------------------------------------
-- Traps of pg_restore --jobs (only with -v traps=on)
-------------------------------------------------------------------------------
\if :traps
	CREATE SCHEMA traps;
	CREATE FUNCTION traps.overwrite() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN NEW.note := 'overwritten'; RETURN NEW; END $$;
	-- A trigger of a partitioned table may be made before the rows of its partitions
	-- are loaded, and then it fires. Small partitions, as pg_restore takes them last.
	CREATE TABLE traps.parted (id integer, note text) PARTITION BY RANGE (id);
	SELECT format('CREATE TABLE traps.parted_%s PARTITION OF traps.parted FOR VALUES FROM (%s) TO (%s)', i, i, i + 1)
	  FROM generate_series(0, 49) i \gexec
	INSERT INTO traps.parted SELECT i, 'row ' || i FROM generate_series(0, 49) i;
	CREATE TRIGGER overwrite BEFORE INSERT ON traps.parted FOR EACH ROW EXECUTE FUNCTION traps.overwrite();
	-- With indexes to attach, such a trigger may meet them in a deadlock
	CREATE TABLE traps.indexed (id integer PRIMARY KEY, note text) PARTITION BY RANGE (id);
	CREATE INDEX ON traps.indexed (note);
	CREATE INDEX ON traps.indexed (lower(note));
	CREATE TABLE traps.indexed_1 PARTITION OF traps.indexed FOR VALUES FROM (0) TO (100) PARTITION BY HASH (id);
	SELECT format('CREATE TABLE traps.indexed_1_%s PARTITION OF traps.indexed_1 FOR VALUES WITH (MODULUS 20, REMAINDER %s)', i, i)
	  FROM generate_series(0, 19) i \gexec
	CREATE TRIGGER overwrite BEFORE DELETE ON traps.indexed FOR EACH ROW EXECUTE FUNCTION traps.overwrite();
	-- A constraint of a domain, not valid, may be made before the rows are loaded
	CREATE DOMAIN traps.positive AS integer;
	CREATE TABLE traps.negative (a traps.positive, b text);
	INSERT INTO traps.negative VALUES (-1, 'bad');
	ALTER DOMAIN traps.positive ADD CHECK (VALUE > 0) NOT VALID;
	-- A right handed on by a role may be granted before the role may use the schema
	CREATE TABLE traps.handed_on (a integer);
	GRANT USAGE ON SCHEMA traps TO bkt_writer;
	GRANT SELECT ON traps.handed_on TO bkt_writer WITH GRANT OPTION;
	SET ROLE bkt_writer;
	GRANT SELECT ON traps.handed_on TO bkt_reader;
	RESET ROLE;
\endif

-------------------------------------------------------------------------------
-- How many objects there are, by kind; fails when a kind is missing
-------------------------------------------------------------------------------
SELECT string_agg(format('SELECT %s::oid AS class, oid FROM pg_catalog.%I',
		CASE c.relname WHEN 'pg_largeobject_metadata' THEN 'pg_largeobject'::regclass::oid ELSE c.oid END, c.relname), ' UNION ALL ') AS all_objects
  FROM pg_catalog.pg_class c JOIN pg_catalog.pg_attribute a ON a.attrelid = c.oid AND a.attname = 'oid'
 WHERE c.relnamespace = 'pg_catalog'::regnamespace AND c.relkind = 'r' AND NOT c.relisshared AND c.relname NOT IN ('pg_enum', 'pg_amop', 'pg_amproc') \gset
BEGIN;
CREATE TEMP TABLE object_count ON COMMIT DROP AS
SELECT i.type AS kind, count(*) AS objects
  FROM (:all_objects) o CROSS JOIN LATERAL pg_catalog.pg_identify_object(o.class, o.oid, 0) i
 WHERE (o.oid >= 16384 OR o.class = 'pg_catalog.pg_largeobject'::regclass) AND (i.schema IS NULL OR i.schema !~ '^pg_(toast|temp)')
   AND NOT EXISTS (SELECT FROM pg_catalog.pg_depend d WHERE d.classid = o.class AND d.objid = o.oid AND d.deptype = 'e')
 GROUP BY i.type;
INSERT INTO object_count
	SELECT 'subscription', count(*) FROM pg_catalog.pg_subscription JOIN pg_catalog.pg_database d ON d.oid = subdbid WHERE datname = current_database()
	UNION ALL SELECT 'setting of the database', count(*) FROM pg_catalog.pg_db_role_setting JOIN pg_catalog.pg_database d ON d.oid = setdatabase
		WHERE datname = current_database()
	UNION ALL SELECT 'comment', count(*) FROM pg_catalog.pg_description WHERE objoid >= 16384
	UNION ALL SELECT 'enum value', count(*) FROM pg_catalog.pg_enum
	UNION ALL SELECT kind, sum(n) FROM pg_catalog.pg_class c JOIN pg_catalog.pg_attribute a ON a.attrelid = c.oid CROSS JOIN LATERAL (VALUES
		('column with rights', (attacl IS NOT NULL)::int), ('dropped column', attisdropped::int), ('identity column', (attidentity <> '')::int),
		('generated column', (attgenerated <> '')::int), ('compressed column', (attcompression <> '')::int)) v (kind, n)
		WHERE c.oid >= 16384 AND c.relkind IN ('r', 'p') GROUP BY kind
	UNION ALL SELECT kind, sum(n) FROM pg_catalog.pg_class CROSS JOIN LATERAL (VALUES ('partition', relispartition::int),
		('partitioned table', (relkind = 'p')::int), ('unlogged relation', (relpersistence = 'u')::int),
		('table with row security', relrowsecurity::int), ('relation with rights', (relacl IS NOT NULL)::int)) v (kind, n)
		WHERE relnamespace <> 'pg_catalog'::regnamespace AND relnamespace <> 'pg_toast'::regnamespace GROUP BY kind;
\o
SELECT * FROM object_count ORDER BY kind COLLATE "C";
DO $$
DECLARE
	missing text := (SELECT string_agg(kind, ', ') FROM unnest(ARRAY['access method', 'aggregate', 'cast', 'collation', 'column with rights', 'comment',
		'composite type', 'compressed column', 'conversion', 'default acl', 'default value', 'domain constraint', 'dropped column', 'enum value',
		'event trigger', 'extension', 'foreign table', 'foreign-data wrapper', 'function', 'generated column', 'identity column', 'index', 'language',
		'large object', 'materialized view', 'operator', 'operator class', 'operator family', 'partition', 'partitioned table', 'policy',
		'procedure', 'publication', 'publication namespace', 'publication relation', 'relation with rights', 'rule', 'schema', 'sequence', 'server',
		'setting of the database', 'statistics object', 'table', 'table constraint', 'table with row security', 'text search configuration',
		'text search dictionary', 'text search parser', 'text search template', 'transform', 'trigger', 'type', 'unlogged relation',
		'user mapping', 'view']) AS expected (kind) WHERE NOT EXISTS (SELECT FROM object_count o WHERE o.kind = expected.kind AND objects > 0));
BEGIN
	IF missing <> '' THEN
		RAISE EXCEPTION 'no objects of kind: %', missing;
	END IF;
END $$;
COMMIT;
