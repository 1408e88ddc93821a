/* report_prometheus.c: rows -> Prometheus text. */
#include "report.h"

#include <inttypes.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

static const char *label_of(const char *text)
{
    return text == NULL ? "" : text;
}

void report_prometheus_label(FILE *stream, const char *lead, const char *name, const char *value)
{
    fprintf(stream, "%s%s=\"", lead, name);
    for (; *value != '\0'; value++) {
        if (*value == '\n') {
            fputs("\\n", stream);
            continue;
        }
        if (*value == '\\' || *value == '"')
            putc('\\', stream);
        putc(*value, stream);
    }
    putc('"', stream);
}

void report_prometheus_head(FILE *stream, const char *name, const char *type, const char *help)
{
    fprintf(stream, "# HELP %s %s\n# TYPE %s %s\n", name, help, name, type);
}

void report_prometheus_seconds(FILE *stream, uint64_t ns)
{
    fprintf(stream, " %" PRIu64 ".%09" PRIu64 "\n", ns / 1000000000, ns % 1000000000);
}

static void put_labels(FILE *stream, const struct report_row *row)
{
    report_prometheus_label(stream, "{", "iface", label_of(row->interface));
    if (row->has_instance)
        fprintf(stream, ",index=\"%" PRIu32 "\"", row->instance);
    report_prometheus_label(stream, ",", "src", row->src);
    report_prometheus_label(stream, ",", "dst", row->dst);
    if (row->dst_port != 0)
        fprintf(stream, ",dst_port=\"%u\"", row->dst_port);
    putc('}', stream);
}

static bool any_row(const struct report_row *row)
{
    (void)row;
    return true;
}

/* Before its first round trip too: a sum begins at 0. */
static bool is_timed(const struct report_row *row)
{
    return !row->counts_only;
}

/* What stands under one name: a value, or two that only their suffixes tell apart. */
static const struct family {
    const char *name, *type, *help;
    bool (*has)(const struct report_row *row); /* which rows have it */
    struct value {
        const char *suffix; /* NULL: no such value */
        size_t offset;      /* of a uint64_t in struct report_row */
        bool is_time;       /* ns there, seconds here */
    } values[2];
} families[] = {
#define AT(field) offsetof(struct report_row, field)
    { "go_metro_rtt_seconds",
      "summary",
      "Round trips whose times are kept.",
      is_timed,
      { { "_sum", AT(sum_ns), true }, { "_count", AT(samples), false } } },
    { "go_metro_rtt_last_seconds", "gauge", "Newest round trip.", report_has_times, { { "", AT(last_ns), true } } },
    { "go_metro_rtt_smoothed_seconds", "gauge", "SRTT of RFC 6298 (gain 1/8).", report_has_times, { { "", AT(avg_ns), true } } },
    { "go_metro_rtt_jitter_seconds",
      "gauge",
      "Smoothed difference of consecutive round trips (gain 1/16, as RFC 3550).",
      report_has_times,
      { { "", AT(jitter_ns), true } } },
    { "go_metro_rtt_min_seconds",
      "gauge",
      "Least round trip since the row began.",
      report_has_times,
      { { "", AT(min_ns), true } } },
    { "go_metro_rtt_max_seconds",
      "gauge",
      "Greatest round trip since the row began.",
      report_has_times,
      { { "", AT(max_ns), true } } },
    { "go_metro_round_trips_total", "counter", "Round trips.", any_row, { { "", AT(samples), false } } },
    { "go_metro_handshakes_total",
      "counter",
      "Round trips that were of a handshake.",
      any_row,
      { { "", AT(handshake_samples), false } } },
    { "go_metro_flows_total", "counter", "TCP flows seen.", any_row, { { "", AT(flows), false } } },
    { "go_metro_timed_segments_total",
      "counter",
      "Segments that could give a round trip.",
      any_row,
      { { "", AT(timed), false } } },
    { "go_metro_retransmits_total", "counter", "Retransmitted segments seen.", any_row, { { "", AT(retransmits), false } } },
#undef AT
};

static void put_row(FILE *stream, const struct family *family, const struct report_row *row)
{
    for (size_t i = 0; i < sizeof family->values / sizeof family->values[0] && family->values[i].suffix != NULL; i++) {
        const struct value *value = &family->values[i];
        uint64_t number;

        memcpy(&number, (const char *)row + value->offset, sizeof number);
        fprintf(stream, "%s%s", family->name, value->suffix);
        put_labels(stream, row);
        if (value->is_time)
            report_prometheus_seconds(stream, number);
        else
            fprintf(stream, " %" PRIu64 "\n", number);
    }
}

static int by_number(uint32_t left, uint32_t right)
{
    return (left > right) - (left < right);
}

static int by_labels(const void *a, const void *b)
{
    const struct report_row *left = a, *right = b;
    int order = strcmp(label_of(left->interface), label_of(right->interface));

    if (order == 0)
        order = by_number(left->instance, right->instance);
    if (order == 0)
        order = strcmp(left->src, right->src);
    if (order == 0)
        order = strcmp(left->dst, right->dst);
    return order != 0 ? order : by_number(left->dst_port, right->dst_port);
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
    for (size_t f = 0; f < sizeof families / sizeof families[0]; f++) {
        const struct family *family = &families[f];

        report_prometheus_head(stream, family->name, family->type, family->help);
        for (size_t i = 0; i < count; i++)
            if (family->has(&rows[i]))
                put_row(stream, family, &rows[i]);
    }
}
