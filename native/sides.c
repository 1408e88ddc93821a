/* sides.c: see sides.h. */
#include "sides.h"

#include <stddef.h>

#define BOTH 3U

static bool contains(const struct netset *set, const struct ip_address *address)
{
    uint32_t value;

    return set != NULL && netset_lookup(set, address, &value);
}

bool sides_is_ours(const struct meter_instance *instance, const struct ip_address *address)
{
    return instance->both_sides || contains(instance->local_own, address) || contains(instance->local_host, address)
           || contains(instance->local_nets, address);
}

/* The sides that are ours, by the first set that knows either. */
static unsigned sides_ours(const struct meter_instance *instance, const struct ip_address address[static 2])
{
    const struct netset *const sets[] = { instance->local_own, instance->local_host, instance->local_nets };
    unsigned ours = instance->both_sides ? BOTH : 0;

    for (size_t n = 0; ours == 0 && n < sizeof sets / sizeof sets[0]; n++) {
        ours = (contains(sets[n], &address[0]) ? 1U : 0U) | (contains(sets[n], &address[1]) ? 2U : 0U);
    }
    return ours;
}

unsigned sides_measured(const struct meter_instance *instance, const struct ip_address address[static 2],
                        enum packet_reason *reason)
{
    unsigned sides = sides_ours(instance, address);

    if (sides == 0) {
        *reason = PACKET_NOT_OURS;
        return 0;
    }
    *reason = PACKET_UNWANTED;
    for (unsigned side = 0; instance->whitelist != NULL && !instance->all_peers && side < 2; side++) {
        if (!contains(instance->whitelist, &address[1 - side])) {
            sides &= ~(1U << side);
        }
    }
    return sides;
}
