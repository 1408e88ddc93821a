/* status.c: `go-metro status`: what the segment says now. */
#include "status.h"

#include <errno.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "address.h"
#include "report.h"
#include "segment_choice.h"
#include "segment_label.h"
#include "segment_reader.h"
#include "status_prometheus.h"
#include "status_sampling.h"

/* Not 1, with which the text is whole all the same, and not 2, which is wrong usage. */
#define STATUS_NOT_WRITTEN 3

struct status_view {
    struct segment_copy copy;
    struct segment_time time;
    const char *state, *note; /* note: see segment_choice.h */
    struct report_row *rows;
    struct histogram *histograms;
    char (*src)[ADDRESS_STRLEN];
    char labels[SEG_MAX_INSTANCES][SEGMENT_LABEL_STRLEN]; /* of the instances, for people */
};

static void fill_row(struct report_row *out, const struct status_view *view, uint32_t index, char src[static ADDRESS_STRLEN])
{
    const struct seg_row *row = &view->copy.rows[index];
    struct ip_address local;

    src[0] = '\0';
    if (row->local_family != SEG_FAMILY_NONE) {
        memcpy(local.bytes, row->local, sizeof local.bytes);
        address_format(src, &local);
    }
    *out = (struct report_row){ .interface = view->copy.instances[row->instance].interface,
                                .has_instance = true,
                                .instance = row->instance,
                                .src = src,
                                .dst = row->peer_name,
                                .dst_port = row->peer_port,
                                .counts_only = (row->flags & SEG_ROW_OTHER) != 0,
                                .flows = row->flows,
                                .samples = row->samples,
                                .handshake_samples = row->handshake_samples,
                                .retransmits = row->retransmits,
                                .timed = row->timed,
                                .last_ns = row->last_ns,
                                .avg_ns = row->srtt_ns,
                                .jitter_ns = row->jitter_ns,
                                .min_ns = row->min_ns,
                                .max_ns = row->max_ns,
                                .sum_ns = row->sum_ns,
                                .histogram = &view->histograms[index] };
    buckets_expand(&view->copy.buckets[index], &view->histograms[index]);
    memcpy(out->skipped, row->skipped, sizeof out->skipped);
}

static int make_rows(struct status_view *view)
{
    uint32_t count = view->copy.snapshot.row_count;

    view->rows = calloc((size_t)count + 1, sizeof *view->rows);
    view->histograms = calloc((size_t)count + 1, sizeof *view->histograms);
    view->src = calloc((size_t)count + 1, sizeof *view->src);
    if (view->rows == NULL || view->histograms == NULL || view->src == NULL)
        return -1;
    for (uint32_t i = 0; i < count; i++)
        fill_row(&view->rows[i], view, i, view->src[i]);
    return 0;
}

/* view: what was read; NULL: nothing. */
static void json_helper(const char *state, const char *error, const char *note, const struct status_view *view)
{
    fputs("{\"type\":\"helper\",\"state\":", stdout);
    report_json_string(stdout, state);
    fputs(",\"error\":", stdout);
    report_json_string(stdout, error);
    fputs(",\"warning\":", stdout);
    report_json_string(stdout, note);
    if (view == NULL) {
        puts(",\"pid\":null,\"version\":null,\"age_s\":null}");
        return;
    }
    printf(",\"pid\":%" PRIu32 ",\"version\":", view->copy.header.pid);
    report_json_string(stdout, view->copy.header.version);
    if (view->time.age_ns == UINT64_MAX)
        puts(",\"age_s\":null}");
    else
        printf(",\"age_s\":%" PRIu64 ".%03" PRIu64 "}\n", view->time.age_ns / 1000000000, view->time.age_ns / 1000000 % 1000);
}

