/* top_detail.c: what the selected peer has measured: in the interval, and since its birth beside that. */
#include "top_view_private.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "peer.h"

#define BOTH_WIDTH 76  /* from here on there is room for both */
#define LINES_AROUND 7 /* the bars: all but what was skipped */
#define TALL 12

struct side {
    char heading[64];
    struct interval interval;
    double ms[INTERVAL_MEASURE_COUNT];
    bool is_known;
};

static void draw_heading(const struct canvas *canvas, unsigned row, const struct top_row *peer)
{
    const char *dash = canvas->is_utf8 ? "─" : "-";
    unsigned column = canvas_print(canvas, row, 0, canvas->width, CANVAS_PLAIN, "%s%s ", dash, dash);

    column = canvas_print(canvas, row, column, canvas->width, CANVAS_BOLD, "%s%s%s", peer->src,
                          peer->src[0] == '\0' ? ""
                          : canvas->is_utf8    ? " → "
                                               : " -> ",
                          peer->dst);
    column = canvas_print(canvas, row, column, canvas->width, CANVAS_PLAIN, " on %s ", peer->instance->interface);
    while (column < canvas->width)
        column = canvas_text(canvas, row, column, canvas->width, CANVAS_PLAIN, dash);
}

static const char *time_text(char out[static CELLS_NUMBER_STRLEN], double ms)
{
    return ms < 0 ? strcpy(out, "-") : cells_time(out, (uint64_t)(ms * 1e6 + 0.5));
}

struct item {
    const char *name;
    enum interval_measure measure;
};

static void draw_now(const struct canvas *canvas, unsigned row, const struct side *life)
{
    static const struct item items[] = { { "last", INTERVAL_last },
                                         { "smoothed", INTERVAL_avg },
                                         { "jitter", INTERVAL_jitter },
                                         { "least of 5 min", INTERVAL_window_min } };
    char text[CELLS_NUMBER_STRLEN];
    unsigned column = 0;

    for (size_t i = 0; i < sizeof items / sizeof items[0]; i++)
        column = canvas_print(canvas, row, column, canvas->width, CANVAS_PLAIN, "%s%s %s", i > 0 ? "  " : "", items[i].name,
                              time_text(text, life->ms[items[i].measure]));
}

/* ---- one side ---- */

/* "1 flow", "12 flows" */
static unsigned put_count(const struct canvas *canvas, unsigned row, unsigned column, unsigned end, const char *before,
                          uint64_t count, const char *what)
{
    char text[CELLS_NUMBER_STRLEN];

    return canvas_print(canvas, row, column, end, CANVAS_PLAIN, "%s%s %s%s", before, cells_count(text, count), what,
                        count == 1 ? "" : "s");
}

static void draw_counts(const struct canvas *canvas, unsigned row, unsigned column, unsigned end, const struct side *side)
{
    const struct seg_row *now = side->interval.now, *then = interval_start(&side->interval);
    char text[CELLS_NUMBER_STRLEN];

    column = put_count(canvas, row, column, end, "", now->samples - then->samples, "round trip");
    column = put_count(canvas, row, column, end, ", ", now->flows - then->flows, "flow");
    column = canvas_print(canvas, row, column, end, now->retransmits != then->retransmits ? CANVAS_WARNING : CANVAS_PLAIN,
                          ", %s retx", cells_count(text, now->retransmits - then->retransmits));
    if (side->ms[INTERVAL_handshake] >= 0)
        canvas_print(canvas, row, column, end, CANVAS_PLAIN, ", handshakes %s", time_text(text, side->ms[INTERVAL_handshake]));
}

static void draw_quantiles(const struct canvas *canvas, unsigned row, unsigned column, unsigned end, const struct side *side)
{
    static const struct item items[2][3] = {
        { { "min", INTERVAL_min }, { "p50", INTERVAL_p50 }, { "p99", INTERVAL_p99 } },
        { { "mean", INTERVAL_mean }, { "p95", INTERVAL_p95 }, { "max", INTERVAL_max } },
    };
    char text[CELLS_NUMBER_STRLEN];

    for (unsigned line = 0; line < 2; line++) {
        unsigned at = column;

        for (size_t i = 0; i < 3; i++)
            at = canvas_print(canvas, row + line, at, end, CANVAS_PLAIN, "%s%-4s %7s", i > 0 ? " " : "", items[line][i].name,
                              time_text(text, side->ms[items[line][i].measure]));
    }
}

