#!/bin/sh
# backlog.sh [SEGMENTS] - ten thousand segments wait to be archived.
#
# While the repository is away the status must be quick to read; when it is
# back all of them are archived, in flat memory, and nothing is missing.
set -eu
. test/fault/stage.sh

segments=${1:-10000}
stage <<END
max_wal_size = 1GB
wal_keep_size = 40GB
END
settle
mv "$repo" "$repo.away"
# Almost empty segments are as many files as full ones.
cat >"$work/switch.sql" <<'END'
SELECT pg_logical_emit_message(false, 'x', 'x') IS NULL, pg_switch_wal() IS NULL;
END
pgbench -n -c 1 -t "$segments" -h "$main" -U postgres -f "$work/switch.sql" postgres >"$work/pgbench" 2>&1 || fail "$(cat "$work/pgbench")"
waiting=$(sql "SELECT waiting FROM backup_wal")
[ "$waiting" -ge "$segments" ] || fail "only $waiting wait"
ms=$("$bindir/psql" -X -A -t -q -h "$main" -U postgres -d postgres <<'END' | sed -n 's/^Time: \([0-9]*\).*/\1/p' | sort -n | head -n 1
\timing on
SELECT state FROM backup_wal;
SELECT state FROM backup_wal;
SELECT state FROM backup_wal;
END
)
say "$waiting wait; backup_wal takes $ms ms"
mv "$repo.away" "$repo"
peak=0
first=$(date +%s)
while ! is_archived; do
	agent=$(sql "SELECT program_pid FROM backup_wal")
	size=$(sed -n 's/^VmHWM:[[:space:]]*\([0-9]*\).*/\1/p' "/proc/${agent:-0}/status" 2>/dev/null || :)
	[ "${size:-0}" -le "$peak" ] || { peak=$size; echo "   $(($(date +%s) - first)) s: $peak kB"; }
	[ $(($(date +%s) - first)) -lt 600 ] || fail "waited too long"
	sleep 2
done
say "archived in $(($(date +%s) - first)) s, the agent has needed $((peak / 1024)) MB"
[ "$peak" -lt 200000 ] || fail "the agent has needed $peak kB"
"$program" wal --repo "$url"
[ "$(find "$repo/wal" -type f | wc -l)" -ge "$segments" ] || fail "files are missing"
[ "$("$program" wal --repo "$url" | grep -c '^gap')" = 0 ] || fail "a gap"