static void json_instance(const struct seg_instance *instance, uint32_t index, uint64_t read_ns)
{
    const struct {
        const char *name;
        uint64_t value;
    } counters[] = {
        { "received", instance->received },
        { "dropped", instance->dropped_kernel },
        { "dropped_interface", instance->dropped_interface },
        { "tcp", instance->tcp },
        { "flows", instance->flows },
        { "open_flows", instance->open_flows },
        { "refused_flows", instance->refused_flows },
        { "refused_peers", instance->refused_peers },
        { "pending", instance->pending },
    };

    fputs("{\"type\":\"instance\",\"interface\":", stdout);
    report_json_string(stdout, instance->interface);
    printf(",\"index\":%" PRIu32 ",\"state\":\"%s\",\"error\":", index, segment_state_name(instance->state));
    report_json_string(stdout, instance->error);
    fputs(",\"warning\":", stdout);
    report_json_string(stdout, instance->warning);
    for (size_t i = 0; i < sizeof counters / sizeof counters[0]; i++)
        printf(",\"%s\":%" PRIu64, counters[i].name, counters[i].value);
    fputs(",\"ignored\":{", stdout);
    for (int i = 0; i < SEG_REASONS && instance->ignored[i].name[0] != '\0'; i++) {
        fputs(i > 0 ? "," : "", stdout);
        report_json_string(stdout, instance->ignored[i].name);
        printf(":%" PRIu64, instance->ignored[i].count);
    }
    putchar('}');
    status_sampling_json(instance, read_ns);
    puts("}");
}

static void print_json(const struct status_view *view)
{
    json_helper(view->state, view->copy.snapshot.error, view->note, view);
    for (uint32_t i = 0; i < view->copy.snapshot.instance_count; i++)
        json_instance(&view->copy.instances[i], i, view->time.read_ns);
    for (uint32_t i = 0; i < view->copy.snapshot.row_count; i++)
        report_json_peer(stdout, &view->rows[i]);
}

/* What of it there is. */
static void print_refusals(const struct seg_instance *instance)
{
    const struct {
        uint64_t count;
        const char *text;
    } refusals[] = { { instance->refused_flows, "packets turned away by max_flows" },
                     { instance->refused_peers, "flows summed up by max_peers" } };
    const char *lead = "    warning: ", *end = "";

    for (size_t i = 0; i < sizeof refusals / sizeof refusals[0]; i++) {
        if (refusals[i].count == 0)
            continue;
        printf("%s%" PRIu64 " %s", lead, refusals[i].count, refusals[i].text);
        lead = ", ";
        end = "\n";
    }
    fputs(end, stdout);
}

static void print_instance(const struct status_view *view, uint32_t index)
{
    const struct seg_instance *instance = &view->copy.instances[index];

    printf("%s: %s", view->labels[index], segment_state_name(instance->state));
    if (instance->state == SEG_CAPTURING && status_is_measuring(&view->copy, view->state))
        status_sampling_now(instance, view->time.read_ns);
    if (instance->error[0] != '\0')
        printf(": %s", instance->error);
    printf("\n    %" PRIu64 " packets, %" PRIu64 " of wanted TCP, %" PRIu64 " lost; %" PRIu64 " flows, %" PRIu64 " open\n",
           instance->received, instance->tcp, instance->dropped_kernel + instance->dropped_interface, instance->flows,
           instance->open_flows);
    status_sampling_sums(instance);
    if (instance->warning[0] != '\0')
        printf("    warning: %s\n", instance->warning);
    print_refusals(instance);
}

/* Rows of one interface that are alike are told apart by the instance. */
static void label_rows(struct status_view *view)
{
    for (uint32_t i = 0; i < view->copy.snapshot.instance_count; i++)
        segment_label(view->labels[i], &view->copy, i);
    for (uint32_t i = 0; i < view->copy.snapshot.row_count; i++)
        view->rows[i].interface = view->labels[view->rows[i].instance];
}

static void say(const char *text)
{
    if (text[0] != '\0')
        fprintf(stderr, "go-metro: %s\n", text);
}

