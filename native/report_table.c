/* report_table.c: rows -> a table for people, fitted to the terminal it goes to. */
#include "report.h"

#include <inttypes.h>
#include <limits.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "bars.h"
#include "report_private.h"
#include "segment.h"

#define TEXT_STRLEN (SEG_NAME_MAX + sizeof "[]:65535")
#define NUMBER_STRLEN 24

#define TEXT_MOST 48  /* columns of an address or name where the table is not bound to a width */
#define TEXT_GOOD 24  /* what is left of an address that must be cut, where there is room for that */
#define TEXT_LEAST 15 /* an IPv4 address; a longer one is cut to that before a column that matters goes */
#define TEXT_NONE 4
#define BARS_LEAST 10
#define BARS_GOOD 16
#define WIDE 100 /* from here on BARS_GOOD */
#define GAP 2    /* between columns */

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

static const char *text_interface(char out[static TEXT_STRLEN], const struct report_row *row)
{
    (void)out;
    return row->interface == NULL ? "" : row->interface;
}

static const char *text_src(char out[static TEXT_STRLEN], const struct report_row *row)
{
    (void)out;
    return row->src;
}

static const char *text_dst(char out[static TEXT_STRLEN], const struct report_row *row)
{
    const bool is_ipv6 = strchr(row->dst, ':') != NULL;

    if (row->dst_port == 0)
        return row->dst;
    snprintf(out, TEXT_STRLEN, is_ipv6 ? "[%s]:%u" : "%s:%u", row->dst, row->dst_port);
    return out;
}

/* ---- columns ---- */

enum column_kind { COLUMN_TEXT, COLUMN_COUNT, COLUMN_TIME, COLUMN_BARS };

/* From left to right. rank: where there is no room the highest goes first, 0 never; from RANK_CORE on they go only when the
 * addresses are as short as may be. */
#define RANK_MOST 8
#define RANK_CORE 3

static const struct column {
    const char *title;
    enum column_kind kind;
    unsigned rank;
    const char *(*text)(char out[static TEXT_STRLEN], const struct report_row *row); /* COLUMN_TEXT */
    size_t offset;                                                                   /* COLUMN_COUNT: of a uint64_t in the row */
    enum report_time time;                                                           /* COLUMN_TIME */
} columns[] = {
    { "IFACE", COLUMN_TEXT, 0, .text = text_interface },
    { "SRC", COLUMN_TEXT, 0, .text = text_src },
    { "DST", COLUMN_TEXT, 0, .text = text_dst },
    { "SAMPLES", COLUMN_COUNT, 0, .offset = offsetof(struct report_row, samples) },
    { "AVG", COLUMN_TIME, 0, .time = REPORT_AVG },
    { "JITTER", COLUMN_TIME, 7, .time = REPORT_JITTER },
    { "MIN", COLUMN_TIME, 1, .time = REPORT_MIN },
    { "P50", COLUMN_TIME, 5, .time = REPORT_P50 },
    { "P95", COLUMN_TIME, 2, .time = REPORT_P95 },
    { "P99", COLUMN_TIME, 8, .time = REPORT_P99 },
    { "MAX", COLUMN_TIME, 4, .time = REPORT_MAX },
    { "RETX", COLUMN_COUNT, 6, .offset = offsetof(struct report_row, retransmits) },
    { "HISTOGRAM", COLUMN_BARS, 3, .text = NULL },
};

#define COLUMNS (sizeof columns / sizeof columns[0])

struct layout {
    const struct terminal *terminal;
    unsigned width[COLUMNS]; /* 0: the column is left out */
    struct bars_scale scale;
};

static uint64_t count_of(const struct column *column, const struct report_row *row)
{
    return *(const uint64_t *)(const void *)((const char *)row + column->offset);
}

static size_t cell_width(const struct column *column, const struct report_row *row)
{
    char text[TEXT_STRLEN], number[NUMBER_STRLEN];

    switch (column->kind) {
    case COLUMN_TEXT:
        return strlen(column->text(text, row));
    case COLUMN_COUNT:
        return (size_t)snprintf(number, sizeof number, "%" PRIu64, count_of(column, row));
    case COLUMN_TIME:
        return strlen(format_time(number, 0));
    case COLUMN_BARS:
        break;
    }
    return 0;
}

