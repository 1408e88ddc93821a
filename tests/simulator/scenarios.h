/* scenarios.h: the traffic that can be simulated, by name. */
#ifndef SIMULATOR_SCENARIOS_H
#define SIMULATOR_SCENARIOS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "path.h"
#include "tcp.h"

struct scenario {
    const char *name, *about;
    uint32_t peers, flows;       /* flows: of all peers, in turn */
    uint64_t rtt_ns[2];          /* of the nearest peer and of the farthest */
    uint64_t spread_ns;          /* the flows begin within so long */
    struct path_settings way[2]; /* but for the delay */
    struct tcp_settings tcp;
    bool is_v6, wraps; /* wraps: the sequence numbers pass 2^32 on the way */
};

const struct scenario *scenario_find(const char *name); /* NULL: none of that name */
const struct scenario *scenario_at(size_t index);       /* NULL: no more */

/* Enters all its flows into the world. flows: how many of them, at least one; its own number if 0. The paths are the caller's to
 * free(), after the run. Out of memory ends the program. */
struct path *scenario_play(const struct scenario *scenario, uint32_t flows, struct tcp_world *world);

#endif
