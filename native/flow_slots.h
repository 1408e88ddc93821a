/* flow_slots.h: hash -> the indexes of the records that have it: open addressing with linear probing. For flow.c alone.
 *
 * flow_slots_init() once; flow_slots_put(), flow_slots_take_out(); flow_slots_next() gives one candidate after the other, by 32
 * bits of the hash, so that hardly ever a record is looked at in vain; flow_slots_destroy(). Where a hash belongs is told by its
 * high bits: so the table is in the order of the hashes, and doubling it is one pass from end to end. */
#ifndef GO_METRO_FLOW_SLOTS_H
#define GO_METRO_FLOW_SLOTS_H

#include <stdbool.h>
#include <stdint.h>

#include "arena.h"

#define FLOW_SLOTS_MAX_BITS 30

struct flow_slot {
    uint32_t tag;   /* high bits of the hash */
    uint32_t index; /* of the record, plus one; 0: empty */
};

struct flow_slots {
    struct arena memory; /* struct flow_slot */
    uint32_t mask;       /* how many there are, a power of two, less one */
    uint32_t shift;      /* of a tag, to where it belongs */
    uint32_t used;
};

/* False: out of memory (may be destroyed). */
bool flow_slots_init(struct flow_slots *slots);
void flow_slots_destroy(struct flow_slots *slots);
void flow_slots_clear(struct flow_slots *slots); /* as large as it was */
/* False: no room, or out of memory. */
bool flow_slots_put(struct flow_slots *slots, uint64_t hash, uint32_t index);
/* What flow_slots_put() has put there, and must be there. */
void flow_slots_take_out(struct flow_slots *slots, uint64_t hash, uint32_t index);

static inline uint32_t flow_slots_tag(uint64_t hash)
{
    return (uint32_t)(hash >> 32);
}

static inline uint32_t flow_slots_home(const struct flow_slots *slots, uint32_t tag)
{
    return tag >> slots->shift;
}

static inline struct flow_slot *flow_slots_at(const struct flow_slots *slots, uint32_t at)
{
    return (struct flow_slot *)slots->memory.records + (at & slots->mask);
}

static inline void flow_slots_await(const struct flow_slots *slots, uint64_t hash)
{
    __builtin_prefetch(flow_slots_at(slots, flow_slots_home(slots, flow_slots_tag(hash))));
}

/* The next slot with that hash's tag from *at on, which moves behind it; NULL: there is no more. *at begins as
 * flow_slots_home(). */
static inline const struct flow_slot *flow_slots_next(const struct flow_slots *slots, uint32_t tag, uint32_t *at)
{
    const struct flow_slot *slot;

    while ((slot = flow_slots_at(slots, *at))->index != 0) {
        (*at)++;
        if (slot->tag == tag) {
            return slot;
        }
    }
    return NULL;
}

#endif
