/* path.c: see path.h. */
#include "path.h"

uint64_t path_send(struct path *path, struct clockwork *clock, unsigned from, uint32_t bytes)
{
    const struct path_settings *way = &path->way[from];
    uint64_t at_ns = path->free_ns[from] > clock->now_ns ? path->free_ns[from] : clock->now_ns;

    if (way->rate_bps > 0)
        at_ns += (uint64_t)bytes * 8 * NS_PER_S / way->rate_bps;
    if (clockwork_chance(clock, way->stall))
        at_ns += way->stall_ns;
    path->free_ns[from] = at_ns;
    if (clockwork_chance(clock, way->loss))
        return UINT64_MAX;
    at_ns += way->delay_ns + (way->jitter_ns > 0 ? clockwork_random(clock, way->jitter_ns) : 0);
    if (clockwork_chance(clock, way->reorder))
        return at_ns + way->reorder_ns; /* those behind it overtake it */
    if (at_ns < path->last_ns[from])
        at_ns = path->last_ns[from];
    path->last_ns[from] = at_ns;
    return at_ns;
}
