/* top_view.c: what `go-metro top` shows. */
#include "top_view.h"

#include <stdio.h>
#include <string.h>

#include "top_view_private.h"

#define ABOVE_ROWS 2   /* what is listed, and the titles */
#define TABLE_LEAST 4  /* rows beside the detail; where there is no room for them it takes the table's place */
#define DETAIL_MOST 18 /* lines */

/* ---- what is listed ---- */

static unsigned put_which(const struct canvas *canvas, unsigned row, const struct top_model *model)
{
    size_t last = model->first + model->lines;

    if (last > model->shown_count)
        last = model->shown_count;
    if (model->lines == 0 || (model->first == 0 && last == model->shown_count))
        return canvas_print(canvas, row, 0, canvas->width, CANVAS_BOLD, "%zu peer%s", model->shown_count,
                            model->shown_count == 1 ? "" : "s");
    return canvas_print(canvas, row, 0, canvas->width, CANVAS_BOLD, "%zu-%zu of %zu peers", model->first + 1, last,
                        model->shown_count);
}

static const char *order_of(const struct top_model *model)
{
    static const char *const orders[2][2] = { { "most first", "least first" }, { "A to Z", "Z to A" } };

    return orders[top_columns[model->sort].kind == TOP_KIND_TEXT][model->is_reversed];
}

static void draw_listing(const struct canvas *canvas, unsigned row, const struct top_model *model)
{
    unsigned column = put_which(canvas, row, model);

    if (model->all.interval_s > 0)
        column = canvas_print(canvas, row, column, canvas->width, CANVAS_PLAIN, ", last %.1f s", model->all.interval_s);
    else
        column = canvas_text(canvas, row, column, canvas->width, CANVAS_PLAIN, ", since birth");
    column = canvas_print(canvas, row, column, canvas->width, CANVAS_PLAIN, ", by %s, %s", top_columns[model->sort].title,
                          order_of(model));
    if (model->filter[0] != '\0')
        column = canvas_print(canvas, row, column, canvas->width, CANVAS_WARNING, ", only /%s", model->filter);
    if (model->hides_idle)
        canvas_text(canvas, row, column, canvas->width, CANVAS_WARNING, ", idle hidden");
    if (model->is_paused)
        canvas_right(canvas, row, 0, canvas->width, CANVAS_SELECTED, " PAUSED ");
}

/* ---- the table ---- */

/* False: no row on the screen has a histogram. */
static bool find_scale(struct bars_scale *scale, const struct top_model *model, size_t end)
{
    double min = -1, max = 0;

    for (size_t i = model->first; i < end; i++) {
        const double *values = model->shown[i]->values;

        if (values[TOP_MIN] >= 0 && (min < 0 || values[TOP_MIN] < min))
            min = values[TOP_MIN];
        if (values[TOP_MAX] > max)
            max = values[TOP_MAX];
    }
    if (min >= 0)
        bars_scale_init(scale, (uint64_t)(min * 1e6), (uint64_t)(max * 1e6));
    return min >= 0;
}

/* The ends of the scale stand over those of the histograms. */
static void draw_scale(const struct canvas *canvas, unsigned row, unsigned column, unsigned end, const struct bars_scale *scale)
{
    char low[BARS_LABEL_STRLEN], high[BARS_LABEL_STRLEN];

    column = canvas_text(canvas, row, column, end, CANVAS_TITLE, bars_label(low, scale->low_ns));
    canvas_right(canvas, row, column + 1, end, CANVAS_TITLE, bars_label(high, scale->high_ns));
}

static void draw_title(const struct canvas *canvas, unsigned row, unsigned column, unsigned width, size_t i, bool is_sorted)
{
    const struct top_column_form *form = &top_columns[i];
    const unsigned length = (unsigned)strlen(form->title);
    const char *key = strchr(form->title, form->key);

    if (form->kind != TOP_KIND_TEXT && length < width)
        column += width - length;
    canvas_text(canvas, row, column, column + width, is_sorted ? CANVAS_SELECTED : CANVAS_TITLE, form->title);
    if (!is_sorted && form->key != '\0' && key != NULL)
        canvas_print(canvas, row, column + (unsigned)(key - form->title), canvas->width, CANVAS_KEY, "%c", form->key);
}

