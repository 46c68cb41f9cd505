#!/bin/sh
# bench.sh - a logical backup of one database by this project and by what
# people use instead, in one run on one machine, taking turns.
#
#   SCALE    size of the database: 1 is about 1.8 GB, needs 5 GB of disk
#   ROUNDS   times that everybody has a turn; the best time counts
#   TMPDIR   where all that is put
#
# Absolute times say little about another machine; the ratios do. Everything
# of ours is durable when the clock stops (fsync, then read back and compared
# with its digest); pg_dump ends with an fsync, the pipe through zstd with
# none. "peak" is the resident memory of the largest process.
set -eu
cd "$(dirname "$0")/.."
PG_CONFIG=${PG_CONFIG:-pg_config}
SCALE=${SCALE:-1}
ROUNDS=${ROUNDS:-1}
bindir=$("$PG_CONFIG" --bindir)
. test/cluster.sh

work=$(mktemp -d "${TMPDIR:-/tmp}/backup_ext-bench-XXXXXX")
cluster=$work/cluster
out=$work/out
cleanup()
{
	trap - EXIT INT TERM HUP
	cluster_stop "$cluster" || :
	rm -rf "$work"
}
trap cleanup EXIT
trap 'exit 130' INT
trap 'exit 143' TERM HUP

# The program is the one just built; the tree may be closed to its user.
install -m 755 build/pg_backup_ext "$work/pg_backup_ext"
chmod 711 "$work"
[ "$(id -u)" -ne 0 ] || chown postgres:postgres "$work"

initdb_options=--data-checksums
cluster_start "$cluster" <<END
shared_buffers = 256MB
maintenance_work_mem = 256MB
max_wal_size = 4GB
fsync = off
END
echo "building the database (scale $SCALE)"
as_owner "$bindir/createdb" -h "$cluster" -U postgres app
as_owner "$bindir/psql" -X -q -v ON_ERROR_STOP=1 -v scale="$SCALE" -h "$cluster" -U postgres \
	-d app -f - <test/data/bench.sql >/dev/null
as_owner "$bindir/pgbench" -i -q -s "$(awk "BEGIN { s = int(20 * $SCALE); print s < 1 ? 1 : s }")" \
	-h "$cluster" -U postgres app >/dev/null 2>&1
as_owner "$bindir/psql" -X -q -h "$cluster" -U postgres -d app -c CHECKPOINT
size=$(as_owner "$bindir/psql" -X -A -t -h "$cluster" -U postgres -d app \
	-c "SELECT pg_size_pretty(pg_database_size('app'))")

conninfo="host=$cluster port=5432 user=postgres"
dump="$bindir/pg_dump -h $cluster -U postgres -d app"

# measure NAME COMMAND: one turn, into an empty directory.
measure()
{
	if as_owner /usr/bin/time -o "$work/time" -f '%e %M' sh -c "$2" >"$work/messages" 2>&1; then
		bytes=$(find "$out" -type f -printf '%s\n' | awk '{ s += $1 } END { printf "%d", s }')
		printf '%s\t%s\t%s\n' "$1" "$(cat "$work/time")" "$bytes" >>"$work/results"
		echo "  $1: $(awk '{ print $1 }' "$work/time") s"
	else
		printf '%s\tfailed\n' "$1" >>"$work/results"
		echo "  $1: failed"
		tail -n 5 "$work/messages"
	fi
	as_owner rm -rf "$out"
	as_owner mkdir "$out"
}

ours()
{
	as_owner "$work/pg_backup_ext" init --bindir "$bindir" --repo "file://$out/repository" --conninfo "$conninfo" \
		>"$work/messages" 2>&1 || tail -n 5 "$work/messages"
	measure "pg_backup_ext $1" "$work/pg_backup_ext backup --repo file://$out/repository \
		--bindir $bindir --conninfo '$conninfo' --database app --compression $1 --jobs 2"
}

as_owner mkdir "$out"
# A first reading, so that all find the same cache.
as_owner sh -c "$dump -Fc -Z0 >/dev/null"
round=1
while [ "$round" -le "$ROUNDS" ]; do
	echo "round $round of $ROUNDS"
	measure 'pg_dump -Fc' "$dump -Fc -f $out/dump"
	ours zstd:3
	measure 'pg_dump -Fd -j2' "$dump -Fd -j2 -f $out/dump"
	ours zstd:1
	measure 'pg_dump -Fc -Z0 | zstd -3 -T2' "$dump -Fc -Z0 | zstd -q -3 -T2 >$out/dump"
	round=$((round + 1))
done

echo
echo "database of $size, $(nproc) processors, PostgreSQL $("$bindir/postgres" --version | awk '{ print $3 }')"
awk -F '\t' '
	!($1 in seen) { order[++n] = $1; seen[$1] = 1 }
	$2 == "failed" { bad[$1] = 1; failures++; next }
	{
		split($2, t, " ")
		if (!($1 in time) || t[1] < time[$1]) time[$1] = t[1]
		if (t[2] > peak[$1]) peak[$1] = t[2]
		bytes[$1] = $3
	}
	END {
		base = "pg_dump -Fc"; pipe = "pg_dump -Fc -Z0 | zstd -3 -T2"
		printf "%-30s %8s %13s %9s %9s %9s\n", "", "seconds", "bytes", "peak MB", "time/Fc", "time/pipe"
		for (i = 1; i <= n; i++) {
			m = order[i]
			if (!(m in time)) { printf "%-30s   failed\n", m; continue }
			printf "%-30s %8.1f %13d %9.1f %9s %9s\n", m, time[m], bytes[m], peak[m] / 1024, \
				ratio(time[m], time[base]), ratio(time[m], time[pipe])
		}
		exit failures > 0
	}
	function ratio(a, b) { return b > 0 ? sprintf("%.2f", a / b) : "-" }' "$work/results"
