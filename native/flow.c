/* flow.c: see flow.h. */
#include "flow.h"

#include <string.h>

#define NO_FLOW UINT32_MAX
#define FRESH_AHEAD 8U       /* records */
#define GIVING_WAY_LOOKS 256 /* records a call: a bound for what a flow costs that finds no room */

static struct wheel_link *link_of(void *owner, uint32_t index)
{
    return &flow_at(owner, index)->link;
}

/* Not later than a flow that has just been reopened may leave either. */
static uint32_t look_after(uint32_t idle_ttl_s, uint32_t exp_ttl_s)
{
    const uint32_t look_s = exp_ttl_s < FLOW_LEAST_LOOK_S ? FLOW_LEAST_LOOK_S : exp_ttl_s;

    return look_s < idle_ttl_s ? look_s : idle_ttl_s;
}

bool flow_table_init(struct flow_table *table, uint32_t max_flows, uint32_t idle_ttl_s, uint32_t exp_ttl_s,
                     const uint64_t seed[static 2])
{
    memset(table, 0, sizeof *table);
    table->limit = max_flows < FLOW_MAX ? max_flows : FLOW_MAX;
    table->unused = NO_FLOW;
    table->idle_ttl_s = idle_ttl_s == 0 ? 1 : idle_ttl_s;
    table->exp_ttl_s = exp_ttl_s == 0 ? 1 : exp_ttl_s;
    table->look_s = look_after(table->idle_ttl_s, table->exp_ttl_s);
    memcpy(table->seed, seed, sizeof table->seed);
    wheel_init(&table->wheel, link_of, table);
    return flow_slots_init(&table->slots) && arena_init(&table->records, sizeof(struct flow), table->limit + FRESH_AHEAD);
}

void flow_table_destroy(struct flow_table *table)
{
    flow_slots_destroy(&table->slots);
    arena_destroy(&table->records);
}

/* --- records --- */

