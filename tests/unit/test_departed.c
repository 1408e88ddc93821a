/* test_departed.c: what a row `other` counted between two copies, when rows made room meanwhile. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static unsigned allocations_left = UINT32_MAX;

static bool is_refused(void)
{
    return allocations_left == 0 || --allocations_left == 0;
}

static void *test_malloc_or_not(size_t size)
{
    return is_refused() ? NULL : malloc(size);
}

static void *test_calloc_or_not(size_t count, size_t size)
{
    return is_refused() ? NULL : calloc(count, size);
}

#define malloc(size) test_malloc_or_not(size)
#define calloc(count, size) test_calloc_or_not(count, size)
#include "departed.c"
#include "row_index.c"
#undef malloc
#undef calloc
#include "interval.h"

#define ROWS 6
#define INSTANCES 2

struct scene {
    struct segment_copy copy;
    struct seg_row rows[ROWS];
    struct seg_instance instances[INSTANCES + 1];
};

static void settle(struct scene *scene)
{
    scene->copy.rows = scene->rows;
    scene->copy.instances = scene->instances;
}

/* Rows 0 to 3 are peers of the instances 0, 1, 0, 1; row 4 and 5 the others of both. Each has counted its birth times ten. */
static void scene_init(struct scene *scene)
{
    memset(scene, 0, sizeof *scene);
    scene->copy.header = (struct seg_header){ .pid = 7, .boot_id = "this boot" };
    scene->copy.snapshot.row_count = ROWS;
    scene->copy.snapshot.instance_count = INSTANCES;
    for (uint32_t n = 0; n < INSTANCES; n++)
        scene->instances[n].fingerprint = 100 + n;
    for (uint32_t n = 0; n < ROWS; n++) {
        struct seg_row *row = &scene->rows[n];

        row->instance = n % 2;
        row->flags = n < 4 ? 0 : SEG_ROW_OTHER;
        row->birth = row->first_birth = n + 1;
        for (size_t counter = 0; counter < sizeof counters / sizeof counters[0]; counter++)
            *counter_of(row, counter) = 10 * row->birth + counter;
    }
    settle(scene);
}

static void scene_copy(struct scene *to, const struct scene *from)
{
    *to = *from;
    settle(to);
}

static void count_all(struct seg_row *row, uint64_t more)
{
    for (size_t counter = 0; counter < sizeof counters / sizeof counters[0]; counter++)
        *counter_of(row, counter) += more;
}

/* The row makes room for one that is born, having counted a little more. */
static void replace(struct scene *scene, uint32_t place, uint64_t birth, uint64_t more)
{
    struct seg_row *row = &scene->rows[place];

    count_all(row, more);
    add(&scene->rows[4 + row->instance], row);
    *row = (struct seg_row){ .birth = birth, .first_birth = row->first_birth, .instance = row->instance };
}

/* What every counter of the row at that place says of the interval. */
static void assert_counted(const struct scene *then, const struct scene *now, uint32_t place, uint64_t expected)
{
    struct interval_index index;
    struct interval interval;

    interval_index_init(&index, &then->copy, &now->copy);
    for (unsigned turn = 0; turn < 2; turn++) { /* the second time it is known */
        assert_int_equal(interval_find(&index, &now->copy, place, &interval), 0);
        for (size_t counter = 0; counter < sizeof counters / sizeof counters[0]; counter++)
            assert_int_equal(value_of(interval.now, counter) - value_of(interval_start(&interval), counter), expected);
    }
    interval_index_free(&index);
}

static void without_departures_it_is_the_difference(void **state)
{
    struct scene then, now;

    (void)state;
    scene_init(&then);
    scene_copy(&now, &then);
    count_all(&now.rows[4], 3);
    assert_counted(&then, &now, 4, 3);
    assert_counted(&then, &now, 5, 0);
}

static void what_a_row_had_before_is_not_new(void **state)
{
    struct scene then, now;

    (void)state;
    scene_init(&then);
    scene_copy(&now, &then);
    replace(&now, 0, 7, 2); /* two more before it left */
    replace(&now, 2, 8, 0);
    replace(&now, 2, 9, 0); /* and again: of that the reader has not heard */
    replace(&now, 3, 10, 1);
    count_all(&now.rows[4], 5);
    assert_counted(&then, &now, 4, 2 + 5);
    assert_counted(&then, &now, 5, 1);
    assert_counted(&then, &now, 0, 0);
}

/* It expired, and its place was taken by somebody when it was free: nothing of it is in `other`. */
static void an_idle_row_that_expired_is_none_that_made_room(void **state)
{
    struct scene then, now;

    (void)state;
    scene_init(&then);
    scene_copy(&now, &then);
    now.rows[0] = (struct seg_row){ .birth = 7, .first_birth = 7 };
    memmove(&now.rows[1], &now.rows[2], 4 * sizeof now.rows[0]); /* and one that nobody followed */
    now.copy.snapshot.row_count = 5;
    count_all(&now.rows[3], 4);
    assert_counted(&then, &now, 3, 4);
}

