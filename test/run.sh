#!/bin/sh
# run.sh NAME COMMAND... - run one set of tests and count them.
#
# The output goes to build/log/NAME.log, and to the screen if something
# failed or VERBOSE=1. Tests are counted in the formats that the runners
# speak: TAP (cmocka, prove -v, pg_regress of 16 and newer) and pg_regress of
# 15. A command that prints neither counts as one test. Tests that were
# planned and never reported count as failed, and so does an exit status that
# no reported failure explains. The counts are appended to the file TALLY.
set -u

name=$1
shift
mkdir -p build/log
log=build/log/$name.log
start=$(date +%s)

"$@" >"$log" 2>&1
status=$?

counts=$(awk -v status=$status '
	/^(not )?ok [0-9]+.*# *[Ss][Kk][Ii][Pp]/ { skipped++; next }
	/^(not )?ok [0-9]+.*# *TODO/ { skipped++; next }
	/^ok [0-9]+/ { passed++; next }
	/^not ok [0-9]+/ { failed++; next }
	/^1\.\.0/ { skipped++; planned++; next }
	/^1\.\.[0-9]+/ { planned += substr($1, 4); next }
	/^(test|    ) .* \.\.\. +ok / { passed++; next }
	/^(test|    ) .* \.\.\. +failed \(ignored\)/ { skipped++; next }
	/^(test|    ) .* \.\.\. +(FAILED|failed)/ { failed++; next }
	END {
		seen = passed + failed + skipped
		if (planned > seen)
			failed += planned - seen
		else if (seen == 0 && status == 0)
			passed = 1
		if (status != 0 && failed == 0)
			failed = 1
		print passed + 0, failed + 0, skipped + 0
	}' "$log")
echo "$name $counts" >>"${TALLY:-build/tally}"

# shellcheck disable=SC2086
set -- $counts
if [ "$2" -gt 0 ] || [ -n "${VERBOSE:-}" ]; then
	grep -aE -A 8 '^ *not ok|Failed test' "$log" | head -n 100
	tail -n 100 "$log"
fi
line="$name: $1 passed, $2 failed"
[ "$3" -gt 0 ] && line="$line, $3 skipped"
echo "$line ($(($(date +%s) - start)) s)"
[ "$2" -eq 0 ]
