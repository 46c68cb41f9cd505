#!/bin/sh
# age_unique.sh - no two encrypted files share an ephemeral key or a salt, also
# where a process was forked between them.
#
#   COUNT    how many files (1000000)
set -eu

count=${COUNT:-1000000}
work=$(mktemp -d "${TMPDIR:-/tmp}/backup_ext-fault-XXXXXX")
trap 'rm -rf "$work"' EXIT
trap 'exit 130' INT
trap 'exit 143' TERM HUP

build/test/tool/age_many "$count" | LC_ALL=C sort -S 256M -T "$work" >"$work/all"
[ "$(wc -l <"$work/all")" -gt "$count" ] || { echo "FAILED: only $(wc -l <"$work/all") files" >&2; exit 1; }
for field in 1 2; do
	repeated=$(cut -d ' ' -f $field "$work/all" | LC_ALL=C sort -S 256M -T "$work" | uniq -d | head -n 3)
	[ -z "$repeated" ] || { echo "FAILED: twice: $repeated" >&2; exit 1; }
done
echo "ok - $(wc -l <"$work/all") encrypted files, no ephemeral key and no salt twice"
