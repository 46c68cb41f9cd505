#!/bin/sh
# drop.sh COMMAND... - run a command of the build as somebody who may run a
# PostgreSQL server.
#
# For an ordinary user this just runs the command. Root's tree may lie where
# nobody else can read, so for root the command runs as user postgres in a
# copy of the tree, which is removed afterwards.
set -eu

[ "$(id -u)" -eq 0 ] || exec "$@"

tree=$PWD
copy=$(mktemp -d "${TMPDIR:-/tmp}/backup_ext-tree-XXXXXX")
trap 'rm -rf "$copy"' EXIT
trap 'exit 130' INT
trap 'exit 143' TERM HUP

tar -c --exclude=./.git --exclude=./build/fuzz/corpus . | tar -x -C "$copy"
mkdir -p "$copy/build"
chown -R postgres:postgres "$copy"
cd "$copy"
# Times of files survive the copy, so nothing is built again.
status=0
setpriv --reuid postgres --regid postgres --init-groups \
	env HOME="$copy" USER=postgres LOGNAME=postgres "$@" || status=$?

# What a person may want to look at comes back: logs, counts, and the inputs
# on which a fuzzer broke something.
mkdir -p "$tree/build"
cd "$copy/build"
find . -maxdepth 2 -type f \( -path './log/*' -o -path ./tally -o -path './fuzz/*-*' \) -print0 |
	tar -c --null -T - | tar -x --no-same-owner -C "$tree/build"
exit $status
