/* test_departed.c: what a row `other` counted between two copies, when rows made room meanwhile. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
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
#define BIRTHS 10 /* of the first row of a peer: those of the rows `other` are before them */
#define TIMED 1   /* of counters[] */
#define SKIPPED 5 /* and from here on the reasons */

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

/* As much of everything; what was timed is what gave a sample or was skipped. */
static void count_all(struct seg_row *row, uint64_t more)
{
    for (size_t counter = 0; counter < COUNTERS; counter++)
        *counter_of(row, counter) += more;
    row->timed += SEG_SKIPS * more;
}

static void set_all(struct seg_row *row, uint64_t to)
{
    for (size_t counter = 0; counter < COUNTERS; counter++)
        *counter_of(row, counter) = 0;
    count_all(row, to);
}

/* Rows 0 to 3 are peers of the instances 0, 1, 0, 1; row 4 and 5 the others of both. Each has counted its birth times ten. */
static void scene_init(struct scene *scene)
{
    memset(scene, 0, sizeof *scene);
    scene->copy.header = (struct seg_header){ .pid = 7, .boot_id = "this boot", .abi_minor = 1 };
    scene->copy.snapshot.row_count = ROWS;
    scene->copy.snapshot.instance_count = INSTANCES;
    for (uint32_t n = 0; n < INSTANCES; n++) {
        scene->instances[n].fingerprint = 100 + n;
        snprintf(scene->instances[n].interface, sizeof scene->instances[n].interface, "eth%u", n);
    }
    for (uint32_t n = 0; n < ROWS; n++) {
        struct seg_row *row = &scene->rows[n];

        row->instance = n % 2;
        row->flags = n < 4 ? 0 : SEG_ROW_OTHER;
        row->birth = row->first_birth = n < 4 ? BIRTHS + n : n;
        count_all(row, 10 * (n + 1));
    }
    scene->instances[0].refused_peers = scene->rows[4].flows;
    scene->instances[1].refused_peers = scene->rows[5].flows;
    settle(scene);
}

static void scene_copy(struct scene *to, const struct scene *from)
{
    *to = *from;
    settle(to);
}

/* The row `other` counts by itself. */
static void count_own(struct scene *scene, uint32_t instance, uint64_t more)
{
    count_all(&scene->rows[4 + instance], more);
    scene->instances[instance].refused_peers += more;
}

/* What the row has is its `other`'s from here on. */
static void give(struct scene *scene, const struct seg_row *row)
{
    struct seg_instance *instance = &scene->instances[row->instance];
    struct seg_row *other = &scene->rows[4 + row->instance];

    for (size_t counter = 0; counter < COUNTERS; counter++)
        *counter_of(other, counter) += value_of(row, counter);
    instance->given_timed += row->timed;
    instance->given_samples += row->samples;
    instance->given_handshake_samples += row->handshake_samples;
    instance->given_retransmits += row->retransmits;
}

/* The row makes room for one that is born, having counted a little more. */
static void replace(struct scene *scene, uint32_t place, uint64_t birth, uint64_t more)
{
    struct seg_row *row = &scene->rows[place];

    count_all(row, more);
    give(scene, row);
    *row = (struct seg_row){ .birth = birth, .first_birth = row->first_birth, .instance = row->instance };
}

/* It leaves its place to nobody: another comes there when it is free. */
static void begin_anew(struct scene *scene, uint32_t place, uint64_t birth)
{
    scene->rows[place] = (struct seg_row){ .birth = birth, .first_birth = birth, .instance = scene->rows[place].instance };
}

/* Other rows stand where they stood before. */
static void take_out(struct scene *scene, uint32_t place)
{
    const uint32_t count = --scene->copy.snapshot.row_count;

    memmove(&scene->rows[place], &scene->rows[place + 1], (count - place) * sizeof scene->rows[0]);
}

static uint64_t grown(const struct scene *then, const struct scene *now, uint32_t place, size_t counter)
{
    struct interval_index index;
    struct interval interval;
    uint64_t values[2];

    interval_index_init(&index, &then->copy, &now->copy);
    for (unsigned turn = 0; turn < 2; turn++) { /* the second time it is known */
        assert_int_equal(interval_find(&index, &now->copy, place, &interval), 0);
        values[turn] = value_of(interval.now, counter) - value_of(interval_start(&interval), counter);
    }
    interval_index_free(&index);
    assert_int_equal(values[0], values[1]);
    return values[0];
}

