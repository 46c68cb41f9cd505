#!/bin/sh
# demo.sh - see it work: build, install, start a private PostgreSQL 15, back
# up a sample database, verify the backup, restore it under another name, and
# compare every row; then lose a table, and look at the cluster as it was
# before that. Nothing stays behind but the packages and the installed
# extension. Needs root on a fresh Debian 12; where everything is installed
# any user will do.
set -eu
cd "$(dirname "$0")/.."
PG_CONFIG=${PG_CONFIG:-/usr/lib/postgresql/15/bin/pg_config}
export PG_CONFIG

sh test/setup.sh
echo "building and installing"
make -s -j "$(nproc)" PG_CONFIG="$PG_CONFIG"
. test/install.sh
. test/installed.sh
. test/cluster.sh

work=$(mktemp -d "${TMPDIR:-/tmp}/backup_ext-demo-XXXXXX")
chmod 711 "$work"
cluster=$work/cluster
cleanup()
{
	trap - EXIT INT TERM HUP
	cluster_stop "$cluster" || :
	rm -rf "$work"
}
trap cleanup EXIT
trap 'exit 130' INT
trap 'exit 143' TERM HUP

run_psql()
{
	as_owner "$bindir/psql" -X -q -v ON_ERROR_STOP=1 -h "$cluster" -U postgres "$@"
}

# Show a statement, then run it: sql DATABASE STATEMENT [psql options].
sql()
{
	db=$1
	statement=$2
	shift 2
	echo
	echo "$db=# $statement"
	run_psql -d "$db" -P footer=off "$@" -c "$statement"
}

# One value, quietly.
value()
{
	run_psql -d "$1" -A -t -c "$2"
}

cluster_start "$cluster" <<END
shared_preload_libraries = 'backup_ext'
backup_ext.repository = 'file://$cluster/repository'
backup_ext.clone_directory = '$cluster'
archive_mode = on
archive_library = 'backup_ext'
timezone = 'UTC'
END
echo "PostgreSQL $(value postgres 'SHOW server_version') is running with these settings:"
echo
echo "    shared_preload_libraries = 'backup_ext'"
echo "    backup_ext.repository = 'file://$cluster/repository'"
echo "    backup_ext.clone_directory = '$cluster'"
echo "    archive_mode = on"
echo "    archive_library = 'backup_ext'"
run_psql -d postgres -c 'CREATE DATABASE shop TEMPLATE template0'
run_psql -d shop -f - <test/data/shop.sql
sql shop "SELECT count(*) AS customers, (SELECT count(*) FROM orders) AS orders,
            pg_size_pretty(pg_database_size('shop')) AS size FROM customers;"

sql postgres "CREATE EXTENSION backup_ext;"
sql postgres "SELECT backup_repository_create();"

statement="SELECT backup_now(database => 'shop');"
echo
echo "postgres=# $statement"
id=$(value postgres "$statement")
[ -n "$id" ]
echo "$id"

sql postgres "SELECT * FROM backup_list();" -x
sql postgres "SELECT * FROM backup_verify('$id');"
[ "$(value postgres "SELECT count(*) > 0 AND bool_and(ok) FROM backup_verify('$id')")" = t ]
sql postgres "SELECT backup_restore('$id', 'shop_copy');"
sql postgres "SELECT * FROM backup_status;" -x

# Compare: a digest of the rows of each table, of each large object, and the
# state of each sequence; then the definitions.
echo
echo "comparing shop with shop_copy"
cat >"$work/digests.sql" <<'END'
SELECT format('SELECT %L, count(*), md5(coalesce(string_agg(t::text, E''\n'' ORDER BY t::text COLLATE "C"), '''')) FROM %s t',
              c.oid::regclass, c.oid::regclass)
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE c.relkind IN ('r', 'm') AND n.nspname NOT LIKE 'pg\_%' AND n.nspname <> 'information_schema'
ORDER BY c.oid::regclass::text COLLATE "C" \gexec
SELECT 'sequence ' || c.oid::regclass, 1,
       (xpath('/row/v/text()', query_to_xml(format('SELECT last_value || '' '' || is_called AS v FROM %s', c.oid::regclass), true, true, '')))[1]
FROM pg_class c WHERE c.relkind = 'S' ORDER BY 1;
SELECT 'large object ' || oid, octet_length(lo_get(oid)), md5(lo_get(oid)) FROM pg_largeobject_metadata ORDER BY oid;
END
for db in shop shop_copy; do
	run_psql -d $db -A -t -F ' | ' -f - <"$work/digests.sql" >"$work/$db.rows"
	# The lines with \restrict carry a random key.
	as_owner "$bindir/pg_dump" -h "$cluster" -U postgres --schema-only -d $db |
		grep -Ev '^\\(un)?restrict ' >"$work/$db.schema"
done
awk -F ' \\| ' '!/^(sequence|large object) / { printf "    %-24s %6d rows  %s\n", $1, $2, $3 }' "$work/shop.rows"
[ "$(grep -c . "$work/shop.rows")" -gt 20 ]
if ! diff -u "$work/shop.rows" "$work/shop_copy.rows" || ! diff -u "$work/shop.schema" "$work/shop_copy.schema"; then
	echo "different"
	exit 1
fi
echo "equal"

# The whole cluster, at any moment.
orders=$(value shop 'SELECT count(*) FROM orders')
sql postgres "SELECT backup_now(kind => 'base');"
sql postgres "SELECT backup_mark('before the mistake');"
sql shop "TRUNCATE orders CASCADE;"

statement="SELECT backup_clone('look', target_name => 'before the mistake');"
echo
echo "postgres=# $statement"
conninfo=$(value postgres "$statement")
echo "$conninfo"
cloned=$(as_owner "$bindir/psql" -X -A -t -c 'SELECT count(*) FROM orders' "$conninfo dbname=shop")
echo
echo "rows of table orders: $orders before, $(value shop 'SELECT count(*) FROM orders') now, $cloned in the clone"
[ "$cloned" = "$orders" ]
sql postgres "SELECT backup_clone_drop('look');"
sql postgres "SELECT state, last_archived_wal, archived_count, failed_count FROM backup_wal;"
