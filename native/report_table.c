/* report_table.c: rows -> a table for people, fitted to the terminal it goes to. */
#include "report.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "bars.h"
#include "report_layout.h"
#include "report_private.h"

#define NUMBER_STRLEN 24

/* ---- cells ---- */

/* ns in the unit that leaves three significant digits: "312 us", "4.83 ms", "1.20 s "; digits stand under digits whatever the
 * unit. */
static const char *format_time(char out[static NUMBER_STRLEN], uint64_t ns)
{
    static const struct {
        uint64_t below_ns; /* from there on three digits would round up to a thousand */
        double divisor;
        const char *unit;
    } units[] = { { 999500, 1e3, "us" }, { 999500000, 1e6, "ms" }, { UINT64_MAX, 1e9, "s" } };
    size_t i = 0;
    double value;

    while (ns >= units[i].below_ns && i + 1 < sizeof units / sizeof units[0])
        i++;
    value = (double)ns / units[i].divisor;
    snprintf(out, NUMBER_STRLEN, "%.*f %-2s", value < 9.995 ? 2 : value < 99.95 ? 1 : 0, value, units[i].unit);
    return out;
}

/* ---- rows ---- */

/* An address is known by its beginning and its end, so it is cut in the middle; where there is no width to keep, it is not. */
static void put_text(FILE *stream, const char *text, unsigned width, const struct terminal *terminal)
{
    const unsigned tail = (width - 1) / 2, head = width - 1 - tail;
    const size_t length = strlen(text);

    if (terminal->width == 0 || length <= width)
        fprintf(stream, "%-*s", (int)width, text);
    else
        fprintf(stream, "%.*s%s%s", (int)head, text, terminal->is_utf8 ? "…" : "~", text + length - tail);
}

static void put_bars(FILE *stream, const struct report_layout *layout, unsigned width, const struct report_row *row)
{
    uint8_t levels[BARS_MAX_CELLS];

    if (!report_has_times(row) || row->histogram == NULL)
        return;
    bars_levels(&layout->scale, row->histogram, width, levels);
    while (width > 0 && levels[width - 1] == 0)
        width--;
    bars_draw(stream, levels, width, layout->terminal->is_utf8);
}

static void put_cell(FILE *stream, const struct report_layout *layout, size_t i, const struct report_row *row,
                     const uint64_t times[static REPORT_TIME_COUNT])
{
    const struct report_column *column = &report_columns[i];
    char text[REPORT_TEXT_STRLEN], number[NUMBER_STRLEN];

    switch (column->kind) {
    case REPORT_COLUMN_TEXT:
        put_text(stream, column->text(text, row), layout->width[i], layout->terminal);
        break;
    case REPORT_COLUMN_COUNT:
        fprintf(stream, "%*" PRIu64, (int)layout->width[i], report_column_count(column, row));
        break;
    case REPORT_COLUMN_TIME:
        fprintf(stream, "%*s", (int)layout->width[i], report_has_times(row) ? format_time(number, times[column->time]) : "-   ");
        break;
    case REPORT_COLUMN_BARS:
        put_bars(stream, layout, layout->width[i], row);
        break;
    }
}

static void put_row(FILE *stream, const struct report_layout *layout, const struct report_row *row)
{
    const bool is_dim = row->is_idle && layout->terminal->has_colour;
    const char *gap = "";
    uint64_t times[REPORT_TIME_COUNT];

    report_times(row, times);
    fputs(is_dim ? "\033[2m" : "", stream);
    for (size_t i = 0; i < REPORT_COLUMNS; i++) {
        if (layout->width[i] == 0)
            continue;
        fputs(gap, stream);
        put_cell(stream, layout, i, row, times);
        gap = "  ";
    }
    fputs(is_dim ? "\033[0m\n" : "\n", stream);
}

