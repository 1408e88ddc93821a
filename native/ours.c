/* ours.c: see ours.h.
 *
 * Ours is who has an address of the interface, and where neither side has one, who has an address of the host. Of two addresses
 * with only the first in either set, it is the first then. The same holds for the interface's addresses alone, and for the
 * host's where the interface has none. */
#include "ours.h"

#include <stddef.h>

/* So many of them do not crowd a whitelist out of the kernel (two searches; ten instructions for an IPv6 address). A host of
 * containers has a link-local address for each, which no other interface sees. */
#define HOST_MAX 64

struct copy {
    struct netset *set;
    bool failed;
};

static void add(const struct ip_prefix *prefix, uint32_t value, void *arg)
{
    struct copy *copy = arg;

    if (netset_add(copy->set, prefix, value) < 0)
        copy->failed = true;
}

static size_t count(const struct netset *set)
{
    return set == NULL ? 0 : netset_count(set);
}

struct netset *ours_make(const struct netset *own, const struct netset *host)
{
    struct copy copy = { netset_new(), false };

    if (copy.set == NULL)
        return NULL;
    if (own != NULL)
        netset_each(own, add, &copy);
    if (host != NULL && (count(host) <= HOST_MAX || count(own) == 0))
        netset_each(host, add, &copy);
    if (!copy.failed && netset_count(copy.set) > 0)
        return copy.set;
    netset_free(copy.set);
    return NULL;
}
