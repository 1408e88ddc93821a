/* rtt_acked.c: segments of the other side: what an ACK covers, and whether that is a round trip. */
#include "rtt_private.h"

#define NO_SKIP SKIP_REASON_COUNT
#define HELD_UNKNOWN UINT16_MAX

/* Why an entry gives no sample whatever the ACK says, or NO_SKIP. */
static enum skip_reason own_reason(const struct rtt_half *half, const struct pending *entry)
{
    if (entry->retransmitted) {
        return SKIP_RETRANSMITTED;
    }
    return seq_before(half->ambiguous_end, entry->end) ? NO_SKIP : SKIP_AMBIGUOUS;
}

/* The interface may cut it, so that its bytes do not come at once. */
static bool is_long(const struct pending *entry)
{
    return entry->end - entry->start > RTT_MAX_PACKET;
}

/* Counts an entry that has a reason of its own; 1 when it has none. */
static uint32_t skip_if_marked(const struct rtt_half *half, const struct pending *entry, struct rtt_outcome *outcome)
{
    const enum skip_reason reason = own_reason(half, entry);

    if (reason == NO_SKIP) {
        return 1;
    }
    rtt_skip(outcome, reason, 1);
    return 0;
}

/* RFC 2883: the first block reports a segment that came twice, not one that is missing. */
static bool is_dsack(const struct tcp_segment *segment)
{
    return segment->sack_count > 0 && !seq_before(segment->ack, segment->sack[0].right);
}

/* Whether this ACK says which transmission of a retransmitted segment it answers, by the echo of its TSval: a receiver echoes
 * the one that came in order, and of a segment that it had already the newer one (RFC 7323, 4.3), so that the first one's echo
 * answers the first. Not of a SYN: where the answer to that got lost, both sides send again. And only where the segment was the
 * left edge: were an older one missing too, its arrival and not this one's would be echoed; and an older one that came a second
 * time is echoed too, as a DSACK tells. Of a segment that was cut on its way the last piece may have come the first time. */
static bool tell_apart(const struct pending *entry, const struct tcp_segment *segment, uint32_t left_edge, int64_t *sent_ns)
{
    if (!entry->has_again || entry->is_syn || !segment->has_timestamps || seq_before(left_edge, entry->start) || is_long(entry)
        || (is_dsack(segment) && !seq_before(entry->start, segment->sack[0].right))) {
        return false;
    }
    if (segment->ts_ecr == entry->again_ts_val) {
        *sent_ns = (int64_t)((uint64_t)entry->time_ns + ((uint64_t)entry->again_high << 32 | entry->again_low));
        return true;
    }
    return segment->ts_ecr == entry->ts_val;
}

static void take_sample(struct rtt_half *half, const struct pending *entry, uint64_t rtt_ns, struct rtt_outcome *outcome)
{
    outcome->has_sample = true;
    outcome->sample = (struct rtt_sample){
        .rtt_ns = rtt_ns,
        .previous_ns = rtt_previous_ns(half),
        .end_seq = entry->end,
        .handshake = entry->is_syn,
    };
    rtt_keep_previous(half, rtt_ns);
}

/* What an ACK covers of the pending segments. */
struct covered {
    const struct pending *newest, *oldest; /* given back, but not yet taken again */
    uint32_t count;
    uint32_t unmarked; /* without the newest: why they give no sample is for that to say */
    bool once;         /* all from the left edge on was sent once */
};

/* The echo is of something that was sent before the oldest segment that the ACK covers: it was here before, and what was captured
 * is a retransmission of what was sent before the capture began, or where it has a gap. Some peers echo nothing but 0, or never
 * anything sensible: where all has been captured from the beginning it need not be asked. */
static bool is_of_before(const struct rtt_half *half, const struct covered *covered, const struct tcp_segment *segment,
                         uint32_t left_edge)
{
    const bool is_all_known = (half->flags & RTT_ISN) && !covered->oldest->is_syn && covered->oldest->start == left_edge;

    return !is_all_known && covered->oldest->has_ts && segment->has_timestamps && segment->ts_ecr != 0
           && seq_before(segment->ts_ecr, covered->oldest->ts_val);
}

/* Whether an ambiguous segment waited for no hole after all. The peer had acknowledged what lies before the left edge, so a
 * packet that begins there and was sent once came in order, and an ACK of exactly its end says that nothing beyond it was
 * there to be acknowledged at once. If there are more of them, or pieces of one, the last may have overtaken another: a peer that
 * does SACK would have reported a block above the left edge, another one would have sent a duplicate ACK (RFC 5681, 4.2), and
 * what it held because of earlier ones has been acknowledged since. */
