/* dogstatsd.h: what rows measured -> datagrams of the DogStatsD protocol, several metrics in each. The metrics, values and tags
 * are those that the Agent's check submits. Pure: no I/O, no clock.
 *
 * A zeroed batch; dogstatsd_tags() for each instance, dogstatsd_row() for each of its rows; then batch->datagrams are to be sent.
 * dogstatsd_clear() and so on; dogstatsd_free() at the end. */
#ifndef GO_METRO_DOGSTATSD_H
#define GO_METRO_DOGSTATSD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "config.h"
#include "interval.h"

#define DOGSTATSD_MAX 1432 /* bytes: with any headers it still fits into one Ethernet frame */

struct dogstatsd_datagram {
    size_t length;
    char bytes[DOGSTATSD_MAX];
};

struct dogstatsd_batch {
    struct dogstatsd_datagram *datagrams;
    size_t count, capacity;
    size_t too_long;  /* metrics that are longer than a datagram, which are left out and never cut */
    size_t no_memory; /* metrics that are left out for want of memory */
};

/* The tags that all rows of an instance have. */
struct dogstatsd_tags {
    size_t length; /* above DOGSTATSD_MAX: they are longer than any datagram */
    char text[DOGSTATSD_MAX];
};

/* iface: and the instance's own tags. What would end a tag or a line where they go (a bar, a comma, a number sign, a control
 * character, a line's end of Unicode) is an underscore. True: there was such a thing. */
bool dogstatsd_tags(struct dogstatsd_tags *out, const struct config_instance *instance);

/* Adds what a row measured: the three gauges, where it has new round trips; extended: the others, and counts. */
void dogstatsd_row(struct dogstatsd_batch *batch, const struct interval *interval, const struct dogstatsd_tags *tags,
                   bool extended);

/* It is empty again; its memory stays. */
void dogstatsd_clear(struct dogstatsd_batch *batch);
void dogstatsd_free(struct dogstatsd_batch *batch);

#endif
