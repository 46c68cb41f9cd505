#!/bin/sh
# s3_mix.sh - faults of an S3 store by chance, more of them and for longer.
#
#   SEEDS    which to play (1 2 3 4 5)
#   ROUNDS   backups of each kind for a seed (5)
set -eu
for seed in ${SEEDS:-1 2 3 4 5}; do
	for share in 0.02 0.1 0.2; do
		echo "seed $seed, share $share"
		SEED=$seed SHARE=$share ROUNDS=${ROUNDS:-5} sh test/tap.sh test/t/441_s3_mix.pl
	done
done
