/* top_rows.c: two copies of the segment -> the rows of `go-metro top`. */
#include "top_rows.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "config.h"

#define NS_PER_S 1e9

void top_rows_clear(struct top_rows *rows)
{
    rows->count = 0;
    rows->interval_s = 0;
    interval_index_free(&rows->index);
}

void top_rows_free(struct top_rows *rows)
{
    top_rows_clear(rows);
    free(rows->rows);
    *rows = (struct top_rows){ 0 };
}

static int reserve(struct top_rows *rows, size_t count)
{
    struct top_row *more;

    if (count <= rows->capacity)
        return 0;
    more = realloc(rows->rows, count * sizeof *more);
    if (more == NULL)
        return -1;
    rows->rows = more;
    rows->capacity = count;
    return 0;
}

double top_seconds_between(const struct segment_copy *earlier, const struct segment_copy *later)
{
    if (earlier == NULL || !interval_same_helper(earlier, later) || earlier->snapshot.boottime_ns >= later->snapshot.boottime_ns)
        return 0;
    return (double)(later->snapshot.boottime_ns - earlier->snapshot.boottime_ns) / NS_PER_S;
}

double top_row_life_s(const struct top_row *row, const struct segment_copy *copy)
{
    const uint64_t birth_ns = row->interval.now->birth_realtime_ns, now_ns = copy->snapshot.realtime_ns;

    return birth_ns == 0 || birth_ns >= now_ns ? TOP_NONE : (double)(now_ns - birth_ns) / NS_PER_S;
}

static void name(struct top_row *out, const struct seg_row *row)
{
    struct ip_address local;

    out->src[0] = '\0';
    if (row->local_family != SEG_FAMILY_NONE) {
        memcpy(local.bytes, row->local, sizeof local.bytes);
        address_format(out->src, &local);
    }
    if (row->peer_port == 0)
        snprintf(out->dst, sizeof out->dst, "%s", row->peer_name);
    else
        snprintf(out->dst, sizeof out->dst, strchr(row->peer_name, ':') != NULL ? "[%s]:%u" : "%s:%u", row->peer_name,
                 row->peer_port);
}

static bool has_news(const struct seg_row *now, const struct seg_row *then)
{
    return now->samples != then->samples || now->timed != then->timed || now->flows != then->flows
           || now->retransmits != then->retransmits || memcmp(now->skipped, then->skipped, sizeof now->skipped) != 0;
}

/* seconds: of the interval; TOP_NONE: not known. */
static void count(struct top_row *out, double seconds)
{
    const struct seg_row *now = out->interval.now, *then = interval_start(&out->interval);

    out->values[TOP_FLOWS] = (double)(now->flows - then->flows);
    out->values[TOP_SAMPLES] = (double)(now->samples - then->samples);
    out->values[TOP_RETRANSMITS] = (double)(now->retransmits - then->retransmits);
    out->values[TOP_RATE] = seconds > 0 ? out->values[TOP_SAMPLES] / seconds : TOP_NONE;
}

static void measure(struct top_row *out)
{
    static const struct {
        enum top_value to;
        enum interval_measure from;
    } measures[] = {
        { TOP_LAST, INTERVAL_last }, { TOP_AVG, INTERVAL_avg }, { TOP_JITTER, INTERVAL_jitter }, { TOP_MIN, INTERVAL_min },
        { TOP_P50, INTERVAL_p50 },   { TOP_P95, INTERVAL_p95 }, { TOP_P99, INTERVAL_p99 },       { TOP_MAX, INTERVAL_max },
    };
    double ms[INTERVAL_MEASURE_COUNT];

    interval_measure(&out->interval, ms);
    for (size_t i = 0; i < sizeof measures / sizeof measures[0]; i++)
        out->values[measures[i].to] = ms[measures[i].from];
}

/* How long its numbers were counted, in s. A file is read in no time of its own: the time since then is none of its round trips'.
 */
static double span_s(const struct top_row *row, const struct segment_copy *copy, double interval_s)
{
    if (interval_s > 0)
        return interval_s;
    return config_interface_is_file(row->instance->interface) ? TOP_NONE : top_row_life_s(row, copy);
}

static void forget_start(struct interval *interval)
{
    interval->then = NULL;
    interval->then_buckets = (struct buckets){ 0 };
}

/* Whether it is idle is of now, whatever is shown. */
static void make_row(const struct top_rows *rows, struct top_row *out, const struct segment_copy *copy)
{
    const double interval_s = rows->interval_s;

    out->instance = &copy->instances[out->interval.now->instance];
    out->iface = rows->labels[out->interval.now->instance];
    out->is_idle = !has_news(out->interval.now, interval_start(&out->interval));
    name(out, out->interval.now);
    if (interval_s <= 0)
        forget_start(&out->interval);
    count(out, span_s(out, copy, interval_s));
    measure(out);
}

int top_rows_make(struct top_rows *rows, const struct segment_copy *earlier, const struct segment_copy *later, enum top_span span)
{
    const uint32_t total = later->snapshot.row_count;
    const double between_s = top_seconds_between(earlier, later);
    int rc = 0;

    top_rows_clear(rows);
    if (reserve(rows, total) < 0)
        return -1;
    rows->interval_s = span == TOP_SPAN_LIFE ? 0 : between_s;
    for (uint32_t n = 0; n < later->snapshot.instance_count; n++)
        segment_label(rows->labels[n], later, n);
    interval_index_init(&rows->index, between_s > 0 ? earlier : NULL, later);
    for (uint32_t n = 0; n < total && rc == 0; n++) {
        rc = interval_find(&rows->index, later, n, &rows->rows[n].interval);
        if (rc == 0)
            make_row(rows, &rows->rows[n], later);
    }
    if (rc == 0)
        rows->count = total;
    else
        top_rows_clear(rows);
    return rc;
}
