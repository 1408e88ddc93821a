/* since.h: since when something is so of which instances of the meter, each at its own time.
 *
 * All zero: of none. since_note() when it becomes so; since_later() for each frame; `instances` = 0 to forget it. */
#ifndef GO_METRO_SINCE_H
#define GO_METRO_SINCE_H

#include <stdint.h>

#include "meter.h"

struct since {
    uint64_t instances; /* as bits */
    int64_t newest_ns;  /* of the times ever noted, since there were none */
    int64_t at_ns[METER_MAX_INSTANCES];
};

void since_note(struct since *since, uint64_t instances, int64_t at_ns);
/* Those of them whose time is later than that one. */
uint64_t since_later(const struct since *since, int64_t time_ns);

#endif
