/* interval.h: two copies of the segment -> what each row measured between them.
 *
 * interval_index_init() with the earlier copy, interval_find() for each row of the later one, interval_measure() for its
 * values, interval_index_free(). Differences are modulo the width of the field. Pure: no I/O, no clock. */
#ifndef GO_METRO_INTERVAL_H
#define GO_METRO_INTERVAL_H

#include <stdbool.h>
#include <stdint.h>

#include "buckets.h"
#include "departed.h"
#include "row_index.h"
#include "segment.h"
#include "segment_reader.h"

/* One row at two times. */
struct interval {
    const struct seg_row *now;
    const struct seg_row *then; /* NULL: the row's whole life is the interval. Of a row `other`: with what it was given since by
                                   rows that made room, and did not count itself */
    struct buckets now_buckets, then_buckets;
};

/* X(name): values in ms. last, avg (SRTT) and jitter are as they stand now, window_min is of the last 300 s; the others are of
 * the interval. min and max: exact over a whole life, else the bounds of the buckets that were hit, narrowed by what the whole
 * life says; no percentile is outside of them. */
#define INTERVAL_MEASURES(X) X(last) X(avg) X(jitter) X(mean) X(p50) X(p95) X(p99) X(min) X(max) X(window_min) X(handshake)

enum interval_measure {
#define X(name) INTERVAL_##name,
    INTERVAL_MEASURES(X)
#undef X
        INTERVAL_MEASURE_COUNT
};

#define INTERVAL_NONE (-1.0) /* no sample, or no histogram, to tell it from */

/* The earlier copy's rows by their birth, which no two of a helper's life have in common. `departed` is made for the first row
 * `other`. */
struct interval_index {
    struct row_index rows; /* its copy NULL: no earlier copy, or of another helper process */
    struct departed departed;
};

/* Whether both were published by the same helper process. */
bool interval_same_helper(const struct segment_copy *a, const struct segment_copy *b);

/* earlier: NULL or a copy that outlives the index. Of another helper process it counts as none. */
void interval_index_init(struct interval_index *index, const struct segment_copy *earlier, const struct segment_copy *later);
void interval_index_free(struct interval_index *index);

/* *out: row `place` of `later` and what it was then. 0; -1: out of memory. */
int interval_find(struct interval_index *index, const struct segment_copy *later, uint32_t place, struct interval *out);

/* The counters at the beginning of the interval: all zero when it is the whole life. */
const struct seg_row *interval_start(const struct interval *interval);

/* The samples of the interval; all empty where one of its ends was read without histograms. room: for their counts. */
struct buckets interval_buckets(const struct interval *interval, uint32_t room[static HISTOGRAM_BUCKETS]);

void interval_measure(const struct interval *interval, double ms[static INTERVAL_MEASURE_COUNT]);

#endif
