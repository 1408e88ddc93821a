/* live_view.c: what `go-metro live` shows a person. */
#include "live_view.h"

#include <inttypes.h>
#include <stddef.h>
#include <stdlib.h>

#define LINES_AROUND 3 /* the title, and the empty ones before and behind the table */
#define TABLE_LEAST 4  /* titles, a row, how many are left out, the legend: before less than that the footer is cut */

/* A name of the kernel's may hold whatever would change the terminal. */
static void put_name(FILE *stream, const char *name)
{
    for (; *name != '\0'; name++)
        putc(*name > 0x20 && *name <= 0x7e ? *name : '?', stream);
}

static void put_title(FILE *stream, const struct live_view *view, const struct terminal *terminal)
{
    fputs(terminal->has_colour ? "\033[1m" : "", stream);
    put_name(stream, view->interface);
    fprintf(stream, "  %u:%02u:%02u  ", view->elapsed_s / 3600, view->elapsed_s / 60 % 60, view->elapsed_s % 60);
    fputs(view->is_over ? "ended" : view->trouble[0] == '\0' ? "measuring; ^C ends" : view->trouble, stream);
    fputs(terminal->has_colour ? "\033[0m\n" : "\n", stream);
}

static void put_bounds(FILE *stream, const struct meter_counters *counters)
{
    if (counters->refused_flows > 0)
        fprintf(stream, "too many flows at once: %" PRIu64 " packets were turned away; narrow it with -f\n",
                counters->refused_flows);
    if (counters->refused_peers > 0)
        fprintf(stream, "too many peers: %" PRIu64 " flows are counted in the row `other`; narrow it with -f\n",
                counters->refused_peers);
}

static void put_footer(FILE *stream, const struct live_view *view)
{
    const uint64_t not_ours = view->counters->ignored[PACKET_NOT_OURS];

    report_table_total(stream, &view->found->total);
    fprintf(stream, "in flight: %" PRIu64 "; lost: %" PRIu64 " by the kernel, %" PRIu64 " by the interface\n", view->pending,
            view->statistics.dropped_kernel, view->statistics.dropped_interface);
    if (not_ours > 0 && !view->is_local_given)
        fputs("not_ours: neither side is this host; --local NET says which side is yours\n", stream);
    put_bounds(stream, view->counters);
    if (view->clock_steps > 0)
        fprintf(stream, "the wall clock was set %u time%s: what was in flight gave no round trip\n", view->clock_steps,
                view->clock_steps == 1 ? "" : "s");
}

static size_t count_lines(const char *text)
{
    size_t count = 0;

    for (; *text != '\0'; text++)
        count += *text == '\n';
    return count;
}

/* What is left for the table; 0: no bound. */
static size_t table_lines(const struct terminal *terminal, const char *footer)
{
    const size_t taken = LINES_AROUND + count_lines(footer);

    if (terminal->height == 0)
        return 0;
    return terminal->height > taken + TABLE_LEAST ? terminal->height - taken : TABLE_LEAST;
}

int live_view_print(FILE *stream, const struct live_view *view, const struct terminal *terminal)
{
    char *footer = NULL;
    size_t size;
    FILE *composed = open_memstream(&footer, &size);

    if (composed == NULL)
        return -1;
    put_footer(composed, view);
    if (fclose(composed) != 0) {
        free(footer);
        return -1;
    }
    put_title(stream, view, terminal);
    putc('\n', stream);
    report_table(stream, view->found->rows, view->found->count, terminal, table_lines(terminal, footer));
    putc('\n', stream);
    fputs(footer, stream);
    free(footer);
    return 0;
}