static void print_people(struct status_view *view)
{
    struct terminal terminal;

    say(view->note);
    label_rows(view);
    terminal_look(&terminal, STDOUT_FILENO);
    printf("go-metro %s, pid %" PRIu32 ": %s", view->copy.header.version, view->copy.header.pid, view->state);
    if (view->time.age_ns == UINT64_MAX)
        puts(" (published before this machine was started)");
    else
        printf(" (published %.1f s ago)\n", (double)view->time.age_ns / 1e9);
    if (view->copy.snapshot.error[0] != '\0')
        printf("%s\n", view->copy.snapshot.error);
    putchar('\n');
    for (uint32_t i = 0; i < view->copy.snapshot.instance_count; i++)
        print_instance(view, i);
    putchar('\n');
    report_table(stdout, view->rows, view->copy.snapshot.row_count, &terminal, 0);
}

/* The text format's comments: cron sends as mail what goes to stderr, each time it runs. */
static void comment(const char *text)
{
    if (text[0] != '\0')
        printf("# go-metro: %s\n", text);
}

static void print_prometheus(const struct status_view *view)
{
    const uint32_t instances = status_is_running(view->state) ? view->copy.snapshot.instance_count : 0;
    uint32_t rows = 0;

    comment(view->note);
    status_prometheus(stdout, &view->copy, view->state);
    status_sampling_prometheus(view->copy.instances, instances);
    for (uint32_t i = 0; i < view->copy.snapshot.row_count; i++) {
        const struct seg_instance *instance = &view->copy.instances[view->copy.rows[i].instance];

        if (!status_has_rows(instance, view->state))
            continue;
        view->rows[rows] = view->rows[i];
        status_prometheus_own(&view->rows[rows++], instance);
    }
    report_prometheus(stdout, view->rows, rows);
}

static void print_view(const struct options *options, struct status_view *view)
{
    if (options->json) {
        print_json(view);
    } else if (options->prometheus) {
        print_prometheus(view);
    } else {
        print_people(view);
    }
}

/* There is no segment that can be read. */
static void print_absence(const struct options *options, enum segment_status result, const char *message, const char *note)
{
    if (options->json) {
        json_helper(segment_status_name(result), message, note, NULL);
    } else if (options->prometheus) {
        comment(note);
        comment(message);
        status_prometheus(stdout, NULL, "");
    } else {
        say(note);
        say(message);
    }
}

/* Whoever takes what is there for all that there is must know. Some file systems say only when a file is closed that it had no
 * room. */
static int finish(int status)
{
    bool is_whole;

    errno = 0;
    is_whole = fflush(stdout) == 0 && !ferror(stdout);
    if (fclose(stdout) == 0 && is_whole)
        return status;
    fprintf(stderr, "go-metro: the output is not whole: %s\n", errno != 0 ? strerror(errno) : "a part could not be written");
    return STATUS_NOT_WRITTEN;
}

int status_run(const struct options *options)
{
    struct status_view view = { .rows = NULL };
    struct segment_choice choice;
    char message[SEG_ERROR_MAX];
    enum segment_status result;
    int status = 1;

    segment_choice_make(&choice, options);
    result = segment_choice_read(&choice, &view.copy, &view.time, message);
    view.note = choice.note;
    if (result != SEGMENT_OK) {
        print_absence(options, result, message, choice.note);
        goto out;
    }
    view.state = segment_is_stale(&view.copy, view.time.age_ns) ? "stale" : segment_state_name(view.copy.snapshot.state);
    if (make_rows(&view) < 0) {
        fputs("go-metro: out of memory for the rows\n", stderr);
        status = STATUS_NOT_WRITTEN;
        goto out;
    }
    print_view(options, &view);
    status = 0;
out:
    free(view.rows);
    free(view.histograms);
    free(view.src);
    segment_copy_free(&view.copy);
    segment_choice_free(&choice);
    return finish(status);
}
