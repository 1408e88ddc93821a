/* report_layout.h: which columns a table has room for, and how wide they are; the table's other half is report_table.c. Pure. */
#ifndef GO_METRO_REPORT_LAYOUT_H
#define GO_METRO_REPORT_LAYOUT_H

#include <stddef.h>
#include <stdint.h>

#include "bars.h"
#include "report_private.h"
#include "segment.h"
#include "terminal.h"

#define REPORT_COLUMNS 13
#define REPORT_COLUMN_HISTOGRAM (REPORT_COLUMNS - 1)
#define REPORT_TEXT_STRLEN (SEG_NAME_MAX + sizeof "[]:65535")

enum report_column_kind { REPORT_COLUMN_TEXT, REPORT_COLUMN_COUNT, REPORT_COLUMN_TIME, REPORT_COLUMN_BARS };

struct report_column {
    const char *title;
    enum report_column_kind kind;
    unsigned rank;
    const char *(*text)(char out[static REPORT_TEXT_STRLEN], const struct report_row *row); /* REPORT_COLUMN_TEXT */
    size_t offset;         /* REPORT_COLUMN_COUNT: of a uint64_t in the row */
    enum report_time time; /* REPORT_COLUMN_TIME */
};

/* From left to right. */
extern const struct report_column report_columns[REPORT_COLUMNS];

struct report_layout {
    const struct terminal *terminal;
    unsigned width[REPORT_COLUMNS]; /* 0: the column is left out */
    struct bars_scale scale;        /* of the histograms, if there are any */
};

/* count: above 0. The terminal must live as long. */
void report_layout_make(struct report_layout *layout, const struct report_row *rows, size_t count,
                        const struct terminal *terminal);

/* The number in a REPORT_COLUMN_COUNT. */
uint64_t report_column_count(const struct report_column *column, const struct report_row *row);

#endif
