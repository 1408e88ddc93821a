/* rtt_sent.c: segments of this side: what is timed, and what was sent again. */
#include "rtt_private.h"

#define AGAIN_HIGH_MASK ((1U << (PENDING_AGAIN_BITS - 32)) - 1)

static uint32_t fin_length(const struct tcp_segment *segment)
{
    return segment->flags & TCP_FIN ? 1 : 0;
}

/* SEG.SEQ + SEG.LEN, SYN and FIN counted. */
static uint32_t segment_end(const struct tcp_segment *segment)
{
    return segment->seq + segment->payload_len + (segment->flags & TCP_SYN ? 1 : 0) + fin_length(segment);
}

/* The oldest pending segment that does not begin before seq; NULL: none of the oldest RTT_MAX_SEARCH. */
static const struct pending *find_from(const struct rtt_half *half, const struct pending_pool *pool, uint32_t seq)
{
    const uint32_t most = half->waiting.count < RTT_MAX_SEARCH ? half->waiting.count : RTT_MAX_SEARCH;
    const struct pending *entry = pending_head(&half->waiting, pool);

    for (uint32_t n = 0; n < most; n++) {
        if (!seq_before(entry->start, seq)) {
            return entry;
        }
        entry = pending_at(pool, (uint32_t)entry->next);
    }
    return NULL;
}

const struct pending *rtt_find_copied(const struct rtt_half *half, const struct pending_pool *pool,
                                      const struct tcp_segment *segment)
{
    const uint32_t end = segment_end(segment);

    if (!seq_before(segment->seq, half->next) || !seq_before(half->ambiguous_end, end) || segment->payload_len == 0
        || half->waiting.count == 0) {
        return NULL;
    }
    const struct pending *entry = find_from(half, pool, segment->seq);
    const bool is_same = entry != NULL && entry->start == segment->seq && entry->end == end && !entry->retransmitted
                         && entry->again_ts_val == segment->identity;
    return is_same ? entry : NULL;
}

bool rtt_is_missed(const struct rtt_half *half, const struct pending_pool *pool, const struct tcp_segment *segment)
{
    if (segment->payload_len == 0 || half->waiting.count == 0 || seq_before(half->ambiguous_end, segment_end(segment))) {
        return false;
    }
    const struct pending *entry = find_from(half, pool, segment->seq);
    return entry == NULL || (entry->start == segment->seq && !entry->retransmitted);
}

/* What has waited so long gives no sample any more: at a bound it makes room. */
static void reclaim(struct rtt_half *half, struct pending_pool *pool, int64_t time_ns, struct rtt_outcome *outcome)
{
    while (half->waiting.count > 0) {
        const int64_t sent_ns = pending_head(&half->waiting, pool)->time_ns;
        if (time_ns < sent_ns || (uint64_t)time_ns - (uint64_t)sent_ns <= (uint64_t)RTT_MAX_NS) {
            return;
        }
        rtt_skip(outcome, SKIP_CLOCK, 1);
        pending_pop(&half->waiting, pool);
    }
}

static uint32_t take_entry(struct rtt_half *half, struct pending_pool *pool)
{
    return half->waiting.count < RTT_MAX_PENDING ? pending_take(pool) : PENDING_NONE;
}

/* start: where its new part begins, behind SEG.SEQ when the front of it is a retransmission. */
static void time_segment(struct rtt_half *half, struct pending_pool *pool, const struct tcp_segment *segment, uint32_t start,
                         uint32_t end, int64_t time_ns, struct rtt_outcome *outcome)
{
    outcome->timed++;
    uint32_t index = take_entry(half, pool);
    if (index == PENDING_NONE) {
        reclaim(half, pool, time_ns, outcome);
        index = take_entry(half, pool);
    }
    if (index == PENDING_NONE) {
        rtt_skip(outcome, SKIP_OVERFLOW, 1); /* evicting an older one instead would favour short round trips */
        return;
    }
    struct pending *entry = pending_at(pool, index);
    *entry = (struct pending){
        .start = start,
        .end = end,
        .time_ns = time_ns,
        .ts_val = segment->ts_val,
        .again_ts_val = segment->identity,
        .is_syn = (segment->flags & TCP_SYN) != 0,
        .has_ts = segment->has_timestamps,
        .retransmitted = start != segment->seq,
    };
    pending_push(&half->waiting, pool, index);
}

