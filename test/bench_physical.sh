#!/bin/sh
# bench_physical.sh - base backup, restore, WAL archiving and fetching by this
# project and by pgBackRest and pg_basebackup, in one run on one machine.
#
#   SCALE    size of the database: 1 is about 1.8 GB, needs 15 GB of disk
#   ROUNDS   times that everybody has a turn; the best time counts
#   PARTS    which to measure: base wal get load (all)
#   TMPDIR   where all that is put
#
# Everybody has two processes or threads, the same codec and level, and fsync
# as it comes. Absolute times say little about another machine; the ratios do.
# Needs pgbackrest. "peak" is the resident memory of the largest process.
set -eu
cd "$(dirname "$0")/.."
PG_CONFIG=${PG_CONFIG:-pg_config}
SCALE=${SCALE:-1}
ROUNDS=${ROUNDS:-1}
PARTS=${PARTS:-base wal get load}
SEGMENTS=${SEGMENTS:-64}
bindir=$("$PG_CONFIG" --bindir)
. test/cluster.sh

command -v pgbackrest >/dev/null || {
	echo "bench_physical.sh: pgbackrest is missing (apt-get install pgbackrest)" >&2
	exit 1
}

work=$(mktemp -d "${TMPDIR:-/tmp}/backup_ext-bench-XXXXXX")
cluster=$work/cluster
data=$cluster/data
ours=$work/ours
cleanup()
{
	trap - EXIT INT TERM HUP
	cluster_stop "$cluster" || :
	[ -n "${KEEP:-}" ] || rm -rf "$work"
}
trap cleanup EXIT
trap 'exit 130' INT
trap 'exit 143' TERM HUP

chmod 711 "$work"
[ "$(id -u)" -ne 0 ] || chown postgres:postgres "$work"
program=$bindir/pg_backup_ext

sql()
{
	as_owner "$bindir/psql" -X -A -t -q -v ON_ERROR_STOP=1 -h "$cluster" -U postgres -d postgres -c "$1"
}

# time_it NAME COMMAND: one turn; adds seconds and peak memory to the results.
time_it()
{
	if as_owner /usr/bin/time -o "$work/time" -f '%e %M %U %S' sh -c "$2" >"$work/messages" 2>&1; then
		printf '%s\t%s\t%s\n' "$1" "$(cat "$work/time")" "$(stored "${3:-}")" >>"$work/results"
		echo "  $1: $(awk '{ printf "%s s (processor %.1f s)", $1, $3 + $4 }' "$work/time")"
	else
		printf '%s\tfailed\n' "$1" >>"$work/results"
		echo "  $1: failed"
		tail -n 5 "$work/messages"
	fi
}

stored()
{
	[ -n "$1" ] || { echo 0; return; }
	find "$1" -type f -printf '%s\n' | awk '{ s += $1 } END { printf "%d", s }'
}

# pgBackRest with a codec and a level.
pgbackrest_conf()
{
	as_owner sh -c "cat >'$work/pgbackrest.conf'" <<END
[global]
repo1-path=$work/pgbackrest
log-path=$work
lock-path=$work/lock
spool-path=$work/spool
process-max=2
compress-type=$1
compress-level=$2
archive-async=y
archive-get-queue-max=256MiB
start-fast=y
log-level-console=warn
log-level-file=off
[main]
pg1-path=$data
pg1-socket-path=$cluster
pg1-user=postgres
END
}
pgbackrest="pgbackrest --config=$work/pgbackrest.conf --stanza=main"

archive_with_pgbackrest()
{
	sql "ALTER SYSTEM SET archive_library = ''"
	sql "ALTER SYSTEM SET archive_command = '$pgbackrest archive-push %p'"
	sql "SELECT pg_reload_conf()" >/dev/null
}

archive_with_ours()
{
	sql "ALTER SYSTEM SET archive_command = ''"
	sql "ALTER SYSTEM SET archive_library = 'backup_ext'"
	sql "SELECT pg_reload_conf()" >/dev/null
}

archive_with_nobody()
{
	sql "ALTER SYSTEM SET archive_library = ''"
	sql "ALTER SYSTEM SET archive_command = 'false'"
	sql "SELECT pg_reload_conf()" >/dev/null
}

waiting()
{
	find "$data/pg_wal/archive_status" -name '*.ready' | wc -l
}

