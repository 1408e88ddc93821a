/* departed.c: see departed.h.
 *
 * Both copies are gone through by the places of their rows (first_birth). A row of the earlier copy whose place is another's now
 * made room. One whose place is nobody's, or begun anew, has left in one way or the other. */
#include "departed.h"

#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "row_index.h"

/* What a row `other` has, and by which counter of its instance it is known how much of that it was given: that counts it, or all
 * the rest. Of a skip counter neither does. */
static const struct {
    size_t row, given, own;
} counters[] = {
#define ROW(field) offsetof(struct seg_row, field)
#define INSTANCE(field) offsetof(struct seg_instance, field)
    { ROW(flows), 0, INSTANCE(refused_peers) },
    { ROW(timed), INSTANCE(given_timed), 0 },
    { ROW(samples), INSTANCE(given_samples), 0 },
    { ROW(handshake_samples), INSTANCE(given_handshake_samples), 0 },
    { ROW(retransmits), INSTANCE(given_retransmits), 0 },
    { ROW(skipped[0]), 0, 0 },
    { ROW(skipped[1]), 0, 0 },
    { ROW(skipped[2]), 0, 0 },
    { ROW(skipped[3]), 0, 0 },
    { ROW(skipped[4]), 0, 0 },
    { ROW(skipped[5]), 0, 0 },
    { ROW(skipped[6]), 0, 0 },
    { ROW(skipped[7]), 0, 0 },
#undef INSTANCE
#undef ROW
};

_Static_assert(SEG_SKIPS == 8, "each is in the list");
_Static_assert(SEG_MAX_INSTANCES == 64, "a bit each");

#define COUNTERS (sizeof counters / sizeof counters[0])

/* A row `other` of the later copy. */
struct heir {
    const struct seg_row *now, *then; /* then NULL: it was not there */
    bool has_got;                     /* anything, since */
    uint64_t left[COUNTERS];          /* the most that rows which are not named may have had of what it got */
    uint64_t left_skipped;            /* for all reasons together */
    uint64_t perhaps[COUNTERS];       /* what those had that can have made room */
};

struct search {
    const struct segment_copy *earlier, *later;
    const struct seg_row *others[SEG_MAX_INSTANCES]; /* of the earlier copy, by its instances; NULL: it has none */
    struct heir heirs[SEG_MAX_INSTANCES];            /* by the later copy's instances */
    uint64_t heirs_of[SEG_MAX_INSTANCES];            /* who may have got rows of that instance of the earlier copy, as bits */
    struct row_index places;                         /* of the later copy */
};

static uint64_t *counter_of(struct seg_row *row, size_t n)
{
    return (uint64_t *)(void *)((char *)row + counters[n].row);
}

static uint64_t value_of(const struct seg_row *row, size_t n)
{
    return *(const uint64_t *)(const void *)((const char *)row + counters[n].row);
}

static uint64_t skipped_of(const struct seg_row *row)
{
    uint64_t sum = 0;

    for (size_t n = 0; n < SEG_SKIPS; n++)
        sum += row->skipped[n];
    return sum;
}

/* Nothing that is counted goes back, whatever a snapshot says. */
static uint64_t minus(uint64_t a, uint64_t b)
{
    return a > b ? a - b : 0;
}

