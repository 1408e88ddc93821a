/* Two copies of the segment -> the rows of `go-metro top`. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "top_fixture.h"
#include "top_rows.c"

static struct top_scene before, after;
static struct top_rows rows;

static int begin(void **state)
{
    (void)state;
    top_scene_init(&before, 3);
    top_scene_measure(&before, 0, 2 * TOP_MS, 30);
    top_scene_measure(&before, 1, 5 * TOP_MS, 10);
    top_scene_next(&after, &before);
    return 0;
}

static int end(void **state)
{
    (void)state;
    top_scene_free(&before);
    top_scene_free(&after);
    top_rows_free(&rows);
    return 0;
}

static const double *values(size_t n)
{
    return rows.rows[n].values;
}

static void of_the_interval(void **state)
{
    (void)state;
    after.copy.snapshot.boottime_ns = before.copy.snapshot.boottime_ns + 2 * TOP_S;
    top_scene_measure(&after, 0, 8 * TOP_MS, 5);
    after.copy.rows[0].flows += 2;
    after.copy.rows[0].retransmits += 3;
    assert_int_equal(top_rows_make(&rows, &before.copy, &after.copy, TOP_SPAN_BETWEEN), 0);
    assert_int_equal(rows.count, 3);
    assert_float_equal(rows.interval_s, 2, 1e-9);
    assert_float_equal(values(0)[TOP_SAMPLES], 5, 0);
    assert_float_equal(values(0)[TOP_RATE], 2.5, 1e-9);
    assert_float_equal(values(0)[TOP_FLOWS], 2, 0);
    assert_float_equal(values(0)[TOP_RETRANSMITS], 3, 0);
    assert_float_equal(values(0)[TOP_LAST], 8, 1e-9);
    assert_float_equal(values(0)[TOP_P50], 8, 0.5); /* the thirty of before are not in it */
    assert_false(rows.rows[0].is_idle);
    assert_true(rows.rows[1].is_idle);
    assert_float_equal(values(1)[TOP_SAMPLES], 0, 0);
    assert_float_equal(values(1)[TOP_RATE], 0, 0);
    for (int v = TOP_LAST; v < TOP_VALUES; v++)
        assert_float_equal(values(1)[v], TOP_NONE, 0); /* no stale value */
}

static void of_the_whole_life(void **state)
{
    (void)state;
    top_scene_measure(&after, 0, 8 * TOP_MS, 3);
    after.copy.rows[1].birth_realtime_ns = 0;
    after.copy.rows[2].birth_realtime_ns = UINT64_MAX;
    assert_int_equal(top_rows_make(&rows, NULL, &after.copy, TOP_SPAN_BETWEEN), 0);
    assert_float_equal(rows.interval_s, 0, 0);
    assert_float_equal(values(0)[TOP_SAMPLES], 33, 0);
    assert_float_equal(values(0)[TOP_RATE], 3, 1e-6);
    assert_float_equal(values(0)[TOP_MIN], 2, 1e-9);
    assert_float_equal(values(0)[TOP_MAX], 8, 1e-9);
    assert_float_equal(values(1)[TOP_RATE], TOP_NONE, 0); /* since when is not known, or nonsense */
    assert_float_equal(values(2)[TOP_RATE], TOP_NONE, 0);
}

static void of_the_whole_life_beside_an_earlier_copy(void **state)
{
    (void)state;
    top_scene_measure(&after, 0, 8 * TOP_MS, 3);
    assert_int_equal(top_rows_make(&rows, &before.copy, &after.copy, TOP_SPAN_LIFE), 0);
    assert_float_equal(rows.interval_s, 0, 0);
    assert_float_equal(values(0)[TOP_SAMPLES], 33, 0);
    assert_float_equal(values(0)[TOP_MIN], 2, 1e-9);
    assert_float_equal(values(1)[TOP_SAMPLES], 10, 0);
    assert_float_equal(values(1)[TOP_P50], 5, 0.2);
    assert_false(rows.rows[0].is_idle);
    assert_true(rows.rows[1].is_idle); /* now, whatever it did before */
}

