/* meter_state.h: what the parts of the meter share; nobody else includes it.
 *
 * meter.c is the public face: life, frames, time, instances, rows to read. meter_flow.c takes one segment: it opens, follows and
 * closes flows. meter_account.c is the only place that changes a row's counters. */
#ifndef GO_METRO_METER_STATE_H
#define GO_METRO_METER_STATE_H

#include "flow.h"
#include "meter.h"
#include "peer_table.h"
#include "pending.h"
#include "rtt.h"

/* flow.row[]: an index of a row, or one of these. */
#define ROW_UNMEASURED PEER_ROW_NONE
#define ROW_OTHER (PEER_ROW_NONE - 1)

struct metered {
    struct meter_instance spec;
    struct meter_counters counters;
    uint64_t pending;
    struct peer_row other; /* of which only birth and stats are used */
};

struct meter {
    struct meter_options options;
    struct flow_table flows;
    struct peer_table peers;
    struct pending_pool pending;
    struct metered *instances[METER_MAX_INSTANCES];
    uint32_t now_s; /* never goes back */
};

static inline bool meter_is_measured(const struct flow *flow, unsigned side)
{
    return flow->row[side] != ROW_UNMEASURED;
}

/* meter_account.c */

/* Adds what the matcher found of one side; pending_before: of that half, before the call whose outcome this is. */
void meter_account_outcome(struct meter *meter, const struct flow *flow, unsigned side, const struct rtt_outcome *outcome,
                           uint32_t pending_before, int64_t time_ns);
/* One more flow, for its instance and its rows. */
void meter_account_flow(struct meter *meter, const struct flow *flow);
/* Everything pending of both sides -> reason. */
void meter_drop_pending(struct meter *meter, struct flow *flow, enum skip_reason reason);

/* meter_flow.c */

/* One TCP segment for one instance: PACKET_OK, or why it was not used. */
enum packet_reason meter_take_segment(struct meter *meter, unsigned number, const struct tcp_segment *segment, int64_t time_ns);
/* Pending -> unacked; its rows lose a flow; it is forgotten. */
void meter_close_flow(struct meter *meter, struct flow *flow);

#endif