static void assert_some_counted(const struct scene *then, const struct scene *now, uint32_t place, uint64_t expected,
                                size_t counters_asked)
{
    for (size_t counter = 0; counter < counters_asked; counter++)
        assert_int_equal(grown(then, now, place, counter), counter == TIMED ? expected * (SEG_SKIPS + 1) : expected);
}

/* What every counter of the row at that place says of the interval. */
static void assert_counted(const struct scene *then, const struct scene *now, uint32_t place, uint64_t expected)
{
    assert_some_counted(then, now, place, expected, COUNTERS);
}

/* Where not all is exact: a skip counter only is not more than that. */
static void assert_about_counted(const struct scene *then, const struct scene *now, uint32_t place, uint64_t expected,
                                 uint64_t counted)
{
    assert_some_counted(then, now, place, expected, SKIPPED);
    for (size_t counter = SKIPPED; counter < COUNTERS; counter++)
        assert_true(grown(then, now, place, counter) <= counted);
}

static void without_departures_it_is_the_difference(void **state)
{
    struct scene then, now;

    (void)state;
    scene_init(&then);
    scene_copy(&now, &then);
    count_own(&now, 0, 3);
    assert_counted(&then, &now, 4, 3);
    assert_counted(&then, &now, 5, 0);
}

static void what_a_row_had_before_is_not_new(void **state)
{
    struct scene then, now;

    (void)state;
    scene_init(&then);
    scene_copy(&now, &then);
    replace(&now, 0, 17, 2); /* two more before it left */
    replace(&now, 2, 18, 0);
    replace(&now, 3, 20, 1);
    count_own(&now, 0, 5);
    assert_counted(&then, &now, 4, 2 + 5);
    assert_counted(&then, &now, 5, 1);
    assert_counted(&then, &now, 0, 0);
}

static void what_came_and_made_room_in_between_is_all_new(void **state)
{
    struct scene then, now;

    (void)state;
    scene_init(&then);
    scene_copy(&now, &then);
    replace(&now, 0, 17, 2);
    replace(&now, 0, 18, 40);
    replace(&now, 0, 19, 50);
    assert_counted(&then, &now, 4, 2 + 40 + 50);
    take_out(&now, 0); /* and nobody is there any more */
    assert_counted(&then, &now, 3, 2 + 40 + 50);
}

/* They expired, and the place of one was taken by somebody when it was free: nothing of them is in `other`. */
static void an_idle_row_that_expired_is_none_that_made_room(void **state)
{
    struct scene then, now;

    (void)state;
    scene_init(&then);
    scene_copy(&now, &then);
    count_own(&now, 0, 4);
    begin_anew(&now, 0, 17);
    take_out(&now, 1);
    assert_counted(&then, &now, 3, 4);
    assert_counted(&then, &now, 4, 0);
}

/* Nor where another made room meanwhile, if that is too little for both. */
static void what_expired_had_too_much(void **state)
{
    struct scene then, now;

    (void)state;
    for (size_t counter = 0; counter < SKIPPED; counter++) {
        scene_init(&then);
        for (size_t n = 0; n < COUNTERS; n++)
            *counter_of(&then.rows[0], n) = n != counter ? 1 : n == TIMED ? 46 : 6; /* all but one of them would do */
        scene_copy(&now, &then);
        replace(&now, 2, 17, 5);
        count_own(&now, 0, 4);
        begin_anew(&now, 0, 18);
        assert_counted(&then, &now, 4, 4 + 5);
    }
}

/* Of each reason there is enough left, of all together there is not. */
static void the_reasons_are_known_as_a_sum(void **state)
{
    struct scene then, now;

    (void)state;
    scene_init(&then);
    memset(then.rows[0].skipped, 0, sizeof then.rows[0].skipped);
    then.rows[0].timed = then.rows[0].samples = then.rows[0].flows = then.rows[0].handshake_samples = then.rows[0].retransmits =
        0;
    then.rows[0].skipped[2] = then.rows[0].skipped[3] = 3;
    scene_copy(&now, &then);
    now.rows[2].timed += 5;
    now.rows[2].skipped[1] += 5;
    replace(&now, 2, 17, 0);
    count_own(&now, 0, 9);
    begin_anew(&now, 0, 18);
    for (size_t counter = 0; counter < COUNTERS; counter++)
        assert_int_equal(grown(&then, &now, 4, counter), counter == TIMED         ? 9 * (SEG_SKIPS + 1) + 5
                                                         : counter == SKIPPED + 1 ? 9 + 5
                                                                                  : 9);
}