static void places_are_found_wherever_they_are(void **state)
{
    struct scene then, now;

    (void)state;
    scene_init(&then);
    scene_copy(&now, &then);
    replace(&now, 3, 7, 1);
    replace(&now, 2, 8, 1);
    memmove(&now.rows[0], &now.rows[1], 5 * sizeof now.rows[0]); /* the first one is gone */
    now.copy.snapshot.row_count = 5;
    assert_counted(&then, &now, 3, 1);
    assert_counted(&then, &now, 4, 1);
}

/* As the rows of a capture file do, which has a meter of its own. */
static void rows_of_another_meter_may_follow(void **state)
{
    struct scene then, now;
    struct seg_row first;

    (void)state;
    scene_init(&then);
    scene_copy(&now, &then);
    replace(&now, 0, 7, 2);
    replace(&now, 3, 8, 3);
    for (unsigned turn = 0; turn < 2; turn++) {
        struct seg_row *rows = turn == 0 ? then.rows : now.rows;

        first = rows[4];
        memmove(&rows[2], &rows[1], 3 * sizeof rows[0]);
        rows[1] = first;
    }
    assert_counted(&then, &now, 1, 2);
    assert_counted(&then, &now, 5, 3);
}

static void other_may_be_there_only_since(void **state)
{
    struct scene then, now;

    (void)state;
    scene_init(&then);
    scene_copy(&now, &then);
    then.copy.snapshot.row_count = 4;
    now.rows[4] = (struct seg_row){ .birth = 5, .first_birth = 5, .flags = SEG_ROW_OTHER };
    replace(&now, 0, 7, 6);
    count_all(&now.rows[4], 5);
    assert_counted(&then, &now, 4, 11);
}

static void instances_are_known_by_their_fingerprints(void **state)
{
    struct scene then, now;

    (void)state;
    scene_init(&then);
    scene_copy(&now, &then);
    replace(&now, 0, 7, 2);
    for (uint32_t n = 0; n < ROWS; n++)
        now.rows[n].instance++;
    now.copy.snapshot.instance_count++;
    memmove(&now.instances[1], &now.instances[0], INSTANCES * sizeof now.instances[0]);
    now.instances[0].fingerprint = 99;
    assert_counted(&then, &now, 4, 2);
    assert_counted(&then, &now, 5, 0);
}

/* A copy that says what cannot be gives no number that could not be. */
static void it_never_goes_below_nothing(void **state)
{
    struct scene then, now;

    (void)state;
    scene_init(&then);
    scene_copy(&now, &then);
    now.rows[0] = (struct seg_row){ .birth = 7, .first_birth = 1 }; /* but `other` has got nothing */
    assert_counted(&then, &now, 4, 0);
}

static void a_helper_that_does_not_say_is_believed(void **state)
{
    struct scene then, now;

    (void)state;
    scene_init(&then);
    for (uint32_t n = 0; n < ROWS; n++)
        then.rows[n].first_birth = 0;
    scene_copy(&now, &then);
    now.rows[0] = (struct seg_row){ .birth = 7 };
    count_all(&now.rows[4], 3);
    assert_counted(&then, &now, 4, 3);
}

static void no_memory_is_an_error(void **state)
{
    struct scene then, now;
    struct departed departed = { 0 };
    const struct seg_row *start = NULL;

    (void)state;
    scene_init(&then);
    scene_copy(&now, &then);
    replace(&now, 3, 7, 1);
    memmove(&now.rows[0], &now.rows[1], 5 * sizeof now.rows[0]);
    now.copy.snapshot.row_count = 5;
    for (unsigned allowed = 1; allowed <= 2; allowed++) {
        allocations_left = allowed;
        assert_int_equal(departed_add(&departed, &then.copy, &now.copy, &now.rows[4], &start), -1);
        departed_free(&departed);
    }
    allocations_left = UINT32_MAX;
    assert_int_equal(departed_add(&departed, &then.copy, &now.copy, &now.rows[4], &start), 0);
    departed_free(&departed);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(without_departures_it_is_the_difference),
        cmocka_unit_test(what_a_row_had_before_is_not_new),
        cmocka_unit_test(an_idle_row_that_expired_is_none_that_made_room),
        cmocka_unit_test(places_are_found_wherever_they_are),
        cmocka_unit_test(rows_of_another_meter_may_follow),
        cmocka_unit_test(other_may_be_there_only_since),
        cmocka_unit_test(instances_are_known_by_their_fingerprints),
        cmocka_unit_test(it_never_goes_below_nothing),
        cmocka_unit_test(a_helper_that_does_not_say_is_believed),
        cmocka_unit_test(no_memory_is_an_error),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