/* A pending segment is sent again. The ACK's TSecr can say which transmission it answers only if both carried the same range and
 * their TSvals differ; with more than two the last must be newer than all before it. is_alone: no older segment was sent again
 * with this TSval, whose echo would be the same. */
static void mark_retransmitted(struct pending *entry, const struct tcp_segment *segment, bool is_alone, int64_t time_ns)
{
    const bool same_range = entry->start == segment->seq && entry->end == segment_end(segment);
    const uint32_t newest = entry->has_again ? entry->again_ts_val : entry->ts_val;
    const uint64_t later_ns = (uint64_t)time_ns - (uint64_t)entry->time_ns; /* huge if time went back */
    const bool told_apart = same_range && entry->has_ts && segment->has_timestamps && seq_before(newest, segment->ts_val)
                            && later_ns >> PENDING_AGAIN_BITS == 0 && (!entry->retransmitted || entry->has_again) && is_alone;

    entry->retransmitted = 1;
    entry->has_again = told_apart;
    if (told_apart) {
        entry->again_low = (uint32_t)later_ns;
        entry->again_high = (uint32_t)(later_ns >> 32) & AGAIN_HIGH_MASK;
        entry->again_ts_val = segment->ts_val;
    }
}

/* The search is bounded: an entry that it does not reach is ambiguous, and not trusted. */
static void mark_range(struct rtt_half *half, const struct pending_pool *pool, const struct tcp_segment *segment, uint32_t end,
                       int64_t time_ns)
{
    if (half->waiting.count == 0) {
        return;
    }
    struct pending *entry = pending_head(&half->waiting, pool);
    const uint32_t most = half->waiting.count < RTT_MAX_SEARCH ? half->waiting.count : RTT_MAX_SEARCH;
    bool is_alone = true;

    for (uint32_t n = 0; n < most; n++) {
        if (!seq_before(entry->start, end)) {
            return;
        }
        if (seq_before(segment->seq, entry->end)) {
            mark_retransmitted(entry, segment, is_alone, time_ns);
        }
        is_alone = is_alone && !(entry->has_again && entry->again_ts_val == segment->ts_val);
        entry = pending_at(pool, (uint32_t)entry->next);
    }
    if (most < half->waiting.count) {
        half->flags |= RTT_UNREACHED;
        rtt_distrust(half, end);
    }
}

/* Begins below what was sent before. */
static void sent_again(struct rtt_half *half, struct pending_pool *pool, const struct tcp_segment *segment, uint32_t end,
                       int64_t time_ns, struct rtt_outcome *outcome)
{
    const uint32_t fresh = half->next;

    outcome->retransmits++;
    rtt_note_hole(half, outcome);
    mark_range(half, pool, segment, end, time_ns);
    if (!seq_before(fresh, end)) {
        return;
    }
    half->next = end;
    if (end - fresh > fin_length(segment)) { /* a FIN alone that is new is not timed */
        time_segment(half, pool, segment, fresh, end, time_ns, outcome);
    }
}

/* In the middle of a connection nothing says where SND.UNA is; what has been idle for long is kept alive. */
static bool may_be_keep_alive(const struct tcp_segment *segment)
{
    return segment->payload_len == 1 && !(segment->flags & (TCP_SYN | TCP_FIN));
}

void rtt_sent(struct rtt_half *half, struct pending_pool *pool, const struct tcp_segment *segment, int64_t time_ns,
              struct rtt_outcome *outcome)
{
    const uint32_t end = segment_end(segment);
    const bool is_first = !(half->flags & RTT_STARTED);

    if (is_first) {
        rtt_begin(half, may_be_keep_alive(segment) ? end : segment->seq);
    } else if (seq_is_far(segment->seq, half->next)) {
        rtt_drop(half, pool, SKIP_UNACKED, outcome); /* another connection, whose SYN was not captured */
        half->flags &= (uint8_t) ~(RTT_ACKED | RTT_UNREACHED | RTT_SACK);
        half->waiting.note = 0;
        rtt_forget_previous(half);
        rtt_begin(half, segment->seq);
    }
    if (end == segment->seq || segment->payload_len > RTT_MAX_DISTANCE || rtt_is_probe(half, segment)
        || (is_first && may_be_keep_alive(segment))) {
        return;
    }
    if (seq_before(segment->seq, half->next)) {
        sent_again(half, pool, segment, end, time_ns, outcome);
        return;
    }
    half->next = end;
    if (segment->payload_len > 0 || (segment->flags & TCP_SYN)) {
        time_segment(half, pool, segment, segment->seq, end, time_ns, outcome);
    }
}