/* scale: NULL where there is none. */
static void draw_titles(const struct canvas *canvas, unsigned row, const struct top_layout *layout, enum top_column sort,
                        const struct bars_scale *scale)
{
    unsigned column = 0;

    for (size_t i = 0; i < TOP_COLUMNS; i++) {
        const unsigned width = layout->width[i];

        if (width == 0)
            continue;
        if (i == TOP_COLUMN_HISTOGRAM && scale != NULL)
            draw_scale(canvas, row, column, column + width, scale);
        else
            draw_title(canvas, row, column, width, i, i == sort);
        column += width + TOP_GAP;
    }
}

static void draw_histogram(const struct canvas *canvas, unsigned row, unsigned column, unsigned width, enum canvas_style style,
                           const struct top_row *peer, const struct bars_scale *scale)
{
    uint32_t room[HISTOGRAM_BUCKETS];
    uint8_t levels[BARS_MAX_CELLS];
    char text[BARS_TEXT_STRLEN];
    struct histogram histogram;
    struct buckets buckets;

    if (peer->values[TOP_MIN] < 0 || scale == NULL)
        return;
    buckets = interval_buckets(&peer->interval, room);
    buckets_expand(&buckets, &histogram);
    bars_levels(scale, &histogram, width, levels);
    canvas_text(canvas, row, column, column + width, style, bars_text(text, levels, width, canvas->is_utf8));
}

static void draw_cell(const struct canvas *canvas, unsigned row, unsigned column, unsigned width, enum canvas_style style,
                      size_t i, const struct top_row *peer)
{
    char text[TOP_PEER_STRLEN + CELLS_MARK_BYTES], number[CELLS_NUMBER_STRLEN];

    if (top_columns[i].kind == TOP_KIND_TEXT) {
        cells_shorten(text, sizeof text, top_column_text((enum top_column)i, peer), width, canvas->is_utf8);
        canvas_text(canvas, row, column, column + width, style, text);
        return;
    }
    if (i == TOP_COLUMN_RETX && peer->values[TOP_RETRANSMITS] > 0 && style == CANVAS_PLAIN)
        style = CANVAS_WARNING;
    canvas_right(canvas, row, column, column + width, style, top_column_number(number, (enum top_column)i, peer));
}

static void draw_row(const struct canvas *canvas, unsigned row, const struct top_layout *layout, const struct top_row *peer,
                     enum canvas_style style, const struct bars_scale *scale)
{
    unsigned column = 0;

    if (style == CANVAS_SELECTED)
        canvas_fill(canvas, row, style);
    for (size_t i = 0; i < TOP_COLUMNS; i++) {
        const unsigned width = layout->width[i];

        if (width == 0)
            continue;
        if (i == TOP_COLUMN_HISTOGRAM)
            draw_histogram(canvas, row, column, width, style, peer, scale);
        else
            draw_cell(canvas, row, column, width, style, i, peer);
        column += width + TOP_GAP;
    }
}

/* What is not of now is dim. */
static enum canvas_style style_of_row(const struct top_model *model, const struct top_status *status, size_t place)
{
    if (model->has_selection && place == model->selected)
        return CANVAS_SELECTED;
    return model->shown[place]->is_idle || !top_header_is_live(status) ? CANVAS_DIM : CANVAS_PLAIN;
}

static const char *why_empty(const struct top_model *model)
{
    if (model->all.count == 0)
        return model->later != NULL ? "No peer has been measured yet." : "";
    if (model->filter[0] == '\0')
        return "No peer but idle ones, which are hidden; i shows them.";
    if (model->hides_idle)
        return "No peer that is not idle is shown with this filter; Esc clears it, then i shows idle ones.";
    return "No peer is shown with this filter; Esc clears it.";
}

