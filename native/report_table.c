/* report_table.c: rows -> a table for people, fitted to the terminal it goes to. */
#include "report.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "bars.h"
#include "cells.h"
#include "report_layout.h"
#include "report_private.h"

/* ---- rows ---- */

/* Where there is no width to keep, nothing is cut. */
static void put_text(FILE *stream, const char *text, unsigned width, const struct terminal *terminal)
{
    char cell[REPORT_TEXT_STRLEN + CELLS_MARK_BYTES];

    if (terminal->width == 0 || strlen(text) <= width)
        fprintf(stream, "%-*s", (int)width, text);
    else
        fputs(cells_shorten(cell, sizeof cell, text, width, terminal->is_utf8), stream);
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
    char text[REPORT_TEXT_STRLEN], number[CELLS_NUMBER_STRLEN];

    switch (column->kind) {
    case REPORT_COLUMN_TEXT:
        put_text(stream, column->text(text, row), layout->width[i], layout->terminal);
        break;
    case REPORT_COLUMN_COUNT:
        fprintf(stream, "%*" PRIu64, (int)layout->width[i], report_column_count(column, row));
        break;
    case REPORT_COLUMN_TIME:
        fprintf(stream, "%*s", (int)layout->width[i], report_has_times(row) ? cells_time(number, times[column->time]) : "-   ");
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
    if (order == 0)
        order = strcmp(left->src, right->src);
    return order != 0 ? order : (left->instance > right->instance) - (left->instance < right->instance);
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
