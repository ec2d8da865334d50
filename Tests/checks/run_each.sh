#!/bin/sh
# Runs each command, so many at once, and prints the last line that it printed; all of it if it fails.
# Usage: run_each.sh PROCESSES PREFIX COMMAND...; the prefix, which may be empty, goes before each command.
set -eu
processes=$1 prefix=$2
shift 2
log=$(mktemp -d)
trap 'rm -rf "$log"' EXIT
printf '%s\n' "$@" | PREFIX=$prefix xargs -d '\n' -P "$processes" -I '{}' sh -c '
    if $PREFIX $1 >"$0/$$" 2>&1; then
        tail -n 1 "$0/$$" | sed "s|^|$1: |"
    else
        cat "$0/$$"
        echo "$1: failed"
        exit 1
    fi' "$log" '{}'
