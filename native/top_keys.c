/* top_keys.c: what each key does. */
#include "top_keys.h"

#include <limits.h>
#include <string.h>

/* ---- the order ---- */

/* The order that one looks for first: text from its beginning, numbers from the greatest. */
static void sort_by(struct top_model *model, enum top_column column)
{
    model->is_reversed = model->sort == column && !model->is_reversed;
    model->sort = column;
    top_model_arrange(model);
}

static void sort_by_next(struct top_model *model, unsigned step)
{
    model->sort = (enum top_column)((model->sort + step) % TOP_SORTABLE);
    model->is_reversed = false;
    top_model_arrange(model);
}

static void sort_by_key(struct top_model *model, int key)
{
    for (size_t i = 0; i < TOP_SORTABLE; i++)
        if (top_columns[i].key == key) {
            sort_by(model, (enum top_column)i);
            return;
        }
}

/* ---- the filter ---- */

static void end_filter(struct top_model *model, size_t length)
{
    model->filter[length] = '\0';
    top_model_arrange(model);
}

static bool type(struct top_model *model, int key)
{
    const size_t length = strlen(model->filter);

    if (key == TOP_KEY_ENTER || key == TOP_KEY_ESCAPE) {
        model->is_typing = false;
        end_filter(model, key == TOP_KEY_ESCAPE ? 0 : length);
    } else if (key == TOP_KEY_BACKSPACE) {
        end_filter(model, length > 0 ? length - 1 : 0);
    } else if (key < ' ' || key > '~') {
        return false; /* one may move while one types */
    } else if (length + 1 < sizeof model->filter) {
        model->filter[length] = (char)key;
        end_filter(model, length + 1);
    }
    return true;
}

/* ---- the keys ---- */

static enum top_outcome do_nothing(struct top_model *model)
{
    (void)model;
    return TOP_GO_ON;
}

static enum top_outcome quit(struct top_model *model)
{
    (void)model;
    return TOP_QUIT;
}

static enum top_outcome help(struct top_model *model)
{
    model->shows_help = true;
    model->help_first = 0;
    return TOP_GO_ON;
}

static enum top_outcome begin_filter(struct top_model *model)
{
    model->is_typing = true;
    return TOP_GO_ON;
}

/* One thing after the other: the detail, the filter, the selection. */
static enum top_outcome leave(struct top_model *model)
{
    if (model->shows_detail)
        model->shows_detail = false;
    else if (model->filter[0] != '\0')
        end_filter(model, 0);
    else
        top_model_deselect(model);
    return TOP_GO_ON;
}

static enum top_outcome detail(struct top_model *model)
{
    if (top_model_selected(model) == NULL)
        top_model_move(model, 0);
    model->shows_detail = !model->shows_detail && top_model_selected(model) != NULL;
    return TOP_GO_ON;
}

static enum top_outcome reverse(struct top_model *model)
{
    sort_by(model, model->sort);
    return TOP_GO_ON;
}

static enum top_outcome totals(struct top_model *model)
{
    model->shows_totals = !model->shows_totals;
    return top_model_again(model) < 0 ? TOP_NO_MEMORY : TOP_GO_ON;
}

static enum top_outcome idle(struct top_model *model)
{
    model->hides_idle = !model->hides_idle;
    top_model_arrange(model);
    return TOP_GO_ON;
}

static enum top_outcome pause_or_go_on(struct top_model *model)
{
    model->is_paused = !model->is_paused;
    return TOP_GO_ON;
}

static enum top_outcome sort_left(struct top_model *model)
{
    sort_by_next(model, TOP_SORTABLE - 1);
    return TOP_GO_ON;
}

static enum top_outcome sort_right(struct top_model *model)
{
    sort_by_next(model, 1);
    return TOP_GO_ON;
}

static enum top_outcome up(struct top_model *model)
{
    top_model_move(model, -1);
    return TOP_GO_ON;
}

static enum top_outcome down(struct top_model *model)
{
    top_model_move(model, 1);
    return TOP_GO_ON;
}

static enum top_outcome page_up(struct top_model *model)
{
    top_model_move(model, -(long)(model->lines > 1 ? model->lines - 1 : 1));
    return TOP_GO_ON;
}

static enum top_outcome page_down(struct top_model *model)
{
    top_model_move(model, (long)(model->lines > 2 ? model->lines - 1 : 2));
    return TOP_GO_ON;
}

static enum top_outcome first(struct top_model *model)
{
    top_model_move(model, LONG_MIN + 1);
    return TOP_GO_ON;
}

static enum top_outcome last(struct top_model *model)
{
    top_model_move(model, LONG_MAX);
    return TOP_GO_ON;
}

static const struct {
    int key;
    enum top_outcome (*act)(struct top_model *model);
} keys[] = {
    { 'q', quit },
    { 'h', help },
    { '?', help },
    { '/', begin_filter },
    { TOP_KEY_ESCAPE, leave },
    { TOP_KEY_ENTER, detail },
    { 'r', reverse },
    { 't', totals },
    { 'i', idle },
    { 'p', pause_or_go_on },
    { ' ', pause_or_go_on },
    { '<', sort_left },
    { '>', sort_right },
    { TOP_KEY_LEFT, sort_left },
    { TOP_KEY_RIGHT, sort_right },
    { TOP_KEY_UP, up },
    { 'k', up },
    { TOP_KEY_DOWN, down },
    { 'j', down },
    { TOP_KEY_PAGE_UP, page_up },
    { TOP_KEY_PAGE_DOWN, page_down },
    { TOP_KEY_HOME, first },
    { TOP_KEY_END, last },
    { TOP_KEY_OTHER, do_nothing },
};

/* ---- the help ---- */

/* False: the key does not move it, and there may be nothing to move. */
static bool move_help(struct top_model *model, int key)
{
    const unsigned page = model->help_page > 1 ? model->help_page - 1 : 1, most = model->help_most, first = model->help_first;
    const struct {
        int key;
        unsigned first;
    } moves[] = {
        { TOP_KEY_UP, first > 0 ? first - 1 : 0 },
        { 'k', first > 0 ? first - 1 : 0 },
        { TOP_KEY_DOWN, first + 1 },
        { 'j', first + 1 },
        { TOP_KEY_PAGE_UP, first > page ? first - page : 0 },
        { TOP_KEY_PAGE_DOWN, first + page },
        { TOP_KEY_HOME, 0 },
        { TOP_KEY_END, most },
    };

    if (most == 0)
        return false;
    for (size_t i = 0; i < sizeof moves / sizeof moves[0]; i++)
        if (moves[i].key == key) {
            model->help_first = moves[i].first < most ? moves[i].first : most;
            return true;
        }
    return false;
}

enum top_outcome top_keys_press(struct top_model *model, int key)
{
    if (model->shows_help) { /* any key that does not move it ends it; q does not mean the whole */
        model->shows_help = move_help(model, key) || key == TOP_KEY_OTHER;
        return TOP_GO_ON;
    }
    if (model->is_typing && type(model, key))
        return TOP_GO_ON;
    for (size_t i = 0; i < sizeof keys / sizeof keys[0]; i++)
        if (keys[i].key == key)
            return keys[i].act(model);
    sort_by_key(model, key);
    return TOP_GO_ON;
}
