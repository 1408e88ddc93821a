/* histogram.h: a log-linear histogram of nanoseconds, cumulative, with buckets at most 6.25 % wide.
 *
 * Bucket 0 holds what is below 2^HISTOGRAM_MIN_EXP (512 ns); then each octave is cut into 16 equal buckets up to 2^37 ns
 * (137 s). The layout is part of the segment's ABI: histogram_lower_ns() and histogram_upper_ns() are the only formula. */
#ifndef GO_METRO_HISTOGRAM_H
#define GO_METRO_HISTOGRAM_H

#include <stdint.h>

#define HISTOGRAM_MIN_EXP 9
#define HISTOGRAM_MAX_EXP 37
#define HISTOGRAM_SUB_BITS 4
#define HISTOGRAM_SUB_BUCKETS (1U << HISTOGRAM_SUB_BITS)
#define HISTOGRAM_BUCKETS (1 + ((HISTOGRAM_MAX_EXP - HISTOGRAM_MIN_EXP) << HISTOGRAM_SUB_BITS)) /* 449 */

struct histogram {
    uint32_t count[HISTOGRAM_BUCKETS]; /* modulo 2^32 */
};

/* Values above the last bucket fall into it. In the header, as each sample calls it. */
static inline uint32_t histogram_bucket(uint64_t ns)
{
    if (ns < (UINT64_C(1) << HISTOGRAM_MIN_EXP)) {
        return 0;
    }
    if (ns >= (UINT64_C(1) << HISTOGRAM_MAX_EXP)) {
        return HISTOGRAM_BUCKETS - 1;
    }
    const uint32_t exponent = 63U - (uint32_t)__builtin_clzll(ns);
    const uint32_t sub = (uint32_t)(ns >> (exponent - HISTOGRAM_SUB_BITS)) & (HISTOGRAM_SUB_BUCKETS - 1);

    return 1 + ((exponent - HISTOGRAM_MIN_EXP) << HISTOGRAM_SUB_BITS) + sub;
}

static inline void histogram_add(struct histogram *histogram, uint64_t ns)
{
    histogram->count[histogram_bucket(ns)]++;
}

uint64_t histogram_lower_ns(uint32_t bucket); /* inclusive */
uint64_t histogram_upper_ns(uint32_t bucket); /* exclusive */

/* ceil(q * total), kept within 1..total whatever q is (NaN included); total above 0. */
uint64_t histogram_rank(double q, uint64_t total);
/* Where the nth (from 1) of the bucket's `count` samples is: they are taken as spread evenly, each in the middle of its share. */
uint64_t histogram_within_ns(uint32_t bucket, uint64_t nth, uint32_t count);

#endif
