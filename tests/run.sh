#!/bin/bash
# run.sh TARGET...: makes each of these test targets, whatever became of the one before, and sums up.
set -uo pipefail

results=()
failed=0
start=$SECONDS
for target in "$@"; do
    printf '\n=== %s\n' "$target"
    began=$SECONDS
    if ${MAKE:-make} --no-print-directory BUILD="${BUILD:-build}" "$target"; then
        verdict=passed
    else
        verdict=FAILED
        failed=$((failed + 1))
    fi
    results+=("$(printf '%-14s %s (%d s)' "$target" "$verdict" $((SECONDS - began)))")
done
printf '\n=== summary (%d s)\n' $((SECONDS - start))
printf '%s\n' "${results[@]}"
printf '%d passed, %d failed\n' $(($# - failed)) "$failed"
[ "$failed" = 0 ]
