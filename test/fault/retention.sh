#!/bin/sh
# retention.sh - the decision on retention against its model, in 100,000 worlds.
set -eu
BK_RETENTION_SEEDS=100000 exec build/test/unit/test_retention_model
