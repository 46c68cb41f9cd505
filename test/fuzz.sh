#!/bin/sh
# fuzz.sh PROGRAM... - let each libFuzzer program run for FUZZ_SECONDS.
#
# Seeds are the files of test/vectors and what earlier runs found worth
# keeping (build/fuzz/corpus). An input that breaks something stays in
# build/fuzz as crash-*, leak-* or timeout-*.
set -u

if [ $# -eq 0 ]; then
	echo "there are no fuzz targets"
	exit 1
fi
failed=0
number=0
echo "1..$#"
for program in "$@"; do
	name=${program##*/}
	number=$((number + 1))
	mkdir -p "build/fuzz/corpus/$name"
	if "$program" -max_total_time="${FUZZ_SECONDS:-10}" -timeout=20 -rss_limit_mb=1024 \
		-print_final_stats=1 -artifact_prefix="build/fuzz/" \
		"build/fuzz/corpus/$name" test/vectors 2>&1; then
		echo "ok $number - $name"
	else
		echo "not ok $number - $name"
		failed=1
	fi
done
exit $failed
