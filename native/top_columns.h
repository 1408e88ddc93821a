/* top_columns.h: the columns of `go-metro top`: what each shows, which there is room for, and how wide they are. Pure. */
#ifndef GO_METRO_TOP_COLUMNS_H
#define GO_METRO_TOP_COLUMNS_H

#include <stdbool.h>
#include <stddef.h>

#include "bars.h"
#include "cells.h"
#include "top_rows.h"

/* From left to right. */
enum top_column {
    TOP_COLUMN_IFACE,
    TOP_COLUMN_SRC,
    TOP_COLUMN_DST,
    TOP_COLUMN_FLOWS,
    TOP_COLUMN_SAMPLES,
    TOP_COLUMN_RATE,
    TOP_COLUMN_LAST,
    TOP_COLUMN_AVG,
    TOP_COLUMN_JITTER,
    TOP_COLUMN_MIN,
    TOP_COLUMN_P50,
    TOP_COLUMN_P95,
    TOP_COLUMN_P99,
    TOP_COLUMN_MAX,
    TOP_COLUMN_RETX,
    TOP_COLUMN_HISTOGRAM,
    TOP_COLUMNS
};
#define TOP_SORTABLE TOP_COLUMN_HISTOGRAM /* so many, all before it */

enum top_kind { TOP_KIND_TEXT, TOP_KIND_COUNT, TOP_KIND_RATE, TOP_KIND_TIME, TOP_KIND_BARS };

struct top_column_form {
    const char *title;
    const char *what; /* for the help */
    char key;         /* sorts by it; one of the title's */
    enum top_kind kind;
    unsigned width;       /* of a number */
    unsigned rank;        /* where there is no room the highest goes first, 0 never */
    enum top_value value; /* of a number */
};

extern const struct top_column_form top_columns[TOP_COLUMNS];

/* Of a column of text. */
const char *top_column_text(enum top_column column, const struct top_row *row);
/* Of a column of numbers: "-" where there is none. */
const char *top_column_number(char out[static CELLS_NUMBER_STRLEN], enum top_column column, const struct top_row *row);

struct top_layout {
    bool tells_instances;        /* the interface's column does, of rows that may be alike in all others */
    unsigned width[TOP_COLUMNS]; /* 0: the column is left out */
};

/* sort: the column that is shown whatever else goes. rows: whose texts there must be room for. */
void top_layout_make(struct top_layout *layout, struct top_row *const *rows, size_t count, enum top_column sort, unsigned width);

#define TOP_GAP 2 /* between columns */

#endif
