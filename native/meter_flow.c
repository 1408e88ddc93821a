/* meter_flow.c: see meter_state.h. */
#include "meter_state.h"

#include <string.h>

#include "rtt_plain.h"
#include "sides.h"

/* --- flows and their rows --- */

static unsigned subnet_bits(const struct meter_instance *spec, const struct ip_address *address)
{
    const unsigned bits = address_is_v4(address) ? 96U + spec->subnet_bits_v4 : spec->subnet_bits_v6;

    return bits < 128 ? bits : 128;
}

/* The peer as far as it makes a row of its own. A shared row's key holds the whitelist's value, of length 0. */
static struct ip_address row_peer(const struct meter_instance *spec, const struct ip_address *peer, unsigned *bits)
{
    struct ip_address shared = { { 0 } };
    uint32_t value = 0;

    if (spec->group == METER_GROUP_SUBNET) {
        *bits = subnet_bits(spec, peer);
        return address_masked(peer, *bits);
    }
    if (spec->whitelist != NULL && netset_lookup(spec->whitelist, peer, &value) && (value & METER_SHARED_ROW)) {
        *bits = 0;
        memcpy(shared.bytes, &value, sizeof value);
        return shared;
    }
    *bits = 128;
    return *peer;
}

static inline struct peer_key row_key(const struct meter *meter, unsigned number, const struct flow_key *flow, unsigned side)
{
    const struct meter_instance *spec = &meter->instances[number]->spec;
    unsigned bits;
    const struct ip_address peer = row_peer(spec, &flow->address[1 - side], &bits);

    return (struct peer_key){
        .local = flow->address[side],
        .peer = peer,
        .instance = number,
        .port = spec->group == METER_GROUP_PEER_PORT ? flow->port[1 - side] : 0,
        .peer_bits = (uint16_t)bits,
    };
}

struct peer_key meter_row_key(const struct meter *meter, unsigned number, const struct flow_key *flow, unsigned side)
{
    return row_key(meter, number, flow, side);
}

uint32_t meter_shared_value(const struct peer_key *key)
{
    uint32_t value = 0;

    if (key->peer_bits == 0) {
        memcpy(&value, key->peer.bytes, sizeof value);
    }
    return value;
}

bool meter_may_have_row(const struct meter *meter, const struct peer_key *key)
{
    const struct meter_instance *spec = &meter->instances[key->instance]->spec;
    const struct ip_address ends[2] = { key->local, key->peer };
    enum packet_reason reason;
    unsigned bits;

    if (key->peer_bits != 128 || spec->group == METER_GROUP_SUBNET) {
        return sides_is_ours(spec, &key->local);
    }
    (void)row_peer(spec, &key->peer, &bits);
    return bits == 128 && (sides_measured(spec, ends, &reason) & 1U) != 0;
}

/* Which sides are measured, and in which rows: once for each segment that finds no flow. */
static const struct opening *opening_of(const struct meter *meter, struct queued *queued)
{
    struct opening *opening = &queued->opening;
    enum packet_reason reason = PACKET_OK;

    if (opening->is_known) {
        return opening;
    }
    const struct flow_key key = flow_key_of(&queued->segment, queued->scope);
    opening->sides = (uint8_t)sides_measured(&meter->instances[queued->number]->spec, key.address, &reason);
    opening->reason = (uint16_t)reason;
    for (unsigned side = 0; side < 2; side++) {
        if (opening->sides & (1U << side)) {
            const struct peer_key row = row_key(meter, queued->number, &key, side);
            opening->row_hash[side] = peer_key_hash(&meter->peers, &row);
        }
    }
    opening->is_known = true;
    return opening;
}

void meter_await_slots(const struct meter *meter, struct queued *queued)
{
    const struct opening *opening = opening_of(meter, queued);

    for (unsigned side = 0; side < 2; side++) {
        if (opening->sides & (1U << side)) {
            peer_row_await_slot(&meter->peers, opening->row_hash[side]);
        }
    }
}

void meter_await_rows(const struct meter *meter, const struct queued *queued)
{
    for (unsigned side = 0; side < 2; side++) {
        if (queued->opening.sides & (1U << side)) {
            peer_row_await(&meter->peers, queued->opening.row_hash[side]);
        }
    }
}

