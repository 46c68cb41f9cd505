-- The database of test/bench.sh: psql -v scale=N. Scale 1 together with
-- pgbench -i -s 20 is about 1.8 GB, or 1.2 GB as COPY text. It mixes what
-- compresses differently: short rows, wide rows, jsonb under a GIN index, and
-- bytes that do not compress at all.
\if :{?scale} \else \set scale 1 \endif
SELECT setseed(0.42);
CREATE EXTENSION IF NOT EXISTS pgcrypto;

CREATE TABLE customers AS
SELECT g AS id,
       'user' || g || '@example.com' AS email,
       md5(g::text) AS token,
       (array['Berlin','Paris','Tokyo','Lima','Oslo','Quito','Accra','Hanoi'])[1 + (random() * 7)::int] AS city,
       timestamptz '2026-01-01' - random() * interval '900 days' AS created_at
FROM generate_series(1, (500000 * :scale)::int) g;
ALTER TABLE customers ADD PRIMARY KEY (id);
CREATE UNIQUE INDEX ON customers (email);

CREATE TABLE orders AS
SELECT g AS id,
       (random() * (500000 * :scale - 1))::int + 1 AS customer_id,
       ((random() * 100000)::int / 100.0)::numeric(10,2) AS amount,
       (array['new','paid','shipped','done','void'])[1 + (random() * 4)::int] AS status,
       timestamptz '2024-01-01' + random() * interval '1000 days' AS placed_at,
       CASE WHEN random() < 0.2 THEN md5(random()::text) END AS note
FROM generate_series(1, (5000000 * :scale)::int) g;
ALTER TABLE orders ADD PRIMARY KEY (id);
CREATE INDEX ON orders (customer_id);
CREATE INDEX ON orders (placed_at);

CREATE TABLE events AS
SELECT g AS id,
       jsonb_build_object(
           'type', (array['view','click','buy','login','logout'])[1 + (random() * 4)::int],
           'user', (random() * 500000)::int,
           'ip', format('%s.%s.%s.%s', (random() * 255)::int, (random() * 255)::int,
                        (random() * 255)::int, (random() * 255)::int),
           'session', md5(random()::text),
           'ms', (random() * 3000)::int,
           'tags', jsonb_build_array('a' || (random() * 50)::int, 'b' || (random() * 50)::int)) AS payload,
       timestamptz '2024-01-01' + random() * interval '1000 days' AS seen_at
FROM generate_series(1, (2000000 * :scale)::int) g;
ALTER TABLE events ADD PRIMARY KEY (id);
CREATE INDEX ON events USING gin (payload jsonb_path_ops);

-- gen_random_bytes() gives at most 1024 bytes; "g > 0" keeps the subquery
-- from being evaluated only once.
CREATE TABLE files AS
SELECT g AS id,
       'img-' || g || '.jpg' AS name,
       (SELECT string_agg(gen_random_bytes(1000), ''::bytea) FROM generate_series(1, 8) WHERE g > 0) AS body
FROM generate_series(1, (12000 * :scale)::int) g;
ALTER TABLE files ADD PRIMARY KEY (id);

VACUUM ANALYZE;
