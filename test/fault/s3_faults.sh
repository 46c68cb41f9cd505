#!/bin/sh
# s3_faults.sh - all faults of an S3 store: every kind of reset at many places,
# links of 1 Mbit/s, stalls in both directions, a listing of 10^6 keys.
set -eu
S3_FAULTS=all exec sh test/tap.sh test/t/440_s3_faults.pl
