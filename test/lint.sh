#!/bin/sh
# lint.sh [DIRECTORY] - check the house rules (test/lint.pl lists them).
set -eu
cd "${1:-$(dirname "$0")/..}"
exec perl "$(cd "$(dirname "$0")" && pwd)/lint.pl"
