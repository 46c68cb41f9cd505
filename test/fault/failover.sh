#!/bin/sh
# failover.sh - a failover while the old primary has WAL that nobody archived.
#
# Nothing of the old primary's last segments reaches the repository (its
# repository is away), the standby is promoted and archives on, and the old
# primary comes back by pg_rewind. The hole between the timelines must be
# reported, a restore to the latest must be refused or complete, never short
# in silence, and nobody may see a conflict; a new base backup makes it whole.
set -eu
. test/fault/stage.sh

stage <<END
wal_log_hints = on
wal_keep_size = 64MB
END
stage_standby
sql "SELECT backup_now(kind => 'base')" >/dev/null
sql "INSERT INTO ledger SELECT id + 1, 'archived', md5(hash || (id + 1)) FROM ledger ORDER BY id DESC LIMIT 1"
settle

# The standby gets some segments that its primary cannot archive. It takes them
# for archived: as a standby it leaves that to the primary.
sql "ALTER SYSTEM SET backup_ext.repository = 'file:///nowhere/at/all'"
sql "SELECT pg_reload_conf()" >/dev/null
write_on
sleep 6
write_off
sql "INSERT INTO ledger SELECT id + 1, 'the last', md5(hash || (id + 1)) FROM ledger ORDER BY id DESC LIMIT 1"
wait_for 30 "the standby" sh -c "'$bindir/psql' -X -A -t -h '$standby' -U postgres -d postgres -c \"SELECT count(*) FROM ledger WHERE body = 'the last'\" | grep -qx 1"
kill_server "$data"
"$bindir/pg_ctl" -D "$standby/data" -w -t 60 -s promote || fail "no promotion"
psql_in "$standby" "INSERT INTO ledger SELECT id + 1, 'promoted', md5(hash || (id + 1)) FROM ledger ORDER BY id DESC LIMIT 1"
psql_in "$standby" "SELECT pg_switch_wal()" >/dev/null
is_archived_there() { [ -z "$(find "$standby/data/pg_wal/archive_status" -name '*.ready' | head -n 1)" ]; }
wait_for 60 "the new primary's archiver" is_archived_there
gap=$("$program" wal --repo "$url" | grep "^gap: ") || fail "the hole is not shown: $("$program" wal --repo "$url")"
say "the hole is shown: $gap"
! "$program" restore --to "$work/probe" --dry-run --repo "$url" --bindir "$bindir" >"$work/probe.log" 2>&1 ||
	fail "a restore over the hole is promised"
grep -q 'is missing' "$work/probe.log" || fail "refused for another reason: $(cat "$work/probe.log")"
psql_in "$standby" "SELECT backup_sync()"
[ "$(psql_in "$standby" 'SELECT state FROM backup_wal')" = critical ] ||
	fail "the status is $(psql_in "$standby" 'SELECT state, reason FROM backup_wal')"
say "a restore is refused, the status: $(psql_in "$standby" 'SELECT state, reason FROM backup_wal')"

# The old primary comes back. (pg_rewind looks at the control file, which knows the new timeline after a checkpoint.)
psql_in "$standby" CHECKPOINT
"$bindir/pg_ctl" -D "$data" -l "$main/log" -w -t 60 -s start && "$bindir/pg_ctl" -D "$data" -m fast -w -s stop
"$bindir/pg_rewind" -D "$data" --source-server="host=$standby user=postgres dbname=postgres" >"$work/rewind" 2>&1 || fail "$(cat "$work/rewind")"
touch "$data/standby.signal"
cat >>"$data/postgresql.auto.conf" <<END
primary_conninfo = 'host=$standby user=postgres'
unix_socket_directories = '$main'
backup_ext.repository = '$url'
END
"$bindir/pg_ctl" -D "$data" -l "$main/log" -w -t 60 -s start || fail "no start after the rewind"
wait_for 60 "it streams" sh -c "'$bindir/psql' -X -A -t -h '$standby' -U postgres -d postgres -c 'SELECT count(*) FROM pg_stat_replication' | grep -qx 1"
id=$(psql_in "$standby" "SELECT backup_now(kind => 'base')") || fail "no backup of the new primary"
psql_in "$standby" "SELECT backup_sync()"
[ "$(psql_in "$standby" 'SELECT state FROM backup_wal')" = ok ] ||
	fail "after a base backup: $(psql_in "$standby" 'SELECT state, reason FROM backup_wal')"

# And is promoted again.
psql_in "$standby" "SELECT pg_switch_wal()" >/dev/null
sleep 1
kill_server "$standby/data"
"$bindir/pg_ctl" -D "$data" -w -t 60 -s promote || fail "no second promotion"
sql "INSERT INTO ledger SELECT id + 1, 'back', md5(hash || (id + 1)) FROM ledger ORDER BY id DESC LIMIT 1"
settle
[ "$(sql 'SELECT state FROM backup_wal')" = ok ] || fail "$(sql 'SELECT state, reason, failure FROM backup_wal')"
"$program" wal --repo "$url"
expected=$(ledger "$main")
restore latest
[ "$(ledger "$work/latest")" = "$expected" ] || fail "the ledger is $(ledger "$work/latest") and should be $expected"
say "restored through both promotions: the ledger ($expected) is the same"
