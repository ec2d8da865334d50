#!/bin/sh
# Runs a command and compares what it prints with a file: compare_output.sh EXPECTED COMMAND [ARGUMENT…]
set -u
expected=$1
shift
actual=$(mktemp)
trap 'rm -f "$actual"' EXIT

if ! "$@" >"$actual"; then
    echo "$*: failed" >&2
    exit 1
fi
if ! diff -u --label "$expected" --label "output of $*" "$expected" "$actual" >&2; then
    exit 1
fi
echo "$*: as expected"
