/* path.h: the way between two hosts: delay, rate, jitter, loss, reordering, standstill; each direction has its own. */
#ifndef SIMULATOR_PATH_H
#define SIMULATOR_PATH_H

#include <stdbool.h>
#include <stdint.h>

#include "clockwork.h"

struct path_settings {
    uint64_t delay_ns;  /* one way */
    uint64_t jitter_ns; /* up to so much more, in order */
    uint64_t rate_bps;  /* 0: without a limit */
    uint32_t loss;      /* parts in a million */
    uint32_t reorder;   /* parts in a million that come reorder_ns later than the rest */
    uint64_t reorder_ns;
    uint32_t stall; /* parts in a million before which the path stands still for stall_ns */
    uint64_t stall_ns;
};

struct path {
    struct path_settings way[2]; /* [n]: of what side n sends */
    uint64_t free_ns[2], last_ns[2];
};

/* When a packet of that size that side `from` sends now arrives; UINT64_MAX: never. */
uint64_t path_send(struct path *path, struct clockwork *clock, unsigned from, uint32_t bytes);

#endif
