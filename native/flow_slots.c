/* flow_slots.c: see flow_slots.h. */
#include "flow_slots.h"

#include <string.h>

#define LEAST_BITS 5 /* lines */
#define TAG_BITS 32
/* So many sixteenths of the table may be full before it doubles: half as much memory just above three quarters, while of the
 * hashes that are there a twentieth has found its line full. */
#define FULL_SIXTEENTHS 13U

static bool make(struct flow_slots *slots, uint32_t bits)
{
    const uint32_t lines = UINT32_C(1) << bits;

    slots->mask = lines - 1;
    slots->shift = TAG_BITS - bits;
    slots->used = 0;
    return arena_init(&slots->memory, sizeof(struct flow_line), lines) && arena_reach(&slots->memory, lines - 1);
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
    memset(slots->memory.records, 0, ((size_t)slots->mask + 1) * sizeof(struct flow_line));
    slots->used = 0;
}

static void put(struct flow_slots *slots, uint32_t tag, uint32_t index)
{
    uint32_t at = flow_slots_home(slots, tag), room;

    while ((room = flow_line_has(flow_slots_line(slots, at), 0)) == 0) {
        at++;
    }
    struct flow_line *line = flow_slots_line(slots, at);
    line->tag[__builtin_ctz(room)] = tag;
    line->index[__builtin_ctz(room)] = index;
    slots->used++;
}

static void put_all(struct flow_slots *slots, const struct flow_line *line)
{
    for (unsigned n = 0; n < FLOW_SLOTS_LINE; n++) {
        if (line->tag[n] != 0) {
            put(slots, line->tag[n], line->index[n]);
        }
    }
}

/* Twice the size: all go in the order of their lines, so that the new table is written from end to end. */
static bool grow(struct flow_slots *slots)
{
    const uint32_t bits = TAG_BITS - slots->shift;
    struct flow_slots larger;

    if (bits + FLOW_SLOTS_LINE_BITS == FLOW_SLOTS_MAX_BITS) {
        return false;
    }
    if (!make(&larger, bits + 1)) {
        flow_slots_destroy(&larger);
        return false;
    }
    for (uint32_t n = 0; n <= slots->mask; n++) {
        put_all(&larger, flow_slots_line(slots, n));
    }
    flow_slots_destroy(slots);
    *slots = larger;
    return true;
}

bool flow_slots_put(struct flow_slots *slots, uint64_t hash, uint32_t index)
{
    const uint64_t size = ((uint64_t)slots->mask + 1) * FLOW_SLOTS_LINE;

    if (((uint64_t)slots->used + 1) * 16 > size * FULL_SIXTEENTHS && !grow(slots)) {
        return false;
    }
    put(slots, flow_slots_tag(hash), index);
    return true;
}

/* The slots of a line whose hashes belong at least so many lines before it. */
static uint32_t displaced(const struct flow_slots *slots, uint32_t at, uint32_t least)
{
    const struct flow_line *line = flow_slots_line(slots, at);
    uint32_t found = 0;

    for (unsigned n = 0; n < FLOW_SLOTS_LINE; n++) {
        const uint32_t from_home = (at - flow_slots_home(slots, line->tag[n])) & slots->mask;
        found |= (line->tag[n] != 0 && from_home >= least ? 1U : 0U) << n;
    }
    return found;
}

/* Slot n of line `hole` is free, of which there was none in it: what had to go on to a later line for that comes back, so that no
 * tombstones pile up. What it leaves is the next hole. A hash is found as long as all lines from its own on to where it is are
 * full. */
static void close_gap(struct flow_slots *slots, uint32_t hole, unsigned n)
{
    for (uint32_t at = hole + 1;; at++) {
        struct flow_line *line = flow_slots_line(slots, at);
        const bool is_full = flow_line_has(line, 0) == 0;
        const uint32_t found = displaced(slots, at, at - hole);
        if (found != 0) {
            const unsigned from = (unsigned)__builtin_ctz(found);
            flow_slots_line(slots, hole)->tag[n] = line->tag[from];
            flow_slots_line(slots, hole)->index[n] = line->index[from];
            line->tag[from] = 0;
            hole = at;
            n = from;
        }
        if (!is_full) {
            return;
        }
    }
}

void flow_slots_take_out(struct flow_slots *slots, uint64_t hash, uint32_t index)
{
    struct flow_search search = flow_slots_search(slots, hash);
    uint32_t left;

    do {
        left = search.found;
    } while (flow_slots_next(slots, &search) != index);
    if (left == 0) { /* it had to go on to another line, whose first it is */
        left = flow_line_has(flow_slots_line(slots, search.line), search.tag);
    }
    struct flow_line *line = flow_slots_line(slots, search.line);
    const bool was_full = flow_line_has(line, 0) == 0;
    line->tag[__builtin_ctz(left)] = 0;
    slots->used--;
    if (was_full) {
        close_gap(slots, search.line, (unsigned)__builtin_ctz(left));
    }
}
