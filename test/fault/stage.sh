# stage.sh - sourced by the scripts of this folder: a server, a repository, a
# ledger that clients write, and looks at what is left of them.
#
# Rows of the ledger are numbered without gaps and each carries a hash over the
# row before it: what comes back is right exactly if it is a beginning of the
# original's. Every script is run as
#
#   PG_CONFIG=… sh test/drop.sh sh test/fault/SCRIPT
#
# and ends with 0 if nothing was lost, 1 if something was, 2 if it could not be
# played here. KEEP=1 leaves its directory, which is then printed.

bindir=$("${PG_CONFIG:-pg_config}" --bindir)
program=$bindir/pg_backup_ext
. test/cluster.sh
work=$(mktemp -d "${TMPDIR:-/tmp}/backup_ext-fault-XXXXXX")
main=$work/main
data=$main/data
repo=$work/repo
url=file://$repo
writer=

say() { echo "ok - $*"; }

fail()
{
	echo "FAILED: $*" >&2
	[ ! -e "$main/log" ] || tail -n 20 "$main/log" >&2
	exit 1
}

# Processes of this script end with it, also those that were stopped.
clear_stage()
{
	trap - EXIT INT TERM HUP
	[ -z "$writer" ] || kill "$writer" 2>/dev/null || :
	for directory in "$work"/*/data; do
		cluster_stop "$(dirname "$directory")" >/dev/null 2>&1 || :
	done
	if [ -n "${KEEP:-}" ]; then echo "kept: $work"; else rm -rf "$work"; fi
}
trap clear_stage EXIT
trap 'exit 130' INT
trap 'exit 143' TERM HUP

psql_in() # DIRECTORY STATEMENT
{
	"$bindir/psql" -X -A -t -q -v ON_ERROR_STOP=1 -h "$1" -U postgres -d postgres -c "$2"
}

sql() { psql_in "$main" "$1"; }

# A server that archives into a repository of its own, and a ledger in it; more
# settings come from standard input.
stage()
{
	initdb_options=${initdb_options:---wal-segsize=1 --data-checksums}
	{
		cat <<-END
			shared_preload_libraries = 'backup_ext'
			backup_ext.repository = '$url'
			archive_mode = on
			archive_library = 'backup_ext'
			fsync = off
			log_checkpoints = off
		END
		cat
	} | cluster_start "$main" || fail "no server"
	sql "CREATE EXTENSION backup_ext"
	sql "SELECT backup_repository_create()" >/dev/null
	sql "CREATE TABLE ledger (id bigint PRIMARY KEY, body text NOT NULL, hash text NOT NULL);
		INSERT INTO ledger VALUES (0, '', md5(''));
		CREATE TABLE filler AS SELECT g AS id, repeat(md5(g::text), 10) AS body FROM generate_series(1, 20000) g;
		CREATE INDEX ON filler (id)"
	identifier=$(sql "SELECT system_identifier FROM pg_control_system()")
	cat >"$work/write.sql" <<-'END'
		BEGIN;
		LOCK TABLE ledger IN EXCLUSIVE MODE;
		INSERT INTO ledger SELECT id + 1, md5(random()::text), md5(hash || (id + 1))
			FROM ledger ORDER BY id DESC LIMIT 1;
		UPDATE filler SET body = repeat(md5(random()::text), 10) WHERE id = (random() * 20000)::int;
		COMMIT;
	END
}

# pgbench writes until it is stopped, or the server is.
write_on() # [PGBENCH OPTION...]
{
	pgbench -n -c 3 -j 1 -T 3600 -h "$main" -U postgres -f "$work/write.sql" "$@" postgres >"$work/pgbench" 2>&1 &
	writer=$!
}

write_off()
{
	kill "$writer" 2>/dev/null || :
	wait "$writer" 2>/dev/null || :
	writer=
}

# The ledger as one number and one hash.
ledger() # DIRECTORY
{
	psql_in "$1" "SELECT count(*) || ' ' || max(id) || ' ' || md5(string_agg(id || hash, ',' ORDER BY id)) FROM ledger"
}

# Waits, a tenth of a second each time, until a command succeeds.
wait_for() # SECONDS WHAT COMMAND...
{
	turns=$(($1 * 10))
	awaited=$2
	shift 2
	while ! "$@" >/dev/null 2>&1; do
		turns=$((turns - 1))
		[ $turns -gt 0 ] || fail "waited too long: $awaited"
		sleep 0.1
	done
}

# Kills a server; who adopted its postmaster may take a while to bury it.
kill_server() # DATA
{
	killed=$(head -n 1 "$1/postmaster.pid")
	kill -KILL "$killed"
	wait_for 20 "the end of the postmaster" sh -c "! kill -0 $killed"
}

# All WAL that there is reaches the repository.
is_archived() { [ -z "$(find "$data/pg_wal/archive_status" -name '*.ready' | head -n 1)" ]; }

settle()
{
	sql "SELECT pg_logical_emit_message(true, 'stage', 'x'); SELECT pg_switch_wal()" >/dev/null
	wait_for "${1:-120}" "the archiver" is_archived
}

# What the server takes for archived, and still has, is in the repository once,
# and equal.
compare_archive() # DATA
{
	for status in "$1"/pg_wal/archive_status/*.done; do
		[ -e "$status" ] || continue
		name=$(basename "$status" .done)
		[ -e "$1/pg_wal/$name" ] || continue
		found=$(find "$repo/wal/$identifier" -type f -name "$name-*")
		[ "$(echo "$found" | grep -c .)" = 1 ] || fail "$name is stored as: $found"
		zstd -dcq "$found" | cmp -s - "$1/pg_wal/$name" || fail "$name has other content in the repository"
		compared=$((${compared:-0} + 1))
	done
}

# Nothing is left of what was interrupted: temporary files, intents, children.
look_for_rest()
{
	rest=$(find "$repo" -name '*.tmp*' -o -path "$repo/intent/*" -type f)
	[ -z "$rest" ] || fail "left in the repository: $rest"
	for folder in "$repo"/backup/*; do
		[ ! -e "$folder" ] || [ -e "$repo/manifest/$(basename "$folder").json" ] || fail "left: $folder"
	done
}

# Restores to the end of the archive, starts, and waits for the end of recovery.
restore() # NAME [OPTION...]
{
	copy=$work/$1
	shift
	mkdir -m 700 "$copy"
	"$program" restore --to "$copy/data" --repo "$url" --bindir "$bindir" "$@" >"$copy/restore.log" 2>&1 ||
		fail "$(cat "$copy/restore.log")"
	echo "unix_socket_directories = '$copy'" >>"$copy/data/postgresql.conf"
	"$bindir/pg_ctl" -D "$copy/data" -l "$copy/log" -w -t 120 -s start || fail "$(tail -n 20 "$copy/log")"
	wait_for 120 "the end of recovery" sh -c \
		"'$bindir/psql' -X -A -t -h '$copy' -U postgres -d postgres -c 'SELECT pg_is_in_recovery()' | grep -qx f"
}

amcheck() # DIRECTORY
{
	psql_in "$1" "CREATE EXTENSION IF NOT EXISTS amcheck"
	"$bindir/pg_amcheck" --heapallindexed -h "$1" -U postgres -d postgres || fail "pg_amcheck complains"
}

# A standby of the server, in $standby, that streams and is registered.
stage_standby()
{
	standby=$work/standby
	mkdir -m 700 "$standby"
	"$bindir/pg_basebackup" -D "$standby/data" -R -X stream -c fast -h "$main" -U postgres
	echo "unix_socket_directories = '$standby'" >>"$standby/data/postgresql.conf"
	"$bindir/pg_ctl" -D "$standby/data" -l "$standby/log" -w -t 60 -s start || fail "no standby: $(cat "$standby/log")"
	wait_for 60 "the standby's registration" sh -c "[ \$(find '$repo/writer' -type f | wc -l) -ge 2 ]"
}
