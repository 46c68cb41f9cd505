#!/bin/sh
# tap.sh [TEST...] - run test/t with prove against the installed extension,
# using the Perl modules that come with the server's development files.
set -u

. test/installed.sh
work=$(mktemp -d "${TMPDIR:-/tmp}/backup_ext-tap-XXXXXX")
trap 'rm -rf "$work"' EXIT
trap 'exit 130' INT
trap 'exit 143' TERM HUP

# The long ones have high numbers: where several run at a time, none of them
# shall be the last.
if [ $# -eq 0 ]; then
	# shellcheck disable=SC2046
	set -- $(ls -r test/t/*.pl)
fi
if [ ! -e "$1" ]; then
	echo "there are no TAP tests"
	exit 1
fi

# 15 reads TESTDIR, newer ones TESTLOGDIR and TESTDATADIR.
PATH="$bindir:$PATH" PGPORT=65432 PG_REGRESS="$pgxs/src/test/regress/pg_regress" \
	TESTDIR="$work" TESTLOGDIR="$work/tmp_check/log" TESTDATADIR="$work/tmp_check" \
	prove -v --timer -j "${TAP_JOBS:-1}" -I "$pgxs/src/test/perl" -I test/perl "$@"
status=$?
if [ $status -ne 0 ]; then
	for log in "$work"/tmp_check/log/*.log; do
		[ -e "$log" ] || continue
		echo "--- ${log##*/}:"
		tail -n 60 "$log"
	done
fi
exit $status
