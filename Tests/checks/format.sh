#!/bin/sh
# Every C and C++ file of the project is formatted as .clang-format says, but for those recorded at a release.
set -eu
find include Sources Tests examples bindings Benchmarks \
    \( -name '*.h' -o -name '*.hpp' -o -name '*.c' -o -name '*.cpp' \) -not -path '*/.build/*' \
    -not -path 'Tests/abi/recorded/*' -print 2>/dev/null |
    sort | xargs clang-format --dry-run -Werror
