/* rtt_plain.h: the matcher's short way for what nearly all segments are: data in order, and ACKs of data that was sent once while
 * nothing is missing. For meter_flow.c.
 *
 * Each of the two either does what rtt_sent() or rtt_acked() would have done, to the bit, or says false and has changed nothing:
 * then those have to be asked, which know all the rules. In the header, as it is called for each packet. */
#ifndef GO_METRO_RTT_PLAIN_H
#define GO_METRO_RTT_PLAIN_H

#include <stdbool.h>
#include <stdint.h>

#include "rtt.h"

/* New data in order, that is timed: it counts in `timed`. */
static inline bool rtt_sent_plain(struct rtt_half *half, struct pending_pool *pool, const struct tcp_segment *segment,
                                  int64_t time_ns)
{
    if (segment->seq != half->next || segment->payload_len - 1 >= RTT_MAX_DISTANCE || (segment->flags & (TCP_SYN | TCP_FIN))
        || !(half->flags & RTT_STARTED) || half->waiting.count >= RTT_MAX_PENDING) {
        return false;
    }
    const uint32_t index = pending_take(pool);
    if (index == PENDING_NONE) {
        return false;
    }
    half->next = segment->seq + segment->payload_len;
    *pending_at(pool, index) = (struct pending){
        .start = segment->seq,
        .end = half->next,
        .time_ns = time_ns,
        .ts_val = segment->ts_val,
        .again_ts_val = segment->identity,
        .has_ts = segment->has_timestamps,
    };
    pending_push(&half->waiting, pool, index);
    return true;
}

/* What a plain ACK brought. */
struct rtt_plain {
    uint32_t covered; /* segments, the newest of which is the sample; the others are `covered`. 0: no sample */
    struct rtt_sample sample;
};

/* The segments that an ACK of exactly the newest one's end covers: all sent once, none of them a SYN. 0: it is not so. */
static inline uint32_t rtt_plain_covered(const struct rtt_half *half, const struct pending_pool *pool, uint32_t ack,
                                         struct pending **newest)
{
    struct pending *entry = pending_head(&half->waiting, pool);
    uint32_t count = 0;

    for (;;) {
        if (entry->retransmitted || entry->is_syn) {
            return 0;
        }
        count++;
        if (entry->end == ack) {
            *newest = entry;
            return count;
        }
        if (seq_before(ack, entry->end) || count == half->waiting.count) {
            return 0;
        }
        entry = pending_at(pool, (uint32_t)entry->next);
    }
}

/* Whether nothing says that the oldest segment had been sent before it was captured: see rtt_acked.c, is_of_before(). */
static inline bool rtt_plain_is_first(const struct rtt_half *half, const struct pending *oldest,
                                      const struct tcp_segment *segment)
{
    return ((half->flags & RTT_ISN) && oldest->start == half->una) || !oldest->has_ts || !segment->has_timestamps
           || segment->ts_ecr == 0 || !seq_before(segment->ts_ecr, oldest->ts_val);
}

/* The left edge moves, and nothing is ambiguous. */
static inline void rtt_plain_advance(struct rtt_half *half, const struct tcp_segment *segment)
{
    half->una = half->ambiguous_end = half->trusted_from = segment->ack;
    half->waiting.note = 0;
    half->flags &= (uint8_t)~RTT_UNREACHED;
    half->window = segment->window;
}

static inline bool rtt_plain_sample(struct rtt_half *half, struct pending_pool *pool, const struct tcp_segment *segment,
                                    int64_t time_ns, struct rtt_plain *found)
{
    struct pending *newest;
    const struct pending *oldest = pending_head(&half->waiting, pool);
    const uint32_t covered = rtt_plain_covered(half, pool, segment->ack, &newest);

    if (covered == 0 || !rtt_plain_is_first(half, oldest, segment)) {
        return false;
    }
    const uint64_t rtt_ns = (uint64_t)time_ns - (uint64_t)newest->time_ns;
    if (rtt_ns > (uint64_t)RTT_MAX_NS) { /* huge if time went back */
        return false;
    }
    found->covered = covered;
    found->sample = (struct rtt_sample){ .rtt_ns = rtt_ns, .previous_ns = rtt_previous_ns(half), .end_seq = segment->ack };
    rtt_keep_previous(half, rtt_ns);
    pending_pop_through(&half->waiting, pool, newest, covered);
    return true;
}

/* What the other side says of data that was sent once, while nothing is missing. */
static inline bool rtt_acked_plain(struct rtt_half *half, struct pending_pool *pool, const struct tcp_segment *segment,
                                   int64_t time_ns, struct rtt_plain *found)
{
    const uint8_t known = RTT_STARTED | RTT_ACKED;
    const uint32_t outstanding = half->next - half->una, fresh = segment->ack - half->una;

    found->covered = 0;
    if ((segment->flags & (TCP_ACK | TCP_SYN | TCP_FIN)) != TCP_ACK || segment->sack_count > 0 || (half->flags & known) != known
        || outstanding > RTT_MAX_DISTANCE || fresh > outstanding) {
        return false;
    }
    if (fresh == 0) {
        half->window = outstanding == 0 || segment->payload_len > 0 ? segment->window : half->window;
        return outstanding == 0 || segment->payload_len > 0; /* else it may be a duplicate ACK */
    }
    if (seq_before(half->una, half->ambiguous_end) || seq_before(half->una, half->trusted_from)
        || (half->waiting.count > 0 && !rtt_plain_sample(half, pool, segment, time_ns, found))) {
        return false;
    }
    rtt_plain_advance(half, segment);
    return true;
}

#endif
