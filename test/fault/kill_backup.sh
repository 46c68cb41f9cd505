#!/bin/sh
# kill_backup.sh [KILLS] - base backups that are killed at random moments.
#
# In turn the program, the worker that waits for it, and the whole server (stop
# -m immediate) are killed while a base backup runs under load. Never is the
# backup listed, no backup mode, slot or child is left, and the next backup
# clears away what is left in the repository, and can be read and restored.
set -eu
. test/fault/stage.sh

kills=${1:-20}
stage <<END
backup_ext.rate_limit = '8MB'
END
write_on
list() { find "$repo/manifest" -type f | wc -l; }
# The program's processes that work for this server.
programs()
{
	for pid in $(pgrep -f 'pg_backup_ext agent'); do
		[ "$(readlink "/proc/$pid/cwd")" != "$data" ] || echo "$pid"
	done
}
is_working() { [ -n "$(programs)" ]; }
backing_up() { sql "SELECT count(*) FROM pg_stat_activity WHERE query LIKE '%pg_backup_start%' AND pid <> pg_backend_pid()"; }

n=0
listed=$(list)
while [ $n -lt "$kills" ]; do
	n=$((n + 1))
	sql "SELECT backup_now(kind => 'base', label => 'killed $n')" >"$work/now" 2>&1 &
	now=$!
	wait_for 20 "the start of backup $n" is_working
	sleep "$(awk -v n="$n" 'BEGIN { srand(n); print 4 * rand() }')"
	victim=$(programs | head -n 1)
	case $((n % 3)) in
	0) [ -z "$victim" ] || kill -KILL "$victim" ;;
	1)
		worker=$(sql "SELECT pid FROM pg_stat_activity WHERE backend_type LIKE 'backup_ext run%'" | head -n 1)
		[ -z "$worker" ] || kill -KILL "$worker" ;;
	2) "$bindir/pg_ctl" -D "$data" -m immediate -w -t 60 -s stop || fail "no stop" ;;
	esac
	if wait "$now"; then
		echo "backup $n came through: $(cat "$work/now")"
		listed=$((listed + 1))
	else
		echo "kill $n: $(head -n 1 "$work/now")"
	fi
	if [ $((n % 3)) = 2 ]; then
		write_off
		"$bindir/pg_ctl" -D "$data" -l "$main/log" -w -t 60 -s start || fail "no start after kill $n"
		write_on
	else
		wait_for 60 "the server after kill $n" sql "SELECT 1"
		kill -0 "$writer" 2>/dev/null || { wait "$writer" 2>/dev/null || :; write_on; }
	fi
	wait_for 10 "the end of the children of kill $n" sh -c "! kill -0 ${victim:-999999}"
	[ "$(list)" = "$listed" ] || fail "after kill $n there are $(list) backups listed, not $listed"
	[ "$(backing_up)" = 0 ] || fail "backup mode is left after kill $n"
	[ "$(sql 'SELECT count(*) FROM pg_replication_slots')" = 0 ] || fail "a slot is left after kill $n"
	wait_for 20 "the row of run $n" sh -c "[ \"\$('$bindir/psql' -X -A -t -h '$main' -U postgres -d postgres -c 'SELECT count(*) FROM backup_run WHERE finished_at IS NULL')\" = 0 ]"
done
say "$kills kills: nothing listed, no backup mode, no slot"

sql "ALTER SYSTEM RESET backup_ext.rate_limit" && sql "SELECT pg_reload_conf()" >/dev/null
id=$(sql "SELECT backup_now(kind => 'base')") || fail "no backup after the kills"
look_for_rest
say "the next backup has cleared what was left"
[ -z "$(sql "SELECT check_name, detail FROM backup_verify('$id', 'readable') WHERE NOT ok")" ] || fail "it cannot be read"
write_off
settle
expected=$(ledger "$main")
restore latest
[ "$(ledger "$work/latest")" = "$expected" ] || fail "the ledger is $(ledger "$work/latest") and should be $expected"
amcheck "$work/latest"
[ -z "$(programs)" ] || fail "a child is left: $(programs)"
say "restored: the ledger ($expected) is the same"
