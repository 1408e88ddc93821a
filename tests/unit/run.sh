#!/bin/bash
# run.sh BINARY...: runs the unit tests; shows the closing lines of each, and all of one that failed.
set -uo pipefail

export UBSAN_OPTIONS=print_stacktrace=1:halt_on_error=1 ASAN_OPTIONS=abort_on_error=0:detect_leaks=1
log=$(mktemp)
trap 'rm -f "$log"' EXIT
failed=0
for binary in "$@"; do
    if timeout 300 "$binary" >"$log" 2>&1; then
        echo "$(basename "$binary"): $(grep -E '^\[  (PASSED|SKIPPED)' "$log" | xargs)"
    else
        status=$?
        cat "$log"
        echo "$(basename "$binary"): FAILED (exit status $status)"
        failed=$((failed + 1))
    fi
done
echo "unit tests: $(($# - failed)) passed, $failed failed"
[ "$failed" = 0 ]
