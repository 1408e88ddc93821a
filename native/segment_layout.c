/* segment_layout.c: see segment_layout.h. */
#include "segment_layout.h"

#define PART_ALIGNMENT 64 /* a cache line */

static uint64_t aligned(uint64_t size)
{
    return (size + PART_ALIGNMENT - 1) / PART_ALIGNMENT * PART_ALIGNMENT;
}

void segment_layout(struct seg_header *header, uint32_t instance_capacity, uint32_t row_capacity)
{
    header->header_size = sizeof(struct seg_header);
    header->snapshot_head_size = sizeof(struct seg_snapshot);
    header->instance_size = sizeof(struct seg_instance);
    header->row_size = sizeof(struct seg_row);
    header->histogram_size = sizeof(struct seg_histogram);
    header->instance_capacity = instance_capacity;
    header->row_capacity = row_capacity;
    header->bucket_count = HISTOGRAM_BUCKETS;
    header->bucket_min_exp = HISTOGRAM_MIN_EXP;
    header->bucket_sub_bits = HISTOGRAM_SUB_BITS;
    header->instances_offset = aligned(sizeof(struct seg_snapshot));
    header->rows_offset = aligned(header->instances_offset + (uint64_t)instance_capacity * header->instance_size);
    header->histograms_offset = aligned(header->rows_offset + (uint64_t)row_capacity * header->row_size);
    header->snapshot_size = aligned(header->histograms_offset + (uint64_t)row_capacity * header->histogram_size);
    header->snapshot_offset[0] = aligned(sizeof(struct seg_header));
    header->snapshot_offset[1] = header->snapshot_offset[0] + header->snapshot_size;
    header->file_size = header->snapshot_offset[1] + header->snapshot_size;
}

uint64_t segment_first_size(void)
{
    struct seg_header header = { 0 };

    segment_layout(&header, SEG_MAX_INSTANCES, SEGMENT_FIRST_ROWS);
    return header.file_size;
}
