#!/bin/sh
# unit.sh PROGRAM... - run the cmocka programs, all of them, and print TAP.
# As many run at once as there are processors; each one's output is in one piece.
set -u

if [ $# -eq 0 ]; then
	echo "there are no unit tests"
	exit 1
fi
if [ -z "${UNIT_LOCK:-}" ]; then
	UNIT_LOCK=$(mktemp "${TMPDIR:-/tmp}/backup_ext-unit-XXXXXX")
	export UNIT_LOCK
	trap 'rm -f "$UNIT_LOCK"' EXIT
	printf '%s\n' "$@" | xargs -P "$(nproc)" -n 1 sh "$0"
	exit
fi

# One program, called by the above.
program=$1
out=$(mktemp "${TMPDIR:-/tmp}/backup_ext-unit-XXXXXX")
trap 'rm -f "$out"' EXIT
CMOCKA_MESSAGE_OUTPUT=TAP timeout -k 5 "${UNIT_SECONDS:-240}" "$program" >"$out" 2>&1
status=$?
exec 9<"$UNIT_LOCK"
flock 9
echo "# $program"
cat "$out"
[ $status -eq 0 ] && exit
# A crash, a leak or a time-out leaves no "not ok" of its own.
grep -q '^not ok' "$out" || echo "not ok 0 - $program ended with status $status"
exit 1