# The last WAL there is reaches the archive.
settle()
{
	sql "SELECT pg_switch_wal()" >/dev/null
	while [ "$(waiting)" -gt 0 ]; do sleep 0.2; done
}

fresh_ours()
{
	as_owner rm -rf "$ours"
	as_owner "$program" init --bindir "$bindir" --repo "file://$ours" -D "$data" >"$work/messages" 2>&1 ||
		tail -n 5 "$work/messages"
}

fresh_pgbackrest()
{
	as_owner rm -rf "$work/pgbackrest" "$work/spool"
	as_owner sh -c "$pgbackrest stanza-create" >"$work/messages" 2>&1 || tail -n 5 "$work/messages"
}

measure_base()
{
	pgbackrest_conf zst 3
	fresh_ours
	archive_with_ours
	settle
	time_it "base: pg_backup_ext" "$program backup --kind base --repo file://$ours --bindir $bindir \
		-D $data --compression zstd:3 --jobs 2" "$ours/backup"
	fresh_pgbackrest
	archive_with_pgbackrest
	settle
	time_it "base: pgBackRest" "$pgbackrest --type=full backup" "$work/pgbackrest/backup"
	as_owner rm -rf "$work/basebackup"
	time_it "base: pg_basebackup -Ft zstd" "$bindir/pg_basebackup -h $cluster -U postgres -D $work/basebackup -Ft \
		-X none --no-manifest -c fast --compress=server-zstd:level=3,workers=2" "$work/basebackup"
	as_owner rm -rf "$work/basebackup"

	for tree in a b; do as_owner rm -rf "$work/$tree"; done
	time_it "restore: pg_backup_ext" "$program restore --repo file://$ours --bindir $bindir --to $work/a --jobs 2 --target=immediate"
	time_it "restore: pgBackRest" "$pgbackrest --pg1-path=$work/b --type=immediate restore"
	time_it "delta: pg_backup_ext" "$program restore --repo file://$ours --bindir $bindir --to $work/a --jobs 2 --delta --target=immediate"
	time_it "delta: pgBackRest" "$pgbackrest --pg1-path=$work/b --type=immediate --delta restore"
	as_owner rm -rf "$work/a" "$work/b"
}

# All segments wait again.
backlog()
{
	archive_with_nobody
	as_owner sh -c "cd '$data/pg_wal/archive_status' && for f in *.done; do [ ! -e \"\$f\" ] || mv \"\$f\" \"\${f%.done}.ready\"; done"
}

# drain NAME: from the reload that names the archiver to the last segment.
drain()
{
	before=$(waiting)
	start=$(date +%s.%N)
	"$2"
	sql "SELECT pg_switch_wal()" >/dev/null
	while [ "$(waiting)" -gt 0 ]; do sleep 0.02; done
	seconds=$(echo "$(date +%s.%N) $start" | awk '{ print $1 - $2 }')
	printf '%s\t%s 0\t%s\n' "$1" "$seconds" 0 >>"$work/results"
	echo "  $1: $seconds s for $before segments, $(echo "$before $seconds" | awk '{ printf "%.1f", $1 / $2 }') per second"
}

measure_wal()
{
	for codec in zst:3 lz4:1; do
		name=${codec%:*}
		level=${codec#*:}
		pgbackrest_conf "$name" "$level"
		backlog
		fresh_ours
		case $name in zst) setting=zstd:$level ;; *) setting=$name:$level ;; esac
		sql "ALTER SYSTEM SET backup_ext.compression = '$setting'"
		drain "wal $name: pg_backup_ext" archive_with_ours
		backlog
		fresh_pgbackrest
		drain "wal $name: pgBackRest async" archive_with_pgbackrest
	done
}

# fetch NAME COMMAND: one segment after another, as recovery asks for them.
measure_get()
{
	as_owner sh -c "cd '$data/pg_wal' && ls | grep -E '^[0-9A-F]{24}\$' | sort | head -n $SEGMENTS" >"$work/segments"
	pgbackrest_conf zst 3
	backlog; fresh_ours
	sql "ALTER SYSTEM SET backup_ext.compression = 'zstd:3'"
	archive_with_ours; settle
	backlog; fresh_pgbackrest; archive_with_pgbackrest; settle
	as_owner rm -rf "$work/fetch" "$work/spool"
	as_owner mkdir -p "$work/fetch/pg_wal" "$work/fetch/global"
	as_owner cp "$data/global/pg_control" "$work/fetch/global/"
	as_owner cp "$data/PG_VERSION" "$work/fetch/"
	time_it "get: pg_backup_ext" "cd $work/fetch && while read f; do rm -f pg_wal/RECOVERYXLOG; \
		$program archive-get \$f pg_wal/RECOVERYXLOG --repo file://$ours --jobs 2 || exit 1; done <$work/segments"
	time_it "get: pgBackRest async" "cd $work/fetch && while read f; do rm -f pg_wal/RECOVERYXLOG; \
		$pgbackrest --pg1-path=$work/fetch archive-get \$f pg_wal/RECOVERYXLOG || exit 1; done <$work/segments"
}

