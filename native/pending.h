/* pending.h: the bounded pool of timed segments that wait for their ACK, shared by all flows.
 *
 * pending_pool_init() once; pending_take() and pending_push(), pending_head() and pending_pop() while data is in flight;
 * pending_pool_destroy() at the end. Memory is taken in large chunks as it is needed and never moved: no packet pays for a
 * copy. */
#ifndef GO_METRO_PENDING_H
#define GO_METRO_PENDING_H

#include <stdbool.h>
#include <stdint.h>

#define PENDING_NONE 0U /* no entry: indexes begin with 1 */
#define PENDING_INDEX_BITS 24
#define PENDING_MAX ((1U << PENDING_INDEX_BITS) - 2)
#define PENDING_AGAIN_BITS 36 /* 68 s: a retransmission that comes later is not told apart */
#define PENDING_CHUNK_BITS 12

struct pending {
    uint32_t start, end;   /* SEG.SEQ, SEG.SEQ + SEG.LEN */
    int64_t time_ns;       /* capture time of the first transmission */
    uint32_t ts_val;       /* its TSval, under has_ts */
    uint32_t again_ts_val; /* of the last retransmission, under has_again; the packet's identity until it is retransmitted */
    uint64_t next : PENDING_INDEX_BITS;
    uint64_t again_ns : PENDING_AGAIN_BITS; /* from the first transmission to the last */
    uint64_t is_syn : 1;
    uint64_t has_ts : 1;
    uint64_t retransmitted : 1;
    uint64_t has_again : 1; /* the transmissions' TSvals differ, so that a TSecr can tell them apart */
};

_Static_assert(sizeof(struct pending) == 32, "two to a cache line");

/* Segments of one half in the order they were sent. All zero bytes: none. */
struct pending_list {
    uint32_t tail; /* the newest; its `next` is the oldest, so that one index is enough */
    uint16_t count;
    uint16_t note; /* the owner's own: the list would end in padding here */
};

struct pending_pool {
    struct pending **chunks;
    uint32_t limit;  /* entries at most */
    uint32_t high;   /* indexes 1..high were in use once */
    uint32_t unused; /* list of those given back */
};

/* False: out of memory (the pool is empty and may be destroyed). limit is cut to PENDING_MAX. */
bool pending_pool_init(struct pending_pool *pool, uint32_t limit);
void pending_pool_destroy(struct pending_pool *pool);
/* An entry, its contents undefined; PENDING_NONE at the limit or out of memory. */
uint32_t pending_take(struct pending_pool *pool);

/* The list must not be empty for pending_head() (the oldest) and pending_pop() (takes that off and gives it back). */
struct pending *pending_head(const struct pending_list *list, const struct pending_pool *pool);
void pending_push(struct pending_list *list, struct pending_pool *pool, uint32_t index);
void pending_pop(struct pending_list *list, struct pending_pool *pool);

static inline struct pending *pending_at(const struct pending_pool *pool, uint32_t index)
{
    return &pool->chunks[index >> PENDING_CHUNK_BITS][index & ((1U << PENDING_CHUNK_BITS) - 1)];
}

#endif
