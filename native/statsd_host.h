/* statsd_host.h: where dogstatsd is: an address, or a name whose addresses are asked for again and again.
 *
 * statsd_host_set() from the configuration; statsd_host_ask() about once a second; statsd_host_answer() for each answer of the
 * resolver; statsd_host_next() when nobody is at the present address. No I/O of its own, no clock: time is an argument. */
#ifndef GO_METRO_STATSD_HOST_H
#define GO_METRO_STATSD_HOST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "address.h"
#include "resolve.h"

#define STATSD_HOST_ADDRESSES 16 /* of a name, the first ones */

struct statsd_host {
    char name[RESOLVE_NAME_MAX];
    struct ip_address addresses[STATSD_HOST_ADDRESSES];
    size_t count, present;
    bool is_name, was_asked;
    uint32_t asked_s;
    const char *error; /* why the name did not resolve when last asked; NULL: it did, or no answer came yet */
};

void statsd_host_set(struct statsd_host *host, const char *name);

/* Asks when it is due: every interval_s, after a failure every 15 s. */
void statsd_host_ask(struct statsd_host *host, struct resolver *resolver, uint32_t now_s, uint32_t interval_s);

/* True: statsd_host_address() is another now. A name that fails keeps its addresses, and one that is there stays the present one.
 */
bool statsd_host_answer(struct statsd_host *host, const struct resolve_answer *answer);

/* NULL: not known yet. */
const struct ip_address *statsd_host_address(const struct statsd_host *host);

/* On to the next address in turn. False: there is no other. */
bool statsd_host_next(struct statsd_host *host);

#endif
