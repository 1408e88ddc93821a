/* flow.h: the flows of all instances: a compact record each, found by a seeded hash, bounded, leaving by a timing wheel.
 *
 * flow_table_init() once; flow_hash() and flow_find() for each packet; flow_open(), flow_end() at RST or after both FINs,
 * flow_close(); flow_due() gives what has to leave, flow_giving_way() what may leave where there is no room;
 * flow_table_destroy(). A flow is (instance, VLAN IDs, both addresses and ports). Records never move.
 *
 * With many flows nearly all the time is waiting for memory. Who has several packets at hand asks for it early: flow_await_slot()
 * for each of them, then flow_await() for each, and then flow_find(). */
#ifndef GO_METRO_FLOW_H
#define GO_METRO_FLOW_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "address.h"
#include "arena.h"
#include "flow_slots.h"
#include "hash.h"
#include "packet.h"
#include "prefetch.h"
#include "rtt.h"
#include "wheel.h"

#define FLOW_MAX (WHEEL_NONE - 16U) /* records, a few that are asked for ahead of time among them */
#define FLOW_LEAST_LOOK_S 5U /* an ended flow is not looked for more often: where exp_ttl is shorter, it leaves up to so late */

enum flow_flag {
    FLOW_OPEN = 1 << WHEEL_BITS,  /* the record is in use */
    FLOW_ENDED = 2 << WHEEL_BITS, /* RST, or FIN from both sides */
    FLOW_TWICE = 4 << WHEEL_BITS, /* a segment of it was captured twice */
    FLOW_ASKED = 8 << WHEEL_BITS, /* side 0 has sent a SYN for another connection, which side 1 has not accepted yet; << 1: side 1
                                     has */
    FLOW_ASKED_ANY = FLOW_ASKED | FLOW_ASKED << 1
};

/* The end that was seen first to send comes first. */
struct flow_key {
    struct ip_address address[2];
    uint16_t port[2];
    uint32_t scope; /* instance, outer and inner VLAN ID: 6, 12, 12 bits */
};

#define FLOW_ROW_BITS 24
#define FLOW_ROW_MASK ((UINT32_C(1) << FLOW_ROW_BITS) - 1)

struct flow_side {
    uint32_t row : FLOW_ROW_BITS; /* the owner's: where the round trips of what that side sends are counted */
    uint32_t epoch : 8;           /* of copies.h */
};

/* Two cache lines, as with many flows it is lines that cost. Index 0 or 1: of the side key.address[0] or [1]. */
struct flow {
    struct flow_key key;
    struct flow_side side[2];
    union {
        uint32_t last_s;      /* monotonic seconds of the newest packet */
        uint32_t next_unused; /* of a closed record */
    };
    uint32_t state; /* enum flow_flag; the low bits are the wheel's */
    struct rtt_half half[2];
};

_Static_assert(sizeof(struct flow_key) == 40, "no padding");
_Static_assert(sizeof(struct flow) == 2 * CACHE_LINE, "two cache lines");

/* What the hash is seeded with, each where it is needed. */
struct flow_secrets {
    uint64_t port, first, second, all;
};

struct flow_table {
    struct flow_slots slots;
    struct arena records; /* struct flow */
    uint32_t limit, open;
    uint32_t high;   /* indexes below it were in use once */
    uint32_t unused; /* list of closed records */
    uint32_t idle_ttl_s, exp_ttl_s;
    uint32_t look_s; /* each record is looked at so often, for whether it ended: so ending costs nothing */
    /* Of flow_giving_way(): the record that is looked at next, how many were looked at in vain, and when that was a whole round.
     */
    uint32_t hand, in_vain, in_vain_s;
    struct flow_secrets secrets;
    struct wheel wheel;
};

/* Record `index` < table->high; look at FLOW_OPEN. */
static inline struct flow *flow_at(const struct flow_table *table, uint32_t index)
{
    return (struct flow *)table->records.records + index;
}

/* --- keys: a flow is found by its hash, and which of its ends sent a segment by looking at it --- */

/* Of what a segment has besides its ends: instance, outer and inner VLAN ID. */
static inline uint32_t flow_scope(const struct tcp_segment *segment, unsigned instance)
{
    return (uint32_t)instance << 24 | (uint32_t)(segment->vlan[0] & 0xfff) << 12 | (segment->vlan[1] & 0xfff);
}

static inline unsigned flow_instance(const struct flow *flow)
{
    return flow->key.scope >> 24;
}

/* The key of a flow whose first segment this is; that comes from its side 0. */
static inline struct flow_key flow_key_of(const struct tcp_segment *segment, uint32_t scope)
{
    return (
        struct flow_key){ .address = { segment->src, segment->dst }, .port = { segment->sport, segment->dport }, .scope = scope };
}

/* The port is multiplied by a secret, for who chooses it may choose the address too: merely added it could be undone there, and
 * all ends that he makes so would have one hash, whatever the seed. */
