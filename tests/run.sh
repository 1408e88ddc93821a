#!/bin/bash
# run.sh TARGET...: makes each of these test targets, whatever became of the one before, and sums up, with how many tests were
# skipped. With NO_SKIPS=1 a target that skips one has failed: where every right is there, nothing has a reason to.
set -uo pipefail

log=$(mktemp)
trap 'rm -f "$log"' EXIT

# By the closing lines of tests/unit/run.sh, tests/bench/instructions.py and pytest ("== 5 passed, 2 skipped in 0.07s ==").
skips() {
    grep -E '^((unit tests|test-cost): |(=+ )?[0-9]+ [a-z]+.* in [0-9.]+ ?s)' "$log" |
        grep -oE '[0-9]+ skipped' | awk '{ n += $1 } END { print n + 0 }'
}

results=()
failed=0
skipped=0
start=$SECONDS
for target in "$@"; do
    printf '\n=== %s\n' "$target"
    began=$SECONDS
    verdict=passed
    ${MAKE:-make} --no-print-directory BUILD="${BUILD:-build}" "$target" 2>&1 | tee -i "$log" || verdict=FAILED
    here=$(skips)
    if [ "$here" != 0 ]; then
        skipped=$((skipped + here))
        [ -z "${NO_SKIPS:-}" ] || verdict=FAILED
        verdict+=", $here skipped${NO_SKIPS:+ (none may be)}"
    fi
    [ "$verdict" = "${verdict#FAILED}" ] || failed=$((failed + 1))
    results+=("$(printf '%-14s %s (%d s)' "$target" "$verdict" $((SECONDS - began)))")
done
printf '\n=== summary (%d s)\n' $((SECONDS - start))
printf '%s\n' "${results[@]}"
summary=$(printf '%d passed, %d failed' $(($# - failed)) "$failed")
[ "$skipped" = 0 ] || summary+=", $skipped skipped"
echo "$summary"
[ "$failed" = 0 ]
