/* peer_fixture.h: statistics with their histogram in one piece, to be kept and compared. */
#ifndef GO_METRO_PEER_FIXTURE_H
#define GO_METRO_PEER_FIXTURE_H

#include "peer.h"

struct kept_stats {
    struct peer_stats stats; /* .histogram: none */
    struct histogram histogram;
};

static inline struct kept_stats kept(const struct peer_stats *stats)
{
    struct kept_stats out = { *stats, *stats->histogram };

    out.stats.histogram = NULL;
    return out;
}

#endif
