#!/bin/sh
# The headers compile alone, without a warning, in every language version they promise, and two files that include them
# link into one program; and every function of C has a wrapper in C++. Called from the root of the repository.
set -u
library_folder=${1:-build/lib}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
warnings="-Wall -Wextra -pedantic -Wshadow -Wconversion -Werror"
failures=0

fail() {
    echo "header.sh: $1" >&2
    failures=$((failures + 1))
}

# compile COMPILER STANDARD HEADER EXTENSION: two files with nothing but the header, and a program of both.
compile() {
    printf '#include "%s"\nint version(void);\nint version(void) { return (int)batching_version_number(); }\n' "$3" \
        >"$work/one.$4"
    printf '#include "%s"\nint version(void);\nint main(void) { return version() != BATCHING_VERSION_NUMBER; }\n' "$3" \
        >"$work/two.$4"
    # shellcheck disable=SC2086 # the warnings are several words
    "$1" "-std=$2" $warnings -Iinclude "$work/one.$4" "$work/two.$4" -o "$work/program" \
        "-L$library_folder" -lbatching "-Wl,-rpath,$(realpath "$library_folder")" || {
        fail "$3 does not compile with $1 as $2"
        return
    }
    "$work/program" || fail "$3 as $2: the header's version is not the library's"
}

for standard in c99 c11 c17; do
    compile gcc $standard batching.h c
done
for standard in c++17 c++20; do
    compile g++ $standard batching.h cpp
    compile g++ $standard batching.hpp cpp
done
# clang finds other things than gcc; it comes with the Swift toolchain, not always in the path.
if command -v clang++ >/dev/null; then
    compile clang c99 batching.h c
    compile clang++ c++17 batching.hpp cpp
    compile clang++ c++20 batching.hpp cpp
fi
for function in $(Tests/checks/functions.sh); do
    grep -qw "$function" include/batching.hpp || fail "batching.hpp does not use $function"
done
exit $((failures > 0))