static bool came_in_order(const struct rtt_half *half, const struct covered *covered, uint32_t left_edge)
{
    const bool is_trusted = !seq_before(left_edge, half->trusted_from);

    if (!covered->once || !(half->flags & RTT_ACKED)) {
        return false;
    }
    if (covered->count == 1 && !is_long(covered->newest)) {
        return is_trusted || !(half->flags & RTT_UNREACHED);
    }
    return is_trusted && ((half->flags & RTT_SACK) || half->waiting.note == 0);
}

/* By a duplicate ACK the peer holds one more segment beyond a hole. */
static void note_held(struct rtt_half *half)
{
    if (half->waiting.note < HELD_UNKNOWN) {
        half->waiting.note++;
    }
}

/* covered: 1 or more. An ACK that covers several after that filled the hole with the first, and held the others. More than the
 * duplicate ACKs told of: some of these were lost, or stood for several segments. */
static void release_held(struct rtt_half *half, uint32_t covered)
{
    const uint32_t released = covered - 1;

    if (half->waiting.note == 0 || half->waiting.note == HELD_UNKNOWN) {
        return;
    }
    half->waiting.note = released > half->waiting.note ? HELD_UNKNOWN : (uint16_t)(half->waiting.note - released);
}

/* The newest segment that the ACK covers, matched exactly. */
static void judge(struct rtt_half *half, const struct covered *covered, const struct tcp_segment *segment, uint32_t left_edge,
                  int64_t time_ns, struct rtt_outcome *outcome)
{
    const struct pending *entry = covered->newest;
    int64_t sent_ns = entry->time_ns;
    enum skip_reason reason = own_reason(half, entry);

    if (reason == SKIP_RETRANSMITTED && tell_apart(entry, segment, left_edge, &sent_ns)) {
        reason = NO_SKIP;
    } else if (reason == SKIP_AMBIGUOUS && came_in_order(half, covered, left_edge)) {
        reason = NO_SKIP;
    }
    if (reason == NO_SKIP && is_of_before(half, covered, segment, left_edge)) {
        reason = SKIP_AMBIGUOUS;
    }
    const uint64_t rtt_ns = (uint64_t)time_ns - (uint64_t)sent_ns;
    if (reason == NO_SKIP && (time_ns < sent_ns || rtt_ns > (uint64_t)RTT_MAX_NS)) {
        reason = SKIP_CLOCK;
    }
    if (reason == NO_SKIP) {
        take_sample(half, entry, rtt_ns, outcome);
    } else {
        rtt_skip(outcome, reason, 1);
    }
}

/* A SYN with data (RFC 7413) is also answered by an ACK of the SYN alone. */
static bool is_syn_alone(const struct pending *entry, uint32_t ack)
{
    return entry->is_syn && ack == entry->start + 1;
}

/* Takes off what `ack` covers. */
static void take_covered(struct rtt_half *half, struct pending_pool *pool, uint32_t ack, uint32_t left_edge,
                         struct covered *covered, struct rtt_outcome *outcome)
{
    uint32_t expected = left_edge;

    while (half->waiting.count > 0) {
        const struct pending *entry = pending_head(&half->waiting, pool);
        if (seq_before(ack, entry->end) && !is_syn_alone(entry, ack)) {
            return;
        }
        if (covered->count == 0) {
            covered->oldest = entry;
        } else {
            covered->unmarked += skip_if_marked(half, covered->newest, outcome);
        }
        covered->once = covered->once && entry->start == expected && !entry->retransmitted;
        covered->newest = entry;
        covered->count++;
        expected = entry->end;
        pending_pop(&half->waiting, pool);
    }
}

/* fin_end: the ACK is for exactly our FIN. */
static void retire(struct rtt_half *half, struct pending_pool *pool, const struct tcp_segment *segment, uint32_t left_edge,
                   bool fin_end, int64_t time_ns, struct rtt_outcome *outcome)
{
    const uint32_t ack = segment->ack;
    struct covered covered = { .once = true };

    take_covered(half, pool, ack, left_edge, &covered, outcome);
    if (covered.count == 0) {
        return;
    }
    if (covered.newest->end == ack || is_syn_alone(covered.newest, ack)) {
        judge(half, &covered, segment, left_edge, time_ns, outcome);
        rtt_skip(outcome, SKIP_COVERED, covered.unmarked);
    } else {
        covered.unmarked += skip_if_marked(half, covered.newest, outcome);
        rtt_skip(outcome, fin_end ? SKIP_COVERED : SKIP_INEXACT, covered.unmarked);
    }
    release_held(half, covered.count);
}

