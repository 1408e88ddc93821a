/* histogram.c: see histogram.h. */
#include "histogram.h"

#include <stddef.h>

uint64_t histogram_lower_ns(uint32_t bucket)
{
    if (bucket == 0) {
        return 0;
    }
    if (bucket >= HISTOGRAM_BUCKETS) {
        return UINT64_C(1) << HISTOGRAM_MAX_EXP;
    }
    const uint32_t octave = (bucket - 1) >> HISTOGRAM_SUB_BITS;
    const uint64_t sub = (bucket - 1) & (HISTOGRAM_SUB_BUCKETS - 1);

    return (HISTOGRAM_SUB_BUCKETS + sub) << (octave + HISTOGRAM_MIN_EXP - HISTOGRAM_SUB_BITS);
}

uint64_t histogram_upper_ns(uint32_t bucket)
{
    return histogram_lower_ns(bucket < HISTOGRAM_BUCKETS ? bucket + 1 : HISTOGRAM_BUCKETS);
}

static uint32_t difference(const struct histogram *now, const struct histogram *then, uint32_t bucket)
{
    return now->count[bucket] - (then == NULL ? 0 : then->count[bucket]);
}

uint64_t histogram_interval(const struct histogram *now, const struct histogram *then, uint64_t *lower_ns, uint64_t *upper_ns)
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

uint64_t histogram_rank(double q, uint64_t total)
{
    if (!(q > 0)) {
        return 1;
    }
    if (q >= 1) {
        return total;
    }
    const double exact = q * (double)total;
    const uint64_t below = (uint64_t)exact;
    const uint64_t rank = below + ((double)below < exact ? 1 : 0);

    return rank < 1 ? 1 : rank > total ? total : rank;
}

uint64_t histogram_within_ns(uint32_t bucket, uint64_t nth, uint32_t count)
{
    const double width = (double)(histogram_upper_ns(bucket) - histogram_lower_ns(bucket));

    return histogram_lower_ns(bucket) + (uint64_t)(width * (((double)nth - 0.5) / (double)count));
}

uint64_t histogram_quantile_ns(const struct histogram *now, const struct histogram *then, double q)
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
