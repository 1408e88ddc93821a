/* peer_fixture.h: statistics with their histogram in one piece, to be kept and compared. */
#ifndef GO_METRO_PEER_FIXTURE_H
#define GO_METRO_PEER_FIXTURE_H

#include <stddef.h>
#include <string.h>

#include "peer.h"

struct kept_stats {
    struct peer_stats stats; /* .histogram: none */
    struct histogram histogram;
};

/* Padding and all, so that two can be compared as bytes. */
static inline void keep_stats(struct kept_stats *out, const struct peer_stats *stats)
{
    memset(out, 0, sizeof *out);
    memcpy(&out->stats, stats, sizeof out->stats);
    out->stats.histogram = NULL;
    memcpy(&out->histogram, stats->histogram, sizeof out->histogram);
}

#endif
