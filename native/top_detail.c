/* top_detail.c: what the selected peer has measured: in the interval, and since its birth beside that. */
#include "top_view_private.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "peer.h"

#define BOTH_WIDTH 76 /* from here on there is room for both */
#define LINES_ABOVE 5 /* the bars, and the counts' own: the two headings, what is now, and the quantiles */
#define LINES_BARS 3  /* a line of bars, their scale, and what was skipped */
#define TALL 12
#define COUNT_LINES 2

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
    column = canvas_print(canvas, row, column, canvas->width, CANVAS_PLAIN, " on %s ", peer->iface);
    while (column < canvas->width)
        column = canvas_text(canvas, row, column, canvas->width, CANVAS_PLAIN, dash);
}

static const char *time_text(char out[static CELLS_NUMBER_STRLEN], double ms)
{
    return ms < 0 ? strcpy(out, "-") : cells_time(out, (uint64_t)(ms * 1e6 + 0.5));
}

/* ---- one behind the other ---- */

/* Where items stand that are never cut: what is left of a number would be another number. */
struct lines {
    const struct canvas *canvas;
    unsigned start, end;  /* columns */
    unsigned row, column; /* behind the newest */
    unsigned last;        /* row */
    const char *gap;
};

static void put_item(struct lines *at, enum canvas_style style, const char *format, ...) __attribute__((format(printf, 3, 4)));

/* On the next line if this one has no room; left out where there is none, which is seen. */
static void put_item(struct lines *at, enum canvas_style style, const char *format, ...)
{
    char text[64];
    va_list arguments;
    bool fits;

    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    fits = at->column + strlen(at->gap) + canvas_columns(text) <= at->end;
    if (at->column > at->start && !fits && at->row == at->last) {
        canvas_text(at->canvas, at->row, at->column, at->end, CANVAS_PLAIN, " ...");
        at->column = at->end;
        return;
    }
    if (at->column > at->start)
        at->column = canvas_text(at->canvas, at->row, at->column, at->end, CANVAS_PLAIN, at->gap);
    if (at->column > at->start && !fits) {
        at->row++;
        at->column = at->start;
    }
    at->column = canvas_text(at->canvas, at->row, at->column, at->end, style, text);
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
    struct lines at = { canvas, 0, canvas->width, row, 0, row, "  " };
    char text[CELLS_NUMBER_STRLEN];

    for (size_t i = 0; i < sizeof items / sizeof items[0]; i++)
        put_item(&at, CANVAS_PLAIN, "%s %s", items[i].name, time_text(text, life->ms[items[i].measure]));
}

/* ---- one side ---- */

/* "1 flow", "12 flows" */
static void put_count(struct lines *at, uint64_t count, const char *what)
{
    char text[CELLS_NUMBER_STRLEN];

    put_item(at, CANVAS_PLAIN, "%s %s%s", cells_count(text, count), what, count == 1 ? "" : "s");
}

static void put_counts(struct lines *at, const struct side *side)
{
    const struct seg_row *now = side->interval.now, *then = interval_start(&side->interval);
    const uint64_t retransmits = now->retransmits - then->retransmits;
    char text[CELLS_NUMBER_STRLEN];

    put_count(at, now->samples - then->samples, "round trip");
    put_count(at, now->flows - then->flows, side->interval.then == NULL ? "flow" : "new flow"); /* the others go on */
    put_item(at, retransmits > 0 ? CANVAS_WARNING : CANVAS_PLAIN, "%s retx", cells_count(text, retransmits));
    if (side->ms[INTERVAL_handshake] >= 0)
        put_item(at, CANVAS_PLAIN, "handshakes %s", time_text(text, side->ms[INTERVAL_handshake]));
}

static struct lines lines_at(const struct canvas *canvas, unsigned row, unsigned column, unsigned end, unsigned lines)
{
    return (struct lines){ canvas, column, end, row, column, row + lines - 1, ", " };
}

