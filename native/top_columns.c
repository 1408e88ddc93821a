/* top_columns.c: the columns of `go-metro top`. */
#include "top_columns.h"

#include <limits.h>
#include <string.h>

#define TEXT_GOOD 28  /* what is left of an address that must be cut, where there is room for that */
#define TEXT_LEAST 15 /* an IPv4 address; a longer one is cut to that before a column that matters goes */
#define TEXT_NONE 4
#define BARS_LEAST 10
#define RANK_MOST 13
#define RANK_CORE 4 /* up to here columns go only when the addresses are as short as may be */

const struct top_column_form top_columns[TOP_COLUMNS] = {
    [TOP_COLUMN_IFACE] = { "IFACE", "interface", 'I', TOP_KIND_TEXT, .rank = 4 },
    [TOP_COLUMN_SRC] = { "SRC", "our address", 'S', TOP_KIND_TEXT, .rank = 3 },
    [TOP_COLUMN_DST] = { "DST", "peer", 'D', TOP_KIND_TEXT, .rank = 0 },
    [TOP_COLUMN_FLOWS] = { "OPENED", "flows that began", 'N', TOP_KIND_COUNT, 7, 12, TOP_FLOWS },
    [TOP_COLUMN_SAMPLES] = { "SAMPLES", "round trips", 'P', TOP_KIND_COUNT, 7, 13, TOP_SAMPLES },
    [TOP_COLUMN_RATE] = { "RTT/s", "of them a second", 'R', TOP_KIND_RATE, 7, 0, TOP_RATE },
    [TOP_COLUMN_LAST] = { "LAST", "newest", 'L', TOP_KIND_TIME, 7, 10, TOP_LAST },
    [TOP_COLUMN_AVG] = { "AVG", "smoothed (SRTT)", 'A', TOP_KIND_TIME, 7, 0, TOP_AVG },
    [TOP_COLUMN_JITTER] = { "JITTER", "smoothed change", 'J', TOP_KIND_TIME, 7, 9, TOP_JITTER },
    [TOP_COLUMN_MIN] = { "MIN", "least", 'M', TOP_KIND_TIME, 7, 5, TOP_MIN },
    [TOP_COLUMN_P50] = { "P50", "median", '0', TOP_KIND_TIME, 7, 8, TOP_P50 },
    [TOP_COLUMN_P95] = { "P95", "95th percentile", '5', TOP_KIND_TIME, 7, 1, TOP_P95 },
    [TOP_COLUMN_P99] = { "P99", "99th percentile", '9', TOP_KIND_TIME, 7, 11, TOP_P99 },
    [TOP_COLUMN_MAX] = { "MAX", "greatest", 'X', TOP_KIND_TIME, 7, 7, TOP_MAX },
    [TOP_COLUMN_RETX] = { "RETX", "segments again", 'E', TOP_KIND_COUNT, 7, 6, TOP_RETRANSMITS },
    [TOP_COLUMN_HISTOGRAM] = { "HISTOGRAM", "log scale", '\0', TOP_KIND_BARS, BARS_LEAST, .rank = 2 },
};

const char *top_column_text(enum top_column column, const struct top_row *row)
{
    return column == TOP_COLUMN_IFACE ? row->iface : column == TOP_COLUMN_SRC ? row->src : row->dst;
}

const char *top_column_number(char out[static CELLS_NUMBER_STRLEN], enum top_column column, const struct top_row *row)
{
    const struct top_column_form *form = &top_columns[column];
    const double value = row->values[form->value];

    if (value < 0)
        return strcpy(out, form->kind == TOP_KIND_TIME ? "-   " : "-"); /* under the last digit */
    if (form->kind == TOP_KIND_RATE)
        return cells_rate(out, value);
    if (form->kind == TOP_KIND_TIME)
        return cells_time(out, (uint64_t)(value * 1e6 + 0.5));
    return cells_count(out, value < 1e19 ? (uint64_t)value : UINT64_C(10000000000000000000));
}

