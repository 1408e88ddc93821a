/* arena.h: an array of records that grows in place: addresses for the most there may be, memory for what is used.
 *
 * arena_init() once; arena_reach() before the first use of a record, in rising order; arena_destroy(). Records are zero at first,
 * never move, and lie side by side, so that finding one is an addition. With more than a step the kernel is asked for huge pages:
 * with many records it is the page table that is not near. */
#ifndef GO_METRO_ARENA_H
#define GO_METRO_ARENA_H

#include <stdbool.h>
#include <stddef.h>

struct arena {
    void *records;   /* on a boundary of ARENA_STEP; NULL: not there */
    size_t record;   /* size of one, bytes */
    size_t backed;   /* bytes that may be used */
    size_t reserved; /* bytes of addresses from `mapped` on */
    void *mapped;
};

#define ARENA_STEP ((size_t)2 << 20) /* bytes: a huge page */

/* False: out of memory (the arena is empty and may be destroyed). */
bool arena_init(struct arena *arena, size_t record, size_t most);
void arena_destroy(struct arena *arena);
bool arena_grow(struct arena *arena, size_t bytes); /* for arena_reach() */

/* Makes the records 0..index usable; index < most. False: out of memory. */
static inline bool arena_reach(struct arena *arena, size_t index)
{
    const size_t bytes = (index + 1) * arena->record;

    return bytes <= arena->backed || arena_grow(arena, bytes);
}

#endif
