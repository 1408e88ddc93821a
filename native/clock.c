/* clock.c: the system's clocks in nanoseconds. */
#include "clock.h"

uint64_t clock_ns(clockid_t clock)
{
    struct timespec now = { 0 };

    clock_gettime(clock, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}
