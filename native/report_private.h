/* report_private.h: shared by report.c (JSON) and report_table.c. */
#ifndef GO_METRO_REPORT_PRIVATE_H
#define GO_METRO_REPORT_PRIVATE_H

#include "report.h"

/* The times of a row: X(enumerator, public name), in the order in which JSON has them. */
#define REPORT_TIMES(X)        \
    X(REPORT_LAST, "last")     \
    X(REPORT_AVG, "avg")       \
    X(REPORT_JITTER, "jitter") \
    X(REPORT_MIN, "min")       \
    X(REPORT_MEAN, "mean")     \
    X(REPORT_P50, "p50")       \
    X(REPORT_P95, "p95")       \
    X(REPORT_P99, "p99")       \
    X(REPORT_MAX, "max")

enum report_time {
#define X(enumerator, name) enumerator,
    REPORT_TIMES(X)
#undef X
        REPORT_TIME_COUNT
};

void report_times(const struct report_row *row, uint64_t ns[static REPORT_TIME_COUNT]);

#endif
