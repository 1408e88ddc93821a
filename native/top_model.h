/* top_model.h: what `go-metro top` has in mind: the rows, which of them are shown and in which order, which one is selected, and
 * what the keys have switched.
 *
 * top_model_init(); top_model_take() for each new pair of copies (which must live as long) or top_model_forget() where there is
 * none; top_model_arrange() when the order or the filter has changed; top_model_fit() before it is drawn; top_model_free(). The
 * selection is a peer, not a place: it goes with its row. Pure. */
#ifndef GO_METRO_TOP_MODEL_H
#define GO_METRO_TOP_MODEL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "top_columns.h"
#include "top_rows.h"

#define TOP_FILTER_MAX 64

/* What makes a row the same one, in another copy and of another helper process. */
struct top_identity {
    uint32_t fingerprint; /* of its instance */
    struct seg_row row;
};

struct top_model {
    enum top_column sort;
    bool is_reversed;  /* text from its end, numbers from the least */
    bool shows_totals; /* since birth; else of the interval */
    bool hides_idle;
    bool shows_detail, shows_help, is_paused;
    bool is_typing; /* the filter */
    char filter[TOP_FILTER_MAX];
    unsigned help_first; /* the uppermost line of the help on the screen */
    unsigned help_most;  /* which that may be at the most; 0: all of it is on the screen */
    unsigned help_page;  /* lines of it that there is room for */

    const struct segment_copy *earlier, *later;
    struct top_rows all;
    struct top_row **shown; /* in order */
    size_t shown_count, shown_capacity;

    bool has_selection;
    struct top_identity selection;
    size_t selected; /* its place among those shown */
    size_t first;    /* the uppermost on the screen */
    size_t lines;    /* of the screen */
};

void top_model_init(struct top_model *model);
void top_model_free(struct top_model *model);

/* earlier may be NULL. 0; -1: out of memory, and there are no rows. */
int top_model_take(struct top_model *model, const struct segment_copy *earlier, const struct segment_copy *later);
void top_model_forget(struct top_model *model);
/* The same copies, seen as the switches say now. */
int top_model_again(struct top_model *model);
/* Filter, order, and where the selected row is now. */
void top_model_arrange(struct top_model *model);

/* The row so far below the selected one, or the nearest that there is; without a selection it begins at the top. */
void top_model_move(struct top_model *model, long by);
void top_model_deselect(struct top_model *model);
/* The selected row is among those on the screen, which has so many lines. */
void top_model_fit(struct top_model *model, size_t lines);

/* NULL: none. */
const struct top_row *top_model_selected(const struct top_model *model);

#endif
