/* live_output.h: what `go-metro live` prints: a table in place, tables one below the other, rows of an interval, or samples.
 *
 * live_output_new(); live_output_begin() takes the terminal if there is one; live_output_look() once an interval and
 * live_output_flush() after each batch of frames; live_output_resized() on SIGWINCH; live_output_leave() before anything else is
 * written to the terminal, and at the end; live_output_end() for the last look; live_output_free(). */
#ifndef GO_METRO_LIVE_OUTPUT_H
#define GO_METRO_LIVE_OUTPUT_H

#include <stdbool.h>

#include "live_source.h"
#include "options.h"

struct live_output;

/* A line a sample on standard output, for live_source_options. */
void live_output_sample(const struct meter_sample *sample, void *arg);

/* Both must outlive it. NULL: out of memory. */
struct live_output *live_output_new(const struct options *options, struct live_source *source);
void live_output_free(struct live_output *output); /* NULL is fine */

/* Each: 0, or -1: it cannot be printed; live_output_problem() says why, once the terminal is left. */
int live_output_begin(struct live_output *output);
int live_output_look(struct live_output *output);
int live_output_flush(struct live_output *output);
int live_output_resized(struct live_output *output);
int live_output_end(struct live_output *output);
const char *live_output_problem(const struct live_output *output);

void live_output_leave(struct live_output *output); /* live_output_begin() takes it again */

#endif
