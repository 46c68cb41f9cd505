#!/bin/sh
# full_disk.sh - pg_wal runs full, the server panics, space comes back.
#
# pg_wal is a file system of 40 MB in a namespace of its own. While the
# repository is away nothing may be given up: the status turns critical, then
# the server stops with a PANIC. When the repository is back and there is a
# little room it starts, archives all of it, and a restore is complete.
set -eu
if [ "${1:-}" != inside ]; then
	unshare --user --map-root-user --mount sh -c 'mount -t tmpfs none /mnt' 2>/dev/null ||
		{ echo "no file system can be mounted here"; exit 2; }
	# A server does not run as root, not even as one of a namespace.
	exec unshare --user --map-root-user --mount sh -c '
		place=$(mktemp -d "${TMPDIR:-/tmp}/backup_ext-wal-XXXXXX")
		mount -t tmpfs -o size=40m,mode=700 none "$place" || exit 2
		status=0
		WAL_PLACE=$place unshare --user --map-user='"$(id -u)"' --map-group='"$(id -g)"' \
			sh test/fault/full_disk.sh inside || status=$?
		umount "$place"; rmdir "$place"; exit $status'
fi
. test/fault/stage.sh

initdb_options="--wal-segsize=1 --data-checksums --waldir=$WAL_PLACE/wal" stage <<END
max_wal_size = 8MB
min_wal_size = 4MB
END
sql "SELECT backup_now(kind => 'base')" >/dev/null
settle
head -c 6000000 /dev/zero >"$WAL_PLACE/filler"
mv "$repo" "$repo.away"
write_on
seen=
states=
turns=0
while kill -0 "$writer" 2>/dev/null && [ $turns -lt 1200 ]; do
	turns=$((turns + 1))
	state=$(sql "SELECT state || ', ' || disk_used_percent / 10 * 10 || ' %: ' || regexp_replace(reason, '[0-9]+ (files|%)', 'N \1', 'g') FROM backup_wal" 2>/dev/null || :)
	[ -z "$state" ] || [ "$state" = "$seen" ] || echo "   $state"
	seen=${state:-$seen}
	case $states in *"${state%%,*}") ;; *) states="$states ${state%%,*}" ;; esac
	sleep 0.1
done
write_off
grep -q 'PANIC:.*No space left' "$main/log" || fail "no panic"
case $seen in critical*) ;; *) fail "the last status was: $seen" ;; esac
wait_for 60 "the end of the server" sh -c "! '$bindir/pg_ctl' -D '$data' status"
[ "$states" = " ok warning critical" ] || fail "the states were:$states"
say "the status was a warning, then critical, before the server stopped"
kept=$(find "$WAL_PLACE/wal/archive_status" -name '*.ready' | wc -l)
[ "$kept" -gt 15 ] || fail "only $kept files are kept"

mv "$repo.away" "$repo"
rm "$WAL_PLACE/filler"
"$bindir/pg_ctl" -D "$data" -l "$main/log" -w -t 60 -s start || fail "no start"
# Room comes with the first checkpoint after that.
wait_for 60 "the archiver" is_archived
sql CHECKPOINT
settle
[ "$(sql 'SELECT state FROM backup_wal')" = ok ] || fail "$(sql 'SELECT state, reason, failure FROM backup_wal')"
compare_archive "$data"
look_for_rest
"$program" wal --repo "$url"
expected=$(ledger "$main")
restore latest
[ "$(ledger "$work/latest")" = "$expected" ] || fail "the ledger is $(ledger "$work/latest") and should be $expected"
amcheck "$work/latest"
say "$kept files had waited; restored: the ledger ($expected) is the same"