/* Of one reason alone there is not enough: no more than `other` grew by. */
static void no_reason_was_given_more_than_there_is(void **state)
{
    struct scene then, now;

    (void)state;
    scene_init(&then);
    then.rows[0] = (struct seg_row){ .birth = BIRTHS, .first_birth = BIRTHS, .timed = 6, .skipped = { [2] = 6 } };
    scene_copy(&now, &then);
    now.rows[2].timed += 10;
    now.rows[2].skipped[1] += 10;
    replace(&now, 2, 17, 0);
    begin_anew(&now, 0, 18);
    for (size_t counter = 0; counter < COUNTERS; counter++)
        assert_int_equal(grown(&then, &now, 4, counter), counter == TIMED || counter == SKIPPED + 1 ? 10 : 0);
}

/* Two that may have made room had four of a reason each, and five are left of all reasons. */
static void no_reason_was_given_more_than_all_together(void **state)
{
    struct scene then, now;

    (void)state;
    scene_init(&then);
    for (uint32_t n = 0; n < 2; n++) {
        then.rows[n] = (struct seg_row){ .birth = BIRTHS + n, .first_birth = BIRTHS + n, .timed = 4, .skipped = { [2] = 4 } };
    }
    scene_copy(&now, &then);
    now.rows[2].timed += 5;
    now.rows[2].skipped[1] += 5;
    replace(&now, 2, 17, 0);
    count_own(&now, 0, 20);
    begin_anew(&now, 0, 18);
    begin_anew(&now, 1, 19);
    assert_int_equal(grown(&then, &now, 4, SKIPPED + 1), 20 + 5);
    assert_int_equal(grown(&then, &now, 4, SKIPPED + 2), 20 - 5);
}

static void who_took_a_place_may_be_gone_as_well(void **state)
{
    struct scene then, now;

    (void)state;
    scene_init(&then);
    scene_copy(&now, &then);
    replace(&now, 0, 17, 2);
    begin_anew(&now, 0, 18);
    replace(&now, 2, 19, 1);
    count_own(&now, 0, 5);
    assert_counted(&then, &now, 4, 2 + 1 + 5);
    take_out(&now, 0); /* or nobody is there */
    assert_counted(&then, &now, 3, 2 + 1 + 5);
    take_out(&now, 1);
    assert_counted(&then, &now, 2, 2 + 1 + 5);
}

/* One made room, one expired, and nobody has the place of either: it may have been both. */
static void what_cannot_be_told_apart_is_too_little_rather_than_too_much(void **state)
{
    struct scene then, now;

    (void)state;
    for (uint64_t more = 0; more < 40; more++) {
        scene_init(&then); /* the rows have 10 and 30 */
        scene_copy(&now, &then);
        replace(&now, 2, 17, more);
        begin_anew(&now, 2, 18);
        begin_anew(&now, 0, 19);
        count_own(&now, 0, 7);
        assert_about_counted(&then, &now, 4, 7 + (more < 10 ? 0 : more - 10), 7 + more);
        scene_copy(&now, &then);
        replace(&now, 0, 17, more);
        begin_anew(&now, 0, 18);
        begin_anew(&now, 2, 19);
        count_own(&now, 0, 7);
        assert_about_counted(&then, &now, 4, 7 + (more < 20 ? more : more < 30 ? 0 : more - 30), 7 + more);
    }
}

static void places_are_found_wherever_they_are(void **state)
{
    struct scene then, now;

    (void)state;
    scene_init(&then);
    scene_copy(&now, &then);
    replace(&now, 3, 17, 1);
    replace(&now, 2, 18, 1);
    take_out(&now, 0); /* the first one is gone */
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
    replace(&now, 0, 17, 2);
    replace(&now, 3, 18, 3);
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
    now.rows[4] = (struct seg_row){ .birth = 4, .first_birth = 4, .flags = SEG_ROW_OTHER };
    now.instances[0].refused_peers = 0;
    replace(&now, 0, 17, 6);
    count_own(&now, 0, 5);
    assert_counted(&then, &now, 4, 11);
    begin_anew(&now, 0, 18);
    assert_counted(&then, &now, 4, 11);
}

/* --- instances --- */

static void shift_instances(struct scene *scene)
{
    for (uint32_t n = 0; n < ROWS; n++)
        scene->rows[n].instance++;
    scene->copy.snapshot.instance_count++;
    memmove(&scene->instances[1], &scene->instances[0], INSTANCES * sizeof scene->instances[0]);
    scene->instances[0] = (struct seg_instance){ .fingerprint = 99, .interface = "eth0" };
}

