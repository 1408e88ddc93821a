/* report_meter.h: what an instance of the meter counted -> rows of a report and their total, as they stand.
 *
 * A zeroed struct; report_meter_take() as often as wanted (its memory is used again); report_meter_free(). The rows' histograms
 * are the meter's own: they are good until the next frame. */
#ifndef GO_METRO_REPORT_METER_H
#define GO_METRO_REPORT_METER_H

#include <stddef.h>
#include <stdint.h>

#include "address.h"
#include "meter.h"
#include "report.h"

/* What src and dst of a row point to. */
struct report_text {
    char src[PREFIX_STRLEN], dst[PREFIX_STRLEN];
};

struct report_meter {
    struct report_row *rows;
    size_t count;
    struct report_total total;
    struct report_text *texts;
    size_t capacity;
};

/* idle_before_s: rows whose newest sample is of an earlier second (of the meter's time) count as idle; 0: none does. The row
 * `other`, of which that is not known, never does. The total is that of all rows of the meter, which must have no other instance.
 * 0; -1: out of memory. */
int report_meter_take(struct report_meter *out, const struct meter *meter, int number, uint32_t idle_before_s);
void report_meter_free(struct report_meter *out);

/* One row. *text must live as long. */
void report_meter_row(struct report_row *out, const struct meter_row *row, struct report_text *text);

#endif
