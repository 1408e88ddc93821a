/* flow.c: see flow.h. */
#include "flow.h"

#include <stdlib.h>
#include <string.h>

#include "hash.h"

#define CHUNK_FLOWS (1U << FLOW_CHUNK_BITS)
#define CACHE_LINE 64
#define SHARD_MIN_SIZE 8U
#define NO_FLOW UINT32_MAX
#define TIME_SHIFT 14 /* of flow_recent.time_* */
#define COARSE_MASK 0xffffffU

_Static_assert(sizeof(struct flow_key) == HASH_KEY_SIZE, "hashed whole");

static struct wheel_link *link_of(void *owner, uint32_t index)
{
    return &flow_at(owner, index)->link;
}

static size_t chunk_count(const struct flow_table *table)
{
    return (size_t)(table->limit >> FLOW_CHUNK_BITS) + 1;
}

bool flow_table_init(struct flow_table *table, uint32_t max_flows, uint32_t idle_ttl_s, uint32_t exp_ttl_s,
                     const uint64_t seed[static 2])
{
    memset(table, 0, sizeof *table);
    table->limit = max_flows < FLOW_MAX ? max_flows : FLOW_MAX;
    table->unused = NO_FLOW;
    table->idle_ttl_s = idle_ttl_s == 0 ? 1 : idle_ttl_s;
    table->exp_ttl_s = exp_ttl_s == 0 ? 1 : exp_ttl_s;
    memcpy(table->seed, seed, sizeof table->seed);
    wheel_init(&table->wheel, link_of, table);
    table->chunks = calloc(chunk_count(table), sizeof *table->chunks);
    return table->chunks != NULL;
}

void flow_table_destroy(struct flow_table *table)
{
    for (size_t n = 0; n < FLOW_SHARDS; n++) {
        free(table->shards[n].slots);
    }
    for (size_t n = 0; table->chunks != NULL && n < chunk_count(table); n++) {
        free(table->chunks[n]);
    }
    free(table->chunks);
    table->chunks = NULL;
}

/* --- keys --- */

/* Any total order does, as long as both directions agree. */
static bool sorts_after(const struct tcp_segment *segment)
{
    const int order = memcmp(&segment->src, &segment->dst, sizeof segment->src);

    return order > 0 || (order == 0 && segment->sport > segment->dport);
}

unsigned flow_key_make(struct flow_key *key, const struct tcp_segment *segment, unsigned instance)
{
    const unsigned side = sorts_after(segment) ? 1 : 0;

    key->address[side] = segment->src;
    key->address[1 - side] = segment->dst;
    key->port[side] = segment->sport;
    key->port[1 - side] = segment->dport;
    key->scope = (uint32_t)instance << 24 | (uint32_t)(segment->vlan[0] & 0xfff) << 12 | (segment->vlan[1] & 0xfff);
    return side;
}

unsigned flow_instance(const struct flow *flow)
{
    return flow->key.scope >> 24;
}

uint64_t flow_hash(const struct flow_table *table, const struct flow_key *key)
{
    return hash_key(key, table->seed);
}

/* --- the hash table: shards of open addressing with linear probing --- */

static const struct flow_shard *shard_of(const struct flow_table *table, uint64_t hash)
{
    return &table->shards[hash >> 56];
}

static struct flow_shard *shard_for_change(struct flow_table *table, uint64_t hash)
{
    return &table->shards[hash >> 56];
}

static void shard_put(struct flow_shard *shard, struct flow_slot slot)
{
    uint32_t at = slot.tag & (shard->size - 1);

    while (shard->slots[at].index != 0) {
        at = (at + 1) & (shard->size - 1);
    }
    shard->slots[at] = slot;
}

/* Doubles a shard that is three quarters full. */
static bool shard_make_room(struct flow_shard *shard)
{
    if ((uint64_t)(shard->used + 1) * 4 <= (uint64_t)shard->size * 3) {
        return true;
    }
    struct flow_shard larger = { .size = shard->size == 0 ? SHARD_MIN_SIZE : shard->size * 2, .used = shard->used };
    larger.slots = calloc(larger.size, sizeof *larger.slots);
    if (larger.slots == NULL) {
        return false;
    }
    for (uint32_t n = 0; n < shard->size; n++) {
        if (shard->slots[n].index != 0) {
            shard_put(&larger, shard->slots[n]);
        }
    }
    free(shard->slots);
    *shard = larger;
    return true;
}

