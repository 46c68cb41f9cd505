#!/bin/sh
# bench_s3.sh - backups to an S3 store by this project and by others, beside a
# local directory, in one run on one machine. The store is on the same machine
# (test/s3_server.sh) and shares its processors with who is measured.
#
#   SCALE    size of the database: 1 is about 1.8 GB, needs 15 GB of disk
#   SIZE     MB of the object that is copied (1024); the store is in memory
#   ROUNDS   times that everybody has a turn; the best time counts
#   PARTS    which to measure: object backup age wal (all)
#   TMPDIR   where all that is put
#
# Absolute times say little about another machine; the ratios do. Needs s3cmd,
# rclone and pgbackrest. "peak" is the resident memory of the largest process;
# the last column compares with the first line of the same kind.
set -eu
cd "$(dirname "$0")/.."
PG_CONFIG=${PG_CONFIG:-pg_config}
SCALE=${SCALE:-1}
SIZE=${SIZE:-1024}
ROUNDS=${ROUNDS:-1}
PARTS=${PARTS:-object backup age wal}
bindir=$("$PG_CONFIG" --bindir)
. test/cluster.sh

for needed in s3cmd rclone pgbackrest; do
	command -v $needed >/dev/null || {
		echo "bench_s3.sh: $needed is missing (apt-get install s3cmd rclone pgbackrest)" >&2
		exit 1
	}
done

work=$(mktemp -d "${TMPDIR:-/tmp}/backup_ext-bench-XXXXXX")
cluster=$work/cluster
data=$cluster/data
proxy=
cleanup()
{
	trap - EXIT INT TERM HUP
	cluster_stop "$cluster" || :
	[ -z "$proxy" ] || kill "$proxy" 2>/dev/null || :
	as_owner sh "$work/s3_server.sh" stop "$work/s3" || :
	[ -n "${KEEP:-}" ] || rm -rf "$work"
}
trap cleanup EXIT
trap 'exit 130' INT
trap 'exit 143' TERM HUP

# The tree may be closed to the user who owns all this.
install -m 755 build/test/tool/store test/s3_server.sh test/fault_proxy.pl "$work"
chmod 711 "$work"
[ "$(id -u)" -ne 0 ] || chown postgres:postgres "$work"
program=$bindir/pg_backup_ext

# What the environment says about certificates is not for these tools.
unset AWS_CA_BUNDLE

sql()
{
	as_owner "$bindir/psql" -X -A -t -q -v ON_ERROR_STOP=1 -h "$cluster" -U postgres -d postgres -c "$1"
}

# time_it NAME COMMAND: one turn; adds seconds and peak memory to the results.
time_it()
{
	if as_owner /usr/bin/time -o "$work/time" -f '%e %M %U %S' sh -c "$2" >"$work/messages" 2>&1; then
		printf '%s\t%s\n' "$1" "$(cat "$work/time")" >>"$work/results"
		echo "  $1: $(awk '{ printf "%s s (processor %.1f s, %.0f MB)", $1, $3 + $4, $2 / 1024 }' "$work/time")"
	else
		printf '%s\tfailed\n' "$1" >>"$work/results"
		echo "  $1: failed"
		tail -n 5 "$work/messages"
	fi
}

# --- the store and who uses it -------------------------------------------------