static void a_file_has_no_rate_of_its_whole_life(void **state)
{
    (void)state;
    strcpy(after.instances[0].interface, "file");
    strcpy(after.instances[1].interface, "file1"); /* an interface */
    assert_int_equal(top_rows_make(&rows, &before.copy, &after.copy, TOP_SPAN_LIFE), 0);
    assert_float_equal(values(0)[TOP_RATE], TOP_NONE, 0);
    assert_float_equal(values(0)[TOP_SAMPLES], 30, 0);
    assert_true(values(1)[TOP_RATE] > 0);
    assert_int_equal(top_rows_make(&rows, NULL, &after.copy, TOP_SPAN_BETWEEN), 0);
    assert_float_equal(values(0)[TOP_RATE], TOP_NONE, 0);
    assert_int_equal(top_rows_make(&rows, &before.copy, &after.copy, TOP_SPAN_BETWEEN), 0);
    assert_float_equal(values(0)[TOP_RATE], 0, 0); /* so many became known since the last look */
}

static void another_helper_begins_anew(void **state)
{
    (void)state;
    after.copy.header.pid++;
    assert_int_equal(top_rows_make(&rows, &before.copy, &after.copy, TOP_SPAN_BETWEEN), 0);
    assert_float_equal(rows.interval_s, 0, 0);
    assert_float_equal(values(0)[TOP_SAMPLES], 30, 0);
}

static void a_clock_that_stands_still_gives_no_rate(void **state)
{
    (void)state;
    after.copy.snapshot.boottime_ns = before.copy.snapshot.boottime_ns;
    assert_float_equal(top_seconds_between(&before.copy, &after.copy), 0, 0);
    after.copy.snapshot.boottime_ns--;
    assert_float_equal(top_seconds_between(&before.copy, &after.copy), 0, 0);
    assert_float_equal(top_seconds_between(NULL, &after.copy), 0, 0);
}

static void names(void **state)
{
    struct seg_row *row = after.copy.rows;

    (void)state;
    row[0].peer_port = 443;
    row[1].peer_port = 443;
    strcpy(row[1].peer_name, "2001:db8::1");
    row[2].local_family = SEG_FAMILY_NONE;
    row[2].flags = SEG_ROW_OTHER;
    top_scene_measure(&after, 2, TOP_MS, 1);
    assert_int_equal(top_rows_make(&rows, NULL, &after.copy, TOP_SPAN_BETWEEN), 0);
    assert_string_equal(rows.rows[0].src, "10.0.0.1");
    assert_string_equal(rows.rows[0].dst, "peer0:443");
    assert_string_equal(rows.rows[1].dst, "[2001:db8::1]:443");
    assert_string_equal(rows.rows[1].instance->interface, "eth1");
    assert_string_equal(rows.rows[2].src, "");
    assert_float_equal(values(2)[TOP_SAMPLES], 1, 0);
    assert_float_equal(values(2)[TOP_LAST], TOP_NONE, 0); /* counts only */
    memset(row[0].peer_name, 'x', SEG_NAME_MAX - 1);      /* the longest */
    row[0].peer_port = 65535;
    assert_int_equal(top_rows_make(&rows, NULL, &after.copy, TOP_SPAN_BETWEEN), 0);
    assert_int_equal(strlen(rows.rows[0].dst), SEG_NAME_MAX - 1 + 6);
}

static void what_makes_a_row_busy(void **state)
{
    (void)state;
    after.copy.rows[0].timed++;
    after.copy.rows[1].skipped[SEG_SKIPS - 2]++;
    assert_int_equal(top_rows_make(&rows, &before.copy, &after.copy, TOP_SPAN_BETWEEN), 0);
    assert_false(rows.rows[0].is_idle);
    assert_false(rows.rows[1].is_idle);
    assert_true(rows.rows[2].is_idle);
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, begin, end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(of_the_interval),
        TEST(of_the_whole_life),
        TEST(of_the_whole_life_beside_an_earlier_copy),
        TEST(a_file_has_no_rate_of_its_whole_life),
        TEST(another_helper_begins_anew),
        TEST(a_clock_that_stands_still_gives_no_rate),
        TEST(names),
        TEST(what_makes_a_row_busy),
    };

    return cmocka_run_group_tests_name("top_rows", tests, NULL, NULL);
}
