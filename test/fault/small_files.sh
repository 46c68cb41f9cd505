#!/bin/sh
# small_files.sh [FILES] - a cluster of very many small files, there and back.
#
# A base backup, its verification and a restore of it: all files come back, and
# the memory of the program stays far below what the names alone would need.
set -eu
. test/fault/stage.sh

files=${1:-100000}
stage <<END
max_wal_size = 1GB
END
mkdir "$data/many"
awk -v n="$files" 'BEGIN { for (i = 0; i < n; i++) {
	if (i % 1000 == 0) { folder = sprintf("%s/d%d", ARGV[1], i / 1000); system("mkdir " folder) }
	file = sprintf("%s/f%d", folder, i); print i, "x" > file; close(file) } exit }' "$data/many"

[ "$(find "$data/many" -type f | wc -l)" = "$files" ] || fail "not so many files"

measured() # NAME COMMAND...
{
	what=$1
	shift
	/usr/bin/time -o "$work/time" -f '%e %M' "$@" >"$work/out" 2>&1 || fail "$what: $(tail -n 5 "$work/out")"
	read -r seconds memory <"$work/time"
	say "$what: $seconds s, $((memory / 1024)) MB"
	[ "$memory" -lt 300000 ] || fail "$what needs $memory kB"
}
measured "base backup of $files files" "$program" backup --kind base --checkpoint fast --repo "$url" --bindir "$bindir" -D "$data"
id=$(basename "$(ls "$repo"/manifest/*)" .json)
measured "verify" "$program" verify "$id" --repo "$url" --bindir "$bindir"
mkdir -m 700 "$work/back"
measured "restore" "$program" restore --to "$work/back/data" --repo "$url" --bindir "$bindir"
diff -r "$data/many" "$work/back/data/many" || fail "files differ"
measured "restore over it" "$program" restore --delta --to "$work/back/data" --repo "$url" --bindir "$bindir"
diff -r "$data/many" "$work/back/data/many" || fail "files differ"
say "all files are back"
