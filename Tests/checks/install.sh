#!/bin/sh
# Installs the library, builds every example in C and C++ against it as a stranger would, runs them, and takes it away
# again. It is installed from a copy of the tree that is then deleted, and nothing that is installed may mention the tree
# where it was built: so what runs here runs without either.
#
# Called from the root of the repository, after the library was built. embed_python needs the virtual environment.
set -eu
root=$PWD
library_file=$(basename "$(realpath build/lib/libbatching.so)")
version=${library_file#libbatching.so.}
work=$(realpath "$(mktemp -d)")
trap 'rm -rf "$work"' EXIT

fail() {
    echo "install.sh: $1" >&2
    exit 1
}

# quietly COMMAND…: its output only if it fails.
quietly() {
    "$@" >"$work/log" 2>&1 || {
        cat "$work/log" >&2
        fail "$* failed"
    }
}

# --- Installing -------------------------------------------------------------------------------------------------------

# install_into PREFIX LIBDIR DESTDIR: from a copy of the tree, which is gone afterwards.
install_into() {
    mkdir -p "$work/tree/build"
    # --archive keeps the times, so that nothing is built again.
    cp --archive Makefile Package.swift LICENSE Sources Tests bindings docs include "$work/tree"
    cp --archive build/lib "$work/tree/build"
    (
        cd "$work/tree"
        umask 077 # What is installed can be read by all users, whatever the umask.
        quietly "${MAKE:-make}" --no-print-directory install PREFIX="$1" LIBDIR="$2" DESTDIR="$3"
    )
    rm -rf "$work/tree"
    check_installed "$3$1" "$3$(libdir_of "$1" "$2")" "$3"
}

# libdir_of PREFIX LIBDIR
libdir_of() {
    case $2 in
    /*) echo "$2" ;;
    *) echo "$1/$2" ;;
    esac
}

# check_installed PREFIX LIBDIR DESTDIR: what has to be there, whole and readable, and what must not be in it.
check_installed() {
    cmp LICENSE "$1/share/doc/batching/LICENSE"
    cmp include/batching.h "$1/include/batching.h"
    cmp include/batching.hpp "$1/include/batching.hpp"
    test "$(readlink "$2/libbatching.so")" = libbatching.so.1 || fail "libbatching.so is no link to the SONAME"
    test "$(readlink "$2/libbatching.so.1")" = "$library_file" || fail "the SONAME is no link to $library_file"
    cmp build/lib/libbatching.so "$2/$library_file"

    unreadable=$(find "$1" "$2" ! -type l ! -perm -444)
    test -z "$unreadable" || fail "not readable for all: $unreadable"
    for tree in "$root" "$work/tree" ${3:+"$3"}; do
        mentions=$(grep --recursive --files-with-matches --fixed-strings "$tree" "$1" "$2" || true)
        test -z "$mentions" || fail "$tree is mentioned in $mentions"
    done
    if readelf --dynamic --wide "$2/$library_file" | grep -E '\((RPATH|RUNPATH)\)' >&2; then
        fail "the library looks for others in a folder of the machine that built it"
    fi
}

# uninstall_from PREFIX LIBDIR DESTDIR: all that is ours goes, and what others have put beside it stays.
uninstall_from() {
    libdir=$3$(libdir_of "$1" "$2")
    others="$3$1/include/other.h $libdir/libother.so $libdir/pkgconfig/other.pc"
    # shellcheck disable=SC2086 # several files
    touch $others
    quietly "${MAKE:-make}" --no-print-directory uninstall PREFIX="$1" LIBDIR="$2" DESTDIR="$3"
    # shellcheck disable=SC2086
    rm $others
    left=$(find "$3$1" "$libdir" ! -type d)
    test -z "$left" || fail "uninstall leaves $left"
    rm -rf "$3$1" "$libdir"
}

# --- Building and running ---------------------------------------------------------------------------------------------

# run_example SOURCE PROGRAM LIBDIR: it prints what it should, with the library that is installed.
run_example() {
    ldd "$2" | grep -q "libbatching.so.1 => $3/libbatching.so.1" || fail "$2 does not load $3/libbatching.so.1"
    VIRTUAL_ENV=$root/.venv BATCHING_LIBRARY=$3/libbatching.so \
        "$root/examples/compare_output.sh" "${1%.*}.expected" "$2"
}

# with_pkg_config PREFIX LIBDIR SOURCE…
with_pkg_config() {
    prefix=$1
    libdir=$(libdir_of "$1" "$2")
    shift 2
    export PKG_CONFIG_PATH="$libdir/pkgconfig"
    test "$(pkg-config --modversion batching)" = "$version" || fail "pkg-config tells another version than $version"
    test "$(pkg-config --variable=libdir batching)" = "$libdir" || fail "pkg-config tells another libdir than $libdir"
    test "$(pkg-config --variable=includedir batching)" = "$prefix/include" || fail "pkg-config tells another includedir"
    # What lies below the prefix moves with it, also if LIBDIR was given in full.
    case $libdir in
    "$prefix"/*)
        moved=$(pkg-config --define-variable=prefix=/moved --variable=libdir batching)
        test "$moved" = "/moved${libdir#"$prefix"}" || fail "pkg-config tells $moved once the prefix is /moved"
        ;;
    esac
    mkdir -p "$work/programs"
    for source in "$@"; do
        program=$work/programs/$(basename "$source" | tr . _)
        packages=batching
        case $source in *embed_python.c) packages="batching python3-embed" ;; esac
        # shellcheck disable=SC2046,SC2086 # packages and flags are several words
        case $source in
        *.c) cc "$source" -o "$program" $(pkg-config --cflags --libs $packages) ;;
        *.cpp) c++ -std=c++17 "$source" -o "$program" $(pkg-config --cflags --libs $packages) ;;
        esac
        LD_LIBRARY_PATH=$libdir run_example "$source" "$program" "$libdir"
    done
    unset PKG_CONFIG_PATH
}

# with_cmake FOLDER LIBDIR ARCHITECTURE SOURCE…: FOLDER is what CMake is told to look below. It sets the RUNPATH.
with_cmake() {
    folder=$1
    libdir=$2
    architecture=$3
    shift 3
    mkdir "$work/project"
    cat >"$work/project/CMakeLists.txt" <<'CMAKE'
cmake_minimum_required(VERSION 3.16)
project(stranger C CXX)
# Another minor version may have another ABI, and a later patch what this one has not.
foreach(version 0.0 ${MINOR_VERSION}.999 0.999 999.0)
  find_package(batching ${version} QUIET)
  if(batching_FOUND)
    message(FATAL_ERROR "batching ${batching_VERSION} says that it is as good as ${version}")
  endif()
endforeach()
find_package(batching ${MINOR_VERSION} REQUIRED)
foreach(source IN LISTS SOURCES)
  get_filename_component(name ${source} NAME)
  string(REPLACE "." "_" program ${name})
  add_executable(${program} ${source})
  target_compile_features(${program} PRIVATE cxx_std_17)
  target_link_libraries(${program} PRIVATE batching::batching)
  if(name STREQUAL "embed_python.c")
    find_package(PkgConfig REQUIRED)
    pkg_check_modules(python REQUIRED IMPORTED_TARGET python3-embed)
    target_link_libraries(${program} PRIVATE PkgConfig::python)
  endif()
endforeach()
CMAKE
    sources=$(echo "$@" | tr ' ' ';')
    quietly cmake -S "$work/project" -B "$work/project/build" "-DCMAKE_PREFIX_PATH=$folder" "-DSOURCES=$sources" \
        "-DCMAKE_LIBRARY_ARCHITECTURE=$architecture" "-DMINOR_VERSION=${version%.*}"
    quietly cmake --build "$work/project/build"
    for source in "$@"; do
        run_example "$source" "$work/project/build/$(basename "$source" | tr . _)" "$libdir"
    done
    rm -rf "$work/project"
}

# with_the_readme PREFIX: the C++ program of the README, built by the CMake project of the manual.
with_the_readme() {
    mkdir -p "$work/readme"
    fenced cmake docs/embedding/cpp.md >"$work/readme/CMakeLists.txt"
    fenced cpp README.md >"$work/readme/program.cpp"
    quietly cmake -S "$work/readme" -B "$work/readme/build" "-DCMAKE_PREFIX_PATH=$1"
    quietly cmake --build "$work/readme/build"
    printed=$("$work/readme/build/program")
    test "$printed" = "187.0 tokens/s, mean latency 1.275 s" || fail "the README's program prints $printed"
    rm -rf "$work/readme"
}

# fenced LANGUAGE FILE: the program in that language that a document shows.
fenced() {
    sed -n "/^\`\`\`$1\$/,/^\`\`\`\$/{ /^\`\`\`/d; p; }" "$root/$2"
}

# --- Layouts ----------------------------------------------------------------------------------------------------------

# The strangers know the examples, and are not in this tree.
cp -r examples "$work/examples"
every_example="$(echo "$work"/examples/c/*.c "$work"/examples/cpp/*.cpp)"
two_examples="$work/examples/c/quickstart.c $work/examples/cpp/compare.cpp"
prefix=$work/prefix

# layout LIBDIR ARCHITECTURE FOLDER EXAMPLES
layout() {
    install_into "$prefix" "$1" ""
    # shellcheck disable=SC2086 # several files
    (cd "$work" && with_pkg_config "$prefix" "$1" $4 && with_cmake "$3" "$(libdir_of "$prefix" "$1")" "$2" $4)
    test "$1" != lib || with_the_readme "$prefix"
    uninstall_from "$prefix" "$1" ""
}

layout lib "" "$prefix" "$every_example"
layout lib/x86_64-linux-gnu x86_64-linux-gnu "$prefix" "$two_examples"
layout "$prefix/lib" "" "$prefix" "$two_examples"
layout "$work/elsewhere/lib" "" "$work/elsewhere" "$two_examples"

# As a packager: staged below DESTDIR, used there, and unpacked where it belongs.
stage=$work/stage
install_into "$prefix" lib "$stage"
test ! -e "$prefix" || fail "something was installed outside DESTDIR"
(
    cd "$work"
    # shellcheck disable=SC2086
    with_cmake "$stage$prefix" "$stage$prefix/lib" "" $two_examples
    cp -r "$stage$prefix" "$prefix"
    mv "$stage" "$stage.gone"
    # shellcheck disable=SC2086
    with_pkg_config "$prefix" lib $two_examples
    # shellcheck disable=SC2086
    with_cmake "$prefix" "$prefix/lib" "" $two_examples
    mv "$stage.gone" "$stage"
)
uninstall_from "$prefix" lib "$stage"

# A path that would not be the same for all programs that read it.
for arguments in "PREFIX=somewhere" "PREFIX=/some where" "LIBDIR=some where"; do
    if "${MAKE:-make}" --no-print-directory install DESTDIR="$work/stage" "$arguments" >"$work/log" 2>&1; then
        fail "make install '$arguments' succeeds"
    fi
    grep -q "must be absolute" "$work/log" || fail "make install '$arguments' does not say why not"
done
test -z "$(find "$work/stage" ! -type d)" || fail "a refused installation left files"
