/* rtt_private.h: shared by rtt.c (the state of a half), rtt_sent.c (segments of this side) and rtt_acked.c (of the other). */
#ifndef GO_METRO_RTT_PRIVATE_H
#define GO_METRO_RTT_PRIVATE_H

#include "rtt.h"

static inline void rtt_skip(struct rtt_outcome *outcome, enum skip_reason reason, uint32_t count)
{
    outcome->skipped[reason] += count;
    outcome->reasons |= (count > 0 ? 1U : 0U) << reason;
}

/* The half's numbers begin at seq. */
void rtt_begin(struct rtt_half *half, uint32_t seq);
/* Everything pending is ambiguous from now on. */
void rtt_note_hole(struct rtt_half *half, struct rtt_outcome *outcome);
/* Ambiguous segments below `end` may have overtaken another, or been sent again unmarked. */
void rtt_distrust(struct rtt_half *half, uint32_t end);

#endif