bool meter_has_its_rows(const struct meter *meter, const struct flow *flow)
{
    for (unsigned side = 0; side < 2; side++) {
        if (!meter_is_measured(flow, side) || flow->side[side].row == ROW_OTHER) {
            continue;
        }
        const struct peer_key key = row_key(meter, flow_instance(flow), &flow->key, side);
        if (memcmp(&key, &peer_row_at(&meter->peers, flow->side[side].row)->key, sizeof key) != 0) {
            return false;
        }
    }
    return true;
}

static uint32_t take_row(struct meter *meter, const struct queued *queued, const struct flow_key *flow, unsigned side)
{
    const struct opening *opening = &queued->opening;
    bool born;

    if (!(opening->sides & (1U << side))) {
        return ROW_UNMEASURED;
    }
    const struct peer_key key = row_key(meter, queued->number, flow, side);
    const uint32_t index = peer_row_take(&meter->peers, &key, opening->row_hash[side], queued->time_ns, &born);
    if (index == PEER_ROW_NONE) {
        return ROW_OTHER;
    }
    meter->instances[queued->number]->counters.open_peers += born ? 1 : 0;
    return index;
}

/* Where there is no room, one that ended gives way. A segment in the queue may be waiting with it. */
static struct flow *make_flow(struct meter *meter, const struct flow_key *key, uint64_t hash)
{
    struct flow *flow = flow_open(&meter->flows, key, hash, meter->now_s);
    struct flow *ended = flow == NULL ? flow_giving_way(&meter->flows, meter->now_s) : NULL;

    if (ended == NULL) {
        return flow;
    }
    meter_close_flow(meter, ended);
    meter->gave_way = true;
    return flow_open(&meter->flows, key, hash, meter->now_s);
}

/* NULL: *reason says why the segment opens no flow. */
static struct flow *open_flow(struct meter *meter, struct queued *queued, enum packet_reason *reason)
{
    struct metered *metered = meter->instances[queued->number];
    const struct flow_key key = flow_key_of(&queued->segment, queued->scope);
    const struct opening *opening = opening_of(meter, queued);

    if (opening->sides == 0) {
        *reason = (enum packet_reason)opening->reason;
        return NULL;
    }
    if (queued->segment.flags & TCP_RST) {
        *reason = PACKET_NO_FLOW;
        return NULL; /* nothing follows it, and a scan would fill the table */
    }
    struct flow *flow = make_flow(meter, &key, queued->hash);
    if (flow == NULL) {
        *reason = PACKET_FLOW_LIMIT;
        metered->counters.refused_flows++;
        return NULL;
    }
    for (unsigned side = 0; side < 2; side++) {
        flow->side[side].row = FLOW_ROW_MASK & take_row(meter, queued, &key, side);
    }
    metered->counters.open_flows++;
    meter_account_flow(meter, flow);
    return flow;
}

static struct flow *find_or_open(struct meter *meter, struct queued *queued, enum packet_reason *reason)
{
    struct flow *flow = flow_find(&meter->flows, &queued->segment, queued->scope, queued->hash, &queued->side);

    if (flow == NULL) {
        flow = open_flow(meter, queued, reason);
        queued->side = 0;
    }
    return flow;
}

/* The flow that was found when the segment asked for memory; not if it has given way since. */
static struct flow *known_flow(const struct meter *meter, struct queued *queued)
{
    struct flow *flow = queued->flow;

    if (flow != NULL && meter->gave_way
        && !((flow->state & FLOW_OPEN) && flow_owns(flow, &queued->segment, queued->scope, &queued->side))) {
        return NULL;
    }
    return flow;
}

void meter_account_close(struct meter *meter, struct flow *flow)
{
    meter_drop_pending(meter, flow, SKIP_UNACKED);
    for (unsigned side = 0; side < 2; side++) {
        if (meter_is_measured(flow, side) && flow->side[side].row != ROW_OTHER) {
            peer_row_release(&meter->peers, flow->side[side].row, flow->last_s);
        }
    }
    meter->instances[flow_instance(flow)]->counters.open_flows--;
}

void meter_close_flow(struct meter *meter, struct flow *flow)
{
    meter_account_close(meter, flow);
    flow_close(&meter->flows, flow);
}

/* --- one segment --- */

