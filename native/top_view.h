/* top_view.h: what `go-metro top` shows: how the helper is, the table or the help, the peer of one's choice, the keys.
 *
 * top_view_draw() once or more for each change; everything is drawn anew, on a canvas that is empty. Pure but for the canvas. */
#ifndef GO_METRO_TOP_VIEW_H
#define GO_METRO_TOP_VIEW_H

#include <stdint.h>

#include "canvas.h"
#include "segment_reader.h"
#include "top_model.h"

/* What the last look at the segment gave. */
struct top_status {
    enum segment_status result;
    const char *message;                        /* of a result that is not SEGMENT_OK */
    const char *note;                           /* of segment_choice.h: "", or where it was looked and why there */
    const struct segment_copy *earlier, *later; /* both NULL then; earlier may be NULL anyway */
    uint64_t age_ns;                            /* now, of the later one; UINT64_MAX: it is of another boot */
};

/* The model learns how many lines its rows have. */
void top_view_draw(const struct canvas *canvas, struct top_model *model, const struct top_status *status);

#endif
