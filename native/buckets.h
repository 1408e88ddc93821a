/* buckets.h: the part of a histogram that is in use: from its first bucket that is not empty to its last. Pure.
 *
 * buckets_of() a whole histogram; or buckets_reserve(), buckets_keep() for each of many and buckets_kept() to have copies of that
 * part side by side in a bucket_store, whose memory is given back with free(store.counts). Then buckets_difference() between two
 * of one row, and what that says. */
#ifndef GO_METRO_BUCKETS_H
#define GO_METRO_BUCKETS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "histogram.h"

struct buckets {
    const uint32_t *count; /* [0] is of bucket `first`; NULL: the histogram is not known */
    uint32_t first, end;   /* end is one behind the last; equal: all are empty */
};

struct buckets buckets_of(const uint32_t count[static HISTOGRAM_BUCKETS]);

struct bucket_store {
    uint32_t *counts;
    size_t used, room;
};

/* Room for so many counts; more is taken when it does not do. False: out of memory. */
bool buckets_reserve(struct bucket_store *store, size_t count);
/* The first and the end of *out are filled, and its counts are the store's from buckets_kept() on. False: out of memory. */
bool buckets_keep(struct bucket_store *store, const uint32_t count[static HISTOGRAM_BUCKETS], struct buckets *out);
/* When no more come: all that were kept, in their order. */
void buckets_kept(const struct bucket_store *store, struct buckets *all, size_t count);

/* Written out in full. */
void buckets_expand(const struct buckets *buckets, struct histogram *out);

/* What is counted in `now` and not in `then` (NULL: nothing), modulo 2^32. room: for the result's counts. */
struct buckets buckets_difference(const struct buckets *now, const struct buckets *then, uint32_t room[static HISTOGRAM_BUCKETS]);

uint64_t buckets_total(const struct buckets *buckets);

/* The quantile q (from above 0 to 1): linear interpolation inside the bucket that holds rank ceil(q * total). total (above 0): of
 * the buckets. */
uint64_t buckets_quantile_ns(const struct buckets *buckets, uint64_t total, double q);

#endif
