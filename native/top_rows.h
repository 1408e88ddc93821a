/* top_rows.h: two copies of the segment -> the rows of `go-metro top`, with the numbers that it shows and sorts by.
 *
 * All zero at first; top_rows_make() for each new pair of copies, which must live as long as the rows; top_rows_free(). Pure. */
#ifndef GO_METRO_TOP_ROWS_H
#define GO_METRO_TOP_ROWS_H

#include <stdbool.h>
#include <stddef.h>

#include "address.h"
#include "interval.h"
#include "segment_label.h"
#include "segment_reader.h"

enum top_value {
    TOP_FLOWS, /* that were opened */
    TOP_SAMPLES,
    TOP_RATE, /* samples a second; not of a file's whole life */
    TOP_RETRANSMITS,
    TOP_LAST, /* from here on ms, as interval.h has them */
    TOP_AVG,
    TOP_JITTER,
    TOP_MIN,
    TOP_P50,
    TOP_P95,
    TOP_P99,
    TOP_MAX,
    TOP_VALUES
};

#define TOP_NONE (-1.0) /* there is no such value; every other is 0 or above */
#define TOP_PEER_STRLEN (SEG_NAME_MAX + sizeof "[]:65535")

struct top_row {
    struct interval interval;
    const struct seg_instance *instance;
    const char *iface;         /* what people are told the instance by */
    char src[ADDRESS_STRLEN];  /* "": of several addresses, or the row `other` */
    char dst[TOP_PEER_STRLEN]; /* PEER, PEER:PORT or [PEER]:PORT */
    bool is_idle;              /* nothing was counted between the copies, whichever span is shown */
    double values[TOP_VALUES];
};

struct top_rows {
    struct top_row *rows;
    size_t count, capacity;
    struct interval_index index;                          /* of the rows' intervals, which point into it */
    char labels[SEG_MAX_INSTANCES][SEGMENT_LABEL_STRLEN]; /* of the instances; the rows point to them */
    double interval_s;                                    /* between the copies; 0: each row's whole life is its interval */
};

/* Of what the numbers are. */
enum top_span {
    TOP_SPAN_BETWEEN, /* of what was counted between the copies; where there is one only, as the other */
    TOP_SPAN_LIFE     /* of each row's whole life */
};

/* earlier: NULL, or a copy of before; of another helper process it counts as none. 0; -1: out of memory, and there are no
 * rows. */
int top_rows_make(struct top_rows *rows, const struct segment_copy *earlier, const struct segment_copy *later,
                  enum top_span span);
/* None. */
void top_rows_clear(struct top_rows *rows);
void top_rows_free(struct top_rows *rows);

/* Between two copies of one helper process; 0: there are no two. */
double top_seconds_between(const struct segment_copy *earlier, const struct segment_copy *later);
/* How long the row has been counting, in s; TOP_NONE: not known. */
double top_row_life_s(const struct top_row *row, const struct segment_copy *copy);

#endif
