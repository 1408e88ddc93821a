/* segment_fixture.h: contents for segments that can be told apart, and a seal for those that a test has spoilt. */
#ifndef GO_METRO_SEGMENT_FIXTURE_H
#define GO_METRO_SEGMENT_FIXTURE_H

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "crc32c.h"
#include "segment.h"
#include "segment_reader.h"
#include "segment_writer.h"

#define FIXTURE_BOOTTIME_NS (UINT64_C(1) << 62) /* later than any writer's start */

/* No instance and no row. */
static const struct segment_contents fixture_empty = { .state = SEG_STARTING, .boottime_ns = FIXTURE_BOOTTIME_NS };

struct fixture {
    struct seg_instance *instances;
    struct seg_row *rows;
    struct seg_histogram *histograms;
    const struct histogram **live;    /* where the writer finds them */
    struct segment_version *versions; /* used from fixture_give_versions() on */
    struct segment_contents contents;
};

static inline uint64_t fixture_value(uint64_t key, uint64_t n)
{
    return (key * 1000003 + n + 1) * UINT64_C(0x9e3779b97f4a7c15);
}

static inline void fixture_instance(struct seg_instance *instance, uint64_t key, uint32_t n)
{
    memset(instance, 0, sizeof *instance);
    instance->fingerprint = (uint32_t)fixture_value(key, n);
    instance->state = SEG_CAPTURING;
    snprintf(instance->interface, sizeof instance->interface, "eth%u", n);
    snprintf(instance->warning, sizeof instance->warning, "warning %llu", (unsigned long long)key);
    instance->received = fixture_value(key, n + 1);
    snprintf(instance->ignored[0].name, SEG_REASON_MAX, "not_tcp");
    instance->ignored[0].count = key;
}

static inline void fixture_row(struct seg_row *row, uint64_t key, uint32_t n, uint32_t instance_count)
{
    memset(row, 0, sizeof *row);
    row->instance = n % instance_count;
    row->local_family = SEG_FAMILY_V4;
    row->peer_family = SEG_FAMILY_V6;
    row->peer_bits = 128;
    row->birth = n + 1;
    row->samples = fixture_value(key, n);
    row->sum_ns = fixture_value(key, n + 7);
    row->max_ns = SEG_RTT_MAX_NS; /* every bucket is in use */
    snprintf(row->peer_name, sizeof row->peer_name, "peer-%llu-%u", (unsigned long long)key, n);
}

/* Everything follows from key. The arrays are the fixture's: fixture_free(). */
static inline void fixture_init(struct fixture *fixture, uint64_t key, uint32_t instance_count, uint32_t row_count)
{
    fixture->instances = calloc(instance_count + 1, sizeof *fixture->instances);
    fixture->rows = calloc(row_count + 1, sizeof *fixture->rows);
    fixture->histograms = calloc(row_count + 1, sizeof *fixture->histograms);
    fixture->live = calloc(row_count + 1, sizeof *fixture->live);
    fixture->versions = calloc(row_count + 1, sizeof *fixture->versions);
    if (fixture->instances == NULL || fixture->rows == NULL || fixture->histograms == NULL || fixture->live == NULL
        || fixture->versions == NULL)
        abort();
    for (uint32_t n = 0; n < instance_count; n++)
        fixture_instance(&fixture->instances[n], key, n);
    for (uint32_t n = 0; n < row_count; n++)
        fixture_row(&fixture->rows[n], key, n, instance_count);
    for (uint32_t n = 0; n < row_count; n++) {
        for (uint32_t bucket = 0; bucket < HISTOGRAM_BUCKETS; bucket++)
            fixture->histograms[n].count[bucket] = (uint32_t)fixture_value(key, n + bucket);
        fixture->live[n] = (const struct histogram *)&fixture->histograms[n]; /* it begins with the same array */
    }
    fixture->contents = (struct segment_contents){
        .state = SEG_CAPTURING,
        .error = "",
        .boottime_ns = FIXTURE_BOOTTIME_NS + key,
        .realtime_ns = key + 1,
        .instances = fixture->instances,
        .instance_count = instance_count,
        .rows = fixture->rows,
        .histograms = fixture->live,
        .row_count = row_count,
    };
}