static unsigned natural_width(const struct column *column, const struct report_row *rows, size_t count)
{
    size_t width = strlen(column->title);

    for (size_t i = 0; i < count; i++) {
        const size_t cell = cell_width(column, &rows[i]);

        if (cell > width)
            width = cell;
        if (column->kind == COLUMN_TIME)
            break;
    }
    return width > TEXT_STRLEN ? TEXT_STRLEN : (unsigned)width;
}

/* False: no row has a time. */
static bool find_range(const struct report_row *rows, size_t count, uint64_t *min_ns, uint64_t *max_ns)
{
    *min_ns = UINT64_MAX;
    *max_ns = 0;
    for (size_t i = 0; i < count; i++) {
        if (!report_has_times(&rows[i]) || rows[i].histogram == NULL)
            continue;
        if (rows[i].min_ns < *min_ns)
            *min_ns = rows[i].min_ns;
        if (rows[i].max_ns > *max_ns)
            *max_ns = rows[i].max_ns;
    }
    return *min_ns != UINT64_MAX;
}

/* ---- fitting ---- */

/* text_most: what a column of text takes at most. */
static unsigned total_width(const struct layout *layout, unsigned text_most)
{
    unsigned total = 0;

    for (size_t i = 0; i < COLUMNS; i++) {
        const bool is_cut = columns[i].kind == COLUMN_TEXT && layout->width[i] > text_most;

        if (layout->width[i] > 0)
            total += (total > 0 ? GAP : 0) + (is_cut ? text_most : layout->width[i]);
    }
    return total;
}

static void drop(struct layout *layout, unsigned rank)
{
    for (size_t i = 0; i < COLUMNS; i++)
        if (columns[i].rank == rank)
            layout->width[i] = 0;
}

static size_t widest_text(const struct layout *layout)
{
    size_t widest = 0;

    for (size_t i = 0; i < COLUMNS; i++)
        if (columns[i].kind == COLUMN_TEXT && layout->width[i] > layout->width[widest])
            widest = i;
    return widest;
}

static void shorten_texts(struct layout *layout, unsigned room, unsigned least)
{
    for (unsigned total = total_width(layout, UINT_MAX); total > room; total--) {
        const size_t widest = widest_text(layout);

        if (layout->width[widest] <= least)
            return;
        layout->width[widest]--;
    }
}

/* The most of an address with which all that matters fits. */
static unsigned choose_text_most(const struct layout *layout, unsigned room)
{
    static const unsigned choices[] = { UINT_MAX, TEXT_GOOD };
    struct layout core = *layout;

    for (unsigned rank = RANK_MOST; rank > RANK_CORE; rank--)
        drop(&core, rank);
    for (size_t i = 0; i < sizeof choices / sizeof choices[0]; i++)
        if (total_width(&core, choices[i]) <= room)
            return choices[i];
    return TEXT_LEAST;
}

static void fit(struct layout *layout, unsigned room)
{
    const unsigned text_most = choose_text_most(layout, room);
    unsigned *bars = &layout->width[COLUMNS - 1], used;

    for (unsigned rank = RANK_MOST; rank > 0 && total_width(layout, text_most) > room; rank--)
        drop(layout, rank);
    shorten_texts(layout, room, TEXT_LEAST);
    shorten_texts(layout, room, TEXT_NONE); /* a window that is no use to a table */
    used = total_width(layout, UINT_MAX);
    if (*bars > 0 && used < room)
        *bars += room - used;
    if (*bars > BARS_MAX_CELLS)
        *bars = BARS_MAX_CELLS;
}

static void lay_out(struct layout *layout, const struct report_row *rows, size_t count, const struct terminal *terminal)
{
    uint64_t min_ns, max_ns;

    *layout = (struct layout){ .terminal = terminal };
    for (size_t i = 0; i < COLUMNS; i++)
        layout->width[i] = natural_width(&columns[i], rows, count);
    if (rows[0].interface == NULL)
        layout->width[0] = 0;
    layout->width[COLUMNS - 1] = 0;
    if (terminal->width == 0) {
        for (size_t i = 0; i < COLUMNS; i++)
            if (columns[i].kind == COLUMN_TEXT && layout->width[i] > TEXT_MOST)
                layout->width[i] = TEXT_MOST;
        return;
    }
    if (find_range(rows, count, &min_ns, &max_ns)) {
        bars_scale_init(&layout->scale, min_ns, max_ns);
        layout->width[COLUMNS - 1] = terminal->width < WIDE ? BARS_LEAST : BARS_GOOD;
    }
    fit(layout, terminal->width);
}

