/* row_index.h: finds a row of one copy of the segment in another.
 *
 * A row keeps its place from one publication to the next as a rule; the order is made for the first one that did not. Begin with
 * .copy and .compare; row_index_find(); row_index_free(). */
#ifndef GO_METRO_ROW_INDEX_H
#define GO_METRO_ROW_INDEX_H

#include <stdint.h>

#include "segment.h"
#include "segment_reader.h"

struct row_index {
    const struct segment_copy *copy;              /* NULL: there are no rows */
    int (*compare)(const void *a, const void *b); /* two struct seg_row *, as qsort() and bsearch() want it; 0: it is that one */
    const struct seg_row **sorted;                /* NULL: not made yet */
};

/* *out: the copy's row for `row`, which stands at `place` in another copy; NULL: none. 0; -1: out of memory. */
int row_index_find(struct row_index *index, const struct seg_row *row, uint32_t place, const struct seg_row **out);
void row_index_free(struct row_index *index);

#endif
