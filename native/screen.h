/* screen.h: a picture on a terminal, drawn anew in place.
 *
 * screen_open() takes the terminal: a screen of its own where it has a second one, no cursor, no echo of what is typed (^C still
 * ends and ^Z still stops). screen_draw() whenever the picture or the window changed; screen_close() leaves all as it was, before
 * anything else is written there. */
#ifndef GO_METRO_SCREEN_H
#define GO_METRO_SCREEN_H

#include <stdbool.h>
#include <termios.h>

#include "terminal.h"

struct screen {
    int fd; /* -1: not open */
    bool has_modes;
    struct termios modes; /* as they were */
};

/* fd: a terminal that can_draw. 0, or -1 with errno; then nothing was changed. */
int screen_open(struct screen *screen, int fd);
/* The text's lines from the top: each is cut to the width, and those that are too many are left out. Bytes of one character of
 * UTF-8 are one column, SGR sequences none; there are no other control characters in it. One write: no half picture is ever seen.
 * 0, or -1 with errno. */
int screen_draw(const struct screen *screen, const struct terminal *terminal, const char *text);
void screen_close(struct screen *screen); /* harmless when it is not open */

#endif
