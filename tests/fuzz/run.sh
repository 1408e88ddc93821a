#!/bin/bash
# run.sh BINARY SECONDS: fuzzes from the committed corpus; what is found new stays in the build folder, and so does what crashes.
set -euo pipefail

binary=$1
seconds=$2
name=$(basename "$binary" | sed s/^fuzz_//)
seeds=$(dirname "$0")/corpus/$name
found=$(dirname "$binary")/corpus/$name
log=$(dirname "$binary")/$name.log
mkdir -p "$found" "$(dirname "$binary")/crashes"
folders=("$found")
[ ! -d "$seeds" ] || folders+=("$seeds")
if "$binary" -max_total_time="$seconds" -timeout=10 -rss_limit_mb=4096 -print_final_stats=1 \
    -artifact_prefix="$(dirname "$binary")/crashes/$name-" "${folders[@]}" >"$log" 2>&1; then
    echo "fuzz_$name: $(awk '/number_of_executed_units/ { print $2 }' "$log") inputs in $seconds s, no crash"
else
    tail -n 60 "$log"
    echo "fuzz_$name: FAILED; the input is in $(dirname "$binary")/crashes"
    exit 1
fi
