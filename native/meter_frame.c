/* meter_frame.c: see meter_state.h. */
#include "meter_state.h"

/* --- counting --- */

static void count_packet(struct meter_counters *counters, enum packet_reason reason)
{
    counters->packets++;
    if (reason == PACKET_OK) {
        counters->tcp++;
    } else {
        counters->ignored[reason]++;
    }
}

void meter_ignore(struct meter *meter, uint64_t instances, enum packet_reason reason)
{
    for (; instances != 0; instances &= instances - 1) {
        struct metered *metered = meter->instances[__builtin_ctzll(instances)];
        if (metered != NULL) {
            count_packet(&metered->counters, reason);
        }
    }
}

/* --- the queue ---
 *
 * What a segment needs lies in a chain: the hash's slot, the flow, its row and the segments that wait in it. With many flows none
 * of that is near. So each link is asked for of all that are queued before the next link of any is looked at: they wait for
 * memory together. The slots are asked for as segments come, and the flows a few segments later: a processor has so many lines on
 * their way and no more, and to ask for all at once would be in vain. */

#define FLOW_AFTER 8 /* segments: until then the slot is there */

/* Of a flow that is measured on one side it is that side's row, as ROW_UNMEASURED is above all others; of what has no row, or is
 * measured on both sides, another one, which does no harm: nobody could foretell which side that is. */
static void await_statistics(const struct meter *meter, const struct flow *flow)
{
    const uint32_t first = flow->side[0].row, second = flow->side[1].row, row = first < second ? first : second;

    peer_await(&peer_row_at(&meter->peers, row < meter->peers.high ? row : 0)->stats);
}

/* The segments that wait for this one's acknowledgment. */
static const struct pending_list *list_of(const struct queued *queued)
{
    return &queued->flow->half[1 - queued->side].waiting;
}

static void await_all(struct meter *meter)
{
    struct queued *const end = meter->place;

    for (struct queued *queued = end - meter->queue > FLOW_AFTER ? end - FLOW_AFTER : meter->queue; queued < end; queued++) {
        queued->flow = flow_await(&meter->flows, queued->hash);
    }
    for (struct queued *queued = meter->queue; queued < end; queued++) {
        if (queued->flow != NULL && !flow_owns(queued->flow, &queued->segment, queued->scope, &queued->side)) {
            queued->flow = flow_find(&meter->flows, &queued->segment, queued->scope, queued->hash, &queued->side);
        }
        if (queued->flow == NULL) {
            meter_await_slots(meter, queued);
        } else {
            await_statistics(meter, queued->flow);
            pending_await(&meter->pending, list_of(queued));
        }
    }
    for (const struct queued *queued = meter->queue; queued < end; queued++) {
        if (queued->flow == NULL) {
            meter_await_rows(meter, queued);
        } else {
            pending_await_head(&meter->pending, list_of(queued));
        }
    }
}

void meter_flush(struct meter *meter)
{
    struct queued *const end = meter->place;

    meter->gave_way = false;
    if (meter->flows.open > METER_FEW_FLOWS) {
        await_all(meter);
    }
    for (struct queued *queued = meter->queue; queued < end; queued++) {
        count_packet(&meter->instances[queued->number]->counters, meter_take_segment(meter, queued));
    }
    meter_account_buckets(meter);
    meter->place = meter->queue;
}

/* The number of open flows is the same until the queue is flushed, so that each segment is asked for here or there. */
static void await_earlier(struct meter *meter)
{
    if (meter->flows.open > METER_FEW_FLOWS && meter->place - meter->queue > FLOW_AFTER) {
        struct queued *earlier = meter->place - 1 - FLOW_AFTER;
        earlier->flow = flow_await(&meter->flows, earlier->hash);
    }
}

static inline void enqueue(struct meter *meter, struct queued *queued, unsigned number, int64_t time_ns)
{
    if (meter->instances[number] == NULL) {
        return;
    }
    queued->scope = flow_scope(&queued->segment, number);
    queued->hash = flow_hash(&meter->flows, &queued->segment, queued->scope);
    queued->time_ns = time_ns;
    queued->number = number;
    queued->flow = NULL;
    queued->opening.is_known = false;
    flow_await_slot(&meter->flows, queued->hash);
    meter->place = queued + 1;
    await_earlier(meter);
    if (meter->place == meter->queue + METER_QUEUE) {
        meter_flush(meter);
    }
}

/* For the other instances. The segment is in the first one's place, which may be used up, but is not yet taken again. */
static void enqueue_again(struct meter *meter, const struct queued *first, uint64_t instances, int64_t time_ns)
{
    for (; instances != 0; instances &= instances - 1) {
        struct queued *queued = meter->place;
        if (queued != first) {
            queued->segment = first->segment;
        }
        enqueue(meter, queued, (unsigned)__builtin_ctzll(instances), time_ns);
    }
}

void meter_frame(struct meter *meter, uint64_t instances, const struct captured_frame *frame, uint32_t now_s)
{
    if (now_s > meter->now_s) {
        meter_expire(meter, now_s);
    }
    struct queued *queued = meter->place;
    const enum packet_reason decoded = packet_decode(frame->linktype, frame->bytes, frame->caplen, frame->wirelen,
                                                     &queued->segment);
    if (decoded != PACKET_OK || instances == 0) {
        meter_ignore(meter, instances, decoded);
        return;
    }
    enqueue(meter, queued, (unsigned)__builtin_ctzll(instances), frame->time_ns);
    enqueue_again(meter, queued, instances & (instances - 1), frame->time_ns);
}
