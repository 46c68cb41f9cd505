#!/bin/sh
# always.sh - a primary and a standby with archive_mode = always push the same.
#
# Both archive into one repository while clients write. Each segment must be
# there once, equal; neither may see a conflict; after a promotion the new
# primary goes on, and a restore goes through the switch.
set -eu
. test/fault/stage.sh

stage <<END
archive_mode = always
wal_keep_size = 10GB
END
stage_standby
id=$(sql "SELECT backup_now(kind => 'base')")
write_on
sleep 15
write_off
settle
is_archived_there() { [ -z "$(find "$standby/data/pg_wal/archive_status" -name '*.ready' | head -n 1)" ]; }
wait_for 60 "the standby's archiver" is_archived_there
for at in main standby; do
	psql_in "$work/$at" "SELECT archived_count || ' archived, ' || failed_count || ' failed' FROM pg_stat_archiver"
	[ "$(psql_in "$work/$at" 'SELECT state FROM backup_wal')" = ok ] ||
		fail "$at: $(psql_in "$work/$at" 'SELECT state, reason, failure FROM backup_wal')"
	compared=0
	compare_archive "$work/$at/data"
	say "$at: $compared segments are there once and equal"
	[ "$(psql_in "$work/$at" 'SELECT archived_count > 5 FROM pg_stat_archiver')" = t ] || fail "$at has archived nothing"
done

# The old primary is lost, with WAL that nobody has archived.
sql "INSERT INTO ledger SELECT id + 1, 'the last', md5(hash || (id + 1)) FROM ledger ORDER BY id DESC LIMIT 1"
wait_for 30 "the standby" sh -c "'$bindir/psql' -X -A -t -h '$standby' -U postgres -d postgres -c \"SELECT count(*) FROM ledger WHERE body = 'the last'\" | grep -qx 1"
kill_server "$data"
"$bindir/pg_ctl" -D "$standby/data" -w -t 60 -s promote || fail "no promotion"
psql_in "$standby" "INSERT INTO ledger SELECT id + 1, 'promoted', md5(hash || (id + 1)) FROM ledger ORDER BY id DESC LIMIT 1"
psql_in "$standby" "SELECT pg_switch_wal()" >/dev/null
wait_for 60 "the new primary's archiver" is_archived_there
[ "$(psql_in "$standby" 'SELECT state FROM backup_wal')" = ok ] ||
	fail "after the promotion: $(psql_in "$standby" 'SELECT state, reason, failure FROM backup_wal')"
compare_archive "$standby/data"
"$program" wal --repo "$url"
expected=$(ledger "$standby")
restore latest
[ "$(ledger "$work/latest")" = "$expected" ] || fail "the ledger is $(ledger "$work/latest") and should be $expected"
say "restored through the promotion: the ledger ($expected) is the same"
