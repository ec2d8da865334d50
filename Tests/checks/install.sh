#!/bin/sh
# Installs the library, builds the examples against it as a stranger would, runs them, and takes it away again.
set -eu
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
prefix=$work/prefix

# install_below LIBDIR: what is installed has to be found in any layout.
install_below() {
    ${MAKE:-make} --no-print-directory install PREFIX="$prefix" LIBDIR="$1" DESTDIR= >"$work/log" 2>&1 || {
        cat "$work/log" >&2
        exit 1
    }
}

with_pkg_config() {
    export PKG_CONFIG_PATH="$prefix/lib/pkgconfig"
    flags=$(pkg-config --cflags --libs batching)
    # shellcheck disable=SC2086 # the flags are several words
    cc examples/c/quickstart.c -o "$work/quickstart" $flags
    # shellcheck disable=SC2086
    c++ -std=c++17 examples/cpp/compare.cpp -o "$work/compare" $flags
    LD_LIBRARY_PATH=$prefix/lib examples/compare_output.sh examples/c/quickstart.expected "$work/quickstart"
    LD_LIBRARY_PATH=$prefix/lib examples/compare_output.sh examples/cpp/compare.expected "$work/compare"
}

with_cmake() {
    if ! command -v cmake >/dev/null; then
        echo "install.sh: no cmake here: the CMake package was not tried"
        return
    fi
    mkdir -p "$work/project"
    cat >"$work/project/CMakeLists.txt" <<CMAKE
cmake_minimum_required(VERSION 3.16)
project(stranger C CXX)
find_package(batching 0.1 REQUIRED)
add_executable(quickstart $PWD/examples/c/quickstart.c)
target_link_libraries(quickstart PRIVATE batching::batching)
add_executable(compare $PWD/examples/cpp/compare.cpp)
target_compile_features(compare PRIVATE cxx_std_17)
target_link_libraries(compare PRIVATE batching::batching)
CMAKE
    { cmake -S "$work/project" -B "$work/$1" "-DCMAKE_PREFIX_PATH=$prefix" "-DCMAKE_LIBRARY_ARCHITECTURE=$2" &&
        cmake --build "$work/$1"; } >"$work/log" 2>&1 || {
        cat "$work/log" >&2
        exit 1
    }
    examples/compare_output.sh examples/c/quickstart.expected "$work/$1/quickstart"
    examples/compare_output.sh examples/cpp/compare.expected "$work/$1/compare"
}

# fenced LANGUAGE: the program in that language that the README shows.
fenced() {
    sed -n "/^\`\`\`$1\$/,/^\`\`\`\$/{ /^\`\`\`/d; p; }" README.md
}

with_the_readme() {
    command -v cmake >/dev/null || return 0
    mkdir -p "$work/readme"
    fenced cmake >"$work/readme/CMakeLists.txt"
    fenced cpp >"$work/readme/program.cpp"
    { cmake -S "$work/readme" -B "$work/readme/build" "-DCMAKE_PREFIX_PATH=$prefix" &&
        cmake --build "$work/readme/build"; } >"$work/log" 2>&1 || {
        cat "$work/log" >&2
        exit 1
    }
    printed=$("$work/readme/build/program")
    test "$printed" = "187.0 tokens/s, mean latency 1.275 s" || {
        echo "install.sh: the README's program prints $printed" >&2
        exit 1
    }
}

uninstall_below() {
    ${MAKE:-make} --no-print-directory uninstall PREFIX="$prefix" LIBDIR="$1" DESTDIR= >/dev/null
    left=$(find "$prefix" ! -type d)
    test -z "$left" || {
        echo "install.sh: uninstall leaves $left" >&2
        exit 1
    }
}

install_below lib
with_pkg_config
with_cmake build_lib ""
with_the_readme
uninstall_below lib

install_below lib/x86_64-linux-gnu
with_cmake build_multiarch x86_64-linux-gnu
uninstall_below lib/x86_64-linux-gnu
