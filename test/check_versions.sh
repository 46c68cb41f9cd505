#!/bin/sh
# check_versions.sh MAKE VER... - build, install and test the extension on
# other major versions of PostgreSQL, which test/versions.sh unpacks.
set -u

make=$1
shift

# What depends on the server's version; the rest is tested on the host's. The
# upgrade needs the host's version as well, and is skipped by all but 17.
tests="test/t/000_smoke.pl test/t/010_story.pl test/t/020_every_object.pl test/t/090_readme.pl \
	test/t/180_pg_upgrade.pl test/t/220_archive_library.pl test/t/300_lost_server.pl"
work=$(mktemp -d "${TMPDIR:-/tmp}/backup_ext-versions-XXXXXX")
trap 'rm -rf "$work"' EXIT
trap 'exit 130' INT
trap 'exit 143' TERM HUP

TALLY=${TALLY:-$PWD/build/tally}
export TALLY
status=0
for ver in "$@"; do
	if ! sh test/run.sh "unpack-$ver" sh test/versions.sh "$ver"; then
		status=1
		continue
	fi
	PG_CONFIG=$(sh test/versions.sh "$ver")
	export PG_CONFIG

	# The program's objects are good for every version and come along.
	mkdir "$work/$ver"
	tar -c --exclude=./.git --exclude=./build/san --exclude=./build/fuzz --exclude=./build/log . |
		tar -x -C "$work/$ver"
	sh test/run.sh "build-$ver" "$make" -C "$work/$ver" PG_CONFIG="$PG_CONFIG" all install ||
		{ status=1; continue; }
	for target in regress tap; do
		"$make" --no-print-directory -C "$work/$ver" PG_CONFIG="$PG_CONFIG" TESTS="$tests" $target || status=1
	done
	rm -rf "${work:?}/$ver"
done
exit $status
