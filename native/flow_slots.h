/* flow_slots.h: hash -> the indexes of the records that have it: open addressing by cache lines. For flow.c alone.
 *
 * flow_slots_init() once; flow_slots_put(), flow_slots_take_out(); flow_slots_search() and then flow_slots_next() for one
 * candidate after the other, by 31 bits of the hash, so that hardly ever a record is looked at in vain; flow_slots_destroy().
 *
 * A hash belongs to a line of eight slots, and where that is full to the next one that is not. All tags of a line are compared at
 * once: one slot after the other would be a loop that ends nobody can foretell where. Which line is told by the hash's high bits:
 * so the table is in the order of the hashes, and doubling it is one pass from end to end. */
#ifndef GO_METRO_FLOW_SLOTS_H
#define GO_METRO_FLOW_SLOTS_H

#include <stdbool.h>
#include <stdint.h>
#if defined(__SSE2__)
#include <emmintrin.h>
#endif

#include "arena.h"
#include "prefetch.h"

#define FLOW_SLOTS_MAX_BITS 30
#define FLOW_SLOTS_LINE_BITS 3
#define FLOW_SLOTS_LINE (1U << FLOW_SLOTS_LINE_BITS) /* slots */
#define FLOW_SLOTS_NONE UINT32_MAX

/* Slot n: tag[n], index[n]. */
struct flow_line {
    uint32_t tag[FLOW_SLOTS_LINE];   /* the hash's high bits, and a 1; 0: the slot is empty */
    uint32_t index[FLOW_SLOTS_LINE]; /* of the record */
};

_Static_assert(sizeof(struct flow_line) == CACHE_LINE, "a look at one is a look at all of them");

struct flow_slots {
    struct arena memory; /* struct flow_line */
    uint32_t mask;       /* how many lines there are, a power of two, less one */
    uint32_t shift;      /* of a tag, to where it belongs */
    uint32_t used;
};

struct flow_search {
    uint32_t tag, line;
    uint32_t found; /* bit n: slot n of the line has the tag, and was not given yet */
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
    return (uint32_t)(hash >> 32) | 1;
}

static inline uint32_t flow_slots_home(const struct flow_slots *slots, uint32_t tag)
{
    return tag >> slots->shift;
}

static inline struct flow_line *flow_slots_line(const struct flow_slots *slots, uint32_t line)
{
    return (struct flow_line *)slots->memory.records + (line & slots->mask);
}

static inline void flow_slots_await(const struct flow_slots *slots, uint64_t hash)
{
    __builtin_prefetch(flow_slots_line(slots, flow_slots_home(slots, flow_slots_tag(hash))));
}

/* Bit n: slot n has that tag. */
static inline uint32_t flow_line_has(const struct flow_line *line, uint32_t tag)
{
#if defined(__SSE2__) /* of any x86-64; what GCC makes of the loop takes four times as many instructions */
    const __m128i wanted = _mm_set1_epi32((int)tag);
    const __m128i low = _mm_cmpeq_epi32(_mm_load_si128((const __m128i *)(const void *)line->tag), wanted);
    const __m128i high = _mm_cmpeq_epi32(_mm_load_si128((const __m128i *)(const void *)(line->tag + 4)), wanted);

    return (uint32_t)_mm_movemask_epi8(_mm_packs_epi16(_mm_packs_epi32(low, high), _mm_setzero_si128()));
#else
    uint32_t found = 0;

    for (unsigned n = 0; n < FLOW_SLOTS_LINE; n++) {
        found |= (line->tag[n] == tag ? 1U : 0U) << n;
    }
    return found;
#endif
}

static inline struct flow_search flow_slots_search(const struct flow_slots *slots, uint64_t hash)
{
    struct flow_search search = { .tag = flow_slots_tag(hash) };

    search.line = flow_slots_home(slots, search.tag);
    search.found = flow_line_has(flow_slots_line(slots, search.line), search.tag);
    return search;
}

/* The index of the next record with that hash's tag; FLOW_SLOTS_NONE: there is no more. */
static inline uint32_t flow_slots_next(const struct flow_slots *slots, struct flow_search *search)
{
    const struct flow_line *line = flow_slots_line(slots, search->line);

    while (search->found == 0) {
        if (flow_line_has(line, 0) != 0) {
            return FLOW_SLOTS_NONE;
        }
        line = flow_slots_line(slots, ++search->line);
        search->found = flow_line_has(line, search->tag);
    }
    const uint32_t index = line->index[__builtin_ctz(search->found)];
    search->found &= search->found - 1;
    return index;
}

#endif