start_store()
{
	as_owner env S3_MEMORY=12884901888 sh "$work/s3_server.sh" start "$work/s3" $$
	port=$(cat "$work/s3/port")
	id=$(sed -n 's/^aws_access_key_id = //p' "$work/s3/credentials")
	secret=$(sed -n 's/^aws_secret_access_key = //p' "$work/s3/credentials")
	as_owner sh -c "cat >'$work/s3cfg'" <<-END
		[default]
		access_key = $id
		secret_key = $secret
		host_base = 127.0.0.1:$port
		host_bucket = 127.0.0.1:$port
		use_https = False
	END
	as_owner sh -c "cat >'$work/rclone.conf'" <<-END
		[s]
		type = s3
		provider = Ceph
		access_key_id = $id
		secret_access_key = $secret
		endpoint = http://127.0.0.1:$port
	END
	# pgBackRest talks to nobody without TLS.
	as_owner sh -c "cat >'$work/pgbackrest.conf'" <<-END
		[global]
		repo1-type=s3
		repo1-path=/pgbackrest
		repo1-s3-bucket=bench
		repo1-s3-endpoint=localhost
		repo1-s3-region=us-east-1
		repo1-s3-uri-style=path
		repo1-s3-key=$id
		repo1-s3-key-secret=$secret
		repo1-storage-port=$(cat "$work/s3/tls_port")
		repo1-storage-ca-file=$work/s3/ca.pem
		log-path=$work
		lock-path=$work/lock
		spool-path=$work/spool
		log-level-console=warn
		log-level-file=off
		process-max=2
		compress-type=zst
		compress-level=3
		start-fast=y
		[main]
		pg1-path=$data
		pg1-socket-path=$cluster
		pg1-user=postgres
	END
	s3cmd="s3cmd -q -c $work/s3cfg"
	rclone="rclone --config $work/rclone.conf"
	pgbackrest="pgbackrest --config=$work/pgbackrest.conf"
	as_owner $s3cmd mb s3://bench
}

# The URL of a repository or place in the store.
s3_url() { echo "s3://bench/$1?endpoint=http://127.0.0.1:$port&region=us-east-1&style=path"; }
tls_url() { echo "s3://bench/$1?endpoint=https://localhost:$(cat "$work/s3/tls_port")&region=us-east-1&style=path&ca_file=$work/s3/ca.pem"; }

# Everything that is in the store; what is removed goes some seconds later.
empty_store()
{
	as_owner $s3cmd rm --recursive --force s3://bench >/dev/null 2>&1 || :
	sleep 12
}

curl_it="curl -sSf --aws-sigv4 aws:amz:us-east-1:s3 -H 'x-amz-content-sha256: UNSIGNED-PAYLOAD'"

# --- one object ------------------------------------------------------------------

# Nobody finds a file that is there already, and all must get the same one.
get_it()
{
	as_owner rm -f "$work/out"
	time_it "$1" "$2"
	cmp "$work/object" "$work/out"
}

measure_object()
{
	store="$work/store --credentials $work/s3/credentials --jobs 2"
	as_owner sh -c "head -c ${SIZE}000000 /dev/urandom >$work/object"
	curl_it="$curl_it -u $id:$secret"
	time_it "put: curl, unsigned (the store's limit)" "$curl_it -T $work/object http://127.0.0.1:$port/bench/curl"
	time_it "put: ours" "$store '$(s3_url ours)' put object $work/object"
	time_it "put: ours, TLS" "$store '$(tls_url tls)' put object $work/object"
	time_it "put: s3cmd" "$s3cmd put $work/object s3://bench/s3cmd"
	time_it "put: rclone" "$rclone copyto $work/object s:bench/rclone"
	time_it "put: pgBackRest, TLS" "$pgbackrest repo-put object <$work/object"
	get_it "get: curl (the store's limit)" "$curl_it -o $work/out http://127.0.0.1:$port/bench/curl"
	get_it "get: ours" "$store '$(s3_url ours)' get object $work/out"
	get_it "get: ours, TLS" "$store '$(tls_url tls)' get object $work/out"
	get_it "get: s3cmd" "$s3cmd get s3://bench/s3cmd $work/out"
	get_it "get: rclone" "$rclone copyto s:bench/rclone $work/out"
	get_it "get: pgBackRest, TLS" "$pgbackrest repo-get object >$work/out"
	as_owner rm -f "$work/object" "$work/out"
	empty_store
}

# --- backups -----------------------------------------------------------------------

