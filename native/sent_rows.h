/* sent_rows.h: what each row had counted when it was taken last, so that taking it again gives the interval between the two.
 *
 * sent_rows_new(); sent_rows_take() for each row as often as wanted; sent_rows_hand_over() for each that gave way to another;
 * sent_rows_sweep() when each was looked at once more, so that rows that left are forgotten in time; sent_rows_free(). Pure: no
 * I/O, no clock. */
#ifndef GO_METRO_SENT_ROWS_H
#define GO_METRO_SENT_ROWS_H

#include <stdbool.h>

#include "histogram.h"
#include "interval.h"
#include "segment.h"

struct sent_rows;

/* A row and what it was before, with all that the interval points to but the row and its histogram of now. */
struct sent_interval {
    struct interval interval;
    struct seg_row then;
    uint32_t counts[HISTOGRAM_BUCKETS];
};

enum sent_result {
    SENT_NEWS,      /* *out is filled, and the row is remembered as it is now */
    SENT_NO_NEWS,   /* it has counted neither a round trip nor a retransmission */
    SENT_NO_MEMORY, /* it cannot be remembered, and so would be news for ever */
};

struct sent_rows *sent_rows_new(void); /* NULL: out of memory */
void sent_rows_free(struct sent_rows *rows);

/* Rows are told apart by their births. histogram: NULL where no percentiles are wanted. Where there is no memory for the
 * histogram, the next interval has no percentiles, nor minimum and maximum. */
enum sent_result sent_rows_take(struct sent_rows *rows, const struct seg_row *row, const struct histogram *histogram,
                                struct sent_interval *out);

/* The row of the birth `from` gave way, and what it had counted is counted by `into`, a row `other`, from here on: so what was
 * taken of the one was taken of the other. It needs no memory. */
void sent_rows_hand_over(struct sent_rows *rows, uint64_t from, uint64_t into);

/* Forgets what was not looked at since the last sweep but one: where rows are looked at in turn, and sweeps are not quite even,
 * one may just have missed its turn. */
void sent_rows_sweep(struct sent_rows *rows);
/* Forgets all. */
void sent_rows_clear(struct sent_rows *rows);

#endif
