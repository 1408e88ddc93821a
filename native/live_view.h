/* live_view.h: what `go-metro live` shows a person: how it stands, the table, what was lost and left out. Pure but for the
 * stream. */
#ifndef GO_METRO_LIVE_VIEW_H
#define GO_METRO_LIVE_VIEW_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "capture.h"
#include "meter.h"
#include "report_meter.h"
#include "terminal.h"

struct live_view {
    const char *interface;
    const char *trouble; /* why nothing is captured now; "": it is */
    bool is_local_given; /* --local */
    bool is_over;        /* the last look */
    uint32_t elapsed_s;
    struct report_meter *found;
    const struct meter_counters *counters;
    uint64_t pending; /* segments that wait for their ACK */
    struct capture_statistics statistics;
    uint32_t clock_steps;
};

/* terminal: all zero for a file or a pipe. On a terminal no more lines than it is high. 0; -1: out of memory. */
int live_view_print(FILE *stream, const struct live_view *view, const struct terminal *terminal);

#endif