ours="--bindir $bindir --credentials-file $work/s3/credentials -D $data --jobs 2"

# fresh URL [OPTION...]: a new repository there, into which WAL goes.
fresh()
{
	url=$1
	shift
	as_owner "$program" init --bindir "$bindir" --credentials-file "$work/s3/credentials" --repo "$url" \
		-D "$data" "$@" >"$work/messages" 2>&1 || tail -n 5 "$work/messages"
	archive_into "$url" "${2:-}"
}

# archive_into URL [KEY_FILE]
archive_into()
{
	sql "ALTER SYSTEM SET archive_command = ''"
	sql "ALTER SYSTEM SET archive_library = 'backup_ext'"
	sql "ALTER SYSTEM SET backup_ext.repository = '$1'"
	sql "ALTER SYSTEM SET backup_ext.credentials_file = '$work/s3/credentials'"
	sql "ALTER SYSTEM SET backup_ext.key_file = '${2:-}'"
	sql "SELECT pg_reload_conf()" >/dev/null
	settle
}

archive_with_nobody()
{
	sql "ALTER SYSTEM SET archive_library = ''"
	sql "ALTER SYSTEM SET archive_command = 'false'"
	sql "SELECT pg_reload_conf()" >/dev/null
}

waiting() { find "$data/pg_wal/archive_status" -name '*.ready' | wc -l; }

settle()
{
	sql "SELECT pg_switch_wal()" >/dev/null
	while [ "$(waiting)" -gt 0 ]; do sleep 0.1; done
}

measure_backup()
{
	for place in local s3; do
		if [ $place = local ]; then url=file://$work/repo; else url=$(s3_url repo); fi
		fresh "$url"
		time_it "base backup: ours, $place" "$program backup --kind base --repo '$url' $ours"
		time_it "logical backup: ours, $place" "$program backup --database app --repo '$url' $ours --conninfo='host=$cluster user=postgres'"
	done
	archive_with_nobody
	as_owner rm -rf "$work/repo" "$work/spool"
	as_owner sh -c "$pgbackrest --stanza=main stanza-create" >"$work/messages" 2>&1 || tail -n 5 "$work/messages"
	sql "ALTER SYSTEM SET archive_library = ''"
	sql "ALTER SYSTEM SET archive_command = '$pgbackrest --stanza=main archive-push %p'"
	sql "SELECT pg_reload_conf()" >/dev/null
	settle
	time_it "base backup: pgBackRest, s3 with TLS" "$pgbackrest --stanza=main --type=full backup"
	archive_with_nobody
	empty_store
}

# --- encryption --------------------------------------------------------------------

measure_age()
{
	as_owner "$program" keygen --key-file "$work/key" --identity-file "$work/identity" >/dev/null
	for key in no age; do
		option=
		[ $key = no ] || option="--key-file $work/key"
		fresh "file://$work/repo-$key" $option
		time_it "base backup, local: $key encryption" "$program backup --kind base --repo file://$work/repo-$key $ours $option"
		time_it "logical backup, local: $key encryption" "$program backup --database app --repo file://$work/repo-$key $ours $option --conninfo='host=$cluster user=postgres'"
	done
	archive_with_nobody
	sql "ALTER SYSTEM RESET backup_ext.key_file"
	sql "SELECT pg_reload_conf()" >/dev/null
	as_owner rm -rf "$work/repo-no" "$work/repo-age" "$work/key" "$work/identity"
}

# --- WAL ----------------------------------------------------------------------------

