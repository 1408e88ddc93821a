/* bars.c: a histogram as a line of small bars. */
#include "bars.h"

#include <inttypes.h>
#include <stddef.h>
#include <string.h>

#define LEAST_NS 500                   /* what is below it is one bucket of the histogram */
#define MOST_NS UINT64_C(200000000000) /* no round trip is longer than 120 s */

/* 500, 1000, 2000, 5000, ...; step counts them. */
static uint64_t next_round(uint64_t ns, unsigned step)
{
    return step % 3 == 2 ? ns / 2 * 5 : ns * 2;
}

void bars_scale_init(struct bars_scale *scale, uint64_t min_ns, uint64_t max_ns)
{
    unsigned step = 0;
    uint64_t low = LEAST_NS, high;

    if (max_ns > MOST_NS)
        max_ns = MOST_NS;
    if (min_ns > max_ns)
        min_ns = max_ns;
    while (next_round(low, step) <= min_ns)
        low = next_round(low, step++);
    high = next_round(low, step++);
    while (high < max_ns)
        high = next_round(high, step++);
    *scale = (struct bars_scale){ .low_ns = low, .high_ns = high, .first = histogram_bucket(low) };
    scale->bucket_count = histogram_bucket(high) - scale->first + 1;
}

const char *bars_label(char out[static BARS_LABEL_STRLEN], uint64_t ns)
{
    static const char *const units[] = { "ns", "us", "ms", "s" };
    size_t i = 0;

    for (; ns >= 1000 && i + 1 < sizeof units / sizeof units[0]; i++)
        ns /= 1000;
    snprintf(out, BARS_LABEL_STRLEN, "%u%s", (unsigned)(ns % 1000), units[i]);
    return out;
}

/* Bucket n lies on the line from n * cells to (n + 1) * cells, cell c from c * buckets to (c + 1) * buckets: each cell gets of a
 * bucket's count the part that lies in it, in whole numbers. */
static void spread(uint64_t count, uint32_t bucket, uint32_t buckets, unsigned cells, uint64_t weights[static BARS_MAX_CELLS])
{
    const uint32_t from = bucket * cells, to = from + cells;

    for (uint32_t cell = from / buckets; cell < cells && cell * buckets < to; cell++) {
        const uint32_t left = cell * buckets > from ? cell * buckets : from;
        const uint32_t right = (cell + 1) * buckets < to ? (cell + 1) * buckets : to;

        weights[cell] += count * (right - left);
    }
}

/* A single sample is seen beside a million. */
static uint8_t level_of(uint64_t weight, uint64_t most, unsigned top)
{
    const uint64_t level = (weight * top + most / 2) / most;

    return weight == 0 ? 0 : level == 0 ? 1 : (uint8_t)level;
}

void bars_heights(const struct bars_scale *scale, const struct histogram *histogram, unsigned cells, unsigned lines,
                  uint8_t levels[static BARS_MAX_CELLS])
{
    uint64_t weights[BARS_MAX_CELLS] = { 0 }, most = 1;

    if (cells > BARS_MAX_CELLS)
        cells = BARS_MAX_CELLS;
    for (uint32_t n = 0; n < scale->bucket_count && scale->first + n < HISTOGRAM_BUCKETS; n++)
        if (histogram->count[scale->first + n] != 0)
            spread(histogram->count[scale->first + n], n, scale->bucket_count, cells, weights);
    for (unsigned i = 0; i < cells; i++)
        if (weights[i] > most)
            most = weights[i];
    for (unsigned i = 0; i < cells; i++)
        levels[i] = level_of(weights[i], most, lines * BARS_LEVELS);
}

void bars_levels(const struct bars_scale *scale, const struct histogram *histogram, unsigned cells,
                 uint8_t levels[static BARS_MAX_CELLS])
{
    bars_heights(scale, histogram, cells, 1, levels);
}

void bars_line(const uint8_t *heights, unsigned cells, unsigned line, uint8_t levels[static BARS_MAX_CELLS])
{
    const unsigned below = line * BARS_LEVELS;

    for (unsigned i = 0; i < cells; i++)
        levels[i] = heights[i] <= below ? 0 : heights[i] - below < BARS_LEVELS ? (uint8_t)(heights[i] - below) : BARS_LEVELS;
}

const char *bars_text(char out[static BARS_TEXT_STRLEN], const uint8_t *levels, unsigned cells, bool is_utf8)
{
    static const char *const blocks[] = { " ", "▁", "▂", "▃", "▄", "▅", "▆", "▇", "█" };
    static const char *const ascii[] = { " ", ".", ":", "-", "=", "+", "*", "#", "@" };

    _Static_assert(sizeof blocks / sizeof blocks[0] == BARS_LEVELS + 1, "a block a level");
    out[0] = '\0';
    for (char *at = out; cells > 0; cells--)
        at = stpcpy(at, (is_utf8 ? blocks : ascii)[*levels++]);
    return out;
}

void bars_draw(FILE *stream, const uint8_t *levels, unsigned cells, bool is_utf8)
{
    char text[BARS_TEXT_STRLEN];

    fputs(bars_text(text, levels, cells, is_utf8), stream);
}