/* What looks like a packet of a moment ago. */
static bool is_seen_again(struct meter *meter, struct flow *flow, const struct queued *queued)
{
    const unsigned side = queued->side;

    if (rtt_is_missed(&flow->half[side], &meter->pending, &queued->segment)) {
        copies_sent_again(&meter->copies, flow, queued->hash, side, &queued->segment, queued->time_ns);
        return false;
    }
    return copies_is_one(&meter->copies, flow, queued->hash, side, &queued->segment, queued->time_ns);
}

/* Copies come at once on most hosts. Where a packet is captured above and below a queue (a bond and its slave) they come a burst
 * later: data is then known as long as it waits for its ACK. */
static bool is_copy(struct meter *meter, struct flow *flow, const struct queued *queued)
{
    const unsigned side = queued->side;
    const struct tcp_segment *segment = &queued->segment;
    const int64_t time_ns = queued->time_ns;

    if (!copies_is_unseen(&meter->copies, flow, queued->hash, side, segment, time_ns) && is_seen_again(meter, flow, queued)) {
        return true;
    }
    if (rtt_sends_new(&flow->half[side], segment)) {
        return false;
    }
    const struct pending *first = rtt_find_copied(&flow->half[side], &meter->pending, segment);

    return first != NULL && copies_is_late(flow, segment, first->time_ns, time_ns);
}

static void restart_half(struct meter *meter, struct flow *flow, unsigned side)
{
    struct rtt_half *half = &flow->half[side];
    const uint32_t before = half->waiting.count;
    struct rtt_outcome outcome = { 0 };

    rtt_restart(half, &meter->pending, &outcome);
    if (before > 0) {
        meter_account_outcome(meter, flow, side, &outcome, before, 0);
    }
}

/* A SYN with another ISN than the one known, or on a flow that was picked up in the middle. */
static bool has_other_isn(const struct rtt_half *half, const struct tcp_segment *segment)
{
    if (half->flags & RTT_ISN) {
        return half->isn != segment->seq;
    }
    return (half->flags & (RTT_SENT | RTT_STARTED)) != 0;
}

static uint32_t asked_by(unsigned side)
{
    return (uint32_t)FLOW_ASKED << side;
}

/* A SYN for another connection on the same tuple begins a new flow in the same record. What the other side has sent stays until
 * that accepts the connection: the SYN may be forged, or older than what it meets. A SYN|ACK that answers the known SYN begins
 * none: a listener without state (SYN cookies) may answer each SYN with another ISN. */
static void follow_syn(struct meter *meter, struct flow *flow, unsigned side, const struct tcp_segment *segment)
{
    const struct rtt_half *other = &flow->half[1 - side];

    if (!has_other_isn(&flow->half[side], segment)) {
        return;
    }
    restart_half(meter, flow, side);
    if ((segment->flags & TCP_ACK) && (other->flags & RTT_ISN) && segment->ack == other->isn + 1) {
        return;
    }
    if (flow->state & asked_by(1 - side)) {
        flow->state &= ~asked_by(1 - side); /* both ask: neither half holds anything old */
    } else {
        flow->state |= asked_by(side);
    }
    flow_reopen(flow);
    meter_account_flow(meter, flow);
}

/* This side was asked for another connection. Its first acknowledgment of that SYN, mostly its SYN|ACK, begins it; a challenge
 * ACK of the old one (RFC 5961, 4.2) does not. */
static void accept_syn(struct meter *meter, struct flow *flow, unsigned side, const struct tcp_segment *segment)
{
    const struct rtt_half *asking = &flow->half[1 - side];

    if ((segment->flags & TCP_ACK) && (asking->flags & RTT_ISN) && segment->ack == asking->isn + 1) {
        flow->state &= ~asked_by(1 - side);
        restart_half(meter, flow, side);
    }
}

/* RFC 9293, 3.10.7.4 and RFC 5961, 3.2: a RST that is not in the window of an established connection changes nothing there. */
static bool is_reset_believed(const struct flow *flow, unsigned side, const struct tcp_segment *segment)
{
    if (!(flow->half[0].flags & flow->half[1].flags & RTT_ACKED)) {
        return true;
    }
    return segment->seq - flow->half[side].una <= RTT_MAX_DISTANCE;
}