load()
{
	as_owner "$bindir/pgbench" -h "$cluster" -U postgres -c 4 -j 2 -T 20 -M prepared app 2>/dev/null |
		awk '/^tps/ { print $3 }'
}

measure_load()
{
	pgbackrest_conf zst 3
	for who in ours pgbackrest; do
		"fresh_$who"
		"archive_with_$who"
		settle
		if [ "$who" = ours ]; then
			command="$program backup --kind base --repo file://$ours --bindir $bindir -D $data --compression zstd:3 --jobs 2"
		else
			command="$pgbackrest --type=full backup"
		fi
		as_owner sh -c "$command" >"$work/messages" 2>&1 &
		backup=$!
		tps=$(load)
		wait $backup || { echo "  the backup failed"; tail -n 5 "$work/messages"; }
		echo "  pgbench beside archiving and a base backup by $who: $tps tps"
	done
}

initdb_options=--data-checksums
cluster_start "$cluster" <<END
shared_buffers = 256MB
maintenance_work_mem = 256MB
max_wal_size = 4GB
wal_keep_size = 4GB
wal_level = replica
archive_mode = on
archive_command = 'false'
shared_preload_libraries = 'backup_ext'
backup_ext.repository = 'file://$ours'
END
echo "building the database (scale $SCALE)"
as_owner "$bindir/createdb" -h "$cluster" -U postgres app
as_owner "$bindir/psql" -X -q -v ON_ERROR_STOP=1 -v scale="$SCALE" -h "$cluster" -U postgres \
	-d app -f - <test/data/bench.sql >/dev/null
as_owner "$bindir/pgbench" -i -q -s "$(awk "BEGIN { s = int(20 * $SCALE); print s < 1 ? 1 : s }")" \
	-h "$cluster" -U postgres app >/dev/null 2>&1
# WAL as work makes it, for the archiver
while [ "$(waiting)" -lt "$SEGMENTS" ]; do
	as_owner "$bindir/pgbench" -h "$cluster" -U postgres -c 4 -j 2 -t 2000 -M prepared app >/dev/null 2>&1
done
sql CHECKPOINT
echo "cluster of $(du -sm --exclude=pg_wal "$data" | cut -f 1) MB, $(waiting) segments waiting"

round=1
while [ "$round" -le "$ROUNDS" ]; do
	echo "round $round of $ROUNDS"
	for part in $PARTS; do "measure_$part"; done
	round=$((round + 1))
done

echo
echo "$(nproc) processors, PostgreSQL $("$bindir/postgres" --version | awk '{ print $3 }'), $(pgbackrest version)"
awk -F '\t' '
	!($1 in seen) { order[++n] = $1; seen[$1] = 1 }
	$2 == "failed" { failures++; next }
	{
		split($2, t, " ")
		if (!($1 in time) || t[1] < time[$1]) time[$1] = t[1]
		if (t[2] > peak[$1]) peak[$1] = t[2]
		bytes[$1] = $3
	}
	END {
		printf "%-32s %8s %13s %9s %14s\n", "", "seconds", "bytes", "peak MB", "to pgBackRest"
		for (i = 1; i <= n; i++) {
			m = order[i]
			if (!(m in time)) { printf "%-32s   failed\n", m; continue }
			printf "%-32s %8.2f %13d %9.1f %14s\n", m, time[m], bytes[m], peak[m] / 1024, ratio(m)
		}
		exit failures > 0
	}
	function ratio(m,    peer) {
		peer = m; sub(/:.*/, "", peer)
		for (i2 in time) if (index(i2, peer ":") == 1 && i2 ~ /pgBackRest/) return sprintf("%.2f", time[m] / time[i2])
		return "-"
	}' "$work/results"
