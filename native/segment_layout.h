/* segment_layout.h: where the parts of a segment lie, from how much it has room for. Pure. */
#ifndef GO_METRO_SEGMENT_LAYOUT_H
#define GO_METRO_SEGMENT_LAYOUT_H

#include <stdint.h>

#include "segment.h"

/* Rows in the first file of a helper, whatever its configuration is. It grows with what there is to say. */
#define SEGMENT_FIRST_ROWS 256

/* Fills the sizes, capacities and offsets of a header. */
void segment_layout(struct seg_header *header, uint32_t instance_capacity, uint32_t row_capacity);

/* Bytes of that first file: without them nothing can be said at all, and so readers know the number too. */
uint64_t segment_first_size(void);

#endif
