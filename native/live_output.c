/* live_output.c: what `go-metro live` prints. */
#include "live_output.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "live_rows.h"
#include "live_view.h"
#include "report.h"
#include "report_meter.h"
#include "screen.h"
#include "segment.h"
#include "terminal.h"

#define IDLE_S 10 /* a row without a sample for so long is dim */

struct live_output {
    const struct options *options;
    struct live_source *source;
    struct live_rows *rows;    /* of the interval: json */
    struct report_meter found; /* the table, and the total */
    struct screen screen;
    uint32_t started_s;
    bool is_over;
    char said[SEG_ERROR_MAX]; /* the trouble that was said last */
    char problem[SEG_ERROR_MAX];
};

struct live_output *live_output_new(const struct options *options, struct live_source *source)
{
    struct live_output *output = calloc(1, sizeof *output);

    if (output == NULL)
        return NULL;
    output->options = options;
    output->source = source;
    output->screen.fd = -1;
    output->started_s = live_source_now_s();
    output->rows = live_rows_new();
    if (output->rows == NULL) {
        free(output);
        return NULL;
    }
    return output;
}

void live_output_free(struct live_output *output)
{
    if (output == NULL)
        return;
    live_output_leave(output);
    live_rows_free(output->rows);
    report_meter_free(&output->found);
    free(output);
}

const char *live_output_problem(const struct live_output *output)
{
    return output->problem;
}

static int fail(struct live_output *output, const char *what, int error)
{
    snprintf(output->problem, sizeof output->problem, "%s: %s", what, strerror(error));
    return -1;
}

/* ---- tables ---- */

static bool is_table(const struct live_output *output)
{
    return !output->options->json && !output->options->samples;
}

static int print_view(struct live_output *output, FILE *stream, const struct terminal *terminal)
{
    const struct meter *meter = live_source_meter(output->source);
    const int number = live_source_number(output->source);
    const uint32_t now_s = live_source_now_s();
    struct live_view view = { .interface = output->options->interface,
                              .trouble = live_source_trouble(output->source),
                              .is_over = output->is_over,
                              .is_local_given = output->options->local_count > 0,
                              .elapsed_s = now_s - output->started_s,
                              .found = &output->found,
                              .counters = meter_counters(meter, number),
                              .pending = meter_pending(meter, number),
                              .clock_steps = live_source_clock_steps(output->source) };

    live_source_statistics(output->source, &view.statistics);
    if (report_meter_take(&output->found, meter, number, now_s > IDLE_S ? now_s - IDLE_S : 0) < 0
        || live_view_print(stream, &view, terminal) < 0)
        return fail(output, "the table", ENOMEM);
    return 0;
}

static int draw(struct live_output *output)
{
    char *picture = NULL;
    size_t size;
    FILE *stream;
    struct terminal terminal;
    int rc;

    if (!terminal_look(&terminal, STDOUT_FILENO))
        return fail(output, "the terminal", errno);
    stream = open_memstream(&picture, &size);
    if (stream == NULL)
        return fail(output, "the table", errno);
    rc = print_view(output, stream, &terminal);
    if (fclose(stream) != 0)
        rc = fail(output, "the table", ENOMEM);
    if (rc == 0 && screen_draw(&output->screen, &terminal, picture) < 0)
        rc = fail(output, "the terminal", errno);
    free(picture);
    return rc;
}

/* A table below the one before; on a terminal fitted to its width, but whatever its height is: it scrolls. */
static int append(struct live_output *output)
{
    struct terminal terminal;
    int rc;

    terminal_look(&terminal, STDOUT_FILENO);
    terminal.height = 0;
    rc = print_view(output, stdout, &terminal);
    putchar('\n');
    return rc;
}

/* ---- lines for programs ---- */

void live_output_sample(const struct meter_sample *sample, void *arg)
{
    (void)arg;
    report_json_sample(stdout, sample);
}

static void print_row(const struct report_row *row, void *arg)
{
    const struct live_output *output = arg;
    struct report_row out = *row;

    out.interface = output->options->interface;
    report_json_peer(stdout, &out);
}

static int print_rows(struct live_output *output)
{
    if (live_rows_look(output->rows, live_source_meter(output->source), print_row, output) < 0)
        return fail(output, "the rows", ENOMEM);
    return 0;
}

static int print_total(struct live_output *output)
{
    if (report_meter_take(&output->found, live_source_meter(output->source), live_source_number(output->source), 0) < 0)
        return fail(output, "the total", ENOMEM);
    report_json_total(stdout, &output->found.total);
    return 0;
}

/* The table has a title for it. The same trouble is said once. */
static void say_trouble(struct live_output *output)
{
    const char *trouble = live_source_trouble(output->source);

    if (is_table(output) || strcmp(trouble, output->said) == 0)
        return;
    fprintf(stderr, "go-metro: %s: %s\n", output->options->interface, *trouble == '\0' ? "measuring again" : trouble);
    snprintf(output->said, sizeof output->said, "%s", trouble);
}

/* ---- public ---- */

int live_output_begin(struct live_output *output)
{
    struct terminal terminal;

    if (!is_table(output) || !terminal_look(&terminal, STDOUT_FILENO) || !terminal.can_draw)
        return 0;
    return screen_open(&output->screen, STDOUT_FILENO) < 0 ? fail(output, "the terminal", errno) : 0;
}

void live_output_leave(struct live_output *output)
{
    screen_close(&output->screen);
}

int live_output_flush(struct live_output *output)
{
    return fflush(stdout) != 0 || ferror(stdout) ? fail(output, "writing the output", errno) : 0;
}

int live_output_look(struct live_output *output)
{
    int rc = 0;

    say_trouble(output);
    if (output->screen.fd >= 0)
        return draw(output);
    if (is_table(output))
        rc = append(output);
    else if (output->options->json)
        rc = print_rows(output);
    return rc < 0 ? rc : live_output_flush(output);
}

int live_output_resized(struct live_output *output)
{
    return output->screen.fd >= 0 ? draw(output) : 0;
}

/* The table stays below what was on the terminal before, whole; and JSON adds up. */
int live_output_end(struct live_output *output)
{
    live_output_leave(output);
    output->is_over = true;
    if (live_output_look(output) < 0 || (output->options->json && print_total(output) < 0))
        return -1;
    return live_output_flush(output);
}
