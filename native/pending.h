/* pending.h: the bounded pool of timed segments that wait for their ACK, shared by all flows.
 *
 * pending_pool_init() once; pending_take() and pending_push(), pending_head() and pending_pop() while data is in flight;
 * pending_pool_destroy() at the end. Entries never move: no packet pays for a copy. */
#ifndef GO_METRO_PENDING_H
#define GO_METRO_PENDING_H

#include <stdbool.h>
#include <stdint.h>

#include "arena.h"

#define PENDING_NONE 0U /* no entry: indexes begin with 1 */
#define PENDING_INDEX_BITS 24
#define PENDING_INDEX_MASK ((1U << PENDING_INDEX_BITS) - 1)
#define PENDING_MAX ((1U << PENDING_INDEX_BITS) - 2)
#define PENDING_AGAIN_BITS 36 /* 68 s: a retransmission that comes later is not told apart */

struct pending {
    uint32_t start, end;   /* SEG.SEQ, SEG.SEQ + SEG.LEN */
    int64_t time_ns;       /* capture time of the first transmission */
    uint32_t ts_val;       /* its TSval, under has_ts */
    uint32_t again_ts_val; /* of the last retransmission, under has_again; the packet's identity until it is retransmitted */
    uint32_t again_low;    /* from the first transmission to the last, ns: low 32 bits */
    uint32_t next : PENDING_INDEX_BITS;
    uint32_t again_high : PENDING_AGAIN_BITS - 32;
    uint32_t is_syn : 1;
    uint32_t has_ts : 1;
    uint32_t retransmitted : 1;
    uint32_t has_again : 1; /* the transmissions' TSvals differ, so that a TSecr can tell them apart */
};

_Static_assert(sizeof(struct pending) == 32, "two to a cache line");

/* Segments of one half in the order they were sent. All zero bytes: none. */
struct pending_list {
    uint32_t tail; /* the newest; its `next` is the oldest, so that one index is enough */
    uint16_t count;
    uint16_t note; /* the owner's own: the list would end in padding here */
};

struct pending_pool {
    struct arena entries; /* struct pending */
    uint32_t limit;       /* entries at most */
    uint32_t high;        /* indexes 1..high were in use once */
    uint32_t unused;      /* list of those given back */
};

/* False: out of memory (the pool is empty and may be destroyed). limit is cut to PENDING_MAX. */
bool pending_pool_init(struct pending_pool *pool, uint32_t limit);
void pending_pool_destroy(struct pending_pool *pool);
/* One that was never in use; PENDING_NONE at the limit or out of memory. */
uint32_t pending_take_fresh(struct pending_pool *pool);

/* The rest is called for each packet, and so stands in the header. */

static inline struct pending *pending_at(const struct pending_pool *pool, uint32_t index)
{
    return (struct pending *)pool->entries.records + index;
}

/* Asks for the newest, which knows the oldest; then for that. Without a look whether there is one, as nobody could foretell it:
 * asking for what is not there does no harm. */
static inline void pending_await(const struct pending_pool *pool, const struct pending_list *list)
{
    __builtin_prefetch(pending_at(pool, list->tail), 1);
}

static inline void pending_await_head(const struct pending_pool *pool, const struct pending_list *list)
{
    if (list->count > 1) {
        __builtin_prefetch(pending_at(pool, (uint32_t)pending_at(pool, list->tail)->next), 1);
    }
}

/* An entry, its contents undefined; PENDING_NONE at the limit or out of memory. */
static inline uint32_t pending_take(struct pending_pool *pool)
{
    const uint32_t index = pool->unused;

    if (index == PENDING_NONE) {
        return pending_take_fresh(pool);
    }
    pool->unused = (uint32_t)pending_at(pool, index)->next;
    return index;
}

static inline void pending_give_back(struct pending_pool *pool, uint32_t index)
{
    pending_at(pool, index)->next = pool->unused & PENDING_INDEX_MASK;
    pool->unused = index;
}

/* The oldest; the list must not be empty, nor for pending_pop(). */
static inline struct pending *pending_head(const struct pending_list *list, const struct pending_pool *pool)
{
    return pending_at(pool, (uint32_t)pending_at(pool, list->tail)->next);
}

static inline void pending_push(struct pending_list *list, struct pending_pool *pool, uint32_t index)
{
    struct pending *entry = pending_at(pool, index);

    if (list->count == 0) {
        entry->next = index & PENDING_INDEX_MASK;
    } else {
        struct pending *tail = pending_at(pool, list->tail);
        entry->next = tail->next;
        tail->next = index & PENDING_INDEX_MASK;
    }
    list->tail = index;
    list->count++;
}

/* Takes the oldest off and gives it back. But for its `next` it may be read until the next pending_take(). */
static inline void pending_pop(struct pending_list *list, struct pending_pool *pool)
{
    struct pending *tail = pending_at(pool, list->tail);
    const uint32_t index = (uint32_t)tail->next;

    tail->next = pending_at(pool, index)->next; /* of the last one: to itself, which no longer counts */
    pending_give_back(pool, index);
    list->count--;
}

/* The same of the oldest `count` entries at once, `last` being the newest of them. */
static inline void pending_pop_through(struct pending_list *list, struct pending_pool *pool, struct pending *last, uint32_t count)
{
    struct pending *tail = pending_at(pool, list->tail);
    const uint32_t first = tail->next;

    tail->next = last->next; /* if they are all, nobody looks at it */
    last->next = pool->unused & PENDING_INDEX_MASK;
    pool->unused = first;
    list->count = (uint16_t)(list->count - count);
}

#endif