/* ---- fitting ---- */

static bool is_text(size_t column)
{
    return top_columns[column].kind == TOP_KIND_TEXT;
}

static unsigned natural_width(enum top_column column, struct top_row *const *rows, size_t count)
{
    size_t width = strlen(top_columns[column].title);

    if (!is_text(column))
        return top_columns[column].width;
    for (size_t i = 0; i < count; i++) {
        const size_t length = strlen(top_column_text(column, rows[i]));

        if (length > width)
            width = length;
    }
    return (unsigned)width;
}

/* text_most: what a column of text takes at most. */
static unsigned total_width(const struct top_layout *layout, unsigned text_most)
{
    unsigned total = 0;

    for (size_t i = 0; i < TOP_COLUMNS; i++) {
        const bool is_cut = is_text(i) && layout->width[i] > text_most;

        if (layout->width[i] > 0)
            total += (total > 0 ? TOP_GAP : 0) + (is_cut ? text_most : layout->width[i]);
    }
    return total;
}

static unsigned rank_of(const struct top_layout *layout, size_t column)
{
    return column == TOP_COLUMN_IFACE && layout->tells_instances ? 0 : top_columns[column].rank;
}

static void drop(struct top_layout *layout, unsigned rank, enum top_column sort)
{
    for (size_t i = 0; i < TOP_COLUMNS; i++)
        if (rank_of(layout, i) == rank && i != sort)
            layout->width[i] = 0;
}

/* The most of an address with which all that matters fits. */
static unsigned choose_text_most(const struct top_layout *layout, enum top_column sort, unsigned room)
{
    static const unsigned choices[] = { UINT_MAX, TEXT_GOOD };
    struct top_layout core = *layout;

    for (unsigned rank = RANK_MOST; rank > RANK_CORE; rank--)
        drop(&core, rank, sort);
    for (size_t i = 0; i < sizeof choices / sizeof choices[0]; i++)
        if (total_width(&core, choices[i]) <= room)
            return choices[i];
    return TEXT_LEAST;
}

static size_t widest_text(const struct top_layout *layout)
{
    size_t widest = TOP_COLUMN_IFACE;

    for (size_t i = 0; i < TOP_COLUMNS; i++)
        if (is_text(i) && layout->width[i] > layout->width[widest])
            widest = i;
    return widest;
}

static void shorten_texts(struct top_layout *layout, unsigned room, unsigned least)
{
    for (unsigned total = total_width(layout, UINT_MAX); total > room; total--) {
        const size_t widest = widest_text(layout);

        if (layout->width[widest] <= least)
            return;
        layout->width[widest]--;
    }
}

/* Whether there are several of an interface. */
static bool are_instances_told(struct top_row *const *rows, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (strcmp(rows[i]->iface, rows[i]->instance->interface) != 0)
            return true;
    return false;
}

void top_layout_make(struct top_layout *layout, struct top_row *const *rows, size_t count, enum top_column sort, unsigned width)
{
    unsigned *bars = &layout->width[TOP_COLUMN_HISTOGRAM], text_most, used;

    layout->tells_instances = are_instances_told(rows, count);
    for (size_t i = 0; i < TOP_COLUMNS; i++)
        layout->width[i] = natural_width((enum top_column)i, rows, count);
    text_most = choose_text_most(layout, sort, width);
    for (unsigned rank = RANK_MOST; rank > 0 && total_width(layout, text_most) > width; rank--)
        drop(layout, rank, sort);
    shorten_texts(layout, width, TEXT_LEAST);
    shorten_texts(layout, width, TEXT_NONE); /* a window that is no use to a table */
    used = total_width(layout, UINT_MAX);
    if (*bars > 0 && used < width)
        *bars += width - used < BARS_MAX_CELLS - *bars ? width - used : BARS_MAX_CELLS - *bars;
}
