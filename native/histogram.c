/* histogram.c: see histogram.h. */
#include "histogram.h"

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
