/* canvas.h: a screen of characters that something else shows: what is drawn here is known without a terminal.
 *
 * canvas_print() and canvas_text() write from a column on and are cut at another; both give the column behind what they wrote, so
 * that one can follow the other. Text is ASCII and characters of UTF-8 that are one column wide, without control characters. Pure
 * but for what `put` does. */
#ifndef GO_METRO_CANVAS_H
#define GO_METRO_CANVAS_H

#include <stdbool.h>
#include <stddef.h>

/* What a text is, not how it looks: that depends on the terminal. */
enum canvas_style {
    CANVAS_PLAIN,
    CANVAS_BOLD,
    CANVAS_DIM,
    CANVAS_TITLE,    /* of a column */
    CANVAS_KEY,      /* a key to press */
    CANVAS_SELECTED, /* the row or column of one's choice */
    CANVAS_GOOD,
    CANVAS_WARNING,
    CANVAS_BAD,
    CANVAS_STYLES
};

struct canvas {
    unsigned width, height;
    bool is_utf8;
    /* The text is whole characters that lie within the screen. */
    void (*put)(void *arg, unsigned row, unsigned column, enum canvas_style style, const char *text, size_t bytes);
    void *arg;
};

#define CANVAS_LINE_MAX 1024 /* bytes of one canvas_print() */

unsigned canvas_print(const struct canvas *canvas, unsigned row, unsigned column, unsigned end, enum canvas_style style,
                      const char *format, ...) __attribute__((format(printf, 6, 7)));
unsigned canvas_text(const struct canvas *canvas, unsigned row, unsigned column, unsigned end, enum canvas_style style,
                     const char *text);
/* At its right end. */
void canvas_right(const struct canvas *canvas, unsigned row, unsigned column, unsigned end, enum canvas_style style,
                  const char *text);
/* Blanks, as wide as the screen. */
void canvas_fill(const struct canvas *canvas, unsigned row, enum canvas_style style);

/* Characters of UTF-8. */
unsigned canvas_columns(const char *text);

#endif
