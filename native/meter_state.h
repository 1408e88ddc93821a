/* meter_state.h: what the parts of the meter share; nobody else includes it.
 *
 * meter.c is the public face: life, time, instances, rows to read. meter_frame.c decodes frames and lets some of them wait, so
 * that the memory they need is there when their turn comes. meter_flow.c takes one segment: it opens, follows and closes flows.
 * meter_account.c is the only place that changes a row's counters. meter_contest.c decides who has a row. */
#ifndef GO_METRO_METER_STATE_H
#define GO_METRO_METER_STATE_H

#include "contenders.h"
#include "copies.h"
#include "flow.h"
#include "meter.h"
#include "peer_table.h"
#include "pending.h"
#include "rtt.h"
#include "rtt_plain.h"

/* flow.side[].row: an index of a row, or one of these. */
#define ROW_UNMEASURED FLOW_ROW_MASK
#define ROW_OTHER (FLOW_ROW_MASK - 1)

_Static_assert(PEER_ROWS_MAX < ROW_OTHER, "each index of a row can be told from these");

#define METER_QUEUE 32 /* segments: enough to hide what memory takes, few enough to stay in the first cache */

#define METER_FEW_FLOWS 1024 /* they and all that belongs to them stay near by themselves */

/* What is to be known of a segment that may open a flow. */
struct opening {
    bool is_known;
    uint8_t sides;        /* that are measured */
    uint16_t reason;      /* enum packet_reason, where there is none */
    uint64_t row_hash[2]; /* of the measured sides' rows */
};

/* A segment that waits for its turn. */
struct queued {
    struct tcp_segment segment;
    int64_t time_ns;
    uint64_t hash;  /* of its flow */
    uint32_t scope; /* of its flow */
    uint32_t number;
    struct flow *flow;      /* NULL: it is not known yet, or there is none yet */
    unsigned side;          /* of flow: who sent the segment */
    struct opening opening; /* where flow is NULL */
};

struct metered {
    struct meter_instance spec;
    struct meter_counters counters;
    uint64_t pending;
    struct peer_row other; /* of which only birth and stats are used */
    /* Of meter_contest.c. */
    uint32_t measured_s;  /* since its last round */
    uint32_t unweighed_s; /* of rounds since its rows were weighed */
    bool is_weighing;     /* they were at the end of its last round */
};

/* Who without a row is worth one: meter_contest.c. */
struct contest {
    struct contenders contenders;
    uint64_t *leaving;    /* bit n: row n gives way, in this round */
    uint64_t measured;    /* instances that are, as bits */
    uint64_t pressing;    /* that have had contenders since their last round */
    uint64_t round_trips; /* of all rows `other`, when this round began */
    uint32_t round_s;     /* when that was; 0: there was none yet */
    uint32_t counted_s;   /* up to when the seconds are counted in which an instance is measured */
    bool is_any_left;     /* of the contenders */
};

struct meter {
    struct meter_options options;
    struct flow_table flows;
    struct peer_table peers;
    struct pending_pool pending;
    struct copies copies;
    struct metered *instances[METER_MAX_INSTANCES];
    struct histogram empty; /* of the rows that only count */
    uint32_t now_s;         /* never goes back */
    uint64_t changes;       /* of flows and rows, but for what packets changed */
    struct queued *place;   /* in the queue, behind the last; there always is one */
    struct queued queue[METER_QUEUE];
    bool gave_way; /* a flow has, since the queue's segments have asked for theirs */
    uint32_t bucket_count;
    /* Counters of histograms, to be incremented a little later; a segment has one sample at most. */
    uint32_t *buckets[METER_QUEUE];
    struct contest contest;
};

static inline bool meter_is_measured(const struct flow *flow, unsigned side)
{
    return flow->side[side].row != ROW_UNMEASURED;
}

/* meter_account.c */

/* Adds what the matcher found of one side; pending_before: of that half, before the call whose outcome this is. */
void meter_account_outcome(struct meter *meter, const struct flow *flow, unsigned side, const struct rtt_outcome *outcome,
                           uint32_t pending_before, int64_t time_ns);
/* The same of what the matcher's short way found (rtt_plain.h): one segment more that waits; an ACK with a sample. */
void meter_account_timed(struct meter *meter, const struct flow *flow, unsigned side);
void meter_account_plain(struct meter *meter, const struct flow *flow, unsigned side, const struct rtt_plain *plain,
                         int64_t time_ns);
/* Counts in the histograms what was left for later. */
void meter_account_buckets(struct meter *meter);
/* One more flow, for its instance and its rows. */
void meter_account_flow(struct meter *meter, const struct flow *flow);
/* Everything pending of one side -> reason; of both. */
void meter_drop_pending_of(struct meter *meter, struct flow *flow, unsigned side, enum skip_reason reason);
void meter_drop_pending(struct meter *meter, struct flow *flow, enum skip_reason reason);
/* What a row of the instance had counted is counted in the instance's row `other` from here on. */
void meter_account_departure(struct metered *metered, const struct peer_stats *stats);

/* meter_contest.c */

/* With the rows' table. False: out of memory. */
bool meter_contest_init(struct meter *meter);
void meter_contest_destroy(struct meter *meter);
/* One of the round trips in a row `other`, for which contenders_skip() says so. */
void meter_contest_note(struct meter *meter, const struct flow *flow, unsigned side, int64_t time_ns);
/* What that instance's rows are made of is another now, or it is there no more. */
void meter_contest_restart(struct meter *meter, int number);
/* Its sets are others: who can have no row by them is no contender any more. Addresses of the host and of names come and go all
 * the time, and nobody else must begin anew for that. */
void meter_contest_follow(struct meter *meter, int number);
/* Nor is a host that is named no more. */
void meter_contest_forget_shared(struct meter *meter, int number, bool (*is_known)(uint32_t value, const void *arg),
                                 const void *arg);
/* Gives rows to who is worth them, once in a while; about once a second. No segment waits in the queue. */
void meter_contest(struct meter *meter);

/* meter_flow.c */

/* Of the row in which that side of a flow is counted. */
struct peer_key meter_row_key(const struct meter *meter, unsigned number, const struct flow_key *flow, unsigned side);

/* The whitelist's value of a row that several addresses share; 0: one address, or a subnet. */
uint32_t meter_shared_value(const struct peer_key *key);
/* Whether a flow may still have a row of that key, by the sets of its instance. Of a subnet, or a host of several addresses, the
 * peer is not known, and it is enough that one can be there. */
bool meter_may_have_row(const struct meter *meter, const struct peer_key *key);

/* One TCP segment for one instance: PACKET_OK, or why it was not used. */
enum packet_reason meter_take_segment(struct meter *meter, struct queued *queued);
/* Asks for what the segment needs if it opens a flow: the slots of its rows; then for the rows. */
void meter_await_slots(const struct meter *meter, struct queued *queued);
void meter_await_rows(const struct meter *meter, const struct queued *queued);
/* Whether its rows are still those that a new flow like it would have: the peer may have another name now. */
bool meter_has_its_rows(const struct meter *meter, const struct flow *flow);
/* Pending -> unacked; its rows lose a flow; it is forgotten. */
void meter_close_flow(struct meter *meter, struct flow *flow);
/* All of it but flow_close(). */
void meter_account_close(struct meter *meter, struct flow *flow);

#endif