/* Rows `other` that have begun just now, where there were none. */
static void forget_others(struct scene *then, struct scene *now)
{
    then->copy.snapshot.row_count = 4;
    for (uint32_t n = 0; n < 2; n++) {
        now->rows[4 + n] = (struct seg_row){
            .birth = 4 + n, .first_birth = 4 + n, .flags = SEG_ROW_OTHER, .instance = now->rows[4 + n].instance
        };
        then->instances[n].refused_peers = now->instances[n].refused_peers = 0;
    }
}

/* Those whose `other` is there go on with it, whatever is asked of them now; the rest are known by their fingerprints. */
static void instances_may_have_other_numbers(void **state)
{
    struct scene then, now;

    (void)state;
    for (unsigned turn = 0; turn < 3; turn++) {
        scene_init(&then);
        scene_copy(&now, &then);
        if (turn == 2)
            forget_others(&then, &now);
        replace(&now, 0, 17, 2);
        replace(&now, 3, 18, 0);
        replace(&now, 2, 19, 1);
        begin_anew(&now, 2, 20);
        shift_instances(&now);
        if (turn == 1)
            now.instances[1].fingerprint = now.instances[2].fingerprint = 98;
        assert_counted(&then, &now, 4, 2 + 1);
        assert_counted(&then, &now, 5, 0);
    }
}

/* Another configuration asks for something else, and nothing had been counted in `other` before. */
static void the_rest_are_known_by_their_interfaces(void **state)
{
    struct scene then, now;

    (void)state;
    scene_init(&then);
    scene_copy(&now, &then);
    forget_others(&then, &now);
    replace(&now, 0, 17, 2);
    replace(&now, 3, 18, 4);
    now.instances[0].fingerprint = 98;
    assert_counted(&then, &now, 4, 2);
    assert_counted(&then, &now, 5, 4);
}

/* The instance of a row that made room is gone; one that is still there, on the same interface, has not got what it had. */
static void an_instance_that_goes_leaves_nothing_to_another(void **state)
{
    struct scene then, now;

    (void)state;
    for (unsigned turn = 0; turn < 2; turn++) {
        scene_init(&then);
        memcpy(then.instances[1].interface, then.instances[0].interface, sizeof then.instances[0].interface);
        scene_copy(&now, &then);
        if (turn == 1)
            forget_others(&then, &now);
        replace(&now, 2, 17, 3);
        replace(&now, 3, 18, 4); /* its other is not there any more, nor its own rows */
        now.rows[3].instance = 0;
        take_out(&now, 1);
        now.copy.snapshot.row_count--;
        now.copy.snapshot.instance_count--;
        count_own(&now, 0, 0);
        assert_counted(&then, &now, 3, 3);
    }
}

/* The instance went and another came that asks for the same: its `other` is younger than what rows there were. */
static void an_instance_that_begins_anew_has_got_nothing_of_before(void **state)
{
    struct scene then, now;

    (void)state;
    for (unsigned turn = 0; turn < 2; turn++) {
        scene_init(&then);
        scene_copy(&now, &then);
        if (turn == 1)
            forget_others(&then, &now);
        now.rows[4] = (struct seg_row){ .birth = 17, .first_birth = 17, .flags = SEG_ROW_OTHER };
        now.instances[0].refused_peers = 0;
        now.rows[0].birth = 20; /* once it had made room */
        begin_anew(&now, 2, 18);
        replace(&now, 2, 19, 50);
        count_own(&now, 0, 1);
        assert_counted(&then, &now, 4, 50 + 1);
    }
}

/* Two instances that ask for the same: a row may be of either. */
static void of_two_alike_neither_shows_a_life(void **state)
{
    struct scene then, now;

    (void)state;
    scene_init(&then);
    then.instances[1].fingerprint = then.instances[0].fingerprint;
    scene_copy(&now, &then);
    forget_others(&then, &now);
    replace(&now, 0, 17, 2); /* it had 10, and of the other's rows one 20 */
    replace(&now, 1, 18, 3);
    count_own(&now, 0, 1);
    count_own(&now, 1, 1);
    assert_about_counted(&then, &now, 4, 1 + 2, 1 + 2);
    assert_about_counted(&then, &now, 5, 1, 1 + 3);
}

