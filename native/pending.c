/* pending.c: see pending.h. */
#include "pending.h"

bool pending_pool_init(struct pending_pool *pool, uint32_t limit)
{
    pool->limit = limit < PENDING_MAX ? limit : PENDING_MAX;
    pool->high = 0;
    pool->unused = PENDING_NONE;
    return arena_init(&pool->entries, sizeof(struct pending), (size_t)pool->limit + 1);
}

void pending_pool_destroy(struct pending_pool *pool)
{
    arena_destroy(&pool->entries);
}

uint32_t pending_take_fresh(struct pending_pool *pool)
{
    return pool->high < pool->limit && arena_reach(&pool->entries, pool->high + 1) ? ++pool->high : PENDING_NONE;
}
