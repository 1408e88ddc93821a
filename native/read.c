/* read.c: `go-metro read`: round trips of capture files. */
#include "read.h"

#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "capture.h"
#include "meter.h"
#include "report.h"

/* A file is read once and then forgotten, so the bounds are far; the running helper's defaults for the rest. */
#define MAX_FLOWS 1000000
#define MAX_PEERS 100000
#define IDLE_TTL_S 300
#define EXP_TTL_S 60

struct reading {
    struct meter *meter;
    int number;
    bool has_time;
    int64_t start_ns; /* of the first frame */
    uint32_t now_s;   /* since then; never goes back */
};

struct row_list {
    struct report_row *rows;
    char (*text)[2][PREFIX_STRLEN]; /* what src and dst point to */
    size_t count, capacity;
    struct report_total *total;
};

static void on_sample(const struct meter_sample *sample, void *arg)
{
    (void)arg;
    report_json_sample(stdout, sample);
}

static void on_frame(void *arg, int linktype, const uint8_t *frame, size_t caplen, size_t wirelen, int64_t time_ns)
{
    struct reading *reading = arg;
    const uint64_t instances = UINT64_C(1) << reading->number;
    int64_t elapsed_s;

    if (time_ns == CAPTURE_NO_TIME) {
        meter_ignore(reading->meter, instances, PACKET_CLOCK_STEP);
        return;
    }
    if (!reading->has_time) {
        reading->has_time = true;
        reading->start_ns = time_ns;
    }
    elapsed_s = (time_ns - reading->start_ns) / 1000000000;
    if (elapsed_s > (int64_t)reading->now_s && elapsed_s <= UINT32_MAX) {
        reading->now_s = (uint32_t)elapsed_s;
        meter_expire(reading->meter, reading->now_s);
    }
    meter_frame(reading->meter, instances, linktype, frame, caplen, wirelen, time_ns, reading->now_s);
}

/* One file, wholly. 0, or -1 after a line on stderr. */
static int read_file(struct reading *reading, struct capture *capture, const char *path, const char *filter)
{
    char message[CAPTURE_ERROR_MAX];
    enum capture_result result = capture_open_file(capture, path, filter, message);

    while (result == CAPTURE_OK)
        result = capture_dispatch(capture, 0, on_frame, reading, message);
    capture_close(capture);
    if (result == CAPTURE_END)
        return 0;
    fprintf(stderr, "go-metro: %s: %s\n", strcmp(path, "-") == 0 ? "standard input" : path, message);
    return -1;
}

static int make_local(const struct options *options, struct netset **out)
{
    struct ip_prefix prefix;

    *out = NULL;
    if (options->local_count == 0)
        return 0;
    *out = netset_new();
    for (size_t i = 0; *out != NULL && i < options->local_count; i++) {
        if (!prefix_parse(options->local[i], &prefix, NULL)) {
            fprintf(stderr, "go-metro: --local %s: not an address or CIDR block\n", options->local[i]);
            return 2;
        }
        if (netset_add(*out, &prefix, 0) < 0) {
            netset_free(*out);
            *out = NULL;
        }
    }
    if (*out != NULL)
        return 0;
    fputs("go-metro: out of memory\n", stderr);
    return 1;
}

static void add_to_total(struct report_total *total, const struct peer_stats *stats)
{
    total->timed += stats->timed;
    total->samples += stats->samples;
    for (int i = 0; i < SKIP_REASON_COUNT; i++)
        total->skipped[i] += stats->skipped[i];
}

static void add_row(const struct meter_row *row, void *arg)
{
    struct row_list *list = arg;
    const struct peer_stats *stats = row->stats;
    struct report_row *out;
    char(*text)[PREFIX_STRLEN];

    add_to_total(list->total, stats);
    if (list->count == list->capacity)
        return;
    text = list->text[list->count];
    if (!row->other) {
        address_format(text[0], &row->local);
        address_format(text[1], &row->peer);
    } else {
        text[0][0] = '\0';
        snprintf(text[1], PREFIX_STRLEN, "other");
    }
    out = &list->rows[list->count++];
    *out = (struct report_row){ .src = text[0],
                                .dst = text[1],
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
                                .histogram = &stats->histogram };
    memcpy(out->skipped, stats->skipped, sizeof out->skipped);
}

static void print_rows(const struct options *options, struct row_list *list)
{
    if (options->json) {
        for (size_t i = 0; i < list->count; i++)
            report_json_peer(stdout, &list->rows[i]);
        report_json_total(stdout, list->total);
    } else {
        struct terminal terminal;

        terminal_look(&terminal, STDOUT_FILENO);
        report_table(stdout, list->rows, list->count, &terminal, 0);
        putchar('\n');
        report_table_total(stdout, list->total);
    }
}

static int report(const struct options *options, const struct reading *reading)
{
    const struct meter_counters *counters = meter_counters(reading->meter, reading->number);
    struct report_total total = { .packets = counters->packets, .tcp = counters->tcp, .flows = counters->flows };
    struct row_list list = { .capacity = meter_row_count(reading->meter), .total = &total };
    int rc = -1;

    memcpy(total.ignored, counters->ignored, sizeof total.ignored);
    list.rows = calloc(list.capacity + 1, sizeof *list.rows);
    list.text = calloc(list.capacity + 1, sizeof *list.text);
    if (list.rows == NULL || list.text == NULL) {
        fputs("go-metro: out of memory for the rows\n", stderr);
        goto out;
    }
    meter_each_row(reading->meter, add_row, &list);
    print_rows(options, &list);
    rc = 0;
out:
    free(list.rows);
    free(list.text);
    return rc;
}

/* A full disk or a closed pipe must not look like success. */
static int flush_output(void)
{
    if (fflush(stdout) == 0 && !ferror(stdout))
        return 0;
    fprintf(stderr, "go-metro: writing the output: %s\n", strerror(errno));
    return -1;
}

static int start_reading(struct reading *reading, const struct options *options, const struct netset *local)
{
    const struct meter_options meter_options = { .max_flows = MAX_FLOWS,
                                                 .max_peers = MAX_PEERS,
                                                 .idle_ttl_s = IDLE_TTL_S,
                                                 .exp_ttl_s = EXP_TTL_S,
                                                 .keep_rows = true,
                                                 .on_sample = options->samples ? on_sample : NULL };
    const struct meter_instance instance = { .local_nets = local, .both_sides = local == NULL, .group = METER_GROUP_PEER };

    reading->meter = meter_new(&meter_options);
    if (reading->meter == NULL)
        return -1;
    reading->number = meter_instance_add(reading->meter, &instance);
    return reading->number < 0 ? -1 : 0;
}

int read_run(const struct options *options)
{
    struct reading reading = { .meter = NULL };
    struct capture *capture = NULL;
    struct netset *local;
    int status = make_local(options, &local);

    if (status != 0)
        goto out;
    status = 1;
    capture = capture_new();
    if (capture == NULL || start_reading(&reading, options, local) < 0) {
        fputs("go-metro: out of memory\n", stderr);
        goto out;
    }
    status = 0;
    for (size_t i = 0; i < options->file_count; i++)
        if (read_file(&reading, capture, options->files[i], options->filter) < 0)
            status = 1;
    meter_finish(reading.meter, UINT64_C(1) << reading.number);
    if ((!options->samples && report(options, &reading) < 0) || flush_output() < 0)
        status = 1;
out:
    capture_free(capture);
    meter_free(reading.meter);
    netset_free(local);
    return status;
}
