#!/bin/sh
# crash_load.sh [KILLS] - kill -9 of a server under load, again and again.
#
# Segments are of 1 MB and some records of several, so that crashes fall into
# records that span segments. After each crash the server must start at once,
# and what it takes for archived must be in the repository, once and equal. In
# the end a restore to the latest gives the same ledger, with sound indexes.
set -eu
. test/fault/stage.sh

kills=${1:-25}
stage <<END
wal_keep_size = 20GB
max_wal_size = 64MB
wal_buffers = 64kB
checkpoint_timeout = 30s
END
cat >"$work/long.sql" <<'END'
SELECT pg_logical_emit_message(true, 'long', repeat('x', (random() * 9000000)::int)) IS NULL;
END
id=$(sql "SELECT backup_now(kind => 'base')")

n=0
while [ $n -lt "$kills" ]; do
	n=$((n + 1))
	write_on -f "$work/long.sql@1" -f "$work/write.sql@3"
	sleep "$(awk -v n="$n" 'BEGIN { srand(n); print 0.3 + 1.5 * rand() }')"
	# All at once: a backend that lives on would end what it writes.
	# shellcheck disable=SC2046
	kill -KILL $(pgrep -P "$(head -n 1 "$data/postmaster.pid")") 2>/dev/null || :
	kill_server "$data"
	wait "$writer" 2>/dev/null || :
	writer=
	compare_archive "$data"
	"$bindir/pg_ctl" -D "$data" -l "$main/log" -w -t 60 -s start || fail "no start after crash $n"
done
say "$kills crashes; $compared times a segment was compared"

sql "INSERT INTO ledger SELECT id + 1, 'the last', md5(hash || (id + 1)) FROM ledger ORDER BY id DESC LIMIT 1"
settle
[ "$(sql 'SELECT state FROM backup_wal')" = ok ] || fail "$(sql 'SELECT state, reason, failure FROM backup_wal')"
compared=0
compare_archive "$data"
say "$compared segments are in the repository"
look_for_rest
gaps=$("$program" wal --repo "$url")
echo "$gaps"
expected=$(ledger "$main")
restore latest
[ "$(ledger "$work/latest")" = "$expected" ] || fail "the ledger is $(ledger "$work/latest") and should be $expected"
say "recovery went through $(grep -c 'successfully skipped missing contrecord' "$work/latest/log") records that a crash had cut"
amcheck "$work/latest"
say "restored: the ledger ($expected) is the same"
