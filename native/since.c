/* since.c: see since.h. */
#include "since.h"

void since_note(struct since *since, uint64_t instances, int64_t at_ns)
{
    if (instances == 0)
        return;
    if (since->instances == 0 || at_ns > since->newest_ns)
        since->newest_ns = at_ns;
    since->instances |= instances;
    for (uint64_t left = instances; left != 0; left &= left - 1)
        since->at_ns[__builtin_ctzll(left)] = at_ns;
}

/* Nearly every frame is of after all of them. */
uint64_t since_later(const struct since *since, int64_t time_ns)
{
    uint64_t later = 0;

    if (time_ns >= since->newest_ns)
        return 0;
    for (uint64_t left = since->instances; left != 0; left &= left - 1)
        if (time_ns < since->at_ns[__builtin_ctzll(left)])
            later |= left & -left;
    return later;
}
