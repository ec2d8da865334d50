#!/bin/sh
# What the library needs from the system that loads it, and how large it is.
set -eu
library=${1:-build/lib/libbatching.so}
most_bytes=9000000
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
failures=0

fail() {
    echo "library.sh: $1" >&2
    failures=$((failures + 1))
}

readelf -dW "$library" >"$work/dynamic"

soname=$(sed -n 's/.*(SONAME).*\[\(.*\)\].*/\1/p' "$work/dynamic")
test "$soname" = libbatching.so.1 || fail "the SONAME is '$soname', not libbatching.so.1"

version=$(sed -n 's/^#define BATCHING_VERSION_M[A-Z]* \([0-9]*\)$/\1/p; s/^#define BATCHING_VERSION_PATCH //p' \
    include/batching.h | paste -sd .)
file=$(basename "$(realpath "$library")")
test "$file" = "libbatching.so.$version" || fail "the file is $file, but the header's version is $version"

for needed in $(sed -n 's/.*(NEEDED).*\[\(.*\)\].*/\1/p' "$work/dynamic"); do
    case $needed in
    libc.so.* | libm.so.* | libstdc++.so.* | libgcc_s.so.* | ld-linux*.so.*) ;;
    *) fail "it needs $needed, which a system without Swift does not have" ;;
    esac
done

if grep -E '\((RPATH|RUNPATH)\)' "$work/dynamic" >&2; then
    fail "it looks for libraries in a folder of the machine that built it"
fi

# A static Foundation leaves its module's name in the metadata, also in a stripped library.
if grep -qaE 'FoundationEssentials|\$s10Foundation' "$library"; then
    fail "it contains Foundation"
fi

strip -o "$work/stripped.so" "$library"
bytes=$(wc -c <"$work/stripped.so")
test "$bytes" -lt $most_bytes || fail "stripped it has $bytes bytes: must be fewer than $most_bytes"

exit $((failures > 0))
