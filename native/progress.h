/* progress.h: one line of a terminal that says how far something is, for what takes long.
 *
 * progress_start(); progress_show() as often as one likes (it reads a clock and draws ten times a second at most);
 * progress_clear() before anything else is written to that terminal, and at the end. */
#ifndef GO_METRO_PROGRESS_H
#define GO_METRO_PROGRESS_H

#include <stdbool.h>
#include <stdint.h>

#define PROGRESS_LEAST_BYTES (UINT64_C(16) << 20) /* what is smaller is read in a moment */

struct progress {
    int fd; /* -1: nothing is shown */
    bool is_drawn;
    const char *name;
    uint64_t size;
    uint64_t started_ns, drawn_ns; /* CLOCK_MONOTONIC */
};

/* Nothing will be shown where fd is no terminal that can be drawn on, or where size is small. The name must live as long. */
void progress_start(struct progress *progress, int fd, const char *name, uint64_t size);
void progress_show(struct progress *progress, uint64_t done);
void progress_clear(struct progress *progress);

#endif
