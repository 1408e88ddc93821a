/* interval.c: what each row measured between two copies of the segment. */
#include "interval.h"

#include <string.h>

#include "histogram.h"

#define NS_PER_MS 1e6

bool interval_same_helper(const struct segment_copy *a, const struct segment_copy *b)
{
    const struct seg_header *one = &a->header, *two = &b->header;

    return one->pid == two->pid && one->pid_start_ticks == two->pid_start_ticks
           && one->start_boottime_ns == two->start_boottime_ns && memcmp(one->boot_id, two->boot_id, sizeof one->boot_id) == 0;
}

static int compare_births(const void *a, const void *b)
{
    const struct seg_row *one = *(const struct seg_row *const *)a, *two = *(const struct seg_row *const *)b;

    return (one->birth > two->birth) - (one->birth < two->birth);
}

void interval_index_init(struct interval_index *index, const struct segment_copy *earlier, const struct segment_copy *later)
{
    const bool is_same = earlier != NULL && interval_same_helper(earlier, later);

    index->rows = (struct row_index){ .copy = is_same ? earlier : NULL, .compare = compare_births };
    index->departed = (struct departed){ 0 };
}

void interval_index_free(struct interval_index *index)
{
    row_index_free(&index->rows);
    departed_free(&index->departed);
}

int interval_find(struct interval_index *index, const struct segment_copy *later, uint32_t place, struct interval *out)
{
    const struct segment_copy *earlier = index->rows.copy;

    *out = (struct interval){ .now = &later->rows[place] };
    if (row_index_find(&index->rows, out->now, place, &out->then) < 0)
        return -1;
    if ((out->now->flags & SEG_ROW_OTHER) != 0 && earlier != NULL)
        return departed_add(&index->departed, earlier, later, out->now, &out->then);
    if (later->buckets != NULL)
        out->now_buckets = later->buckets[place];
    if (out->then != NULL && earlier->buckets != NULL)
        out->then_buckets = earlier->buckets[out->then - earlier->rows];
    return 0;
}

const struct seg_row *interval_start(const struct interval *interval)
{
    static const struct seg_row birth;

    return interval->then != NULL ? interval->then : &birth;
}

static double to_ms(uint64_t ns)
{
    return (double)ns / NS_PER_MS;
}

static double clamp(double value, double low, double high)
{
    return value < low ? low : value > high ? high : value;
}

struct buckets interval_buckets(const struct interval *interval, uint32_t room[static HISTOGRAM_BUCKETS])
{
    static const struct buckets none;

    if (interval->now_buckets.count == NULL || (interval->then != NULL && interval->then_buckets.count == NULL))
        return none;
    return buckets_difference(&interval->now_buckets, interval->then == NULL ? NULL : &interval->then_buckets, room);
}

static void measure_bounds(const struct interval *in, const struct buckets *buckets, double ms[static INTERVAL_MEASURE_COUNT])
{
    const double life_min = to_ms(in->now->min_ns), life_max = to_ms(in->now->max_ns);

    if (in->then == NULL) {
        ms[INTERVAL_min] = life_min;
        ms[INTERVAL_max] = life_max;
    } else if (buckets->first < buckets->end) {
        ms[INTERVAL_min] = clamp(to_ms(histogram_lower_ns(buckets->first)), life_min, life_max);
        ms[INTERVAL_max] = clamp(to_ms(histogram_upper_ns(buckets->end - 1)), life_min, life_max);
    }
}

/* After measure_bounds(): a bucket is wider than what is known of the samples in it. */
static void measure_quantiles(const struct buckets *buckets, double ms[static INTERVAL_MEASURE_COUNT])
{
    static const struct {
        enum interval_measure measure;
        double q;
    } quantiles[] = { { INTERVAL_p50, 0.50 }, { INTERVAL_p95, 0.95 }, { INTERVAL_p99, 0.99 } };
    const uint64_t total = buckets_total(buckets);

    for (size_t i = 0; i < sizeof quantiles / sizeof quantiles[0] && total > 0; i++)
        ms[quantiles[i].measure] = clamp(to_ms(buckets_quantile_ns(buckets, total, quantiles[i].q)), ms[INTERVAL_min],
                                         ms[INTERVAL_max]);
}

void interval_measure(const struct interval *interval, double ms[static INTERVAL_MEASURE_COUNT])
{
    const struct seg_row *now = interval->now, *then = interval_start(interval);
    const uint64_t samples = now->samples - then->samples;
    const uint64_t handshakes = now->handshake_samples - then->handshake_samples;
    uint32_t room[HISTOGRAM_BUCKETS];
    struct buckets buckets;

    for (int i = 0; i < INTERVAL_MEASURE_COUNT; i++)
        ms[i] = INTERVAL_NONE;
    if (samples == 0 || (now->flags & SEG_ROW_OTHER) != 0)
        return;
    ms[INTERVAL_last] = to_ms(now->last_ns);
    ms[INTERVAL_avg] = to_ms(now->srtt_ns);
    ms[INTERVAL_jitter] = to_ms(now->jitter_ns);
    ms[INTERVAL_mean] = to_ms(now->sum_ns - then->sum_ns) / (double)samples;
    if (now->window_min_ns != 0)
        ms[INTERVAL_window_min] = to_ms(now->window_min_ns);
    if (handshakes != 0)
        ms[INTERVAL_handshake] = to_ms(now->handshake_sum_ns - then->handshake_sum_ns) / (double)handshakes;
    buckets = interval_buckets(interval, room);
    measure_bounds(interval, &buckets, ms);
    measure_quantiles(&buckets, ms);
}