static uint64_t least(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

/* --- places --- */

static uint64_t place_of(const struct seg_row *row)
{
    return row->first_birth != 0 ? row->first_birth : row->birth;
}

static int compare_places(const void *a, const void *b)
{
    const uint64_t one = place_of(*(const struct seg_row *const *)a), two = place_of(*(const struct seg_row *const *)b);

    return (one > two) - (one < two);
}

/* --- what each row `other` got --- */

/* Of the later copy's instance, since the earlier one; all, where its `other` was not there. */
static uint64_t counted_since(const struct search *search, const struct heir *heir, size_t counter)
{
    const char *now = (const char *)&search->later->instances[heir->now->instance];
    const char *then = heir->then == NULL ? NULL : (const char *)&search->earlier->instances[heir->then->instance];

    return minus(*(const uint64_t *)(const void *)(now + counter),
                 then == NULL ? 0 : *(const uint64_t *)(const void *)(then + counter));
}

/* What of the growth of a counter it was given, at most. */
static uint64_t given_of(const struct search *search, const struct heir *heir, size_t n, uint64_t grown)
{
    if (counters[n].own != 0)
        return minus(grown, counted_since(search, heir, counters[n].own));
    return least(grown, counters[n].given != 0 ? counted_since(search, heir, counters[n].given) : heir->left_skipped);
}

static void find_what_it_got(const struct search *search, struct heir *heir)
{
    heir->left_skipped = minus(counted_since(search, heir, offsetof(struct seg_instance, given_timed)),
                               counted_since(search, heir, offsetof(struct seg_instance, given_samples)));
    for (size_t n = 0; n < COUNTERS; n++) {
        heir->left[n] = given_of(search, heir, n,
                                 minus(value_of(heir->now, n), heir->then == NULL ? 0 : value_of(heir->then, n)));
        heir->has_got |= heir->left[n] != 0;
    }
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

/* False: none has got anything. */
static bool find_heirs(struct search *search)
{
    const struct seg_row *now[SEG_MAX_INSTANCES];
    bool has_any_got = false;

    find_others(search->earlier, search->others);
    find_others(search->later, now);
    for (uint32_t at = 0; at < search->later->snapshot.instance_count; at++) {
        struct heir *heir = &search->heirs[at];

        if ((heir->now = now[at]) == NULL)
            continue;
        for (uint32_t n = 0; n < search->earlier->snapshot.instance_count && heir->then == NULL; n++)
            if (search->others[n] != NULL && search->others[n]->birth == heir->now->birth)
                heir->then = search->others[n];
        find_what_it_got(search, heir);
        has_any_got |= heir->has_got;
    }
    return has_any_got;
}

/* --- whose rows they got --- */

typedef bool are_one(const struct seg_instance *earlier, const struct seg_instance *later);

static bool have_one_fingerprint(const struct seg_instance *earlier, const struct seg_instance *later)
{
    return earlier->fingerprint == later->fingerprint;
}

static bool are_on_one_interface(const struct seg_instance *earlier, const struct seg_instance *later)
{
    return strncmp(earlier->interface, later->interface, sizeof earlier->interface) == 0;
}

/* The copy's instances that may be the same one, as bits. */
static uint64_t instances_like(const struct segment_copy *later, const struct seg_instance *earlier, are_one *is_like)
{
    uint64_t alike = 0;

    for (uint32_t n = 0; n < later->snapshot.instance_count; n++)
        if (is_like(earlier, &later->instances[n]))
            alike |= UINT64_C(1) << n;
    return alike;
}

/* Those of the later copy that have a fingerprint of the earlier one. */
static uint64_t known_instances(const struct search *search)
{
    uint64_t known = 0;

    for (uint32_t n = 0; n < search->earlier->snapshot.instance_count; n++)
        known |= instances_like(search->later, &search->earlier->instances[n], have_one_fingerprint);
    return known;
}

/* An instance goes on with its row `other`, whatever its number is. Where that was not there yet, it is known by its fingerprint;
 * by its interface, if a new configuration asks something else of it. */
static uint64_t heirs_of(const struct search *search, uint32_t number, uint64_t known)
{
    const struct seg_instance *instance = &search->earlier->instances[number];
    uint64_t heirs = instances_like(search->later, instance, have_one_fingerprint);

    if (search->others[number] != NULL)
        heirs = UINT64_MAX;
    else if (heirs == 0)
        heirs = instances_like(search->later, instance, are_on_one_interface) & ~known;
    for (uint32_t n = 0; n < SEG_MAX_INSTANCES; n++)
        if (!search->heirs[n].has_got || search->heirs[n].then != search->others[number])
            heirs &= ~(UINT64_C(1) << n);
    return heirs;
}

/* --- the rows that left --- */

/* Those of them that were there before the row was born, as the `other` of its instance was. */
static uint64_t heirs_of_row(const struct search *search, const struct seg_row *row)
{
    uint64_t heirs = 0;

    for (uint64_t left = search->heirs_of[row->instance]; left != 0; left &= left - 1)
        if (search->heirs[__builtin_ctzll(left)].now->birth < row->birth)
            heirs |= left & -left;
    return heirs;
}

/* A row whose heir is known. */
static void take_named(struct heir *heir, struct seg_row *start, const struct seg_row *row)
{
    for (size_t n = 0; n < COUNTERS; n++) {
        const uint64_t had = least(value_of(row, n), heir->left[n]);

        *counter_of(start, n) += had;
        heir->left[n] -= had;
    }
    heir->left_skipped = minus(heir->left_skipped, skipped_of(row));
}

static bool can_have_got(const struct heir *heir, const struct seg_row *row)
{
    for (size_t n = 0; n < COUNTERS; n++)
        if (value_of(row, n) > heir->left[n])
            return false;
    return skipped_of(row) <= heir->left_skipped;
}

/* A row of which it is not known. */
static void take_unnamed(struct heir *heir, const struct seg_row *row)
{
    if (can_have_got(heir, row))
        for (size_t n = 0; n < COUNTERS; n++)
            heir->perhaps[n] += value_of(row, n);
}

/* A row that is in the earlier copy only. */
static void take_row(struct search *search, struct seg_row *starts, const struct seg_row *row, uint64_t heirs, bool is_named)
{
    if (is_named) {
        const int heir = __builtin_ctzll(heirs);

        take_named(&search->heirs[heir], &starts[heir], row);
        return;
    }
    for (; heirs != 0; heirs &= heirs - 1)
        take_unnamed(&search->heirs[__builtin_ctzll(heirs)], row);
}

/* Of the rows that left those that are named, or the others. */
static int take_rows(struct search *search, struct seg_row *starts, bool named)
{
    for (uint32_t at = 0; at < search->earlier->snapshot.row_count; at++) {
        const struct seg_row *row = &search->earlier->rows[at], *now;
        const uint64_t heirs = heirs_of_row(search, row); /* none of a row `other`: it is not younger than itself */

        if (heirs == 0)
            continue;
        if (row_index_find(&search->places, row, at, &now) < 0)
            return -1;
        if (now != NULL && now->birth == row->birth)
            continue; /* it is still there */
        if (named == (now != NULL && (heirs & (heirs - 1)) == 0))
            take_row(search, starts, row, heirs, named);
    }
    return 0;
}

/* With what each row `other` had itself, so that it is done once for all. */
static void complete(const struct heir *heir, struct seg_row *start)
{
    for (size_t n = 0; n < COUNTERS; n++) {
        uint64_t *counter = counter_of(start, n), perhaps = least(heir->perhaps[n], heir->left[n]);

        if (counters[n].own == 0 && counters[n].given == 0)
            perhaps = least(perhaps, heir->left_skipped);
        *counter = least(*counter + perhaps + (heir->then == NULL ? 0 : value_of(heir->then, n)), value_of(heir->now, n));
    }
}

static int find_starts(struct search *search, struct seg_row *starts)
{
    const uint64_t known = known_instances(search);
    int rc;

    for (uint32_t n = 0; n < search->earlier->snapshot.instance_count; n++)
        search->heirs_of[n] = heirs_of(search, n, known);
    /* What is left for the others is known once all of these are taken off. */
    rc = take_rows(search, starts, true);
    if (rc == 0)
        rc = take_rows(search, starts, false);
    row_index_free(&search->places);
    for (uint32_t n = 0; n < search->later->snapshot.instance_count; n++)
        if (search->heirs[n].now != NULL)
            complete(&search->heirs[n], &starts[n]);
    return rc;
}

static int find_departed(struct departed *departed, const struct segment_copy *earlier, const struct segment_copy *later)
{
    struct search search = { .earlier = earlier, .later = later, .places = { .copy = later, .compare = compare_places } };

    if (!find_heirs(&search))
        return 0;
    departed->starts = calloc(later->snapshot.instance_count, sizeof *departed->starts);
    return departed->starts == NULL ? -1 : find_starts(&search, departed->starts);
}

int departed_add(struct departed *departed, const struct segment_copy *earlier, const struct segment_copy *later,
                 const struct seg_row *other, const struct seg_row **then)
{
    if (!departed->is_known) {
        if (find_departed(departed, earlier, later) < 0) {
            departed_free(departed);
            return -1;
        }
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
