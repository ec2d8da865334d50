#!/bin/sh
# The functions that the header declares, one a line.
set -eu
# The preprocessor takes the comments away, which name functions too.
gcc -E -P include/batching.h | grep -oE 'batching_[a-z0-9_]+ *\(' | tr -d ' (' | sort -u
