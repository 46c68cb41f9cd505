#!/bin/sh
# check.sh - set up, build, install and test everything, on all supported
# major versions of PostgreSQL. The last line sums up:
#
#     N passed, N failed
#
# with ", N skipped" behind it where something could not run.
set -eu
cd "$(dirname "$0")/.."
PG_CONFIG=${PG_CONFIG:-/usr/lib/postgresql/15/bin/pg_config}
MAKEFLAGS="s -j$(nproc)"
# Most tests wait more than they work.
TAP_JOBS=${TAP_JOBS:-3}
FUZZ_SECONDS=${FUZZ_SECONDS:-5}
export PG_CONFIG MAKEFLAGS TAP_JOBS FUZZ_SECONDS

give_up()
{
	echo "0 passed, 1 failed"
	exit 1
}

sh test/setup.sh || give_up
make || give_up
. test/install.sh || give_up
make -k build-tests || :
checks=$(make print-checks) || give_up
# shellcheck disable=SC2086
exec sh test/drop.sh sh test/run_all.sh make $checks versions
