/* top_help.c: the keys and the columns, in place of all else; a window that is too low for them shows a part. */
#include "top_view_private.h"

#define KEY_WIDTH 15
#define KEYS_WIDTH 44 /* of the keys; the columns stand right of them where there is room, else below */
#define COLUMNS_WIDTH 30
#define ABOVE_LINES 2 /* the title */

/* Each fits into a window of 40 columns. */
static const struct {
    const char *key, *what;
} keys[] = {
    { "Up Down", "select a peer" },
    { "PgUp PgDn", "select, a page further" },
    { "Home End", "select the first, last" },
    { "Enter", "all of the selected peer" },
    { "< > Left Right", "sort by the next column" },
    { "r", "reverse the order" },
    { "/", "filter: what has a text" },
    { "Esc", "one step back" },
    { "t", "since birth, or interval" },
    { "i", "hide what is idle" },
    { "p Space", "pause" },
    { "h ?", "this help" },
    { "q ^C", "quit" },
};

#define KEYS (sizeof keys / sizeof keys[0])

/* The window upon the help. */
struct help {
    const struct canvas *canvas;
    unsigned first, lines; /* of the help: the uppermost, and how many there is room for */
};

/* Returns the column behind it, also of a line that is not in the window. */
static unsigned put(const struct help *help, unsigned line, unsigned column, enum canvas_style style, const char *text)
{
    if (line < help->first || line - help->first >= help->lines)
        return column + canvas_columns(text);
    return canvas_text(help->canvas, line - help->first, column, help->canvas->width, style, text);
}

static void put_keys(const struct help *help, unsigned line)
{
    for (size_t i = 0; i < KEYS; i++) {
        (void)put(help, line + (unsigned)i, 1, CANVAS_BOLD, keys[i].key);
        (void)put(help, line + (unsigned)i, 1 + KEY_WIDTH, CANVAS_PLAIN, keys[i].what);
    }
}

/* Each with the key that sorts by it. */
static void put_columns(const struct help *help, unsigned line, unsigned column)
{
    (void)put(help, line, column, CANVAS_BOLD, "sort by (again: reverse)");
    for (unsigned i = 0; i < TOP_COLUMNS; i++) {
        const struct top_column_form *form = &top_columns[i];
        const char key[] = { form->key == '\0' ? ' ' : form->key, '\0' };

        line++;
        (void)put(help, line, column, CANVAS_BOLD, key);
        (void)put(help, line, column + 3, CANVAS_PLAIN, form->title);
        (void)put(help, line, column + 3 + 10, CANVAS_PLAIN, form->what);
    }
}

static void put_foot(const struct help *help, bool is_whole)
{
    const unsigned row = help->canvas->height - 1;

    canvas_fill(help->canvas, row, CANVAS_PLAIN);
    canvas_text(help->canvas, row, 1, help->canvas->width, CANVAS_DIM,
                is_whole ? "any key goes back" : "Up Down: more, any other key: back");
}

void top_help_draw(const struct canvas *canvas, struct top_model *model)
{
    const bool is_wide = canvas->width >= KEYS_WIDTH + COLUMNS_WIDTH;
    const unsigned columns_at = is_wide ? ABOVE_LINES : ABOVE_LINES + (unsigned)KEYS + 1;
    const unsigned all = columns_at + 1 + TOP_COLUMNS;
    struct help help = { .canvas = canvas, .lines = canvas->height > ABOVE_LINES ? canvas->height - 1 : canvas->height };

    model->help_page = help.lines;
    model->help_most = all > help.lines ? all - help.lines : 0;
    if (model->help_first > model->help_most)
        model->help_first = model->help_most;
    help.first = model->help_first;
    (void)put(&help, 0, 1, CANVAS_BOLD, "go-metro top: what the helper measures");
    put_keys(&help, ABOVE_LINES);
    put_columns(&help, columns_at, is_wide ? KEYS_WIDTH : 1);
    if (help.lines < canvas->height)
        put_foot(&help, model->help_most == 0);
}