/* The ends of the scale stand over those of the histograms. */
static void put_title(FILE *stream, const struct report_layout *layout, size_t i)
{
    const unsigned width = layout->width[i];
    char low[BARS_LABEL_STRLEN], high[BARS_LABEL_STRLEN];

    if (report_columns[i].kind != REPORT_COLUMN_BARS) {
        fprintf(stream, report_columns[i].kind == REPORT_COLUMN_TEXT ? "%-*s" : "%*s", (int)width, report_columns[i].title);
        return;
    }
    bars_label(low, layout->scale.low_ns);
    bars_label(high, layout->scale.high_ns);
    if (strlen(low) + strlen(high) < width)
        fprintf(stream, "%s%*s", low, (int)(width - strlen(low)), high);
    else
        fputs(report_columns[i].title, stream);
}

static void put_titles(FILE *stream, const struct report_layout *layout)
{
    const char *gap = "";

    fputs(layout->terminal->has_colour ? "\033[1m" : "", stream);
    for (size_t i = 0; i < REPORT_COLUMNS; i++) {
        if (layout->width[i] == 0)
            continue;
        fputs(gap, stream);
        put_title(stream, layout, i);
        gap = "  ";
    }
    fputs(layout->terminal->has_colour ? "\033[0m\n" : "\n", stream);
}

static void put_legend(FILE *stream, const struct report_layout *layout)
{
    char low[BARS_LABEL_STRLEN], high[BARS_LABEL_STRLEN];

    if (layout->width[REPORT_COLUMN_HISTOGRAM] > 0)
        fprintf(stream, "histogram: log scale, %s to %s in every row; tallest bar = most samples\n",
                bars_label(low, layout->scale.low_ns), bars_label(high, layout->scale.high_ns));
}

static int by_samples(const void *a, const void *b)
{
    const struct report_row *left = a, *right = b;
    int order;

    if (left->samples != right->samples)
        return left->samples < right->samples ? 1 : -1;
    order = strcmp(left->dst, right->dst);
    return order != 0 ? order : strcmp(left->src, right->src);
}

void report_table(FILE *stream, struct report_row *rows, size_t count, const struct terminal *terminal, size_t max_lines)
{
    struct report_layout layout;
    size_t shown = count, around;

    if (count == 0) {
        fputs("No round trip was seen.\n", stream);
        return;
    }
    qsort(rows, count, sizeof *rows, by_samples);
    report_layout_make(&layout, rows, count, terminal);
    around = layout.width[REPORT_COLUMN_HISTOGRAM] > 0 ? 2 : 1; /* titles and legend */
    if (max_lines != 0 && count + around > max_lines)
        shown = max_lines > around + 1 ? max_lines - around - 1 : 0;
    put_titles(stream, &layout);
    for (size_t i = 0; i < shown; i++)
        put_row(stream, &layout, &rows[i]);
    if (shown < count)
        fprintf(stream, "(%zu more rows: the window is too low)\n", count - shown);
    put_legend(stream, &layout);
}

/* ---- the total ---- */

static const char *plural(uint64_t count)
{
    return count == 1 ? "" : "s";
}

/* "LEAD: 3 one, 4 another", those that are 0 left out; nothing where all are. */
static void put_reasons(FILE *stream, const char *lead, const uint64_t *counts, int from, int to, const char *(*name)(int reason))
{
    const char *before = lead;

    for (int i = from; i < to; i++) {
        if (counts[i] == 0)
            continue;
        fprintf(stream, "%s%" PRIu64 " %s", before, counts[i], name(i));
        before = ", ";
    }
    if (before != lead)
        putc('\n', stream);
}

static const char *skip_name(int reason)
{
    return skip_reason_name((enum skip_reason)reason);
}

static const char *ignore_name(int reason)
{
    return packet_reason_name((enum packet_reason)reason);
}

void report_table_total(FILE *stream, const struct report_total *total)
{
    fprintf(stream,
            "%" PRIu64 " packet%s, %" PRIu64 " TCP, %" PRIu64 " flow%s; %" PRIu64 " segment%s timed, %" PRIu64 " round trip%s\n",
            total->packets, plural(total->packets), total->tcp, total->flows, plural(total->flows), total->timed,
            plural(total->timed), total->samples, plural(total->samples));
    put_reasons(stream, "no round trip: ", total->skipped, 0, SKIP_REASON_COUNT, skip_name);
    put_reasons(stream, "ignored: ", total->ignored, PACKET_OK + 1, PACKET_REASON_COUNT, ignore_name);
}
