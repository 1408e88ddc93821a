/* live_rows.c: what each row of the meter measured since the last look at it. */
#include "live_rows.h"

#include <stdlib.h>
#include <string.h>

#include "interval.h"
#include "report_meter.h"

#define ROWS_AT_FIRST 64

/* A row at the last look. */
struct earlier {
    uint64_t birth;          /* 0: it was not there */
    struct peer_stats stats; /* its histogram is the meter's, of now */
    struct histogram histogram;
};

struct live_rows {
    struct earlier *earlier; /* by its place among the rows */
    size_t capacity;
    struct earlier other; /* the row `other` is always the last */
    /* for the row callback */
    size_t place;
    bool is_short_of_memory;
    void (*fn)(const struct report_row *row, void *arg);
    void *arg;
};

struct live_rows *live_rows_new(void)
{
    return calloc(1, sizeof(struct live_rows));
}

void live_rows_free(struct live_rows *rows)
{
    if (rows == NULL)
        return;
    free(rows->earlier);
    free(rows);
}

/* What interval.h wants to know of a row. */
struct published {
    struct seg_row row;
    struct seg_histogram histogram;
};

static void publish(struct published *out, const struct peer_stats *stats, const struct histogram *histogram)
{
    out->row = (struct seg_row){ .samples = stats->samples,
                                 .handshake_samples = stats->handshake_samples,
                                 .sum_ns = stats->sum_ns,
                                 .handshake_sum_ns = stats->handshake_sum_ns,
                                 .last_ns = stats->last_ns,
                                 .min_ns = stats->min_ns,
                                 .max_ns = stats->max_ns };
    memcpy(out->histogram.count, histogram->count, sizeof out->histogram.count);
}

static uint64_t to_ns(double ms)
{
    return ms <= 0 ? 0 : (uint64_t)(ms * 1e6 + 0.5);
}

static void measure_bounds(struct report_row *out, const struct peer_stats *now, const struct earlier *then)
{
    struct published now_published, then_published;
    struct interval interval = { .now = &now_published.row };
    double ms[INTERVAL_MEASURE_COUNT];

    publish(&now_published, now, now->histogram);
    interval.now_buckets = buckets_of(now_published.histogram.count);
    if (then->birth != 0) {
        publish(&then_published, &then->stats, &then->histogram);
        interval.then = &then_published.row;
        interval.then_buckets = buckets_of(then_published.histogram.count);
    }
    interval_measure(&interval, ms);
    out->min_ns = to_ns(ms[INTERVAL_min]);
    out->max_ns = to_ns(ms[INTERVAL_max]);
}

static void subtract(struct report_row *row, const struct peer_stats *then)
{
    row->flows -= then->flows;
    row->samples -= then->samples;
    row->handshake_samples -= then->handshake_samples;
    row->retransmits -= then->retransmits;
    row->timed -= then->timed;
    row->sum_ns -= then->sum_ns;
    for (int i = 0; i < SKIP_REASON_COUNT; i++)
        row->skipped[i] -= then->skipped[i];
}

static void subtract_histogram(struct histogram *histogram, const struct histogram *now, const struct histogram *then)
{
    for (int i = 0; i < HISTOGRAM_BUCKETS; i++)
        histogram->count[i] = now->count[i] - then->count[i];
}

static bool has_news(const struct peer_stats *now, const struct peer_stats *then)
{
    return now->flows != then->flows || now->timed != then->timed || now->samples != then->samples
           || now->retransmits != then->retransmits || memcmp(now->skipped, then->skipped, sizeof now->skipped) != 0;
}

static void give(struct live_rows *rows, const struct meter_row *row, const struct earlier *earlier)
{
    struct report_text text;
    struct report_row out;
    struct histogram histogram;

    report_meter_row(&out, row, &text);
    if (!row->other)
        measure_bounds(&out, row->stats, earlier);
    subtract(&out, &earlier->stats);
    subtract_histogram(&histogram, row->stats->histogram, &earlier->histogram);
    out.histogram = &histogram;
    rows->fn(&out, rows->arg);
}

static int make_room(struct live_rows *rows)
{
    const size_t had = rows->capacity, capacity = had < ROWS_AT_FIRST ? ROWS_AT_FIRST : 2 * had;
    struct earlier *earlier;

    if (rows->place < had)
        return 0;
    earlier = realloc(rows->earlier, capacity * sizeof *earlier);
    if (earlier == NULL)
        return -1;
    memset(earlier + had, 0, (capacity - had) * sizeof *earlier);
    rows->earlier = earlier;
    rows->capacity = capacity;
    return 0;
}

static void look(const struct meter_row *row, void *arg)
{
    struct live_rows *rows = arg;
    struct earlier *earlier;

    if (!row->other && make_room(rows) < 0) {
        rows->is_short_of_memory = true;
        return;
    }
    earlier = row->other ? &rows->other : &rows->earlier[rows->place++];
    if (earlier->birth != row->birth)
        *earlier = (struct earlier){ 0 };
    if (!has_news(row->stats, &earlier->stats))
        return;
    give(rows, row, earlier);
    earlier->birth = row->birth;
    earlier->stats = *row->stats;
    earlier->histogram = *row->stats->histogram;
}

int live_rows_look(struct live_rows *rows, const struct meter *meter, void (*fn)(const struct report_row *row, void *arg),
                   void *arg)
{
    rows->place = 0;
    rows->is_short_of_memory = false;
    rows->fn = fn;
    rows->arg = arg;
    meter_each_row(meter, look, rows);
    return rows->is_short_of_memory ? -1 : 0;
}
