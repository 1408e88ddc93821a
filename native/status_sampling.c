/* status_sampling.c: see status_sampling.h. */
#include "status_sampling.h"

#include <inttypes.h>
#include <stdio.h>

#include "report.h"
#include "segment_reader.h"

void status_sampling_json(const struct seg_instance *instance, uint64_t read_ns)
{
    const char *name = segment_sampling_name(instance->sampling);

    fputs(",\"sampling\":", stdout);
    if (name == NULL)
        fputs("null", stdout);
    else
        report_json_string(stdout, name);
    printf(",\"sample_open_s\":%" PRIu64 ",\"sample_closed_s\":%" PRIu64 ",\"sample_left_s\":%" PRIu64, instance->sample_open_s,
           instance->sample_closed_s, segment_sampling_left_s(instance, read_ns));
}

void status_sampling_now(const struct seg_instance *instance, uint64_t read_ns)
{
    const uint64_t left_s = segment_sampling_left_s(instance, read_ns);

    if (instance->sampling == SEG_SAMPLING_OPEN)
        printf(", in a window that ends in %" PRIu64 " s", left_s);
    else if (instance->sampling == SEG_SAMPLING_CLOSED)
        printf(", between two windows: the next begins in %" PRIu64 " s", left_s);
}

void status_sampling_sums(const struct seg_instance *instance)
{
    if (instance->sampling != SEG_SAMPLING_NONE)
        printf("    %" PRIu64 " s in windows, %" PRIu64 " s between them\n", instance->sample_open_s, instance->sample_closed_s);
}

static uint64_t is_open(const struct seg_instance *instance)
{
    return instance->sampling == SEG_SAMPLING_OPEN;
}

static uint64_t open_s(const struct seg_instance *instance)
{
    return instance->sample_open_s;
}

static uint64_t closed_s(const struct seg_instance *instance)
{
    return instance->sample_closed_s;
}

static const struct sampling_metric {
    const char *name, *type, *help;
    uint64_t (*value)(const struct seg_instance *instance);
} metrics[] = {
    { "go_metro_sampling_window_open", "gauge", "Whether an instance with sample: true is in one of its windows.", is_open },
    { "go_metro_sampling_open_seconds_total", "counter", "Time in windows.", open_s },
    { "go_metro_sampling_closed_seconds_total", "counter", "Time between windows.", closed_s },
};

void status_sampling_prometheus(const struct seg_instance *instances, uint32_t count)
{
    for (const struct sampling_metric *metric = metrics; metric < metrics + sizeof metrics / sizeof metrics[0]; metric++) {
        report_prometheus_head(stdout, metric->name, metric->type, metric->help);
        for (uint32_t i = 0; i < count; i++) {
            if (instances[i].sampling == SEG_SAMPLING_NONE)
                continue;
            fputs(metric->name, stdout);
            report_prometheus_label(stdout, "{", "iface", instances[i].interface);
            printf(",index=\"%" PRIu32 "\"} %" PRIu64 "\n", i, metric->value(&instances[i]));
        }
    }
}
