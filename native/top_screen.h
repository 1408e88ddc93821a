/* top_screen.h: a terminal that `go-metro top` has for itself; all of curses is behind it.
 *
 * top_screen_open(); then top_screen_draw() whenever what is shown or the window has changed, top_screen_key() until it has none
 * whenever input is readable; top_screen_close() leaves all as it was. top_screen_leave() and top_screen_return() for a while in
 * which others have the terminal. There is one at a time. */
#ifndef GO_METRO_TOP_SCREEN_H
#define GO_METRO_TOP_SCREEN_H

#include "canvas.h"

/* Input and output are standard ones. 0; -1: this terminal cannot do it, *why says so, and nothing was changed. */
int top_screen_open(const char **why);
void top_screen_close(void); /* harmless when it is not open */

void top_screen_leave(void);
/* Also where somebody else has changed the terminal without our leave. */
void top_screen_return(void);

/* As large as the window is now; draw() finds it empty. */
void top_screen_draw(void (*draw)(const struct canvas *canvas, void *arg), void *arg);

#define TOP_SCREEN_NONE (-1)
/* A character of ASCII, or one of top_keys.h; TOP_SCREEN_NONE: no more of them now. */
int top_screen_key(void);

#endif