/* ---- printing ---- */

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

static void put_bars(FILE *stream, const struct layout *layout, unsigned width, const struct report_row *row)
{
    uint8_t levels[BARS_MAX_CELLS];

    if (!report_has_times(row) || row->histogram == NULL)
        return;
    bars_levels(&layout->scale, row->histogram, width, levels);
    while (width > 0 && levels[width - 1] == 0)
        width--;
    bars_draw(stream, levels, width, layout->terminal->is_utf8);
}

static void put_cell(FILE *stream, const struct layout *layout, size_t i, const struct report_row *row,
                     const uint64_t times[static REPORT_TIME_COUNT])
{
    const struct column *column = &columns[i];
    char text[TEXT_STRLEN], number[NUMBER_STRLEN];

    switch (column->kind) {
    case COLUMN_TEXT:
        put_text(stream, column->text(text, row), layout->width[i], layout->terminal);
        break;
    case COLUMN_COUNT:
        fprintf(stream, "%*" PRIu64, (int)layout->width[i], count_of(column, row));
        break;
    case COLUMN_TIME:
        fprintf(stream, "%*s", (int)layout->width[i], report_has_times(row) ? format_time(number, times[column->time]) : "-   ");
        break;
    case COLUMN_BARS:
        put_bars(stream, layout, layout->width[i], row);
        break;
    }
}

static void put_row(FILE *stream, const struct layout *layout, const struct report_row *row)
{
    const bool is_dim = row->is_idle && layout->terminal->has_colour;
    const char *gap = "";
    uint64_t times[REPORT_TIME_COUNT];

    report_times(row, times);
    fputs(is_dim ? "\033[2m" : "", stream);
    for (size_t i = 0; i < COLUMNS; i++) {
        if (layout->width[i] == 0)
            continue;
        fputs(gap, stream);
        put_cell(stream, layout, i, row, times);
        gap = "  ";
    }
    fputs(is_dim ? "\033[0m\n" : "\n", stream);
}

/* The ends of the scale stand over those of the histograms. */
static void put_title(FILE *stream, const struct layout *layout, size_t i)
{
    const unsigned width = layout->width[i];
    char low[BARS_LABEL_STRLEN], high[BARS_LABEL_STRLEN];

    if (columns[i].kind != COLUMN_BARS) {
        fprintf(stream, columns[i].kind == COLUMN_TEXT ? "%-*s" : "%*s", (int)width, columns[i].title);
        return;
    }
    bars_label(low, layout->scale.low_ns);
    bars_label(high, layout->scale.high_ns);
    if (strlen(low) + strlen(high) < width)
        fprintf(stream, "%s%*s", low, (int)(width - strlen(low)), high);
    else
        fputs(columns[i].title, stream);
}

static void put_titles(FILE *stream, const struct layout *layout)
{
    const char *gap = "";

    fputs(layout->terminal->has_colour ? "\033[1m" : "", stream);
    for (size_t i = 0; i < COLUMNS; i++) {
        if (layout->width[i] == 0)
            continue;
        fputs(gap, stream);
        put_title(stream, layout, i);
        gap = "  ";
    }
    fputs(layout->terminal->has_colour ? "\033[0m\n" : "\n", stream);
}

static void put_legend(FILE *stream, const struct layout *layout)
{
    char low[BARS_LABEL_STRLEN], high[BARS_LABEL_STRLEN];

    if (layout->width[COLUMNS - 1] > 0)
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
    struct layout layout;
    size_t shown = count, around;

    if (count == 0) {
        fputs("No round trip was seen.\n", stream);
        return;
    }
    qsort(rows, count, sizeof *rows, by_samples);
    lay_out(&layout, rows, count, terminal);
    around = layout.width[COLUMNS - 1] > 0 ? 2 : 1; /* titles and legend */
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
