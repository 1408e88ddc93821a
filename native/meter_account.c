/* meter_account.c: see meter_state.h. */
#include "meter_state.h"

static struct peer_row *row_of(struct meter *meter, const struct flow *flow, unsigned side)
{
    const uint32_t index = flow->side[side].row;

    return index == ROW_OTHER ? &meter->instances[flow_instance(flow)]->other : peer_row_at(&meter->peers, index);
}

static void hand_out(const struct meter *meter, const struct flow *flow, unsigned side, const struct rtt_sample *sample,
                     int64_t time_ns)
{
    const struct meter_sample out = {
        .time_ns = time_ns,
        .src = flow->key.address[side],
        .dst = flow->key.address[1 - side],
        .sport = flow->key.port[side],
        .dport = flow->key.port[1 - side],
        .end_seq = sample->end_seq,
        .rtt_ns = sample->rtt_ns,
        .handshake = sample->handshake,
    };

    meter->options.on_sample(&out, meter->options.on_sample_arg);
}

/* The histogram's counter is on its way meanwhile. */
static void count_later(struct meter *meter, uint32_t *counter)
{
    __builtin_prefetch(counter, 1);
    meter->buckets[meter->bucket_count++] = counter;
}

void meter_account_buckets(struct meter *meter)
{
    for (uint32_t n = 0; n < meter->bucket_count; n++) {
        (*meter->buckets[n])++;
    }
    meter->bucket_count = 0;
}

static void count_sample(struct meter *meter, const struct flow *flow, unsigned side, const struct rtt_sample *sample,
                         int64_t time_ns)
{
    struct peer_row *row = row_of(meter, flow, side);

    if (flow->side[side].row == ROW_OTHER) {
        row->stats.samples++;
        row->stats.handshake_samples += sample->handshake ? 1 : 0;
        if (!contenders_skip(&meter->contest.contenders)) {
            meter_contest_note(meter, flow, side, time_ns);
        }
    } else {
        count_later(meter,
                    peer_sample_but_bucket(&row->stats, sample->rtt_ns, sample->previous_ns, sample->handshake, meter->now_s));
        row->stats.last_sample_time_ns = time_ns;
        row->stats.last_sample_s = meter->now_s;
    }
    if (meter->options.on_sample != NULL) {
        hand_out(meter, flow, side, sample, time_ns);
    }
}

void meter_account_timed(struct meter *meter, const struct flow *flow, unsigned side)
{
    meter->instances[flow_instance(flow)]->pending++;
    row_of(meter, flow, side)->stats.timed++;
}

void meter_account_plain(struct meter *meter, const struct flow *flow, unsigned side, const struct rtt_plain *plain,
                         int64_t time_ns)
{
    meter->instances[flow_instance(flow)]->pending -= plain->covered;
    row_of(meter, flow, side)->stats.skipped[SKIP_COVERED] += plain->covered - 1;
    count_sample(meter, flow, side, &plain->sample, time_ns);
}

void meter_account_outcome(struct meter *meter, const struct flow *flow, unsigned side, const struct rtt_outcome *outcome,
                           uint32_t pending_before, int64_t time_ns)
{
    struct metered *metered = meter->instances[flow_instance(flow)];
    struct peer_stats *stats = &row_of(meter, flow, side)->stats;
    const uint32_t pending = flow->half[side].waiting.count;

    metered->pending += (uint64_t)pending - pending_before;
    stats->timed += outcome->timed;
    if (outcome->retransmits != 0) { /* hardly ever, and far from the rest */
        stats->retransmits += outcome->retransmits;
    }
    for (uint32_t left = outcome->reasons; left != 0; left &= left - 1) {
        const unsigned reason = (unsigned)__builtin_ctz(left);
        stats->skipped[reason] += outcome->skipped[reason];
    }
    if (outcome->has_sample) {
        count_sample(meter, flow, side, &outcome->sample, time_ns);
    }
}

void meter_account_flow(struct meter *meter, const struct flow *flow)
{
    struct meter_counters *counters = &meter->instances[flow_instance(flow)]->counters;

    counters->flows++;
    for (unsigned side = 0; side < 2; side++) {
        if (meter_is_measured(flow, side)) {
            row_of(meter, flow, side)->stats.flows++;
            counters->refused_peers += flow->side[side].row == ROW_OTHER ? 1 : 0;
        }
    }
}

void meter_drop_pending_of(struct meter *meter, struct flow *flow, unsigned side, enum skip_reason reason)
{
    struct rtt_half *half = &flow->half[side];
    const uint32_t before = half->waiting.count;
    struct rtt_outcome outcome = { 0 };

    if (before > 0) {
        rtt_drop(half, &meter->pending, reason, &outcome);
        meter_account_outcome(meter, flow, side, &outcome, before, 0);
    }
}

void meter_drop_pending(struct meter *meter, struct flow *flow, enum skip_reason reason)
{
    meter_drop_pending_of(meter, flow, 0, reason);
    meter_drop_pending_of(meter, flow, 1, reason);
}

void meter_account_departure(struct metered *metered, const struct peer_stats *stats)
{
    struct peer_stats *other = &metered->other.stats;
    struct meter_given *given = &metered->counters.given;

    other->timed += stats->timed;
    other->samples += stats->samples;
    other->handshake_samples += stats->handshake_samples;
    other->flows += stats->flows;
    other->retransmits += stats->retransmits;
    for (unsigned reason = 0; reason < SKIP_REASON_COUNT; reason++) {
        other->skipped[reason] += stats->skipped[reason];
    }
    given->timed += stats->timed;
    given->samples += stats->samples;
    given->handshake_samples += stats->handshake_samples;
    given->retransmits += stats->retransmits;
}