/* Each side's bars are on the scale of the whole life, so that they can be compared. */
static void draw_bars(const struct canvas *canvas, unsigned row, unsigned column, unsigned end, unsigned lines,
                      const struct side *side)
{
    const unsigned cells = end - column < BARS_MAX_CELLS ? end - column : BARS_MAX_CELLS;
    uint32_t room[HISTOGRAM_BUCKETS];
    const struct buckets buckets = interval_buckets(&side->interval, room);
    uint8_t heights[BARS_MAX_CELLS], levels[BARS_MAX_CELLS];
    char text[BARS_TEXT_STRLEN], low[BARS_LABEL_STRLEN], high[BARS_LABEL_STRLEN];
    struct histogram histogram;
    struct bars_scale scale;

    if (side->ms[INTERVAL_min] < 0)
        return;
    bars_scale_init(&scale, side->interval.now->min_ns, side->interval.now->max_ns);
    buckets_expand(&buckets, &histogram);
    bars_heights(&scale, &histogram, cells, lines, heights);
    for (unsigned line = 0; line < lines; line++) {
        bars_line(heights, cells, lines - 1 - line, levels);
        canvas_text(canvas, row + line, column, end, CANVAS_PLAIN, bars_text(text, levels, cells, canvas->is_utf8));
    }
    canvas_text(canvas, row + lines, column, end, CANVAS_DIM, bars_label(low, scale.low_ns));
    canvas_right(canvas, row + lines, column, column + cells, CANVAS_DIM, bars_label(high, scale.high_ns));
}

/* "skipped: 3 covered, 2 inexact", those that are 0 left out; on a second line what the first has no room for. */
static void draw_skipped(const struct canvas *canvas, unsigned row, unsigned column, unsigned end, unsigned lines,
                         const struct side *side)
{
    const struct seg_row *now = side->interval.now, *then = interval_start(&side->interval);
    const unsigned start = column, last = row + lines;
    const char *before = "skipped: ";
    char text[64], number[CELLS_NUMBER_STRLEN];

    for (int i = 0; i < SKIP_REASON_COUNT && row < last; i++) {
        const uint64_t count = now->skipped[i] - then->skipped[i];

        if (count == 0)
            continue;
        snprintf(text, sizeof text, "%s%s %s", before, cells_count(number, count), skip_reason_name((enum skip_reason)i));
        if (column + canvas_columns(text) > end && column > start && row + 1 < last) {
            row++;
            column = start;
        }
        column = canvas_text(canvas, row, column, end, CANVAS_PLAIN, text);
        before = ", ";
    }
    if (column == start)
        canvas_text(canvas, row, column, end, CANVAS_DIM, "skipped: none");
}

static void draw_side(const struct canvas *canvas, unsigned row, unsigned column, unsigned end, unsigned lines,
                      const struct side *side)
{
    const unsigned skip_lines = lines >= TALL ? 2 : 1;
    unsigned bars = lines > LINES_AROUND + skip_lines ? lines - LINES_AROUND - skip_lines : 1;

    if (bars > BARS_MAX_LINES)
        bars = BARS_MAX_LINES;
    canvas_text(canvas, row, column, end, CANVAS_BOLD, side->heading);
    if (!side->is_known)
        return;
    draw_counts(canvas, row + 1, column, end, side);
    draw_quantiles(canvas, row + 2, column, end, side);
    draw_bars(canvas, row + 4, column, end, bars, side);
    draw_skipped(canvas, row + 5 + bars, column, end, skip_lines, side);
}

/* ---- both ---- */

static void print_life(char *out, size_t size, double life_s)
{
    const uint64_t s = life_s < 0 ? 0 : (uint64_t)life_s;

    if (life_s < 0)
        snprintf(out, size, "since birth");
    else
        snprintf(out, size, "since birth, %" PRIu64 ":%02" PRIu64 ":%02" PRIu64 " ago", s / 3600, s / 60 % 60, s % 60);
}

static void measure_life(struct side *side, const struct top_model *model, const struct top_row *peer)
{
    *side = (struct side){ .interval = { .now = peer->interval.now, .now_buckets = peer->interval.now_buckets },
                           .is_known = true };
    print_life(side->heading, sizeof side->heading, top_row_life_s(peer, model->later));
    interval_measure(&side->interval, side->ms);
}

/* index: as long as it is there the interval holds. */
static void measure_interval(struct side *side, struct interval_index *index, const struct top_model *model,
                             const struct top_row *peer)
{
    const double seconds = top_seconds_between(model->earlier, model->later);

    interval_index_init(index, seconds > 0 ? model->earlier : NULL, model->later);
    *side = (struct side){ .heading = "of an interval: not yet" };
    if (seconds <= 0)
        return;
    if (interval_find(index, model->later, (uint32_t)(peer->interval.now - model->later->rows), &side->interval) == 0) {
        side->is_known = true;
        snprintf(side->heading, sizeof side->heading, "of the last %.1f s", seconds);
        interval_measure(&side->interval, side->ms);
    }
}

void top_detail_draw(const struct canvas *canvas, unsigned row, unsigned lines, const struct top_model *model)
{
    const struct top_row *peer = top_model_selected(model);
    const unsigned middle = canvas->width / 2;
    struct side life, interval;
    struct interval_index index;

    if (peer == NULL)
        return;
    measure_life(&life, model, peer);
    measure_interval(&interval, &index, model, peer);
    draw_heading(canvas, row, peer);
    draw_now(canvas, row + 1, &life);
    if (canvas->width < BOTH_WIDTH) {
        draw_side(canvas, row + 2, 0, canvas->width, lines, model->shows_totals || !interval.is_known ? &life : &interval);
    } else {
        draw_side(canvas, row + 2, 0, middle - 1, lines, &interval);
        draw_side(canvas, row + 2, middle + 1, canvas->width, lines, &life);
    }
    interval_index_free(&index);
}
