/* rtt.c: see rtt.h. */
#include "rtt.h"

#include <string.h>

#define AGAIN_MASK ((UINT64_C(1) << PENDING_AGAIN_BITS) - 1)
#define NO_SKIP SKIP_REASON_COUNT

/* a < b, modulo 2^32 (RFC 9293, 3.4). */
static bool seq_before(uint32_t a, uint32_t b)
{
    return (int32_t)(a - b) < 0;
}

/* No window reaches so far in either direction. */
static bool seq_is_far(uint32_t a, uint32_t b)
{
    const uint32_t distance = seq_before(a, b) ? b - a : a - b;

    return distance > RTT_MAX_DISTANCE;
}

static uint32_t fin_length(const struct tcp_segment *segment)
{
    return segment->flags & TCP_FIN ? 1 : 0;
}

/* SEG.SEQ + SEG.LEN, SYN and FIN counted. */
static uint32_t segment_end(const struct tcp_segment *segment)
{
    return segment->seq + segment->payload_len + (segment->flags & TCP_SYN ? 1 : 0) + fin_length(segment);
}

/* --- state --- */

static void begin(struct rtt_half *half, uint32_t seq)
{
    half->next = seq;
    half->una = seq;
    half->ambiguous_end = seq;
    half->flags |= RTT_STARTED;
}

static void note_hole(struct rtt_half *half, struct rtt_outcome *outcome)
{
    half->ambiguous_end = half->next;
    outcome->hole = true;
}

void rtt_note(struct rtt_half *half, const struct tcp_segment *segment)
{
    half->flags |= RTT_SENT;
    if (segment->flags & TCP_SYN) {
        half->isn = segment->seq;
        half->flags |= RTT_ISN;
    }
    if (segment->flags & TCP_FIN) {
        half->flags |= RTT_FIN;
    }
}

void rtt_follow(struct rtt_half *half, const struct tcp_segment *segment)
{
    if (!(segment->flags & TCP_ACK)) {
        return;
    }
    if (!(half->flags & RTT_ACKED) || seq_before(half->una, segment->ack)) {
        half->una = segment->ack;
        half->flags |= RTT_ACKED;
    }
}

bool rtt_is_probe(const struct rtt_half *half, const struct tcp_segment *segment)
{
    return (half->flags & RTT_ACKED) && segment->payload_len <= 1 && !(segment->flags & (TCP_SYN | TCP_FIN)) &&
           segment->seq == half->una - 1;
}

void rtt_drop(struct rtt_half *half, struct pending_pool *pool, enum skip_reason reason, struct rtt_outcome *outcome)
{
    outcome->skipped[reason] += half->waiting.count;
    while (half->waiting.count > 0) {
        pending_pop(&half->waiting, pool);
    }
}

void rtt_restart(struct rtt_half *half, struct pending_pool *pool, struct rtt_outcome *outcome)
{
    rtt_drop(half, pool, SKIP_UNACKED, outcome);
    memset(half, 0, sizeof *half);
}

/* --- segments of this side --- */

/* start: where its new part begins, behind SEG.SEQ when the front of it is a retransmission. */
static void time_segment(struct rtt_half *half, struct pending_pool *pool, const struct tcp_segment *segment, uint32_t start,
                         uint32_t end, int64_t time_ns, struct rtt_outcome *outcome)
{
    outcome->timed++;
    const uint32_t index = half->waiting.count < RTT_MAX_PENDING ? pending_take(pool) : PENDING_NONE;
    if (index == PENDING_NONE) {
        outcome->skipped[SKIP_OVERFLOW]++; /* evicting an older one instead would favour short round trips */
        return;
    }
    struct pending *entry = pending_at(pool, index);
    *entry = (struct pending){
        .start = start,
        .end = end,
        .time_ns = time_ns,
        .ts_val = segment->ts_val,
        .is_syn = (segment->flags & TCP_SYN) != 0,
        .has_ts = segment->has_timestamps,
        .retransmitted = start != segment->seq,
    };
    pending_push(&half->waiting, pool, index);
}

/* A pending segment is sent again. The ACK's TSecr can say which transmission it answers only if both carried the same range and
 * their TSvals differ; with more than two the last must be newer than all before it. */
static void mark_retransmitted(struct pending *entry, const struct tcp_segment *segment, int64_t time_ns)
{
    const bool same_range = entry->start == segment->seq && entry->end == segment_end(segment);
    const uint32_t newest = entry->has_again ? entry->again_ts_val : entry->ts_val;
    const uint64_t later_ns = (uint64_t)time_ns - (uint64_t)entry->time_ns; /* huge if time went back */
    const bool told_apart = same_range && entry->has_ts && segment->has_timestamps && seq_before(newest, segment->ts_val) &&
                            later_ns <= AGAIN_MASK && (!entry->retransmitted || entry->has_again);

    entry->retransmitted = 1;
    entry->has_again = told_apart;
    if (told_apart) {
        entry->again_ns = later_ns & AGAIN_MASK;
        entry->again_ts_val = segment->ts_val;
    }
}

