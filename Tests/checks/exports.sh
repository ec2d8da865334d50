#!/bin/sh
# The library exports the functions that the header declares: all of them and nothing else.
set -eu
library=${1:-build/lib/libbatching.so}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

Tests/checks/functions.sh >"$work/declared"
nm -D --defined-only --extern-only "$library" | awk '{ print $NF }' | sort -u >"$work/exported"
test -s "$work/declared" || { echo "exports.sh: no function found in include/batching.h" >&2; exit 1; }

comm -23 "$work/declared" "$work/exported" | sed 's/^/exports.sh: declared but not exported: /' >"$work/difference"
comm -13 "$work/declared" "$work/exported" | sed 's/^/exports.sh: exported but not declared: /' >>"$work/difference"
cat "$work/difference" >&2
test ! -s "$work/difference"
