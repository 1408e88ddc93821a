/* canvas.c: a screen of characters that something else shows. */
#include "canvas.h"

#include <stdarg.h>
#include <stdio.h>

static bool begins_character(char c)
{
    return ((unsigned char)c & 0xc0) != 0x80;
}

unsigned canvas_columns(const char *text)
{
    unsigned columns = 0;

    for (; *text != '\0'; text++)
        columns += begins_character(*text);
    return columns;
}

unsigned canvas_text(const struct canvas *canvas, unsigned row, unsigned column, unsigned end, enum canvas_style style,
                     const char *text)
{
    const unsigned start = column;
    size_t bytes = 0;

    if (end > canvas->width)
        end = canvas->width;
    for (; text[bytes] != '\0'; bytes++) {
        if (!begins_character(text[bytes]))
            continue;
        if (column >= end)
            break;
        column++;
    }
    if (row < canvas->height && column > start)
        canvas->put(canvas->arg, row, start, style, text, bytes);
    return column;
}

unsigned canvas_print(const struct canvas *canvas, unsigned row, unsigned column, unsigned end, enum canvas_style style,
                      const char *format, ...)
{
    char text[CANVAS_LINE_MAX];
    va_list arguments;

    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    return canvas_text(canvas, row, column, end, style, text);
}

void canvas_right(const struct canvas *canvas, unsigned row, unsigned column, unsigned end, enum canvas_style style,
                  const char *text)
{
    const unsigned width = canvas_columns(text);

    if (column + width < end)
        column = end - width;
    canvas_text(canvas, row, column, end, style, text);
}

void canvas_fill(const struct canvas *canvas, unsigned row, enum canvas_style style)
{
    for (unsigned column = 0; column < canvas->width; column++)
        canvas_text(canvas, row, column, canvas->width, style, " ");
}
