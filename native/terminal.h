/* terminal.h: what the terminal behind a descriptor can show. Asked anew whenever it may have changed (SIGWINCH). */
#ifndef GO_METRO_TERMINAL_H
#define GO_METRO_TERMINAL_H

#include <stdbool.h>

/* All zero: no terminal but a file or a pipe, to which everything is written and nothing is cut. */
struct terminal {
    unsigned width, height; /* in characters; where the terminal does not say, 80 and 24 */
    bool is_utf8;           /* by LC_ALL, LC_CTYPE or LANG, in this order, also where that locale is not installed */
    bool can_draw;          /* it understands escape sequences: TERM is neither missing nor "dumb" */
    bool has_colour;        /* that, and NO_COLOR is not set */
};

/* False: it is no terminal, and *out is all zero. */
bool terminal_look(struct terminal *out, int fd);

#endif
