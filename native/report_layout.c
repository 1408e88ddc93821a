/* report_layout.c: which columns a table has room for, and how wide they are. */
#include "report_layout.h"

#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>

#define TEXT_MOST 48  /* columns of an address or name where the table is not bound to a width */
#define TEXT_GOOD 24  /* what is left of an address that must be cut, where there is room for that */
#define TEXT_LEAST 15 /* an IPv4 address; a longer one is cut to that before a column that matters goes */
#define TEXT_NONE 4
#define TIME_WIDTH 7 /* "48.3 ms" */
#define BARS_LEAST 10
#define BARS_GOOD 16
#define WIDE 100 /* from here on BARS_GOOD */
#define GAP 2    /* between columns */

static const char *text_interface(char out[static REPORT_TEXT_STRLEN], const struct report_row *row)
{
    (void)out;
    return row->interface == NULL ? "" : row->interface;
}

static const char *text_src(char out[static REPORT_TEXT_STRLEN], const struct report_row *row)
{
    (void)out;
    return row->src;
}

static const char *text_dst(char out[static REPORT_TEXT_STRLEN], const struct report_row *row)
{
    const bool is_ipv6 = strchr(row->dst, ':') != NULL;

    if (row->dst_port == 0)
        return row->dst;
    snprintf(out, REPORT_TEXT_STRLEN, is_ipv6 ? "[%s]:%u" : "%s:%u", row->dst, row->dst_port);
    return out;
}

/* From left to right. rank: where there is no room the highest goes first, 0 never; from RANK_CORE on they go only when the
 * addresses are as short as may be. */
#define RANK_MOST 8
#define RANK_CORE 3

const struct report_column report_columns[REPORT_COLUMNS] = {
    { "IFACE", REPORT_COLUMN_TEXT, 0, .text = text_interface },
    { "SRC", REPORT_COLUMN_TEXT, 0, .text = text_src },
    { "DST", REPORT_COLUMN_TEXT, 0, .text = text_dst },
    { "SAMPLES", REPORT_COLUMN_COUNT, 0, .offset = offsetof(struct report_row, samples) },
    { "AVG", REPORT_COLUMN_TIME, 0, .time = REPORT_AVG },
    { "JITTER", REPORT_COLUMN_TIME, 7, .time = REPORT_JITTER },
    { "MIN", REPORT_COLUMN_TIME, 1, .time = REPORT_MIN },
    { "P50", REPORT_COLUMN_TIME, 5, .time = REPORT_P50 },
    { "P95", REPORT_COLUMN_TIME, 2, .time = REPORT_P95 },
    { "P99", REPORT_COLUMN_TIME, 8, .time = REPORT_P99 },
    { "MAX", REPORT_COLUMN_TIME, 4, .time = REPORT_MAX },
    { "RETX", REPORT_COLUMN_COUNT, 6, .offset = offsetof(struct report_row, retransmits) },
    { "HISTOGRAM", REPORT_COLUMN_BARS, 3, .text = NULL },
};

/* ---- widths ---- */

uint64_t report_column_count(const struct report_column *column, const struct report_row *row)
{
    return *(const uint64_t *)(const void *)((const char *)row + column->offset);
}

static size_t cell_width(const struct report_column *column, const struct report_row *row)
{
    char text[REPORT_TEXT_STRLEN];

    switch (column->kind) {
    case REPORT_COLUMN_TEXT:
        return strlen(column->text(text, row));
    case REPORT_COLUMN_COUNT:
        return (size_t)snprintf(text, sizeof text, "%" PRIu64, report_column_count(column, row));
    case REPORT_COLUMN_TIME:
        return TIME_WIDTH;
    case REPORT_COLUMN_BARS:
        break;
    }
    return 0;
}

static unsigned natural_width(const struct report_column *column, const struct report_row *rows, size_t count)
{
    size_t width = strlen(column->title);

    for (size_t i = 0; i < count; i++) {
        const size_t cell = cell_width(column, &rows[i]);

        if (cell > width)
            width = cell;
    }
    return (unsigned)width;
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
static unsigned total_width(const struct report_layout *layout, unsigned text_most)
{
    unsigned total = 0;

    for (size_t i = 0; i < REPORT_COLUMNS; i++) {
        const bool is_cut = report_columns[i].kind == REPORT_COLUMN_TEXT && layout->width[i] > text_most;

        if (layout->width[i] > 0)
            total += (total > 0 ? GAP : 0) + (is_cut ? text_most : layout->width[i]);
    }
    return total;
}

static void drop(struct report_layout *layout, unsigned rank)
{
    for (size_t i = 0; i < REPORT_COLUMNS; i++)
        if (report_columns[i].rank == rank)
            layout->width[i] = 0;
}

static size_t widest_text(const struct report_layout *layout)
{
    size_t widest = 0;

    for (size_t i = 0; i < REPORT_COLUMNS; i++)
        if (report_columns[i].kind == REPORT_COLUMN_TEXT && layout->width[i] > layout->width[widest])
            widest = i;
    return widest;
}

static void shorten_texts(struct report_layout *layout, unsigned room, unsigned least)
{
    for (unsigned total = total_width(layout, UINT_MAX); total > room; total--) {
        const size_t widest = widest_text(layout);

        if (layout->width[widest] <= least)
            return;
        layout->width[widest]--;
    }
}

/* The most of an address with which all that matters fits. */
static unsigned choose_text_most(const struct report_layout *layout, unsigned room)
{
    static const unsigned choices[] = { UINT_MAX, TEXT_GOOD };
    struct report_layout core = *layout;

    for (unsigned rank = RANK_MOST; rank > RANK_CORE; rank--)
        drop(&core, rank);
    for (size_t i = 0; i < sizeof choices / sizeof choices[0]; i++)
        if (total_width(&core, choices[i]) <= room)
            return choices[i];
    return TEXT_LEAST;
}

static void fit(struct report_layout *layout, unsigned room)
{
    const unsigned text_most = choose_text_most(layout, room);
    unsigned *bars = &layout->width[REPORT_COLUMN_HISTOGRAM], used;

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

void report_layout_make(struct report_layout *layout, const struct report_row *rows, size_t count,
                        const struct terminal *terminal)
{
    uint64_t min_ns, max_ns;

    *layout = (struct report_layout){ .terminal = terminal };
    for (size_t i = 0; i < REPORT_COLUMNS; i++)
        layout->width[i] = natural_width(&report_columns[i], rows, count);
    if (rows[0].interface == NULL)
        layout->width[0] = 0;
    layout->width[REPORT_COLUMN_HISTOGRAM] = 0;
    if (terminal->width == 0) {
        for (size_t i = 0; i < REPORT_COLUMNS; i++)
            if (report_columns[i].kind == REPORT_COLUMN_TEXT && layout->width[i] > TEXT_MOST)
                layout->width[i] = TEXT_MOST;
        return;
    }
    if (find_range(rows, count, &min_ns, &max_ns)) {
        bars_scale_init(&layout->scale, min_ns, max_ns);
        layout->width[REPORT_COLUMN_HISTOGRAM] = terminal->width < WIDE ? BARS_LEAST : BARS_GOOD;
    }
    fit(layout, terminal->width);
}
