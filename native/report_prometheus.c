/* report_prometheus.c: rows -> Prometheus text. */
#include "report.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

static const char *label_of(const char *text)
{
    return text == NULL ? "" : text;
}

/* A label value: backslash, quote and newline escaped (the rest is printable ASCII by the reader's check). */
static void prometheus_label(FILE *stream, const char *name, const char *value, const char *comma)
{
    fprintf(stream, "%s%s=", comma, name);
    report_json_string(stream, value);
}

static void prometheus_labels(FILE *stream, const struct report_row *row)
{
    putc('{', stream);
    prometheus_label(stream, "iface", label_of(row->interface), "");
    prometheus_label(stream, "src", row->src, ",");
    prometheus_label(stream, "dst", row->dst, ",");
    if (row->dst_port != 0)
        fprintf(stream, ",dst_port=\"%u\"", row->dst_port);
}

static const struct prometheus_metric {
    const char *name, *type, *help;
    size_t offset; /* of a uint64_t in struct report_row */
    bool seconds;  /* ns there, seconds here; only where there is a sample */
} prometheus_metrics[] = {
    { "go_metro_rtt_last_seconds", "gauge", "Newest round trip.", offsetof(struct report_row, last_ns), true },
    { "go_metro_rtt_smoothed_seconds", "gauge", "SRTT of RFC 6298 (gain 1/8).", offsetof(struct report_row, avg_ns), true },
    { "go_metro_rtt_jitter_seconds", "gauge", "Smoothed difference of consecutive round trips (gain 1/16, as RFC 3550).",
      offsetof(struct report_row, jitter_ns), true },
    { "go_metro_rtt_min_seconds", "gauge", "Least round trip since the row began.", offsetof(struct report_row, min_ns), true },
    { "go_metro_rtt_max_seconds", "gauge", "Greatest round trip since the row began.", offsetof(struct report_row, max_ns),
      true },
    { "go_metro_rtt_seconds_total", "counter", "Sum of all round trips.", offsetof(struct report_row, sum_ns), true },
    { "go_metro_samples_total", "counter", "Round trips.", offsetof(struct report_row, samples), false },
    { "go_metro_handshakes_total", "counter", "Round trips of handshakes.", offsetof(struct report_row, handshake_samples),
      false },
    { "go_metro_flows_total", "counter", "TCP flows seen.", offsetof(struct report_row, flows), false },
    { "go_metro_timed_segments_total", "counter", "Segments that could give a round trip.", offsetof(struct report_row, timed),
      false },
    { "go_metro_retransmits_total", "counter", "Retransmitted segments seen.", offsetof(struct report_row, retransmits), false },
};

static void prometheus_value(FILE *stream, const struct prometheus_metric *metric, uint64_t value)
{
    if (metric->seconds)
        fprintf(stream, "} %" PRIu64 ".%09" PRIu64 "\n", value / 1000000000, value % 1000000000);
    else
        fprintf(stream, "} %" PRIu64 "\n", value);
}

static int by_labels(const void *a, const void *b)
{
    const struct report_row *left = a, *right = b;
    int order = strcmp(label_of(left->interface), label_of(right->interface));

    if (order == 0)
        order = strcmp(left->src, right->src);
    if (order == 0)
        order = strcmp(left->dst, right->dst);
    return order != 0 ? order : (left->dst_port > right->dst_port) - (left->dst_port < right->dst_port);
}

static int by_labels_and_samples(const void *a, const void *b)
{
    const struct report_row *left = a, *right = b;
    const int order = by_labels(a, b);

    return order != 0 ? order : (left->samples < right->samples) - (left->samples > right->samples);
}

/* No other row of its labels has more samples than `into`: last, smoothed and jitter stay its own. */
static void merge(struct report_row *into, const struct report_row *row)
{
    if (row->samples > 0 && row->min_ns < into->min_ns)
        into->min_ns = row->min_ns;
    if (row->samples > 0 && row->max_ns > into->max_ns)
        into->max_ns = row->max_ns;
    into->counts_only |= row->counts_only;
    into->sum_ns += row->sum_ns;
    into->samples += row->samples;
    into->handshake_samples += row->handshake_samples;
    into->flows += row->flows;
    into->timed += row->timed;
    into->retransmits += row->retransmits;
}

/* How many are left. */
static size_t merge_alike(struct report_row *rows, size_t count)
{
    size_t used = 0;

    qsort(rows, count, sizeof *rows, by_labels_and_samples);
    for (size_t i = 0; i < count; i++) {
        if (used > 0 && by_labels(&rows[used - 1], &rows[i]) == 0)
            merge(&rows[used - 1], &rows[i]);
        else
            rows[used++] = rows[i];
    }
    return used;
}

void report_prometheus(FILE *stream, struct report_row *rows, size_t count)
{
    count = count > 0 ? merge_alike(rows, count) : 0;
    for (size_t m = 0; m < sizeof prometheus_metrics / sizeof prometheus_metrics[0]; m++) {
        const struct prometheus_metric *metric = &prometheus_metrics[m];

        fprintf(stream, "# HELP %s %s\n# TYPE %s %s\n", metric->name, metric->help, metric->name, metric->type);
        for (size_t i = 0; i < count; i++) {
            if (metric->seconds && !report_has_times(&rows[i]))
                continue;
            fputs(metric->name, stream);
            prometheus_labels(stream, &rows[i]);
            prometheus_value(stream, metric, *(const uint64_t *)(const void *)((const char *)&rows[i] + metric->offset));
        }
    }
}