static inline void fixture_free(struct fixture *fixture)
{
    free(fixture->instances);
    free(fixture->rows);
    free(fixture->histograms);
    free(fixture->live);
    free(fixture->versions);
}

/* All that it holds is new. */
static inline void fixture_give_versions(struct fixture *fixture, uint64_t version)
{
    for (uint32_t n = 0; n < fixture->contents.row_count; n++)
        fixture->versions[n] = (struct segment_version){ version, version };
    fixture->contents.versions = fixture->versions;
}

/* But for this place, where nothing has changed since `from`. */
static inline void fixture_keep_place(struct fixture *fixture, const struct fixture *from, uint32_t n)
{
    fixture->rows[n] = from->rows[n];
    fixture->histograms[n] = from->histograms[n];
    fixture->versions[n] = from->versions[n];
}

static inline bool fixture_has_histograms(const struct fixture *fixture, const struct segment_copy *copy)
{
    struct histogram histogram;
    for (uint32_t n = 0; n < fixture->contents.row_count; n++) {
        buckets_expand(&copy->buckets[n], &histogram);
        if (memcmp(&histogram, fixture->live[n], sizeof histogram) != 0)
            return false;
    }
    return true;
}

/* Whether the copy is what was published from this fixture, to the byte. */
static inline bool fixture_equals(const struct fixture *fixture, const struct segment_copy *copy)
{
    const struct segment_contents *contents = &fixture->contents;
    return copy->snapshot.instance_count == contents->instance_count && copy->snapshot.row_count == contents->row_count
           && memcmp(copy->instances, fixture->instances, contents->instance_count * sizeof *fixture->instances) == 0
           && memcmp(copy->rows, fixture->rows, contents->row_count * sizeof *fixture->rows) == 0
           && (copy->buckets == NULL || fixture_has_histograms(fixture, copy));
}

/* The CRC of `count` things at `offset`, as far as they are in the file. */
static inline uint32_t fixture_crc(const uint8_t *bytes, size_t size, uint64_t offset, uint64_t count, size_t item)
{
    if (offset > size || count > (size - offset) / item)
        return 0;
    return crc32c(0, bytes + offset, (size_t)count * item);
}

static inline void fixture_seal_header(uint8_t *bytes, size_t size)
{
    const size_t at = offsetof(struct seg_header, crc);
    if (size < sizeof(struct seg_header))
        return;
    uint32_t crc = crc32c(0, bytes, at);
    memcpy(bytes + at, &crc, sizeof crc);
}

static inline void fixture_seal_snapshot(uint8_t *bytes, size_t size, const struct seg_header *header, unsigned slot)
{
    struct seg_snapshot head;
    const uint64_t base = header->snapshot_offset[slot];
    const uint64_t instances = base + header->instances_offset, rows = base + header->rows_offset;
    const uint64_t histograms = base + header->histograms_offset;
    if (base > size || size - base < sizeof head)
        return;
    memcpy(&head, bytes + base, sizeof head);
    head.instances_crc = fixture_crc(bytes, size, instances, head.instance_count, sizeof(struct seg_instance));
    head.rows_crc = fixture_crc(bytes, size, rows, head.row_count, sizeof(struct seg_row));
    head.histograms_crc = fixture_crc(bytes, size, histograms, head.row_count, sizeof(struct seg_histogram));
    head.crc = crc32c(0, &head.generation, offsetof(struct seg_snapshot, crc) - offsetof(struct seg_snapshot, generation));
    memcpy(bytes + base, &head, sizeof head);
}

/* Makes all CRCs of a spoilt file right again, so that what lies behind them is reached. */
static inline void fixture_seal(uint8_t *bytes, size_t size)
{
    struct seg_header header;
    if (size < sizeof header)
        return;
    memcpy(&header, bytes, sizeof header);
    fixture_seal_snapshot(bytes, size, &header, 0);
    fixture_seal_snapshot(bytes, size, &header, 1);
    fixture_seal_header(bytes, size);
}

#endif
