#!/bin/sh
# fuzz.sh PROGRAM... - let each libFuzzer program run for FUZZ_SECONDS, as many
# at a time as there are processors.
#
# Seeds are the files of test/vectors and what earlier runs found worth
# keeping (build/fuzz/corpus). An input that breaks something stays in
# build/fuzz as crash-*, leak-* or timeout-*.
set -u

if [ $# -eq 0 ]; then
	echo "there are no fuzz targets"
	exit 1
fi

run() # PROGRAM
{
	mkdir -p "build/fuzz/corpus/${1##*/}"
	"$1" -max_total_time="${FUZZ_SECONDS:-10}" -timeout=20 -rss_limit_mb=1024 \
		-print_final_stats=1 -artifact_prefix="build/fuzz/" \
		"build/fuzz/corpus/${1##*/}" test/vectors >"$1.log" 2>&1
}

failed=0
number=0
echo "1..$#"
while [ $# -gt 0 ]; do
	running=
	for program in "$@"; do
		[ "$(echo "$running" | wc -w)" -lt "$(nproc)" ] || break
		run "$program" &
		running="$running $!"
	done
	for process in $running; do
		number=$((number + 1))
		result=ok
		wait "$process" || { result='not ok'; failed=1; }
		cat "$1.log"
		echo "$result $number - ${1##*/}"
		shift
	done
done
exit $failed
