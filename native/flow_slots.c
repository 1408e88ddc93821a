/* flow_slots.c: see flow_slots.h. */
#include "flow_slots.h"

#include <string.h>

#define LEAST_BITS 8
#define TAG_BITS 32
/* So many sixteenths of the table may be full before it doubles: half as much memory just above three quarters, while a hash that
 * is there is still found among three slots on average, most of them in one line. */
#define FULL_SIXTEENTHS 13U

static bool make(struct flow_slots *slots, uint32_t bits)
{
    const uint32_t size = UINT32_C(1) << bits;

    slots->mask = size - 1;
    slots->shift = TAG_BITS - bits;
    slots->used = 0;
    return arena_init(&slots->memory, sizeof(struct flow_slot), size) && arena_reach(&slots->memory, size - 1);
}

bool flow_slots_init(struct flow_slots *slots)
{
    return make(slots, LEAST_BITS);
}

void flow_slots_destroy(struct flow_slots *slots)
{
    arena_destroy(&slots->memory);
}

void flow_slots_clear(struct flow_slots *slots)
{
    memset(slots->memory.records, 0, ((size_t)slots->mask + 1) * sizeof(struct flow_slot));
    slots->used = 0;
}

static void put(struct flow_slots *slots, struct flow_slot slot)
{
    uint32_t at = flow_slots_home(slots, slot.tag);

    while (flow_slots_at(slots, at)->index != 0) {
        at++;
    }
    *flow_slots_at(slots, at) = slot;
    slots->used++;
}

/* Twice the size. What belonged to the table's end and had gone round to its beginning is put first, and stands at the end then;
 * all else goes in the order in which it stood. */
static bool grow(struct flow_slots *slots)
{
    const uint32_t bits = TAG_BITS - slots->shift;
    struct flow_slots larger;

    if (bits == FLOW_SLOTS_MAX_BITS) {
        return false;
    }
    if (!make(&larger, bits + 1)) {
        flow_slots_destroy(&larger);
        return false;
    }
    for (uint32_t n = 0; n <= slots->mask; n++) {
        if (flow_slots_at(slots, n)->index != 0) {
            put(&larger, *flow_slots_at(slots, n));
        }
    }
    flow_slots_destroy(slots);
    *slots = larger;
    return true;
}

bool flow_slots_put(struct flow_slots *slots, uint64_t hash, uint32_t index)
{
    if (((uint64_t)slots->used + 1) * 16 > ((uint64_t)slots->mask + 1) * FULL_SIXTEENTHS && !grow(slots)) {
        return false;
    }
    put(slots, (struct flow_slot){ .tag = flow_slots_tag(hash), .index = index + 1 });
    return true;
}

/* Closes the gap at `hole`, so that no tombstones pile up: each later slot of the run that may stand there moves up. */
static void close_gap(struct flow_slots *slots, uint32_t hole)
{
    for (uint32_t at = hole + 1; flow_slots_at(slots, at)->index != 0; at++) {
        const uint32_t from_home = (at - flow_slots_home(slots, flow_slots_at(slots, at)->tag)) & slots->mask;
        if (from_home >= at - hole) {
            *flow_slots_at(slots, hole) = *flow_slots_at(slots, at);
            hole = at;
        }
    }
    flow_slots_at(slots, hole)->index = 0;
}

void flow_slots_take_out(struct flow_slots *slots, uint64_t hash, uint32_t index)
{
    uint32_t at = flow_slots_home(slots, flow_slots_tag(hash));

    while (flow_slots_at(slots, at)->index != index + 1) {
        at++;
    }
    close_gap(slots, at);
    slots->used--;
}