/* Closes the gap at `hole`, so that no tombstones pile up: each later slot of the run that may stand there moves up. */
static void shard_close_gap(struct flow_shard *shard, uint32_t hole)
{
    const uint32_t mask = shard->size - 1;

    for (uint32_t at = (hole + 1) & mask; shard->slots[at].index != 0; at = (at + 1) & mask) {
        const uint32_t from_home = (at - shard->slots[at].tag) & mask;
        if (from_home >= ((at - hole) & mask)) {
            shard->slots[hole] = shard->slots[at];
            hole = at;
        }
    }
    shard->slots[hole].index = 0;
}

static void shard_take_out(struct flow_shard *shard, uint32_t tag, uint32_t index)
{
    uint32_t at = tag & (shard->size - 1);

    while (shard->slots[at].index != index + 1) {
        at = (at + 1) & (shard->size - 1);
    }
    shard_close_gap(shard, at);
    shard->used--;
}

struct flow *flow_find(const struct flow_table *table, const struct flow_key *key, uint64_t hash)
{
    const struct flow_shard *shard = shard_of(table, hash);
    const uint32_t tag = (uint32_t)hash;

    if (shard->size == 0) {
        return NULL;
    }
    for (uint32_t at = tag & (shard->size - 1); shard->slots[at].index != 0; at = (at + 1) & (shard->size - 1)) {
        if (shard->slots[at].tag == tag) {
            struct flow *flow = flow_at(table, shard->slots[at].index - 1);
            if (memcmp(&flow->key, key, sizeof *key) == 0) {
                return flow;
            }
        }
    }
    return NULL;
}

/* --- records --- */

static uint32_t take_fresh(struct flow_table *table)
{
    const uint32_t index = table->high;
    struct flow **chunk = &table->chunks[index >> FLOW_CHUNK_BITS];

    if (*chunk == NULL && (*chunk = aligned_alloc(CACHE_LINE, CHUNK_FLOWS * sizeof **chunk)) == NULL) {
        return NO_FLOW;
    }
    table->high++;
    return index;
}

static uint32_t take_record(struct flow_table *table)
{
    const uint32_t index = table->unused;

    if (index == NO_FLOW) {
        return take_fresh(table);
    }
    table->unused = flow_at(table, index)->link.next;
    return index;
}

struct flow *flow_open(struct flow_table *table, const struct flow_key *key, uint64_t hash, uint32_t now_s)
{
    struct flow_shard *shard = shard_for_change(table, hash);

    if (table->open >= table->limit || !shard_make_room(shard)) {
        return NULL;
    }
    const uint32_t index = take_record(table);
    if (index == NO_FLOW) {
        return NULL;
    }
    struct flow *flow = flow_at(table, index);
    *flow = (struct flow){ .key = *key, .last_s = now_s, .flags = FLOW_OPEN };
    shard_put(shard, (struct flow_slot){ .tag = (uint32_t)hash, .index = index + 1 });
    shard->used++;
    wheel_add(&table->wheel, index, now_s + table->idle_ttl_s);
    table->open++;
    return flow;
}

/* The key is hashed again rather than kept with a pointer back: closing is rare, the record is small. */
static uint32_t index_of(const struct flow_table *table, const struct flow *flow, uint64_t hash)
{
    const struct flow_shard *shard = shard_of(table, hash);

    for (uint32_t at = (uint32_t)hash & (shard->size - 1);; at = (at + 1) & (shard->size - 1)) {
        if (flow_at(table, shard->slots[at].index - 1) == flow) {
            return shard->slots[at].index - 1;
        }
    }
}

static void set_ended(struct flow_table *table, struct flow *flow, bool ended)
{
    if (((flow->flags & FLOW_ENDED) != 0) == ended) {
        return;
    }
    const uint32_t index = index_of(table, flow, flow_hash(table, &flow->key));
    flow->flags ^= FLOW_ENDED;
    wheel_remove(&table->wheel, index);
    wheel_add(&table->wheel, index, flow->last_s + (ended ? table->exp_ttl_s : table->idle_ttl_s));
}

void flow_end(struct flow_table *table, struct flow *flow)
{
    set_ended(table, flow, true);
}

void flow_reopen(struct flow_table *table, struct flow *flow)
{
    flow->flags &= (uint8_t)~FLOW_TWICE;
    set_ended(table, flow, false);
}

static void release(struct flow_table *table, struct flow *flow, uint32_t index, uint64_t hash)
{
    shard_take_out(shard_for_change(table, hash), (uint32_t)hash, index);
    flow->flags = 0;
    flow->link.next = table->unused;
    table->unused = index;
    table->open--;
}