static inline uint64_t flow_hash_end(const struct ip_address *address, uint16_t port, const struct flow_secrets *secrets)
{
    return hash_fold(address_word(address, 0) ^ port * secrets->port ^ secrets->first,
                     address_word(address, 1) ^ secrets->second);
}

/* The same in both directions, as a sum is: which end is which need not be known. */
static inline uint64_t flow_hash(const struct flow_table *table, const struct tcp_segment *segment, uint32_t scope)
{
    const uint64_t ends = flow_hash_end(&segment->src, segment->sport, &table->secrets)
                          + flow_hash_end(&segment->dst, segment->dport, &table->secrets);

    return hash_fold(ends ^ scope ^ table->secrets.all, HASH_MIX_4);
}

/* Put together and not loaded as one word: that would wait for what has just been written as two. */
static inline uint32_t flow_ports(uint16_t first, uint16_t second)
{
    return (uint32_t)first << 16 | second;
}

/* Whether the segment is the flow's; *side: which of its ends sent it. Without a branch on that, as nobody could foretell it. */
static inline bool flow_owns(const struct flow *flow, const struct tcp_segment *segment, uint32_t scope, unsigned *side)
{
    const struct flow_key *key = &flow->key;
    const uint32_t ports = flow_ports(key->port[0], key->port[1]);
    const uint64_t sent_by_0 = address_differs(&key->address[0], &segment->src) | address_differs(&key->address[1], &segment->dst)
                               | (uint64_t)(ports ^ flow_ports(segment->sport, segment->dport));
    const uint64_t sent_by_1 = address_differs(&key->address[1], &segment->src) | address_differs(&key->address[0], &segment->dst)
                               | (uint64_t)(ports ^ flow_ports(segment->dport, segment->sport));

    *side = sent_by_0 != 0;
    return ((sent_by_0 == 0) | (sent_by_1 == 0)) & (key->scope == scope);
}

/* --- finding --- */

static inline void flow_await_record(const struct flow_table *table, uint32_t index)
{
    const char *flow = (const char *)flow_at(table, index);

    __builtin_prefetch(flow, 1);
    __builtin_prefetch(flow + CACHE_LINE, 1);
}

/* The segment's flow, and which of its ends sent it; NULL: there is none. */
static inline struct flow *flow_find(const struct flow_table *table, const struct tcp_segment *segment, uint32_t scope,
                                     uint64_t hash, unsigned *side)
{
    const uint32_t tag = flow_slots_tag(hash);
    const struct flow_slot *slot;
    uint32_t at = flow_slots_home(&table->slots, tag);

    while ((slot = flow_slots_next(&table->slots, tag, &at)) != NULL) {
        struct flow *flow = flow_at(table, slot->index - 1);
        if (flow_owns(flow, segment, scope, side)) {
            return flow;
        }
    }
    return NULL;
}

static inline void flow_await_slot(const struct flow_table *table, uint64_t hash)
{
    flow_slots_await(&table->slots, hash);
}

/* Asks for the first flow that flow_find() will look at, which most likely is the segment's, and gives it. NULL: there is none.
 */
static inline struct flow *flow_await(const struct flow_table *table, uint64_t hash)
{
    const uint32_t tag = flow_slots_tag(hash);
    uint32_t at = flow_slots_home(&table->slots, tag);
    const struct flow_slot *slot = flow_slots_next(&table->slots, tag, &at);

    if (slot == NULL) {
        return NULL;
    }
    flow_await_record(table, slot->index - 1);
    return flow_at(table, slot->index - 1);
}

/* False: out of memory. A time to live of 0 counts as 1. The table must stay where it is. */
bool flow_table_init(struct flow_table *table, uint32_t max_flows, uint32_t idle_ttl_s, uint32_t exp_ttl_s,
                     const uint64_t seed[static 2]);
void flow_table_destroy(struct flow_table *table);

/* A new record, all zero but for its key, last_s and FLOW_OPEN. NULL: max_flows, or out of memory. hash: flow_hash() of a segment
 * of it. */
struct flow *flow_open(struct flow_table *table, const struct flow_key *key, uint64_t hash, uint32_t now_s);
/* It ended: it leaves exp_ttl after its last packet instead of idle_ttl. */
void flow_end(struct flow *flow);
/* The next connection of its tuple begins. */
void flow_reopen(struct flow *flow);
/* Asks for what flow_close() needs besides the record. */
void flow_await_close(const struct flow_table *table, const struct flow *flow);
/* Forgets it. Its pending segments must be gone. */
void flow_close(struct flow_table *table, struct flow *flow);
void flow_close_all(struct flow_table *table);
/* At max_flows: a flow that ended, and is quiet for a second, for the caller to close: it has the least to lose. Not always the
 * oldest, but the longest not looked at. NULL: none among those that a call looks at; a round in vain is enough for a second. */
struct flow *flow_giving_way(struct flow_table *table, uint32_t now_s);
/* A flow whose time has come, which the caller has to close; NULL: no more up to now_s, which never goes back. */
struct flow *flow_due(struct flow_table *table, uint32_t now_s);

#endif
