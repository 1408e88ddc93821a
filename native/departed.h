/* departed.h: what a row `other` was given between two copies of the segment by rows that made room, and did not count itself.
 *
 * All zero bytes at first; departed_add() for each row `other` of the later copy; departed_free(). Pure. */
#ifndef GO_METRO_DEPARTED_H
#define GO_METRO_DEPARTED_H

#include <stdbool.h>

#include "segment.h"
#include "segment_reader.h"

struct departed {
    bool is_known;
    struct seg_row *starts; /* by the later copy's instances; NULL: no row made room */
};

/* *then: the row `other` in the earlier copy, NULL if it was not there; becomes the counters that the interval begins with. Both
 * copies are of one helper process, and always the same. 0; -1: out of memory. */
int departed_add(struct departed *departed, const struct segment_copy *earlier, const struct segment_copy *later,
                 const struct seg_row *other, const struct seg_row **then);
void departed_free(struct departed *departed);

#endif
