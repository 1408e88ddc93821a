/* read.c: `go-metro read`: round trips of capture files. */
#include "read.h"

#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

#include "capture.h"
#include "file_time.h"
#include "local_nets.h"
#include "meter.h"
#include "progress.h"
#include "report.h"
#include "report_meter.h"
#include "terminal.h"

/* A file is read once and then forgotten, so the bounds are far; the running helper's defaults for the rest. */
#define MAX_FLOWS 1000000
#define MAX_PEERS 100000
#define IDLE_TTL_S 300
#define EXP_TTL_S 60

#define FRAMES_A_LOOK 4096 /* between two looks at how far it is */

struct reading {
    struct meter *meter;
    int number;
    struct file_time time;
};

static void on_sample(const struct meter_sample *sample, void *arg)
{
    (void)arg;
    report_json_sample(stdout, sample);
}

static void on_frame(void *arg, const struct captured_frame *frame)
{
    struct reading *reading = arg;
    const uint64_t instances = UINT64_C(1) << reading->number;

    if (file_time_is_turn(&reading->time, frame->time_ns)) {
        if (frame->time_ns == CAPTURE_NO_TIME) {
            meter_ignore(reading->meter, instances, PACKET_CLOCK_STEP);
            return;
        }
        if (file_time_turn(&reading->time, frame->time_ns))
            meter_expire(reading->meter, reading->time.now_s);
    }
    meter_frame(reading->meter, instances, frame, reading->time.now_s);
}

/* The samples are a stream of lines; a bar between them would tear those that go to the same terminal. */
static bool may_show_progress(const struct options *options)
{
    return !options->samples || !isatty(STDOUT_FILENO);
}

static const char *advice_on(enum capture_result result)
{
    switch (result) {
    case CAPTURE_COMPRESSED:
        return "; zcat FILE | go-metro read -";
    case CAPTURE_MIXED:
        return ", which cannot be read further; split the capture by interface (tshark -Y frame.interface_id==0)";
    default:
        return "";
    }
}

/* One file, wholly. 0, or -1 after a line on stderr. */
static int read_file(struct reading *reading, struct capture *capture, const char *path, const struct options *options)
{
    const char *name = strcmp(path, "-") == 0 ? "standard input" : path;
    struct progress progress = { .fd = -1 };
    char message[CAPTURE_ERROR_MAX];
    enum capture_result result = capture_open_file(capture, path, options->filter, message);
    uint64_t done, size;

    if (result == CAPTURE_OK && may_show_progress(options) && capture_file_progress(capture, &done, &size))
        progress_start(&progress, STDERR_FILENO, name, size);
    while (result == CAPTURE_OK) {
        result = capture_dispatch(capture, FRAMES_A_LOOK, on_frame, reading, message);
        if (progress.fd >= 0 && capture_file_progress(capture, &done, &size))
            progress_show(&progress, done);
    }
    progress_clear(&progress);
    capture_close(capture);
    if (result == CAPTURE_END)
        return 0;
    fprintf(stderr, "go-metro: %s: %s%s\n", name, message, advice_on(result));
    return -1;
}

static void print_table(struct report_meter *found)
{
    struct terminal terminal;

    terminal_look(&terminal, STDOUT_FILENO);
    report_table(stdout, found->rows, found->count, &terminal, 0);
    putchar('\n');
    report_table_total(stdout, &found->total);
}

static int report(const struct options *options, const struct reading *reading)
{
    struct report_meter found = { 0 };
    int rc = -1;

    if (report_meter_take(&found, reading->meter, reading->number, 0) < 0) {
        fputs("go-metro: out of memory for the rows\n", stderr);
        goto out;
    }
    if (options->json) {
        for (size_t i = 0; i < found.count; i++)
            report_json_peer(stdout, &found.rows[i]);
        report_json_total(stdout, &found.total);
    } else {
        print_table(&found);
    }
    rc = 0;
out:
    report_meter_free(&found);
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
    struct meter_options meter_options = { .max_flows = MAX_FLOWS,
                                           .max_peers = MAX_PEERS,
                                           .idle_ttl_s = IDLE_TTL_S,
                                           .exp_ttl_s = EXP_TTL_S,
                                           .keep_rows = true,
                                           .on_sample = options->samples ? on_sample : NULL };
    const struct meter_instance instance = { .local_nets = local, .both_sides = local == NULL, .group = METER_GROUP_PEER };

    if (getrandom(meter_options.hash_seed, sizeof meter_options.hash_seed, 0) != (ssize_t)sizeof meter_options.hash_seed)
        return -1;
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
    int status = local_nets_make(options, &local);

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
        if (read_file(&reading, capture, options->files[i], options) < 0)
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
