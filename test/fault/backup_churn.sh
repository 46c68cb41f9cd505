#!/bin/sh
# backup_churn.sh [BACKUPS] - base backups while pages are written all the time.
#
# Small shared_buffers and checkpoints without pause make the server write pages
# while they are read. No backup may blame a page; each can be read back.
set -eu
. test/fault/stage.sh

backups=${1:-30}
initdb_options="--data-checksums" stage <<END
shared_buffers = 1MB
checkpoint_timeout = 30s
backup_ext.compression = 'lz4'
bgwriter_delay = 10ms
bgwriter_flush_after = 0
END
sql "CREATE TABLE churn AS SELECT g AS id, repeat(md5(g::text), 20) AS body FROM generate_series(1, 60000) g;
	CREATE INDEX ON churn (id)"
cat >"$work/churn.sql" <<'END'
\set at random(1, 59900)
UPDATE churn SET body = repeat(md5(random()::text), 20) WHERE id BETWEEN :at AND :at + 50;
END
cat >"$work/checkpoint.sql" <<'END'
CHECKPOINT;
END
write_on -f "$work/churn.sql@20" -f "$work/checkpoint.sql@1"
n=0
former=
while [ $n -lt "$backups" ]; do
	n=$((n + 1))
	id=$(sql "SELECT backup_now(kind => 'base')") || fail "backup $n failed"
	state=$(sql "SELECT state FROM backup_list() WHERE id = '$id'")
	[ "$state" = good ] || fail "backup $n is $state: $(sql "SELECT * FROM backup_verify('$id') WHERE NOT ok")"
	wrong=$("$program" info "$id" --repo "$url" --json | tr ',' '\n' | grep corrupt_pages)
	[ "${wrong##*:}" -eq 0 ] || fail "backup $n: $wrong"
	problem=$(sql "SELECT check_name, detail FROM backup_verify('$id', 'readable') WHERE NOT ok")
	[ -z "$problem" ] || fail "backup $n cannot be read: $problem"
	kill -0 "$writer" || fail "nobody writes: $(cat "$work/pgbench")"
	[ -z "$former" ] || "$program" delete "$former" --repo "$url" >/dev/null || fail "no delete"
	former=$id
done
say "$backups backups, no page was blamed, every one can be read"
write_off
settle
expected=$(ledger "$main")
restore latest
[ "$(ledger "$work/latest")" = "$expected" ] || fail "the ledger is $(ledger "$work/latest") and should be $expected"
[ "$(psql_in "$work/latest" 'SELECT md5(string_agg(c::text, chr(44) ORDER BY id)) FROM churn c')" = \
	"$(sql 'SELECT md5(string_agg(c::text, chr(44) ORDER BY id)) FROM churn c')" ] || fail "churn differs"
amcheck "$work/latest"
say "the last one is restored: the ledger ($expected) is the same"
