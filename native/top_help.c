/* top_help.c: the keys and the columns, in place of all else. */
#include "top_view_private.h"

#define KEYS_WIDTH 50 /* of the keys; the columns stand right of them where there is room, else below */
#define COLUMNS_WIDTH 30

static const struct {
    const char *key, *what;
} keys[] = {
    { "Up Down PgUp PgDn", "select a peer" },
    { "Home End", "select the first, the last" },
    { "Enter", "all of the selected peer" },
    { "< > Left Right", "sort by the next column" },
    { "r", "reverse the order" },
    { "/", "show only what contains a text" },
    { "Esc", "leave that, then the selection" },
    { "t", "since birth, or the interval" },
    { "i", "hide what is idle" },
    { "p Space", "pause" },
    { "h ?", "this help" },
    { "q ^C", "quit" },
};

#define KEYS (sizeof keys / sizeof keys[0])
#define KEY_WIDTH 18

static void draw_keys(const struct canvas *canvas, unsigned row)
{
    for (size_t i = 0; i < KEYS; i++) {
        canvas_text(canvas, row + (unsigned)i, 1, KEY_WIDTH, CANVAS_BOLD, keys[i].key);
        canvas_text(canvas, row + (unsigned)i, 1 + KEY_WIDTH, canvas->width, CANVAS_PLAIN, keys[i].what);
    }
}

/* Each with the key that sorts by it. */
static void draw_columns(const struct canvas *canvas, unsigned row, unsigned column)
{
    canvas_text(canvas, row, column, canvas->width, CANVAS_BOLD, "sort by (again: reverse)");
    for (unsigned i = 0; i < TOP_COLUMNS; i++) {
        const struct top_column_form *form = &top_columns[i];
        unsigned at = canvas_print(canvas, row + 1 + i, column, canvas->width, CANVAS_BOLD, "%c  ",
                                   form->key == '\0' ? ' ' : form->key);

        at = canvas_print(canvas, row + 1 + i, at, canvas->width, CANVAS_PLAIN, "%-9s ", form->title);
        canvas_text(canvas, row + 1 + i, at, canvas->width, CANVAS_PLAIN, form->what);
    }
}

void top_help_draw(const struct canvas *canvas)
{
    const bool is_wide = canvas->width >= KEYS_WIDTH + COLUMNS_WIDTH;
    const unsigned below = is_wide ? 2 : 3 + (unsigned)KEYS;

    canvas_text(canvas, 0, 1, canvas->width, CANVAS_BOLD,
                "go-metro top: round trips of TCP, as the running helper measures them");
    draw_keys(canvas, 2);
    draw_columns(canvas, below, is_wide ? KEYS_WIDTH : 1);
    if (canvas->height > 2) {
        canvas_fill(canvas, canvas->height - 1, CANVAS_PLAIN);
        canvas_text(canvas, canvas->height - 1, 1, canvas->width, CANVAS_DIM, "any key goes back");
    }
}