void flow_close(struct flow_table *table, struct flow *flow)
{
    const uint64_t hash = flow_hash(table, &flow->key);
    const uint32_t index = index_of(table, flow, hash);

    wheel_remove(&table->wheel, index);
    release(table, flow, index, hash);
}

struct flow *flow_due(struct flow_table *table, uint32_t now_s)
{
    uint32_t index;

    while ((index = wheel_take(&table->wheel, now_s)) != WHEEL_NONE) {
        struct flow *flow = flow_at(table, index);
        const uint32_t ttl_s = flow->flags & FLOW_ENDED ? table->exp_ttl_s : table->idle_ttl_s;
        wheel_add(&table->wheel, index, flow->last_s + ttl_s);
        if (now_s - flow->last_s >= ttl_s) {
            return flow; /* the caller's flow_close() takes it off */
        }
    }
    return NULL;
}

/* --- packets that were captured twice --- */

static uint32_t coarse_time(int64_t time_ns)
{
    return (uint32_t)((uint64_t)time_ns >> TIME_SHIFT) & COARSE_MASK;
}

/* Units of coarse time between two, whichever was first: copies that two queues have handed over may be out of order. */
static uint32_t coarse_distance(uint32_t a, uint32_t b)
{
    const uint32_t later = (a - b) & COARSE_MASK, earlier = (b - a) & COARSE_MASK;

    return later < earlier ? later : earlier;
}

static bool takes_sequence_space(const struct tcp_segment *segment)
{
    return segment->payload_len > 0 || (segment->flags & (TCP_SYN | TCP_FIN));
}

/* Two packets of one identity: one packet that was captured twice, or something sent again? In doubt it was sent again, for
 * that loses samples and gives no false one.
 * - What takes up sequence space: a packet with an ID of its own is a copy, unless a retransmission timer may have run out. (Of a
 *   host that sends one ID in all packets a timer below FLOW_UNIQUE_COPY_NS would be missed.) Without an ID only a TSval may
 *   differ, and that ticks as slowly as its host likes: it is a copy if it comes at once, as sending again takes a sign of a
 *   hole, after which copies are forgotten, or a timer, none of which is so short.
 * - A pure ACK that comes again is a duplicate ACK, and within a tick of TSval it looks the same. It is a copy only if it comes
 *   at once and has an ID, or if this flow's data was seen twice as well. */
static bool means_copy(const struct flow *flow, const struct tcp_segment *segment, uint32_t age)
{
    if (takes_sequence_space(segment)) {
        return age <= (segment->has_ip_id ? FLOW_UNIQUE_COPY_NS : FLOW_COPY_NS) >> TIME_SHIFT;
    }
    return age <= FLOW_COPY_NS >> TIME_SHIFT && (segment->has_ip_id || (flow->flags & FLOW_TWICE));
}

bool flow_is_copy(struct flow *flow, unsigned side, const struct tcp_segment *segment, int64_t time_ns)
{
    struct flow_recent *recent = &flow->recent[side];
    const uint32_t identity = segment->identity == 0 ? 1 : segment->identity;
    const uint32_t now = coarse_time(time_ns);
    const unsigned at = flow->recent_at[side];

    for (unsigned n = 0; n < FLOW_RECENT; n++) {
        if (recent->identity[n] != identity) {
            continue;
        }
        if (means_copy(flow, segment, coarse_distance(now, (uint32_t)recent->time_high[n] << 16 | recent->time_low[n]))) {
            flow->flags |= FLOW_TWICE;
            /* The third of a pure ACK is a duplicate ACK, and the fourth the copy of that. */
            recent->identity[n] = takes_sequence_space(segment) ? identity : 0;
            return true;
        }
    }
    recent->identity[at] = identity;
    recent->time_low[at] = (uint16_t)now;
    recent->time_high[at] = (uint8_t)(now >> 16);
    flow->recent_at[side] = (uint8_t)((at + 1U) % FLOW_RECENT);
    return false;
}

bool flow_is_late_copy(struct flow *flow, const struct tcp_segment *segment, int64_t first_ns, int64_t time_ns)
{
    if (!means_copy(flow, segment, coarse_distance(coarse_time(time_ns), coarse_time(first_ns)))) {
        return false;
    }
    flow->flags |= FLOW_TWICE;
    return true;
}

void flow_forget_copies(struct flow *flow, unsigned side)
{
    memset(&flow->recent[side], 0, sizeof flow->recent[side]);
}
