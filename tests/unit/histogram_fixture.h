/* histogram_fixture.h: what a histogram says, bucket by bucket: what buckets.h, which looks at those in use alone, is held
 * against. */
#ifndef GO_METRO_HISTOGRAM_FIXTURE_H
#define GO_METRO_HISTOGRAM_FIXTURE_H

#include <stddef.h>
#include <stdint.h>

#include "histogram.h"

static inline uint32_t difference(const struct histogram *now, const struct histogram *then, uint32_t bucket)
{
    return now->count[bucket] - (then == NULL ? 0 : then->count[bucket]);
}

/* The number of samples counted in `now` and not in `then` (NULL: none), and the lower bound of the first and the upper bound of
 * the last bucket that has any. */
static inline uint64_t histogram_interval(const struct histogram *now, const struct histogram *then, uint64_t *lower_ns,
                                          uint64_t *upper_ns)
{
    uint64_t total = 0;

    *lower_ns = 0;
    *upper_ns = 0;
    for (uint32_t bucket = 0; bucket < HISTOGRAM_BUCKETS; bucket++) {
        const uint32_t count = difference(now, then, bucket);
        if (count == 0) {
            continue;
        }
        if (total == 0) {
            *lower_ns = histogram_lower_ns(bucket);
        }
        *upper_ns = histogram_upper_ns(bucket);
        total += count;
    }
    return total;
}

/* The quantile q (0..1) of them, differences modulo 2^32: linear interpolation inside the bucket that holds rank ceil(q * n). 0
 * when there is none. */
static inline uint64_t histogram_quantile_ns(const struct histogram *now, const struct histogram *then, double q)
{
    uint64_t lower, upper;
    const uint64_t total = histogram_interval(now, then, &lower, &upper);
    uint64_t left = total == 0 ? 0 : histogram_rank(q, total);

    if (left == 0) {
        return 0;
    }
    for (uint32_t bucket = 0; bucket < HISTOGRAM_BUCKETS; bucket++) {
        const uint32_t count = difference(now, then, bucket);
        if (left > count) {
            left -= count;
            continue;
        }
        return histogram_within_ns(bucket, left, count);
    }
    return upper;
}

#endif