/* The search is bounded: an entry that it does not reach is ambiguous anyway and gives no sample. */
static void mark_range(const struct rtt_half *half, const struct pending_pool *pool, const struct tcp_segment *segment,
                       uint32_t end, int64_t time_ns)
{
    if (half->waiting.count == 0) {
        return;
    }
    struct pending *entry = pending_head(&half->waiting, pool);
    const uint32_t most = half->waiting.count < RTT_MAX_SEARCH ? half->waiting.count : RTT_MAX_SEARCH;

    for (uint32_t n = 0; n < most && seq_before(entry->start, end); n++) {
        if (seq_before(segment->seq, entry->end)) {
            mark_retransmitted(entry, segment, time_ns);
        }
        entry = pending_at(pool, (uint32_t)entry->next);
    }
}

/* Begins below what was sent before. */
static void sent_again(struct rtt_half *half, struct pending_pool *pool, const struct tcp_segment *segment, uint32_t end,
                       int64_t time_ns, struct rtt_outcome *outcome)
{
    const uint32_t fresh = half->next;

    outcome->retransmits++;
    note_hole(half, outcome);
    mark_range(half, pool, segment, end, time_ns);
    if (!seq_before(fresh, end)) {
        return;
    }
    half->next = end;
    if (end - fresh > fin_length(segment)) { /* a FIN alone that is new is not timed */
        time_segment(half, pool, segment, fresh, end, time_ns, outcome);
    }
}

void rtt_sent(struct rtt_half *half, struct pending_pool *pool, const struct tcp_segment *segment, int64_t time_ns,
              struct rtt_outcome *outcome)
{
    const uint32_t end = segment_end(segment);

