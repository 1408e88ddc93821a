/* rtt.c: see rtt.h; the state of a half. */
#include "rtt_private.h"

#include <string.h>

void rtt_begin(struct rtt_half *half, uint32_t seq)
{
    half->next = seq;
    half->una = seq;
    half->ambiguous_end = seq;
    half->trusted_from = seq;
    half->flags |= RTT_STARTED;
}

void rtt_note_hole(struct rtt_half *half, struct rtt_outcome *outcome)
{
    if (seq_before(half->ambiguous_end, half->next)) { /* it may lie ahead: note_ahead() */
        half->ambiguous_end = half->next;
    }
    outcome->hole = true;
}

void rtt_distrust(struct rtt_half *half, uint32_t end)
{
    if (seq_before(half->trusted_from, end)) {
        half->trusted_from = end;
    }
}

void rtt_drop(struct rtt_half *half, struct pending_pool *pool, enum skip_reason reason, struct rtt_outcome *outcome)
{
    rtt_skip(outcome, reason, half->waiting.count);
    while (half->waiting.count > 0) {
        pending_pop(&half->waiting, pool);
    }
}

void rtt_restart(struct rtt_half *half, struct pending_pool *pool, struct rtt_outcome *outcome)
{
    rtt_drop(half, pool, SKIP_UNACKED, outcome);
    memset(half, 0, sizeof *half);
}
