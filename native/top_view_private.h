/* top_view_private.h: the parts of top_view.c that have a file each. */
#ifndef GO_METRO_TOP_VIEW_PRIVATE_H
#define GO_METRO_TOP_VIEW_PRIVATE_H

#include "top_view.h"

/* How the helper and its instances are, and what is wrong and how to mend it. Returns how many lines it took. */
unsigned top_header_draw(const struct canvas *canvas, const struct top_model *model, const struct top_status *status);

/* Text of one line or several, from this row on and before row `end`, cut behind words. Returns the row behind it. What there is
 * no room for is said to be there. */
unsigned top_view_wrap(const struct canvas *canvas, unsigned row, unsigned end, enum canvas_style style, const char *text);

/* Whether it measures now, as far as that is known. */
bool top_header_is_live(const struct top_status *status);

/* What the selected peer has measured, from this line on. least: there is no room for less. */
#define TOP_DETAIL_LEAST 10
void top_detail_draw(const struct canvas *canvas, unsigned row, unsigned lines, const struct top_model *model);

/* In place of all else. The model learns how far it can be moved. */
void top_help_draw(const struct canvas *canvas, struct top_model *model);

#endif