/* An ACK of what this side has not sent moves nothing beyond what it has: the data may only have escaped us, but the number may
 * as well be forged or meant for another connection, and whatever is sent next must not look like a retransmission. */
static void advance(struct rtt_half *half, struct pending_pool *pool, const struct tcp_segment *segment, int64_t time_ns,
                    struct rtt_outcome *outcome)
{
    const uint32_t left_edge = half->una;
    const bool fin_end = (half->flags & RTT_FIN) && segment->ack == half->next;

    half->una = seq_before(half->next, segment->ack) ? half->next : segment->ack;
    if (half->waiting.count > 0) {
        retire(half, pool, segment, left_edge, fin_end, time_ns, outcome);
    }
    if (!seq_before(half->una, half->ambiguous_end)) {
        half->ambiguous_end = half->una;
        half->waiting.note = 0;
    }
    if (!seq_before(half->una, half->trusted_from)) {
        half->trusted_from = half->una;
        half->flags &= (uint8_t)~RTT_UNREACHED;
    }
}

/* RFC 5681, section 2: (a) data is outstanding, (b) no data, (c) neither SYN nor FIN, (d) the greatest ACK so far, (e) the
 * window of the last one. A probe has all of that too, and says nothing about our data. */
static bool is_duplicate_ack(const struct rtt_half *half, const struct tcp_segment *segment, bool probe)
{
    return half->una != half->next && segment->payload_len == 0 && !(segment->flags & (TCP_SYN | TCP_FIN))
           && segment->ack == half->una && segment->window == half->window && !probe && !is_dsack(segment);
}

/* Whether a block lies above the greatest ACK: the peer misses what is before it. A block of what was never sent is of a firewall
 * that changes sequence numbers, but not those in options. */
static bool note_sacked(struct rtt_half *half, const struct tcp_segment *segment)
{
    bool above = false;

    half->flags |= RTT_SACK;
    for (uint32_t n = 0; n < segment->sack_count && n < PACKET_MAX_SACK; n++) {
        const struct sack_block *block = &segment->sack[n];
        if (!seq_before(half->una, block->left) || !seq_before(block->left, block->right)
            || seq_before(half->next + RTT_MAX_AHEAD, block->right)) {
            continue;
        }
        above = true;
        rtt_distrust(half, block->right);
    }
    return above;
}

/* While a SYN waits, an ACK of more than was sent is the challenge of a connection that the peer still holds (RFC 5961, 4.2). */
static bool is_challenge(const struct rtt_half *half, const struct pending_pool *pool, const struct tcp_segment *segment)
{
    return seq_before(half->next, segment->ack) && half->waiting.count > 0 && pending_head(&half->waiting, pool)->is_syn;
}

/* The ACK of data that has not been captured yet: two queues have handed them over in the wrong order. When it comes, its round
 * trip is over. Only a little ahead, as the number may also be forged. */
static void note_ahead(struct rtt_half *half, uint32_t ack)
{
    if (ack - half->next > RTT_MAX_AHEAD) {
        return;
    }
    if (seq_before(half->ambiguous_end, ack)) {
        half->ambiguous_end = ack;
    }
    rtt_distrust(half, ack);
    half->flags |= RTT_UNREACHED;
}

void rtt_acked(struct rtt_half *half, struct pending_pool *pool, const struct tcp_segment *segment, bool probe, int64_t time_ns,
               struct rtt_outcome *outcome)
{
    if (!(segment->flags & TCP_ACK)) {
        return;
    }
    if (!(half->flags & RTT_STARTED)) {
        rtt_begin(half, segment->ack);
    }
    if (seq_is_far(segment->ack, half->next) || is_challenge(half, pool, segment)) {
        return;
    }
    if (!(half->flags & RTT_ACKED)) {
        if (seq_before(segment->ack, half->una)) {
            half->una = segment->ack; /* picked up in the middle: older data was in flight */
        }
    } else if (is_duplicate_ack(half, segment, probe)) {
        rtt_note_hole(half, outcome);
        note_held(half);
    }
    if (seq_before(half->una, segment->ack)) {
        advance(half, pool, segment, time_ns, outcome);
    }
    if (seq_before(half->next, segment->ack)) {
        note_ahead(half, segment->ack);
    }
    half->flags |= RTT_ACKED; /* only now: the left edge that this ACK moved was not yet the peer's word */
    if (segment->sack_count > 0 && note_sacked(half, segment)) {
        rtt_note_hole(half, outcome);
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
