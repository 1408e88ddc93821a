/* pending.c: see pending.h. */
#include "pending.h"

#include <stddef.h>
#include <stdlib.h>

#define CHUNK_ENTRIES (1U << PENDING_CHUNK_BITS)
#define INDEX_MASK ((1U << PENDING_INDEX_BITS) - 1)

static size_t chunk_count(const struct pending_pool *pool)
{
    return (size_t)(pool->limit >> PENDING_CHUNK_BITS) + 1;
}

bool pending_pool_init(struct pending_pool *pool, uint32_t limit)
{
    pool->limit = limit < PENDING_MAX ? limit : PENDING_MAX;
    pool->high = 0;
    pool->unused = PENDING_NONE;
    pool->chunks = calloc(chunk_count(pool), sizeof *pool->chunks);
    return pool->chunks != NULL;
}

void pending_pool_destroy(struct pending_pool *pool)
{
    for (size_t n = 0; pool->chunks != NULL && n < chunk_count(pool); n++) {
        free(pool->chunks[n]);
    }
    free(pool->chunks);
    pool->chunks = NULL;
}

static uint32_t take_fresh(struct pending_pool *pool)
{
    const uint32_t index = pool->high + 1;

    if (index > pool->limit) {
        return PENDING_NONE;
    }
    struct pending **chunk = &pool->chunks[index >> PENDING_CHUNK_BITS];
    if (*chunk == NULL && (*chunk = malloc(CHUNK_ENTRIES * sizeof **chunk)) == NULL) {
        return PENDING_NONE;
    }
    pool->high = index;
    return index;
}

uint32_t pending_take(struct pending_pool *pool)
{
    const uint32_t index = pool->unused;

    if (index == PENDING_NONE) {
        return take_fresh(pool);
    }
    pool->unused = (uint32_t)pending_at(pool, index)->next;
    return index;
}

static void give_back(struct pending_pool *pool, uint32_t index)
{
    pending_at(pool, index)->next = pool->unused & INDEX_MASK;
    pool->unused = index;
}

struct pending *pending_head(const struct pending_list *list, const struct pending_pool *pool)
{
    return pending_at(pool, (uint32_t)pending_at(pool, list->tail)->next);
}

void pending_push(struct pending_list *list, struct pending_pool *pool, uint32_t index)
{
    struct pending *entry = pending_at(pool, index);

    if (list->count == 0) {
        entry->next = index & INDEX_MASK;
    } else {
        struct pending *tail = pending_at(pool, list->tail);
        entry->next = tail->next;
        tail->next = index & INDEX_MASK;
    }
    list->tail = index;
    list->count++;
}

void pending_pop(struct pending_list *list, struct pending_pool *pool)
{
    struct pending *tail = pending_at(pool, list->tail);
    const uint32_t index = (uint32_t)tail->next;

    tail->next = pending_at(pool, index)->next; /* of the last one: to itself, which no longer counts */
    give_back(pool, index);
    list->count--;
}