/* One of the two has got nothing: what made room was the other's. */
static void of_two_alike_who_got_nothing_is_none(void **state)
{
    struct scene then, now;

    (void)state;
    for (unsigned turn = 0; turn < 2; turn++) {
        scene_init(&then);
        then.instances[1].fingerprint = then.instances[0].fingerprint;
        set_all(&then.rows[2], 5);
        scene_copy(&now, &then);
        forget_others(&then, &now);
        replace(&now, 0, 17, 2);
        begin_anew(&now, 2, 18);             /* it had more than is left of the 12 */
        now.copy.snapshot.row_count -= turn; /* there is no row of it either */
        assert_counted(&then, &now, 4, 2);
    }
}

/* --- what a segment may say --- */

/* A copy that says what cannot be gives no number that could not be. */
static void it_never_goes_below_nothing(void **state)
{
    struct scene then, now;

    (void)state;
    scene_init(&then);
    scene_copy(&now, &then);
    now.rows[0] = (struct seg_row){ .birth = 17, .first_birth = BIRTHS }; /* but `other` has got nothing */
    assert_counted(&then, &now, 4, 0);
    now.instances[0].given_timed = now.instances[0].given_samples = UINT64_MAX; /* or more than it has */
    count_all(&now.rows[4], 2);
    assert_true(grown(&then, &now, 4, 0) <= 2);
    scene_copy(&now, &then);
    replace(&now, 0, 17, 2);
    then.instances[0].given_samples = UINT64_MAX; /* or less than before */
    assert_int_equal(grown(&then, &now, 4, 2), 12);
    then.rows[4].flows = UINT64_MAX;
    assert_int_equal(grown(&then, &now, 4, 0), 0);
    scene_init(&then);
    scene_copy(&now, &then);
    begin_anew(&now, 0, 17); /* or more than it has grown by */
    count_all(&now.rows[4], 2);
    now.instances[0].given_samples = UINT64_MAX;
    assert_int_equal(grown(&then, &now, 4, 2), 2);
}

static void a_helper_that_does_not_say_is_believed(void **state)
{
    struct scene then, now;

    (void)state;
    scene_init(&then);
    for (uint32_t n = 0; n < ROWS; n++)
        then.rows[n].first_birth = 0;
    scene_copy(&now, &then);
    now.rows[0] = (struct seg_row){ .birth = 17 };
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
    replace(&now, 3, 17, 1);
    take_out(&now, 0);
    for (unsigned allowed = 1; allowed <= 2; allowed++) {
        allocations_left = allowed;
        assert_int_equal(departed_add(&departed, &then.copy, &now.copy, &now.rows[4], &start), -1);
        assert_null(start);
    }
    allocations_left = UINT32_MAX;
    assert_int_equal(departed_add(&departed, &then.copy, &now.copy, &now.rows[4], &start), 0);
    assert_int_equal(now.rows[4].samples - start->samples, 1);
    departed_free(&departed);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(without_departures_it_is_the_difference),
        cmocka_unit_test(what_a_row_had_before_is_not_new),
        cmocka_unit_test(what_came_and_made_room_in_between_is_all_new),
        cmocka_unit_test(an_idle_row_that_expired_is_none_that_made_room),
        cmocka_unit_test(what_expired_had_too_much),
        cmocka_unit_test(the_reasons_are_known_as_a_sum),
        cmocka_unit_test(no_reason_was_given_more_than_there_is),
        cmocka_unit_test(no_reason_was_given_more_than_all_together),
        cmocka_unit_test(who_took_a_place_may_be_gone_as_well),
        cmocka_unit_test(what_cannot_be_told_apart_is_too_little_rather_than_too_much),
        cmocka_unit_test(places_are_found_wherever_they_are),
        cmocka_unit_test(rows_of_another_meter_may_follow),
        cmocka_unit_test(other_may_be_there_only_since),
        cmocka_unit_test(instances_may_have_other_numbers),
        cmocka_unit_test(the_rest_are_known_by_their_interfaces),
        cmocka_unit_test(an_instance_that_goes_leaves_nothing_to_another),
        cmocka_unit_test(an_instance_that_begins_anew_has_got_nothing_of_before),
        cmocka_unit_test(of_two_alike_neither_shows_a_life),
        cmocka_unit_test(of_two_alike_who_got_nothing_is_none),
        cmocka_unit_test(it_never_goes_below_nothing),
        cmocka_unit_test(a_helper_that_does_not_say_is_believed),
        cmocka_unit_test(no_memory_is_an_error),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
