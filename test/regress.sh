#!/bin/sh
# regress.sh [TEST...] - run test/sql with pg_regress against the installed
# extension, in a server of its own that lives as long as the tests.
#
# Settings are in test/regress.conf. The repository is created by the tests
# where backup_ext.repository says, in the server's scratch directory.
set -u

. test/installed.sh
work=$(mktemp -d "${TMPDIR:-/tmp}/backup_ext-regress-XXXXXX")
trap 'rm -rf "$work"' EXIT
trap 'exit 130' INT
trap 'exit 143' TERM HUP

{
	cat test/regress.conf
	echo "backup_ext.repository = 'file://$work/repository'"
} >"$work/regress.conf"

if [ $# -eq 0 ]; then
	# shellcheck disable=SC2046
	set -- $(cd test/sql 2>/dev/null && ls ./*.sql 2>/dev/null | sed 's|^\./||; s|\.sql$||')
fi
if [ $# -eq 0 ]; then
	echo "there are no regression tests"
	exit 1
fi

"$pgxs/src/test/regress/pg_regress" --bindir="$bindir" --inputdir=test \
	--outputdir="$work" --temp-instance="$work/instance" \
	--temp-config="$work/regress.conf" --dbname=contrib_regression \
	--encoding=UTF8 --no-locale "$@"
status=$?
if [ $status -ne 0 ]; then
	head -n 400 "$work/regression.diffs" 2>/dev/null
	echo "--- the server's log:"
	tail -n 80 "$work/log/postmaster.log" 2>/dev/null
fi
exit $status
