#!/bin/sh
# archive_kill.sh [CODEC...] - kill archive-push at each of its system calls.
#
# For every call that changes something, the program is killed (strace) when
# it makes it for the first, second, … time, until a run comes through. After
# each kill the segment is pushed again: that must succeed, and leave exactly
# one object, with the right bytes, and no temporary file. Another object, which
# was there before, must stay as it is. It needs strace; run it with
#
#   PG_CONFIG=… sh test/drop.sh sh test/fault/archive_kill.sh
set -eu

bindir=$("${PG_CONFIG:-pg_config}" --bindir)
command -v strace >/dev/null || { echo "strace is missing"; exit 2; }
work=$(mktemp -d "${TMPDIR:-/tmp}/backup_ext-kill-XXXXXX")
trap 'rm -rf "$work"' EXIT

"$bindir/initdb" -D "$work/data" --wal-segsize=1 -A trust >/dev/null
identifier=$("$bindir/pg_controldata" "$work/data" | sed -n 's/^Database system identifier: *//p')
segment=$(ls "$work/data/pg_wal" | grep '^0' | head -1)
digest=$(sha256sum <"$work/data/pg_wal/$segment" | cut -d' ' -f1)
url="file://$work/repo"
"$bindir/pg_backup_ext" init --repo "$url" -D "$work/data" >/dev/null
printf '1\t0/9000000\tx\n' >"$work/00000002.history"
(cd "$work" && "$bindir/pg_backup_ext" archive-push 00000002.history --repo "$url" \
	--system-identifier "$identifier")
wal="$work/repo/wal/$identifier"
before=$(stat -c '%i %s %y' "$wal"/00000002/*)

push() { # [COMMAND...]
	(cd "$work/data" && exec "$@" "$bindir/pg_backup_ext" archive-push "pg_wal/$segment" \
		--repo "$url" --system-identifier "$identifier" --compression "$codec")
}

fail() { echo "FAILED: $codec, $call number $n: $*"; find "$work/repo" -type f; exit 1; }

kills=0
for codec in "${@:-zstd:3}"; do
	for call in openat2 mkdirat write fsync pread64 fadvise64 renameat2 flock unlinkat; do
		n=1
		while :; do
			rm -rf "$wal/00000001"
			status=0
			# The program dies of the signal, and strace after it.
			push strace -f -qq -o "$work/trace" -e "trace=$call" \
				-e "inject=$call:signal=SIGKILL:when=$n" >/dev/null 2>&1 || status=$?
			[ $status -ne 0 ] || break
			kills=$((kills + 1))
			push >"$work/out" 2>&1 || fail "$(cat "$work/out")"
			[ "$(find "$wal/00000001" -type f | wc -l)" = 1 ] || fail "not one file"
			object=$(find "$wal/00000001" -type f -name "$segment-$digest*")
			[ -n "$object" ] || fail "another object"
			case $object in
			*.zst) zstd -dcq "$object" ;;
			*.lz4) lz4 -dcq "$object" ;;
			*.gz) gzip -dc "$object" ;;
			*) cat "$object" ;;
			esac | cmp -s - "$work/data/pg_wal/$segment" || fail "other content"
			[ "$(stat -c '%i %s %y' "$wal"/00000002/*)" = "$before" ] || fail "what was there has changed"
			n=$((n + 1))
		done
		echo "ok - $codec: $call, killed $((n - 1)) times"
	done
done
echo "killed $kills times, nothing lost"
