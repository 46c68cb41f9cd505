#!/bin/sh
# unit.sh PROGRAM... - run the cmocka programs, all of them, and print TAP.
set -u

if [ $# -eq 0 ]; then
	echo "there are no unit tests"
	exit 1
fi
out=$(mktemp "${TMPDIR:-/tmp}/backup_ext-unit-XXXXXX")
trap 'rm -f "$out"' EXIT
failed=0
for program in "$@"; do
	echo "# $program"
	CMOCKA_MESSAGE_OUTPUT=TAP timeout -k 5 "${UNIT_SECONDS:-120}" "$program" >"$out" 2>&1
	status=$?
	cat "$out"
	if [ $status -ne 0 ]; then
		failed=1
		# A crash, a leak or a time-out leaves no "not ok" of its own.
		grep -q '^not ok' "$out" || echo "not ok 0 - $program ended with status $status"
	fi
done
exit $failed
