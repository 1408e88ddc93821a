/* top_model.c: what `go-metro top` has in mind. */
#include "top_model.h"

#include <stdlib.h>
#include <string.h>

void top_model_init(struct top_model *model)
{
    *model = (struct top_model){ .sort = TOP_COLUMN_RATE, .lines = 1 };
}

void top_model_free(struct top_model *model)
{
    top_rows_free(&model->all);
    free(model->shown);
    model->shown = NULL;
}

/* ---- which rows ---- */

static bool is_wanted(const struct top_model *model, const struct top_row *row)
{
    if (model->hides_idle && row->is_idle)
        return false;
    return strcasestr(row->dst, model->filter) != NULL || strcasestr(row->src, model->filter) != NULL
           || strcasestr(row->iface, model->filter) != NULL;
}

/* ---- their order ---- */

static int compare_numbers(double a, double b)
{
    return (a > b) - (a < b);
}

/* 10.0.0.9 comes before 10.0.0.10. */
static int compare_texts(const char *a, const char *b)
{
    return strverscmp(a, b);
}

/* Below 0: a comes first. What has no value is last, whichever way. */
static int compare_values(const struct top_model *model, const struct top_row *a, const struct top_row *b)
{
    const struct top_column_form *form = &top_columns[model->sort];
    const double left = a->values[form->value], right = b->values[form->value];
    int order;

    if (form->kind == TOP_KIND_TEXT)
        order = compare_texts(top_column_text(model->sort, a), top_column_text(model->sort, b));
    else if (left < 0 || right < 0)
        return (left < 0) - (right < 0);
    else
        order = compare_numbers(right, left);
    return model->is_reversed ? -order : order;
}

/* Rows that are alike keep their order from one look to the next. */
static int compare_rows(const void *one, const void *other, void *model)
{
    const struct top_row *a = *(struct top_row *const *)one, *b = *(struct top_row *const *)other;
    int order = compare_values(model, a, b);

    if (order == 0)
        order = compare_texts(a->dst, b->dst);
    if (order == 0)
        order = compare_texts(a->src, b->src);
    if (order == 0)
        order = (a->interval.now->birth > b->interval.now->birth) - (a->interval.now->birth < b->interval.now->birth);
    return order;
}

/* ---- the selection ---- */

static bool is_same(const struct top_identity *identity, const struct top_row *row)
{
    const struct seg_row *a = &identity->row, *b = row->interval.now;

    return identity->fingerprint == row->instance->fingerprint && a->flags == b->flags && a->peer_port == b->peer_port
           && a->local_family == b->local_family && a->peer_family == b->peer_family && a->peer_bits == b->peer_bits
           && memcmp(a->local, b->local, sizeof a->local) == 0 && memcmp(a->peer, b->peer, sizeof a->peer) == 0
           && strcmp(a->peer_name, b->peer_name) == 0;
}

static void select_place(struct top_model *model, size_t place)
{
    const struct top_row *row = model->shown[place];

    model->has_selection = true;
    model->selected = place;
    model->selection.fingerprint = row->instance->fingerprint;
    model->selection.row = *row->interval.now;
}

/* What is gone, or filtered out, leaves the selection to the row in its place, for as long as it is away. */
static void find_selected(struct top_model *model)
{
    if (!model->has_selection)
        return;
    for (size_t i = 0; i < model->shown_count; i++)
        if (is_same(&model->selection, model->shown[i])) {
            model->selected = i;
            return;
        }
    if (model->selected >= model->shown_count)
        model->selected = model->shown_count == 0 ? 0 : model->shown_count - 1;
}

const struct top_row *top_model_selected(const struct top_model *model)
{
    return model->has_selection && model->selected < model->shown_count ? model->shown[model->selected] : NULL;
}

void top_model_deselect(struct top_model *model)
{
    model->has_selection = false;
    model->selected = model->first = 0;
}

void top_model_move(struct top_model *model, long by)
{
    const size_t last = model->shown_count == 0 ? 0 : model->shown_count - 1;
    size_t place = 0;

    if (model->shown_count == 0)
        return;
    if (model->has_selection && by < 0)
        place = model->selected > (size_t)-by ? model->selected - (size_t)-by : 0;
    else if (model->has_selection || by > 1)
        place = (size_t)by < last - model->selected ? model->selected + (size_t)by : last;
    select_place(model, place);
}

void top_model_fit(struct top_model *model, size_t lines)
{
    const size_t most = model->shown_count > lines ? model->shown_count - lines : 0;

    model->lines = lines;
    if (!model->has_selection)
        model->first = 0;
    else if (model->selected < model->first)
        model->first = model->selected;
    else if (lines > 0 && model->selected >= model->first + lines)
        model->first = model->selected - lines + 1;
    if (model->first > most)
        model->first = most;
}

/* ---- new rows ---- */

void top_model_arrange(struct top_model *model)
{
    model->shown_count = 0;
    for (size_t i = 0; i < model->all.count; i++)
        if (is_wanted(model, &model->all.rows[i]))
            model->shown[model->shown_count++] = &model->all.rows[i];
    if (model->shown_count > 0)
        qsort_r(model->shown, model->shown_count, sizeof *model->shown, compare_rows, model);
    find_selected(model);
}

static int reserve_shown(struct top_model *model)
{
    struct top_row **more;

    if (model->all.count <= model->shown_capacity)
        return 0;
    more = realloc(model->shown, model->all.count * sizeof *more);
    if (more == NULL)
        return -1;
    model->shown = more;
    model->shown_capacity = model->all.count;
    return 0;
}

int top_model_again(struct top_model *model)
{
    if (model->later == NULL)
        return 0;
    if (top_rows_make(&model->all, model->earlier, model->later, model->shows_totals ? TOP_SPAN_LIFE : TOP_SPAN_BETWEEN) < 0
        || reserve_shown(model) < 0) {
        top_model_forget(model);
        return -1;
    }
    top_model_arrange(model);
    return 0;
}

int top_model_take(struct top_model *model, const struct segment_copy *earlier, const struct segment_copy *later)
{
    model->earlier = earlier;
    model->later = later;
    return top_model_again(model);
}

void top_model_forget(struct top_model *model)
{
    model->earlier = model->later = NULL;
    model->shown_count = 0;
    top_rows_clear(&model->all);
}
