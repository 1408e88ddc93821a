#!/bin/bash
# run.sh BINARY...: runs the unit tests; shows the closing lines of each and why it skipped what, and all of one that failed.
set -uo pipefail

export UBSAN_OPTIONS=print_stacktrace=1:halt_on_error=1 ASAN_OPTIONS=abort_on_error=0:detect_leaks=1
log=$(mktemp)
trap 'rm -f "$log"' EXIT
failed=0
skipped=0
for binary in "$@"; do
    if timeout 300 "$binary" >"$log" 2>&1; then
        echo "$(basename "$binary"): $(grep -E '^\[  (PASSED|SKIPPED) +\] [0-9]' "$log" | sed 's/, listed below://' | xargs)"
        grep '^SKIPPED' "$log"
    else
        status=$?
        cat "$log"
        echo "$(basename "$binary"): FAILED (exit status $status)"
        failed=$((failed + 1))
    fi
    skipped=$((skipped + $(sed -nE 's/^\[  SKIPPED +\] ([0-9]+) test\(s\).*/+ \1/p' "$log" | xargs echo 0)))
done
summary="unit tests: $(($# - failed)) passed, $failed failed"
[ "$skipped" = 0 ] || summary+=", $skipped skipped"
echo "$summary"
[ "$failed" = 0 ]
