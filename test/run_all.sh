#!/bin/sh
# run_all.sh MAKE TARGET... - make each target, whatever the others did, and
# end with one line that sums up all tests.
set -u

make=$1
shift
TALLY=$PWD/build/tally
export TALLY
mkdir -p build
: >"$TALLY"
status=0
for target in "$@"; do
	before=$(wc -l <"$TALLY")
	if ! "$make" --no-print-directory "$target"; then
		status=1
		# Something that broke before it could count is a failure too.
		tail -n "+$((before + 1))" "$TALLY" | awk '$3 > 0 { found = 1 } END { exit !found }' ||
			echo "$target 0 1 0" >>"$TALLY"
	fi
done

awk '{ passed += $2; failed += $3; skipped += $4 }
	END {
		printf "%d passed, %d failed", passed, failed
		if (skipped > 0)
			printf ", %d skipped", skipped
		printf "\n"
		exit failed > 0
	}' "$TALLY" || status=1
exit $status