static void draw_table(const struct canvas *canvas, unsigned row, unsigned lines, struct top_model *model,
                       const struct top_status *status)
{
    struct bars_scale scale_of_all, *scale = NULL;
    struct top_layout layout;
    size_t end;

    top_model_fit(model, lines > ABOVE_ROWS ? lines - ABOVE_ROWS : 0);
    end = model->first + model->lines < model->shown_count ? model->first + model->lines : model->shown_count;
    if (find_scale(&scale_of_all, model, end))
        scale = &scale_of_all;
    draw_listing(canvas, row, model);
    if (model->shown_count == 0) {
        (void)top_view_wrap(canvas, row + ABOVE_ROWS, canvas->height, CANVAS_PLAIN, why_empty(model));
        return;
    }
    top_layout_make(&layout, model->shown, model->shown_count, model->sort, canvas->width);
    draw_titles(canvas, row + 1, &layout, model->sort, scale);
    for (size_t i = model->first; i < end; i++)
        draw_row(canvas, row + ABOVE_ROWS + (unsigned)(i - model->first), &layout, model->shown[i],
                 style_of_row(model, status, i), scale);
}

/* ---- the keys ---- */

static void draw_keys(const struct canvas *canvas, const struct top_model *model)
{
    const struct {
        const char *key, *what;
    } keys[] = {
        { "?", "help" },
        { "q", "quit" },
        { "<>", "sort" },
        { "r", "reverse" },
        { "/", "filter" },
        { "Enter", model->shows_detail ? "table" : "detail" },
        { "t", model->shows_totals ? "interval" : "totals" },
        { "p", model->is_paused ? "go on" : "pause" },
        { "i", model->hides_idle ? "show idle" : "hide idle" },
    };
    const unsigned row = canvas->height - 1;
    unsigned column = 0;

    if (model->is_typing) {
        column = canvas_print(canvas, row, 0, canvas->width, CANVAS_BOLD, "/%s", model->filter);
        column = canvas_text(canvas, row, column, canvas->width, CANVAS_SELECTED, " ");
        canvas_text(canvas, row, column, canvas->width, CANVAS_DIM, "  in src, dst or iface; Enter keeps, Esc clears");
        return;
    }
    for (size_t i = 0; i < sizeof keys / sizeof keys[0]; i++) {
        if (column + strlen(keys[i].key) + 1 + strlen(keys[i].what) > canvas->width)
            return;
        column = canvas_text(canvas, row, column, canvas->width, CANVAS_KEY, keys[i].key);
        column = canvas_print(canvas, row, column, canvas->width, CANVAS_PLAIN, " %s", keys[i].what) + TOP_GAP;
    }
}

/* ---- all ---- */

/* What is left for the detail, of so many lines; 0: it is not shown. */
static unsigned choose_detail(const struct top_model *model, unsigned lines)
{
    const unsigned half = lines / 2;

    if (!model->shows_detail || top_model_selected(model) == NULL)
        return 0;
    if (lines < ABOVE_ROWS + TABLE_LEAST + TOP_DETAIL_LEAST)
        return lines;
    return half < TOP_DETAIL_LEAST ? TOP_DETAIL_LEAST : half > DETAIL_MOST ? DETAIL_MOST : half;
}

/* Each part is cut at its own end. */
static struct canvas cut_at(const struct canvas *canvas, unsigned height)
{
    struct canvas part = *canvas;

    if (height < part.height)
        part.height = height;
    return part;
}

void top_view_draw(const struct canvas *canvas, struct top_model *model, const struct top_status *status)
{
    const unsigned end = canvas->height > 1 ? canvas->height - 1 : canvas->height; /* where the keys are */
    const struct canvas above_keys = cut_at(canvas, end);
    struct canvas table;
    unsigned row, detail;

    if (model->shows_help) {
        top_help_draw(canvas, model);
        return;
    }
    row = top_header_draw(&above_keys, model, status);
    detail = row < end ? choose_detail(model, end - row) : 0;
    table = cut_at(canvas, end - detail);
    if (row < table.height)
        draw_table(&table, row, table.height - row, model, status);
    if (detail > 0)
        top_detail_draw(&above_keys, end - detail, detail, model);
    if (end < canvas->height)
        draw_keys(canvas, model);
}