/* Those that follow are asked for: a burst of new flows would wait for each. */
static uint32_t take_fresh(struct flow_table *table)
{
    if (!arena_reach(&table->records, table->high + FRESH_AHEAD)) {
        return NO_FLOW;
    }
    flow_await_record(table, table->high + FRESH_AHEAD);
    return table->high++;
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

/* Seconds to the next look at a flow that leaves in so many if nothing happens. */
static uint32_t next_look(const struct flow_table *table, uint32_t left_s)
{
    return left_s < table->look_s ? left_s : table->look_s;
}

static void give_back(struct flow_table *table, uint32_t index)
{
    flow_at(table, index)->flags = 0;
    flow_at(table, index)->link.next = table->unused;
    table->unused = index;
}

struct flow *flow_open(struct flow_table *table, const struct flow_key *key, uint64_t hash, uint32_t now_s)
{
    const uint32_t index = table->open < table->limit ? take_record(table) : NO_FLOW;

    if (index == NO_FLOW) {
        return NULL;
    }
    if (!flow_slots_put(&table->slots, hash, index)) {
        give_back(table, index);
        return NULL;
    }
    struct flow *flow = flow_at(table, index);
    *flow = (struct flow){ .key = *key, .last_s = now_s, .flags = FLOW_OPEN };
    wheel_add(&table->wheel, index, now_s + next_look(table, table->idle_ttl_s));
    table->open++;
    return flow;
}

/* The key is hashed again rather than the hash kept: closing is rare, the record is small. */
static uint64_t hash_again(const struct flow_table *table, const struct flow *flow)
{
    const struct tcp_segment segment = {
        .src = flow->key.address[0], .dst = flow->key.address[1], .sport = flow->key.port[0], .dport = flow->key.port[1]
    };

    return flow_hash(table, &segment, flow->key.scope);
}

void flow_end(struct flow *flow)
{
    flow->flags |= FLOW_ENDED;
}

void flow_reopen(struct flow *flow)
{
    flow->flags &= (uint8_t) ~(FLOW_TWICE | FLOW_ENDED);
}

void flow_await_close(const struct flow_table *table, const struct flow *flow)
{
    if (flow->flags & FLOW_OPEN) {
        flow_slots_await(&table->slots, hash_again(table, flow));
    }
}

void flow_close(struct flow_table *table, struct flow *flow)
{
    const uint32_t index = (uint32_t)(flow - flow_at(table, 0));

    wheel_remove(&table->wheel, index);
    flow_slots_take_out(&table->slots, hash_again(table, flow), index);
    give_back(table, index);
    table->open--;
}

void flow_close_all(struct flow_table *table)
{
    wheel_clear(&table->wheel);
    flow_slots_clear(&table->slots);
    table->unused = NO_FLOW;
    table->open = table->high = table->hand = table->in_vain = 0;
}

struct flow *flow_due(struct flow_table *table, uint32_t now_s)
{
    uint32_t index;

    while ((index = wheel_take(&table->wheel, now_s)) != WHEEL_NONE) {
        struct flow *flow = flow_at(table, index);
        if (wheel_peek(&table->wheel) != WHEEL_NONE) {
            flow_await_record(table, wheel_peek(&table->wheel));
        }
        const uint32_t ttl_s = flow->flags & FLOW_ENDED ? table->exp_ttl_s : table->idle_ttl_s;
        const uint32_t idle_s = now_s - flow->last_s;
        wheel_add(&table->wheel, index, now_s + (idle_s < ttl_s ? next_look(table, ttl_s - idle_s) : 1));
        if (idle_s >= ttl_s) {
            return flow; /* the caller's flow_close() takes it off */
        }
    }
    return NULL;
}

static struct flow *move_hand(struct flow_table *table)
{
    struct flow *flow = flow_at(table, table->hand);

    table->hand = table->hand + 1 < table->high ? table->hand + 1 : 0;
    __builtin_prefetch(flow_at(table, table->hand));
    return flow;
}

struct flow *flow_giving_way(struct flow_table *table, uint32_t now_s)
{
    if (table->in_vain_s != now_s) {
        table->in_vain = 0;
        table->in_vain_s = now_s;
    }
    for (unsigned n = 0; n < GIVING_WAY_LOOKS && table->in_vain < table->high; n++) {
        struct flow *flow = move_hand(table);
        if ((flow->flags & FLOW_OPEN) && (flow->flags & FLOW_ENDED) && flow->last_s < now_s) {
            table->in_vain = 0;
            return flow;
        }
        table->in_vain++;
    }
    return NULL;
}

/* --- packets that were captured twice --- */

/* Units of coarse time between two, whichever was first: copies that two queues have handed over may be out of order. */
static uint32_t coarse_distance(uint32_t a, uint32_t b)
{
    const uint32_t later = (a - b) & FLOW_TIME_MASK, earlier = (b - a) & FLOW_TIME_MASK;

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
        return age <= (segment->has_ip_id ? FLOW_UNIQUE_COPY_NS : FLOW_COPY_NS) >> FLOW_TIME_SHIFT;
    }
    return age <= FLOW_COPY_NS >> FLOW_TIME_SHIFT && (segment->has_ip_id || (flow->flags & FLOW_TWICE));
}

static bool is_copy_at(struct flow *flow, struct flow_recent *recent, unsigned n, const struct tcp_segment *segment, uint32_t now)
{
    if (!means_copy(flow, segment, coarse_distance(now, (uint32_t)recent->time_high[n] << 16 | recent->time_low[n]))) {
        return false;
    }
    flow->flags |= FLOW_TWICE;
    if (!takes_sequence_space(segment)) {
        recent->identity[n] = 0; /* the third of a pure ACK is a duplicate ACK, and the fourth the copy of that */
    }
    return true;
}

bool flow_is_copy(struct flow *flow, unsigned side, const struct tcp_segment *segment, int64_t time_ns)
{
    struct flow_recent *recent = &flow->recent[side];
    const uint32_t identity = segment->identity, now = flow_coarse_time(time_ns);

    for (unsigned n = 0; n < FLOW_RECENT; n++) {
        if (recent->identity[n] == identity && is_copy_at(flow, recent, n, segment, now)) {
            return true;
        }
    }
    flow_remember(flow, side, identity, now);
    return false;
}

bool flow_is_late_copy(struct flow *flow, const struct tcp_segment *segment, int64_t first_ns, int64_t time_ns)
{
    if (!means_copy(flow, segment, coarse_distance(flow_coarse_time(time_ns), flow_coarse_time(first_ns)))) {
        return false;
    }
    flow->flags |= FLOW_TWICE;
    return true;
}

void flow_forget_copies(struct flow *flow, unsigned side)
{
    memset(&flow->recent[side], 0, sizeof flow->recent[side]);
}
