/* buckets.c: see buckets.h. */
#include "buckets.h"

#include <stdlib.h>
#include <string.h>

#define MANY 64 /* most buckets are empty: so many are looked at in one go */
#define SOME 8

static const uint32_t *first_in_use(const uint32_t *from, const uint32_t *end)
{
    static const uint32_t zeros[MANY];

    while (end - from >= MANY && memcmp(from, zeros, sizeof zeros) == 0)
        from += MANY;
    while (end - from >= SOME && memcmp(from, zeros, SOME * sizeof *zeros) == 0)
        from += SOME;
    while (from < end && *from == 0)
        from++;
    return from;
}

static const uint32_t *end_of_use(const uint32_t *from, const uint32_t *end)
{
    static const uint32_t zeros[MANY];

    while (end - from >= MANY && memcmp(end - MANY, zeros, sizeof zeros) == 0)
        end -= MANY;
    while (end - from >= SOME && memcmp(end - SOME, zeros, SOME * sizeof *zeros) == 0)
        end -= SOME;
    while (end > from && end[-1] == 0)
        end--;
    return end;
}

static void trim(struct buckets *buckets)
{
    const uint32_t *end = end_of_use(buckets->count, buckets->count + (buckets->end - buckets->first));
    const uint32_t *from = first_in_use(buckets->count, end);

    buckets->first += (uint32_t)(from - buckets->count);
    buckets->end = buckets->first + (uint32_t)(end - from);
    buckets->count = from;
}

struct buckets buckets_of(const uint32_t count[static HISTOGRAM_BUCKETS])
{
    struct buckets buckets = { count, 0, HISTOGRAM_BUCKETS };

    trim(&buckets);
    return buckets;
}

/* In coarse steps: from one snapshot to the next the ranges widen a little, and an allocator that has only just been given back
 * somewhat less has to ask the kernel for new pages, which takes longer than to fill them. */
static size_t rounded(size_t count)
{
    size_t step = HISTOGRAM_BUCKETS;

    while (step < count / 8)
        step *= 2;
    return (count + step - 1) / step * step;
}

bool buckets_reserve(struct bucket_store *store, size_t count)
{
    const size_t room = rounded(count > 0 ? count : 1);
    uint32_t *counts = realloc(store->counts, room * sizeof *counts);

    if (counts == NULL)
        return false;
    store->counts = counts;
    store->room = room;
    return true;
}

bool buckets_keep(struct bucket_store *store, const uint32_t count[static HISTOGRAM_BUCKETS], struct buckets *out)
{
    size_t size;

    *out = buckets_of(count);
    size = out->end - out->first;
    if (store->room - store->used < size && !buckets_reserve(store, 2 * store->room))
        return false;
    memcpy(store->counts + store->used, out->count, size * sizeof *count);
    store->used += size;
    return true;
}

void buckets_kept(const struct bucket_store *store, struct buckets *all, size_t count)
{
    const uint32_t *next = store->counts;

    for (size_t n = 0; n < count; n++) {
        all[n].count = next;
        next += all[n].end - all[n].first;
    }
}

void buckets_expand(const struct buckets *buckets, struct histogram *out)
{
    memset(out, 0, sizeof *out);
    if (buckets->end > buckets->first)
        memcpy(&out->count[buckets->first], buckets->count, (buckets->end - buckets->first) * sizeof *buckets->count);
}

static bool is_empty(const struct buckets *buckets)
{
    return buckets == NULL || buckets->first == buckets->end;
}

/* The least range that has both. */
static struct buckets cover(const struct buckets *a, const struct buckets *b, const uint32_t *count)
{
    if (is_empty(a) || is_empty(b))
        return is_empty(b) ? (struct buckets){ count, a->first, a->end } : (struct buckets){ count, b->first, b->end };
    return (struct buckets){ count, a->first < b->first ? a->first : b->first, a->end > b->end ? a->end : b->end };
}

struct buckets buckets_difference(const struct buckets *now, const struct buckets *then, uint32_t room[static HISTOGRAM_BUCKETS])
{
    struct buckets out = cover(now, then, room);

    memset(room, 0, (out.end - out.first) * sizeof *room);
    for (uint32_t n = now->first; n < now->end; n++)
        room[n - out.first] = now->count[n - now->first];
    for (uint32_t n = is_empty(then) ? HISTOGRAM_BUCKETS : then->first; n < HISTOGRAM_BUCKETS && n < then->end; n++)
        room[n - out.first] -= then->count[n - then->first];
    trim(&out);
    return out;
}

uint64_t buckets_total(const struct buckets *buckets)
{
    uint64_t total = 0;

    for (uint32_t n = buckets->first; n < buckets->end; n++)
        total += buckets->count[n - buckets->first];
    return total;
}

uint64_t buckets_quantile_ns(const struct buckets *buckets, uint64_t total, double q)
{
    uint64_t left = histogram_rank(q, total);
    uint32_t n = buckets->first;

    while (left > buckets->count[n - buckets->first])
        left -= buckets->count[n++ - buckets->first];
    return histogram_within_ns(n, left, buckets->count[n - buckets->first]);
}
