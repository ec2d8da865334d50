#!/bin/sh
# Prints the report: the machine, the benchmarks through C, the same through Python.
# Usage: SIZE=REQUESTS PYTHON=INTERPRETER [PEER=INTERPRETER] [BATCHING_DATA=DIRECTORY] report.sh BENCH
set -eu
bench=$1
here=$(cd "$(dirname "$0")" && pwd)

echo "== Machine"
echo
echo "$(date -u +%F), Linux $(uname -r), $(sed -n 's/^model name[^:]*: //p' /proc/cpuinfo | head -n 1), $(nproc) cores,\
 $(awk '/^MemTotal/ { printf "%.0f GB", $2 / 1e6 }' /proc/meminfo), load $(cut -d ' ' -f 1 /proc/loadavg)"
started=$(date +%s)
"$PYTHON" "$here/python/traces.py" "$(dirname "$bench")"
"$bench" "$SIZE" "$(dirname "$bench")"
"$PYTHON" "$here/python/bench.py" --requests "$SIZE"
"$PYTHON" "$here/python/serving.py" --requests "$SIZE"
"$PYTHON" "$here/python/live.py" --requests "$SIZE"
"$PYTHON" "$here/python/live_engine.py"
"$PYTHON" "$here/python/signals.py" --requests "$((SIZE < 4000000 ? SIZE : 4000000))"
"$PYTHON" "$here/python/reading.py" --rows "$((SIZE < 1000000 ? SIZE : 1000000))"
"$PYTHON" "$here/python/peers.py" "${PEER:-}"
echo
echo "The whole took $(($(date +%s) - started)) s; load at the end $(cut -d ' ' -f 1 /proc/loadavg)."
