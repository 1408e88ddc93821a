/* report_meter.c: what an instance of the meter counted -> rows of a report. */
#include "report_meter.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct taking {
    struct report_meter *out;
    uint32_t idle_before_s;
};

static void format_addresses(struct report_text *text, const struct meter_row *row)
{
    if (row->other) {
        text->src[0] = '\0';
        snprintf(text->dst, sizeof text->dst, "other");
        return;
    }
    address_format(text->src, &row->local);
    address_format(text->dst, &row->peer);
}

void report_meter_row(struct report_row *out, const struct meter_row *row, struct report_text *text)
{
    const struct peer_stats *stats = row->stats;

    format_addresses(text, row);
    *out = (struct report_row){ .src = text->src,
                                .dst = text->dst,
                                .counts_only = row->other,
                                .flows = stats->flows,
                                .samples = stats->samples,
                                .handshake_samples = stats->handshake_samples,
                                .retransmits = stats->retransmits,
                                .timed = stats->timed,
                                .last_ns = stats->last_ns,
                                .avg_ns = peer_srtt_ns(stats),
                                .jitter_ns = peer_jitter_ns(stats),
                                .min_ns = stats->min_ns,
                                .max_ns = stats->max_ns,
                                .sum_ns = stats->sum_ns,
                                .histogram = stats->histogram };
    memcpy(out->skipped, stats->skipped, sizeof out->skipped);
}

static void add_row(const struct meter_row *row, void *arg)
{
    const struct taking *taking = arg;
    struct report_meter *out = taking->out;
    const size_t at = out->count;

    out->total.timed += row->stats->timed;
    out->total.samples += row->stats->samples;
    for (int i = 0; i < SKIP_REASON_COUNT; i++)
        out->total.skipped[i] += row->stats->skipped[i];
    if (at == out->capacity)
        return;
    report_meter_row(&out->rows[at], row, &out->texts[at]);
    out->rows[at].is_idle = !row->other && row->last_sample_s < taking->idle_before_s;
    out->count++;
}

static int make_room(struct report_meter *out, size_t count)
{
    const size_t capacity = count + count / 2 + 1;
    struct report_row *rows;
    struct report_text *texts;

    if (count <= out->capacity)
        return 0;
    if ((rows = realloc(out->rows, capacity * sizeof *rows)) != NULL)
        out->rows = rows;
    if ((texts = realloc(out->texts, capacity * sizeof *texts)) != NULL)
        out->texts = texts;
    if (rows == NULL || texts == NULL)
        return -1;
    out->capacity = capacity;
    return 0;
}

int report_meter_take(struct report_meter *out, const struct meter *meter, int number, uint32_t idle_before_s)
{
    const struct meter_counters *counters = meter_counters(meter, number);
    struct taking taking = { out, idle_before_s };

    out->count = 0;
    out->total = (struct report_total){ .packets = counters->packets, .tcp = counters->tcp, .flows = counters->flows };
    memcpy(out->total.ignored, counters->ignored, sizeof out->total.ignored);
    if (make_room(out, meter_row_count(meter)) < 0)
        return -1;
    meter_each_row(meter, add_row, &taking);
    return 0;
}

void report_meter_free(struct report_meter *out)
{
    free(out->rows);
    free(out->texts);
    *out = (struct report_meter){ 0 };
}