    if (!(half->flags & RTT_STARTED)) {
        begin(half, segment->seq);
    } else if (seq_is_far(segment->seq, half->next)) {
        rtt_drop(half, pool, SKIP_UNACKED, outcome); /* another connection, whose SYN was not captured */
        half->flags &= (uint8_t)~RTT_ACKED;
        begin(half, segment->seq);
    }
    if (end == segment->seq || segment->payload_len > RTT_MAX_DISTANCE || rtt_is_probe(half, segment)) {
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

/* --- segments of the other side --- */

/* Why an entry gives no sample whatever the ACK says, or NO_SKIP. */
static enum skip_reason own_reason(const struct rtt_half *half, const struct pending *entry)
{
    if (entry->retransmitted) {
        return SKIP_RETRANSMITTED;
    }
    return seq_before(half->ambiguous_end, entry->end) ? NO_SKIP : SKIP_AMBIGUOUS;
}

/* Counts an entry that has a reason of its own; 1 when it has none. */
static uint32_t skip_if_marked(const struct rtt_half *half, const struct pending *entry, struct rtt_outcome *outcome)
{
    const enum skip_reason reason = own_reason(half, entry);

    if (reason == NO_SKIP) {
        return 1;
    }
    outcome->skipped[reason]++;
    return 0;
}

/* Which transmission of a retransmitted segment this ACK answers (RFC 7323, 4.3: TSecr is the TSval of the segment that last
 * advanced the left edge). Only where the segment was that edge: were an older one missing too, its arrival and not this one's
 * would be echoed. */
static bool tell_apart(const struct pending *entry, const struct tcp_segment *segment, uint32_t left_edge, int64_t *sent_ns)
{
    if (!entry->has_again || !segment->has_timestamps || seq_before(left_edge, entry->start)) {
        return false;
    }
    if (segment->ts_ecr == entry->again_ts_val) {
        *sent_ns = (int64_t)((uint64_t)entry->time_ns + entry->again_ns);
        return true;
    }
    return segment->ts_ecr == entry->ts_val;
}

static void take_sample(struct rtt_half *half, const struct pending *entry, uint64_t rtt_ns, struct rtt_outcome *outcome)
{
    outcome->has_sample = true;
    outcome->sample = (struct rtt_sample){
        .rtt_ns = rtt_ns,
        .previous_ns = (uint64_t)half->previous_high << 32 | half->previous_low,
        .end_seq = entry->end,
        .handshake = entry->is_syn,
    };
    half->previous_low = (uint32_t)rtt_ns;
    half->previous_high = (uint8_t)(rtt_ns >> 32);
}

/* The newest segment that the ACK covers, matched exactly. */
static void judge(struct rtt_half *half, const struct pending *entry, const struct tcp_segment *segment, uint32_t left_edge,
                  int64_t time_ns, struct rtt_outcome *outcome)
{
    int64_t sent_ns = entry->time_ns;
    enum skip_reason reason = own_reason(half, entry);

    if (reason == SKIP_RETRANSMITTED && tell_apart(entry, segment, left_edge, &sent_ns)) {
        reason = NO_SKIP;
    }
    const uint64_t rtt_ns = (uint64_t)time_ns - (uint64_t)sent_ns;
    if (reason == NO_SKIP && (time_ns < sent_ns || rtt_ns > (uint64_t)RTT_MAX_NS)) {
        reason = SKIP_CLOCK;
    }
    if (reason == NO_SKIP) {
        take_sample(half, entry, rtt_ns, outcome);
    } else {
        outcome->skipped[reason]++;
    }
}

/* A SYN with data (RFC 7413) is also answered by an ACK of the SYN alone. */
static bool is_syn_alone(const struct pending *entry, uint32_t ack)
{
    return entry->is_syn && ack == entry->start + 1;
}

/* Retires what `ack` covers. fin_end: the ACK is for exactly our FIN. */
static void retire(struct rtt_half *half, struct pending_pool *pool, const struct tcp_segment *segment, uint32_t left_edge,
                   bool fin_end, int64_t time_ns, struct rtt_outcome *outcome)
{
    const uint32_t ack = segment->ack;
    struct pending newest = {0};
    uint32_t older = 0; /* unmarked: the newest decides why they give no sample */
    bool any = false;

    while (half->waiting.count > 0) {
        const struct pending *entry = pending_head(&half->waiting, pool);
        if (seq_before(ack, entry->end) && !is_syn_alone(entry, ack)) {
            break;
        }
        older += any ? skip_if_marked(half, &newest, outcome) : 0;
        newest = *entry;
        any = true;
        pending_pop(&half->waiting, pool);
    }
    if (any && (newest.end == ack || is_syn_alone(&newest, ack))) {
        judge(half, &newest, segment, left_edge, time_ns, outcome);
        outcome->skipped[SKIP_COVERED] += older;
    } else if (any) {
        older += skip_if_marked(half, &newest, outcome);
        outcome->skipped[fin_end ? SKIP_COVERED : SKIP_INEXACT] += older;
    }
}

static void advance(struct rtt_half *half, struct pending_pool *pool, const struct tcp_segment *segment, int64_t time_ns,
                    struct rtt_outcome *outcome)
{
    const uint32_t left_edge = half->una;
    const bool fin_end = (half->flags & RTT_FIN) && segment->ack == half->next;

    half->una = segment->ack;
    if (seq_before(half->next, segment->ack)) {
        half->next = segment->ack; /* data that we did not see */
    }
    if (half->waiting.count > 0) {
        retire(half, pool, segment, left_edge, fin_end, time_ns, outcome);
    }
    if (seq_before(half->ambiguous_end, segment->ack)) {
        half->ambiguous_end = segment->ack;
    }
}

/* RFC 2883: the first block reports a segment that came twice, not one that is missing. */
static bool is_dsack(const struct tcp_segment *segment)
{
    return segment->sack_count > 0 && !seq_before(segment->ack, segment->sack[0].right);
}

/* RFC 5681, section 2: (a) data is outstanding, (b) no data, (c) neither SYN nor FIN, (d) the greatest ACK so far, (e) the
 * window of the last one. A probe has all of that too, and says nothing about our data. */
static bool is_duplicate_ack(const struct rtt_half *half, const struct tcp_segment *segment, bool probe)
{
    return half->una != half->next && segment->payload_len == 0 && !(segment->flags & (TCP_SYN | TCP_FIN)) &&
           segment->ack == half->una && segment->window == half->window && !probe && !is_dsack(segment);
}

static bool has_sacked_above(const struct rtt_half *half, const struct tcp_segment *segment)
{
    for (uint32_t n = 0; n < segment->sack_count && n < PACKET_MAX_SACK; n++) {
        const struct sack_block *block = &segment->sack[n];
        if (seq_before(half->una, block->left) && seq_before(block->left, block->right)) {
            return true;
        }
    }
    return false;
}

void rtt_acked(struct rtt_half *half, struct pending_pool *pool, const struct tcp_segment *segment, bool probe, int64_t time_ns,
               struct rtt_outcome *outcome)
{
    if (!(segment->flags & TCP_ACK)) {
        return;
    }
    if (!(half->flags & RTT_STARTED)) {
        begin(half, segment->ack);
    }
    if (seq_is_far(segment->ack, half->next)) {
        return;
    }
    if (!(half->flags & RTT_ACKED)) {
        half->flags |= RTT_ACKED;
        if (seq_before(segment->ack, half->una)) {
            half->una = segment->ack; /* picked up in the middle: older data was in flight */
        }
    } else if (is_duplicate_ack(half, segment, probe)) {
        note_hole(half, outcome);
    }
    if (seq_before(half->una, segment->ack)) {
        advance(half, pool, segment, time_ns, outcome);
    }
    if (segment->sack_count > 0 && has_sacked_above(half, segment)) {
        note_hole(half, outcome);
    }
    half->window = segment->window;
}

void rtt_refused(struct rtt_half *half, struct pending_pool *pool, const struct tcp_segment *segment, int64_t time_ns,
                 struct rtt_outcome *outcome)
{
    if (!(segment->flags & TCP_ACK) || half->waiting.count == 0) {
        return;
    }
    const struct pending *entry = pending_head(&half->waiting, pool);
    if (entry->is_syn && (segment->ack == entry->end || is_syn_alone(entry, segment->ack))) {
        advance(half, pool, segment, time_ns, outcome);
    }
}
