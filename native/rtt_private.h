/* rtt_private.h: shared by rtt.c (the state of a half), rtt_sent.c (segments of this side) and rtt_acked.c (of the other). */
#ifndef GO_METRO_RTT_PRIVATE_H
#define GO_METRO_RTT_PRIVATE_H

#include "rtt.h"

/* a < b, modulo 2^32 (RFC 9293, 3.4). */
static inline bool seq_before(uint32_t a, uint32_t b)
{
    return (int32_t)(a - b) < 0;
}

/* No window reaches so far in either direction. */
static inline bool seq_is_far(uint32_t a, uint32_t b)
{
    const uint32_t distance = seq_before(a, b) ? b - a : a - b;

    return distance > RTT_MAX_DISTANCE;
}

/* The half's numbers begin at seq. */
void rtt_begin(struct rtt_half *half, uint32_t seq);
/* Everything pending is ambiguous from now on. */
void rtt_note_hole(struct rtt_half *half, struct rtt_outcome *outcome);
/* Ambiguous segments below `end` may have overtaken another, or been sent again unmarked. */
void rtt_distrust(struct rtt_half *half, uint32_t end);

#endif