static void take_reset(struct meter *meter, struct flow *flow, unsigned side, const struct tcp_segment *segment, int64_t time_ns)
{
    const unsigned acked = 1 - side;
    const uint32_t before = flow->half[acked].waiting.count;
    struct rtt_outcome outcome = { 0 };

    if (before > 0) {
        rtt_refused(&flow->half[acked], &meter->pending, segment, time_ns, &outcome);
        meter_account_outcome(meter, flow, acked, &outcome, before, time_ns);
    }
    meter_drop_pending(meter, flow, SKIP_UNACKED);
    flow_end(flow);
}

/* By all the rules. */
static void take_any_acknowledgment(struct meter *meter, struct flow *flow, unsigned side, const struct tcp_segment *segment,
                                    int64_t time_ns)
{
    const unsigned acked = 1 - side;
    struct rtt_half *half = &flow->half[acked];
    const uint32_t before = half->waiting.count;
    struct rtt_outcome outcome = { 0 };

    rtt_acked(half, &meter->pending, segment, rtt_is_probe(&flow->half[side], segment), time_ns, &outcome);
    meter_account_outcome(meter, flow, acked, &outcome, before, time_ns);
    if (outcome.hole) {
        copies_forget(flow, acked);
    }
}

static void take_acknowledgment(struct meter *meter, struct flow *flow, unsigned side, const struct tcp_segment *segment,
                                int64_t time_ns)
{
    const unsigned acked = 1 - side;
    struct rtt_plain plain;

    if (!meter_is_measured(flow, acked)) {
        rtt_follow(&flow->half[acked], segment);
    } else if (!rtt_acked_plain(&flow->half[acked], &meter->pending, segment, time_ns, &plain)) {
        take_any_acknowledgment(meter, flow, side, segment, time_ns);
    } else if (plain.covered > 0) {
        meter_account_plain(meter, flow, acked, &plain, time_ns);
    }
}

/* By all the rules. */
static void take_any_transmission(struct meter *meter, struct flow *flow, unsigned side, const struct tcp_segment *segment,
                                  int64_t time_ns)
{
    struct rtt_half *half = &flow->half[side];
    const uint32_t before = half->waiting.count;
    struct rtt_outcome outcome = { 0 };

    rtt_sent(half, &meter->pending, segment, time_ns, &outcome);
    meter_account_outcome(meter, flow, side, &outcome, before, time_ns);
}

static void take_transmission(struct meter *meter, struct flow *flow, unsigned side, const struct tcp_segment *segment,
                              int64_t time_ns)
{
    struct rtt_half *half = &flow->half[side];

    rtt_note(half, segment);
    if (!meter_is_measured(flow, side) || rtt_sends_nothing(half, segment)) {
        return;
    }
    if (rtt_sent_plain(half, &meter->pending, segment, time_ns)) {
        meter_account_timed(meter, flow, side);
    } else {
        take_any_transmission(meter, flow, side, segment, time_ns);
    }
}

static void take_syn(struct meter *meter, struct flow *flow, unsigned side, const struct tcp_segment *segment)
{
    if (flow->state & asked_by(1 - side)) {
        accept_syn(meter, flow, side, segment);
    }
    if (segment->flags & TCP_SYN) {
        follow_syn(meter, flow, side, segment);
    }
}

enum packet_reason meter_take_segment(struct meter *meter, struct queued *queued)
{
    const struct tcp_segment *segment = &queued->segment;
    const int64_t time_ns = queued->time_ns;
    enum packet_reason reason;
    struct flow *flow = known_flow(meter, queued);

    if (flow == NULL && (flow = find_or_open(meter, queued, &reason)) == NULL) {
        return reason;
    }
    const unsigned side = queued->side;
    if (is_copy(meter, flow, queued)) {
        return PACKET_DUPLICATE;
    }
    flow->last_s = meter->now_s;
    if (segment->flags & TCP_RST) {
        if (is_reset_believed(flow, side, segment)) {
            take_reset(meter, flow, side, segment, time_ns);
        }
        return PACKET_OK;
    }
    if ((segment->flags & TCP_SYN) || (flow->state & FLOW_ASKED_ANY)) {
        take_syn(meter, flow, side, segment);
    }
    take_acknowledgment(meter, flow, side, segment, time_ns);
    take_transmission(meter, flow, side, segment, time_ns);
    if ((segment->flags & TCP_FIN) && (flow->half[0].flags & flow->half[1].flags & RTT_FIN)) {
        flow_end(flow);
    }
    return PACKET_OK;
}
