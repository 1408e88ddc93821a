/* clock.h: the system's clocks in nanoseconds. */
#ifndef GO_METRO_CLOCK_H
#define GO_METRO_CLOCK_H

#include <stdint.h>
#include <time.h>

/* ns of CLOCK_BOOTTIME, CLOCK_MONOTONIC or CLOCK_REALTIME (since the epoch); 0 for a clock that the system does not have. */
uint64_t clock_ns(clockid_t clock);

#endif
