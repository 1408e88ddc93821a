/* departed.c: see departed.h.
 *
 * A row of the earlier copy made room if its place (first_birth) is another's now. A row that was idle and expired leaves its
 * place to nobody: whoever comes there next begins a first_birth of his own. */
#include "departed.h"

#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "row_index.h"

/* What a row `other` has. */
static const size_t counters[] = {
    offsetof(struct seg_row, flows),       offsetof(struct seg_row, timed),
    offsetof(struct seg_row, samples),     offsetof(struct seg_row, handshake_samples),
    offsetof(struct seg_row, retransmits), offsetof(struct seg_row, skipped[0]),
    offsetof(struct seg_row, skipped[1]),  offsetof(struct seg_row, skipped[2]),
    offsetof(struct seg_row, skipped[3]),  offsetof(struct seg_row, skipped[4]),
    offsetof(struct seg_row, skipped[5]),  offsetof(struct seg_row, skipped[6]),
    offsetof(struct seg_row, skipped[7]),
};

_Static_assert(SEG_SKIPS == 8, "each is in the list");

static uint64_t *counter_of(struct seg_row *row, size_t n)
{
    return (uint64_t *)(void *)((char *)row + counters[n]);
}

static uint64_t value_of(const struct seg_row *row, size_t n)
{
    return *(const uint64_t *)(const void *)((const char *)row + counters[n]);
}

static void add(struct seg_row *to, const struct seg_row *row)
{
    for (size_t n = 0; n < sizeof counters / sizeof counters[0]; n++)
        *counter_of(to, n) += value_of(row, n);
}

static uint64_t place_of(const struct seg_row *row)
{
    return row->first_birth != 0 ? row->first_birth : row->birth;
}

static int compare_places(const void *a, const void *b)
{
    const uint64_t one = place_of(*(const struct seg_row *const *)a), two = place_of(*(const struct seg_row *const *)b);

    return (one > two) - (one < two);
}

/* The later copy's number of an instance of the earlier one: the configuration may have been read anew. */
static uint32_t instance_now(const struct segment_copy *earlier, const struct segment_copy *later, uint32_t number)
{
    const uint32_t fingerprint = earlier->instances[number].fingerprint;

    if (number < later->snapshot.instance_count && later->instances[number].fingerprint == fingerprint)
        return number;
    for (uint32_t n = 0; n < later->snapshot.instance_count; n++)
        if (later->instances[n].fingerprint == fingerprint)
            return n;
    return SEG_MAX_INSTANCES;
}

/* A row that made room is added to the start of its instance's `other`. */
static int give(struct departed *departed, const struct segment_copy *earlier, const struct segment_copy *later,
                const struct seg_row *row)
{
    const uint32_t number = instance_now(earlier, later, row->instance);

    if (departed->starts == NULL && (departed->starts = calloc(later->snapshot.instance_count, sizeof *departed->starts)) == NULL)
        return -1;
    if (number < later->snapshot.instance_count)
        add(&departed->starts[number], row);
    return 0;
}

static int find_departed(struct departed *departed, const struct segment_copy *earlier, const struct segment_copy *later)
{
    struct row_index places = { .copy = earlier, .compare = compare_places };
    int rc = 0;

    for (uint32_t at = 0; at < later->snapshot.row_count && rc == 0; at++) {
        const struct seg_row *row = &later->rows[at], *was;

        if (place_of(row) == row->birth)
            continue; /* it came when there was room */
        rc = row_index_find(&places, row, at, &was);
        if (rc == 0 && was != NULL && was->birth != row->birth)
            rc = give(departed, earlier, later, was);
    }
    row_index_free(&places);
    return rc;
}

/* Nothing that is counted goes back, whatever a snapshot says. */
static void bound(struct seg_row *start, const struct seg_row *now)
{
    for (size_t n = 0; n < sizeof counters / sizeof counters[0]; n++)
        if (value_of(start, n) > value_of(now, n))
            *counter_of(start, n) = value_of(now, n);
}

/* The rows `other` of a copy by their instances; NULL: it has none. They stand behind those of the same meter, and another
 * meter's may follow. */
static void find_others(const struct segment_copy *copy, const struct seg_row *others[static SEG_MAX_INSTANCES])
{
    memset(others, 0, SEG_MAX_INSTANCES * sizeof *others);
    for (uint32_t n = 0; n < copy->snapshot.row_count; n++)
        if ((copy->rows[n].flags & SEG_ROW_OTHER) != 0)
            others[copy->rows[n].instance] = &copy->rows[n];
}

/* With what each row `other` had itself, so that it is done once for all. */
static void complete(struct departed *departed, const struct segment_copy *earlier, const struct segment_copy *later)
{
    const struct seg_row *now[SEG_MAX_INSTANCES], *then[SEG_MAX_INSTANCES];

    find_others(later, now);
    find_others(earlier, then);
    for (uint32_t at = 0; at < later->snapshot.instance_count; at++) {
        if (now[at] == NULL)
            continue;
        for (uint32_t n = 0; n < earlier->snapshot.instance_count; n++)
            if (then[n] != NULL && then[n]->birth == now[at]->birth)
                add(&departed->starts[at], then[n]);
        bound(&departed->starts[at], now[at]);
    }
}

int departed_add(struct departed *departed, const struct segment_copy *earlier, const struct segment_copy *later,
                 const struct seg_row *other, const struct seg_row **then)
{
    if (!departed->is_known) {
        if (find_departed(departed, earlier, later) < 0)
            return -1;
        if (departed->starts != NULL)
            complete(departed, earlier, later);
        departed->is_known = true;
    }
    if (departed->starts != NULL)
        *then = &departed->starts[other->instance];
    return 0;
}

void departed_free(struct departed *departed)
{
    free(departed->starts);
    *departed = (struct departed){ 0 };
}
