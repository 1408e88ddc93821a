/* live_rows.h: what each row of the meter measured since the last look at it.
 *
 * live_rows_new(); live_rows_look() once an interval; live_rows_free(). The rows are those of interval.h: counters are
 * differences; min and max are exact over a row's whole life, else the bounds of the buckets that were hit, and percentiles are
 * of what the interval added to the histogram; last, avg and jitter are as they stand. The meter must keep its rows (keep_rows).
 */
#ifndef GO_METRO_LIVE_ROWS_H
#define GO_METRO_LIVE_ROWS_H

#include "meter.h"
#include "report.h"

struct live_rows;

struct live_rows *live_rows_new(void); /* NULL: out of memory */
void live_rows_free(struct live_rows *rows);

/* Calls fn for each row that counted anything since the last call; the row is good for that call alone. 0; -1: out of memory. */
int live_rows_look(struct live_rows *rows, const struct meter *meter, void (*fn)(const struct report_row *row, void *arg),
                   void *arg);

#endif
