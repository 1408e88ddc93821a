/* bars.h: a histogram as a line of small bars, on a logarithmic scale that several lines share, so that they can be compared.
 *
 * bars_scale_init() with the least and the greatest time of all lines; bars_levels() and bars_draw() for each; bars_label() for
 * the scale's ends. Pure but for the stream. (The scale is the histogram's own: octaves of equal width, linear within one.) */
#ifndef GO_METRO_BARS_H
#define GO_METRO_BARS_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "histogram.h"

#define BARS_MAX_CELLS 48
#define BARS_LEVELS 8
#define BARS_LABEL_STRLEN 8
#define BARS_TEXT_STRLEN (3 * BARS_MAX_CELLS + 1) /* a block is three bytes of UTF-8 */
#define BARS_MAX_LINES 16

struct bars_scale {
    uint64_t low_ns, high_ns;     /* round: 1, 2 or 5 of a power of ten; low_ns < high_ns */
    uint32_t first, bucket_count; /* the histogram's buckets that it spans */
};

/* The narrowest scale that holds min_ns and max_ns: what the times vary within a step does not change it. */
void bars_scale_init(struct bars_scale *scale, uint64_t min_ns, uint64_t max_ns);

/* "500us", "2ms", "100s". Returns `out`. */
const char *bars_label(char out[static BARS_LABEL_STRLEN], uint64_t ns);

/* The height of each of the cells (at most BARS_MAX_CELLS): 0 where nothing is, BARS_LEVELS in the fullest one. */
void bars_levels(const struct bars_scale *scale, const struct histogram *histogram, unsigned cells,
                 uint8_t levels[static BARS_MAX_CELLS]);

/* The same for bars of several lines (1 to BARS_MAX_LINES): the fullest is lines * BARS_LEVELS high. */
void bars_heights(const struct bars_scale *scale, const struct histogram *histogram, unsigned cells, unsigned lines,
                  uint8_t levels[static BARS_MAX_CELLS]);
/* The part of such bars that lies in a line; 0 is the lowest. */
void bars_line(const uint8_t *heights, unsigned cells, unsigned line, uint8_t levels[static BARS_MAX_CELLS]);

/* Eighth blocks, or ASCII; one column a cell. cells: at most BARS_MAX_CELLS. */
const char *bars_text(char out[static BARS_TEXT_STRLEN], const uint8_t *levels, unsigned cells, bool is_utf8);
void bars_draw(FILE *stream, const uint8_t *levels, unsigned cells, bool is_utf8);

#endif