# A backlog goes to the store with 30 ms added to every request and connection.
measure_wal()
{
	as_owner rm -rf "$work/proxy"
	as_owner mkdir "$work/proxy"
	echo '{"latency": 0.03}' | as_owner sh -c "cat >$work/proxy/rules"
	as_owner perl "$work/fault_proxy.pl" --to "127.0.0.1:$port" --dir "$work/proxy" &
	proxy=$!
	while [ ! -s "$work/proxy/port" ]; do sleep 0.1; done
	direct=$(s3_url wal)
	slow=$(echo "$direct" | sed "s/:$port/:$(cat "$work/proxy/port")/")
	as_owner "$program" init --bindir "$bindir" --credentials-file "$work/s3/credentials" --repo "$direct" -D "$data" >"$work/messages"
	for jobs in 2 8; do
		for way in direct slow; do
			archive_with_nobody
			for i in $(seq 48); do
				sql "INSERT INTO wal SELECT g, md5(random()::text) || md5(random()::text) FROM generate_series(1, 80000) g; SELECT pg_switch_wal()" >/dev/null
			done
			if [ $way = slow ]; then url=$slow; else url=$direct; fi
			before=$(waiting)
			sql "ALTER SYSTEM SET backup_ext.archive_jobs = $jobs"
			start=$(date +%s.%N)
			archive_into "$url"
			seconds=$(echo "$(date +%s.%N) $start" | awk '{ print $1 - $2 }')
			printf '%s\t%s 0\n' "wal: $jobs jobs, $way" "$seconds" >>"$work/results"
			echo "  wal: $jobs jobs, $way: $seconds s for $before segments, $(echo "$before $seconds" | awk '{ printf "%.1f", $1 / $2 }') per second"
		done
	done
	kill "$proxy"
	proxy=
	empty_store
}

# --- all -----------------------------------------------------------------------------

start_store
initdb_options=--data-checksums
cluster_start "$cluster" <<END
shared_buffers = 256MB
maintenance_work_mem = 256MB
max_wal_size = 4GB
wal_level = replica
archive_mode = on
archive_command = 'false'
shared_preload_libraries = 'backup_ext'
END
if [ "$PARTS" != object ]; then
	echo "building the database (scale $SCALE)"
	as_owner "$bindir/createdb" -h "$cluster" -U postgres app
	as_owner "$bindir/psql" -X -q -v ON_ERROR_STOP=1 -v scale="$SCALE" -h "$cluster" -U postgres \
		-d app -f - <test/data/bench.sql >/dev/null
	as_owner "$bindir/pgbench" -i -q -s "$(awk "BEGIN { s = int(20 * $SCALE); print s < 1 ? 1 : s }")" \
		-h "$cluster" -U postgres app >/dev/null 2>&1
	sql "CREATE TABLE wal (id int, body text)"
	sql CHECKPOINT
	echo "cluster of $(du -sm --exclude=pg_wal "$data" | cut -f 1) MB, $(waiting) segments waiting"
fi

round=1
while [ "$round" -le "$ROUNDS" ]; do
	echo "round $round of $ROUNDS"
	for part in $PARTS; do "measure_$part"; done
	round=$((round + 1))
done

echo
echo "$(nproc) processors, PostgreSQL $("$bindir/postgres" --version | awk '{ print $3 }'), $(pgbackrest version), $(s3cmd --version), $(rclone version | head -n 1)"
awk -F '\t' '
	!($1 in seen) { order[++n] = $1; seen[$1] = 1; part = $1; sub(/:.*/, "", part); of[$1] = part }
	$2 == "failed" { failures++; next }
	{
		split($2, t, " ")
		if (!($1 in time) || t[1] < time[$1]) time[$1] = t[1]
		if (t[2] > peak[$1]) peak[$1] = t[2]
	}
	END {
		printf "%-44s %8s %9s %14s\n", "", "seconds", "peak MB", "to the first"
		for (i = 1; i <= n; i++) {
			m = order[i]
			if (!(of[m] in first) && m in time) first[of[m]] = time[m]
			if (!(m in time)) { printf "%-44s   failed\n", m; continue }
			printf "%-44s %8.2f %9.1f %14.2f\n", m, time[m], peak[m] / 1024, time[m] / first[of[m]]
		}
		exit failures > 0
	}' "$work/results"
