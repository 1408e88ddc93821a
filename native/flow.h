/* flow.h: the flows of all instances: a compact record each, found by a seeded hash, bounded, leaving by a timing wheel.
 *
 * flow_table_init() once; flow_key_make() and flow_find() for each packet; flow_open(), flow_touch() while packets come,
 * flow_end() at RST or after both FINs, flow_close(); flow_due() gives what has to leave; flow_table_destroy(). A flow is
 * (instance, VLAN IDs, both addresses and ports). Records lie in chunks and tables that grow piecewise: no packet pays for a
 * large copy. */
#ifndef GO_METRO_FLOW_H
#define GO_METRO_FLOW_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "address.h"
#include "packet.h"
#include "rtt.h"
#include "wheel.h"

#define FLOW_RECENT 4                 /* packets of a side that a copy is looked for among */
#define FLOW_COPY_NS 1000000          /* how late a copy may come, where a retransmission could look the same */
#define FLOW_UNIQUE_COPY_NS 100000000 /* and where none should: below an RTO, as some hosts send one IP ID in all packets */
#define FLOW_MAX 0x7fff0000U
#define FLOW_CHUNK_BITS 10
#define FLOW_SHARDS 256

enum flow_flag {
    FLOW_OPEN = 1,  /* the record is in use */
    FLOW_ENDED = 2, /* RST, or FIN from both sides */
    FLOW_TWICE = 4, /* a segment of it was captured twice */
    FLOW_ASKED = 8  /* side 0 has sent a SYN for another connection, which side 1 has not accepted yet; << 1: side 1 has */
};

/* Without padding: it is hashed and compared as bytes. Ends are in an order of their own, so that both directions are one
 * flow. */
struct flow_key {
    struct ip_address address[2];
    uint16_t port[2];
    uint32_t scope; /* instance, outer and inner VLAN ID: 6, 12, 12 bits */
};

struct flow_recent {
    uint32_t identity[FLOW_RECENT]; /* 0: none */
    uint16_t time_low[FLOW_RECENT]; /* capture time in units of 16,384 ns, modulo 2^24: 275 s, longer than any RTO */
    uint8_t time_high[FLOW_RECENT];
};

/* Three cache lines: what finds the flow, what measures it, what knows copies. Index 0 or 1: of the side key.address[0] or
 * [1]. */
struct flow {
    struct flow_key key;
    uint32_t row[2]; /* the owner's: where the round trips of what that side sends are counted */
    uint32_t last_s; /* monotonic seconds of the newest packet */
    struct wheel_link link;
    uint8_t flags;        /* enum flow_flag */
    uint8_t recent_at[2]; /* the slot of recent[] that is written next */
    uint8_t reserved;
    struct rtt_half half[2];
    struct flow_recent recent[2];
};

_Static_assert(sizeof(struct flow_key) == 40, "no padding");
_Static_assert(sizeof(struct flow_recent) == 28, "no padding");
_Static_assert(sizeof(struct flow) == 192, "three cache lines");

struct flow_slot {
    uint32_t tag;   /* low bits of the hash */
    uint32_t index; /* of the flow, plus one; 0: empty */
};

struct flow_shard {
    struct flow_slot *slots;
    uint32_t size; /* a power of two, or 0 */
    uint32_t used;
};

struct flow_table {
    struct flow_shard shards[FLOW_SHARDS]; /* each grows alone */
    struct flow **chunks;
    uint32_t limit, open;
    uint32_t high;   /* indexes below it were in use once */
    uint32_t unused; /* list of closed records through link.next */
    uint32_t idle_ttl_s, exp_ttl_s;
    uint64_t seed[2];
    struct wheel wheel;
};

/* False: out of memory. A time to live of 0 counts as 1. The table must stay where it is. */
bool flow_table_init(struct flow_table *table, uint32_t max_flows, uint32_t idle_ttl_s, uint32_t exp_ttl_s,
                     const uint64_t seed[static 2]);
void flow_table_destroy(struct flow_table *table);

/* The key of a segment's flow; returns which of its ends sent the segment. */
unsigned flow_key_make(struct flow_key *key, const struct tcp_segment *segment, unsigned instance);
unsigned flow_instance(const struct flow *flow);
uint64_t flow_hash(const struct flow_table *table, const struct flow_key *key);

struct flow *flow_find(const struct flow_table *table, const struct flow_key *key, uint64_t hash);
/* A new record, all zero but for its key, last_s and FLOW_OPEN. NULL: max_flows, or out of memory. */
struct flow *flow_open(struct flow_table *table, const struct flow_key *key, uint64_t hash, uint32_t now_s);
/* It ended: it leaves exp_ttl after its last packet instead of idle_ttl. */
void flow_end(struct flow_table *table, struct flow *flow);
/* The next connection of its tuple begins. */
void flow_reopen(struct flow_table *table, struct flow *flow);
/* Forgets it. Its pending segments must be gone. */
void flow_close(struct flow_table *table, struct flow *flow);
/* A flow whose time has come, for the caller to close; NULL: no more up to now_s, which never goes back. */
struct flow *flow_due(struct flow_table *table, uint32_t now_s);

/* Record `index` < table->high; look at FLOW_OPEN. */
static inline struct flow *flow_at(const struct flow_table *table, uint32_t index)
{
    return &table->chunks[index >> FLOW_CHUNK_BITS][index & ((1U << FLOW_CHUNK_BITS) - 1)];
}

/* Whether `side` sent this very packet a moment ago, so that it was captured twice. Otherwise remembers it. A copy is known among
 * the last FLOW_RECENT packets, or by the caller as long as it waits for its ACK; one that comes after that, or after a sign of
 * a hole, counts as a retransmission. */
bool flow_is_copy(struct flow *flow, unsigned side, const struct tcp_segment *segment, int64_t time_ns);
/* The same of data whose first transmission of the same identity was captured at first_ns. */
bool flow_is_late_copy(struct flow *flow, const struct tcp_segment *segment, int64_t first_ns, int64_t time_ns);
/* From here on what `side` sends again is no copy (its peer misses something). */
void flow_forget_copies(struct flow *flow, unsigned side);

#endif
