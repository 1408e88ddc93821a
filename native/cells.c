/* cells.c: the text of a table's cells. */
#include "cells.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define COUNT_MOST 9999999 /* what seven columns hold */

/* Three digits of a value below a thousand. */
static int digits_behind_point(double value)
{
    return value < 9.995 ? 2 : value < 99.95 ? 1 : 0;
}

const char *cells_time(char out[static CELLS_NUMBER_STRLEN], uint64_t ns)
{
    static const struct {
        uint64_t below_ns; /* from there on three digits would round up to a thousand */
        double divisor;
        const char *unit;
    } units[] = { { 999500, 1e3, "us" }, { 999500000, 1e6, "ms" }, { UINT64_MAX, 1e9, "s" } };
    size_t i = 0;
    double value;

    while (ns >= units[i].below_ns && i + 1 < sizeof units / sizeof units[0])
        i++;
    value = (double)ns / units[i].divisor;
    snprintf(out, CELLS_NUMBER_STRLEN, "%.*f %-2s", digits_behind_point(value), value, units[i].unit);
    return out;
}

const char *cells_count(char out[static CELLS_NUMBER_STRLEN], uint64_t count)
{
    static const char letters[] = "MGTPE";
    double value = (double)count / 1e6;
    size_t i = 0;

    if (count <= COUNT_MOST) {
        snprintf(out, CELLS_NUMBER_STRLEN, "%" PRIu64, count);
        return out;
    }
    for (; value >= 999.5 && letters[i + 1] != '\0'; i++)
        value /= 1e3;
    snprintf(out, CELLS_NUMBER_STRLEN, "%.*f%c", digits_behind_point(value), value, letters[i]);
    return out;
}

const char *cells_rate(char out[static CELLS_NUMBER_STRLEN], double rate)
{
    if (rate >= 99.95)
        return cells_count(out, rate < 1e18 ? (uint64_t)(rate + 0.5) : UINT64_C(1000000000000000000));
    snprintf(out, CELLS_NUMBER_STRLEN, "%.1f", rate);
    return out;
}

const char *cells_shorten(char *out, size_t size, const char *text, unsigned width, bool is_utf8)
{
    const size_t length = strlen(text);
    const unsigned tail = (width - 1) / 2, head = width - 1 - tail;

    if (length <= width)
        snprintf(out, size, "%s", text);
    else
        snprintf(out, size, "%.*s%s%s", (int)head, text, is_utf8 ? "…" : "~", text + length - tail);
    return out;
}