/* How many lines its counts need, of so many columns. */
static unsigned count_lines(const struct canvas *canvas, unsigned columns, const struct side *side)
{
    const struct canvas nowhere = { .width = canvas->width };
    struct lines at = lines_at(&nowhere, 0, 0, columns, COUNT_LINES);

    if (side->is_known)
        put_counts(&at, side);
    return at.row + 1;
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

/* "skipped: 3 covered, 2 inexact", those that are 0 left out. */
static void put_skipped(struct lines *at, const struct side *side)
{
    const struct seg_row *now = side->interval.now, *then = interval_start(&side->interval);
    const char *before = "skipped: ";
    char number[CELLS_NUMBER_STRLEN];

    for (int i = 0; i < SKIP_REASON_COUNT; i++) {
        const uint64_t count = now->skipped[i] - then->skipped[i];

        if (count == 0)
            continue;
        put_item(at, CANVAS_PLAIN, "%s%s %s", before, cells_count(number, count), skip_reason_name((enum skip_reason)i));
        before = "";
    }
    if (*before != '\0')
        put_item(at, CANVAS_DIM, "skipped: none");
}

/* The same for both sides, so that they can be compared. */
struct plan {
    unsigned count_lines, bars, skip_lines;
};

/* lines: of the whole detail. Where there are few the bars are what one can do without. */
static struct plan make_plan(unsigned lines, unsigned count_lines)
{
    const unsigned least = lines < LINES_ABOVE + count_lines ? 1 : count_lines, above = LINES_ABOVE + least;
    struct plan plan = { .count_lines = least, .skip_lines = lines > above ? lines - above : 0 };

    if (plan.skip_lines < LINES_BARS)
        return plan;
    plan.bars = plan.skip_lines - (lines >= TALL ? 3 : 2);
    if (plan.bars > BARS_MAX_LINES)
        plan.bars = BARS_MAX_LINES;
    plan.skip_lines = lines >= TALL ? 2 : 1;
    return plan;
}

static void draw_side(const struct canvas *canvas, unsigned row, unsigned column, unsigned end, const struct plan *plan,
                      const struct side *side)
{
    struct lines at = lines_at(canvas, row + 1, column, end, plan->count_lines);

    canvas_text(canvas, row, column, end, CANVAS_BOLD, side->heading);
    if (!side->is_known)
        return;
    put_counts(&at, side);
    row += 1 + plan->count_lines;
    draw_quantiles(canvas, row, column, end, side);
    row += 2;
    if (plan->bars > 0) {
        draw_bars(canvas, row, column, end, plan->bars, side);
        row += plan->bars + 1;
    }
    at = lines_at(canvas, row, column, end, plan->skip_lines);
    if (plan->skip_lines > 0)
        put_skipped(&at, side);
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

static void draw_one(const struct canvas *canvas, unsigned row, unsigned lines, const struct side *side)
{
    const struct plan plan = make_plan(lines, count_lines(canvas, canvas->width, side));

    draw_side(canvas, row, 0, canvas->width, &plan, side);
}

static void draw_both(const struct canvas *canvas, unsigned row, unsigned lines, const struct side *interval,
                      const struct side *life)
{
    const unsigned middle = canvas->width / 2, columns = middle - 1;
    const unsigned of_interval = count_lines(canvas, columns, interval), of_life = count_lines(canvas, columns, life);
    const struct plan plan = make_plan(lines, of_interval > of_life ? of_interval : of_life);

    draw_side(canvas, row, 0, columns, &plan, interval);
    draw_side(canvas, row, middle + 1, canvas->width, &plan, life);
}

void top_detail_draw(const struct canvas *canvas, unsigned row, unsigned lines, const struct top_model *model)
{
    const struct top_row *peer = top_model_selected(model);
    struct side life, interval;
    struct interval_index index;

    if (peer == NULL)
        return;
    measure_life(&life, model, peer);
    measure_interval(&interval, &index, model, peer);
    draw_heading(canvas, row, peer);
    draw_now(canvas, row + 1, &life);
    if (canvas->width < BOTH_WIDTH)
        draw_one(canvas, row + 2, lines, model->shows_totals || !interval.is_known ? &life : &interval);
    else
        draw_both(canvas, row + 2, lines, &interval, &life);
    interval_index_free(&index);
}
